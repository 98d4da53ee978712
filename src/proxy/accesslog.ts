// The access log: one JSON line a request, written in batches, bounded: what cannot be written in time is dropped and counted, never awaited.
// `fields` is the ONE table of its names: docs are made from it, and a test holds what `line` writes to it.
import type { Writable } from "node:stream"
import type { Reason } from "../snapshot/reason.ts"
import type { Withheld } from "../upstream/retry/plan.ts"

/** What a line is made of. Times in milliseconds. */
export interface AccessLogEntry {
  /** Milliseconds since the epoch, when the head was read. */
  readonly time: number
  readonly gateway: string
  readonly listener: string
  readonly route: string
  readonly rule: string
  readonly upstream: string
  readonly endpoint: string
  readonly address: string
  readonly reused: boolean | null
  /** Tries by the rule's retries and over tiers; 0: it has neither. */
  readonly tries: number
  readonly withheld: Withheld | ""
  readonly client: string
  readonly method: string
  readonly host: string
  /** Without the query: queries carry tokens. */
  readonly path: string
  readonly protocol: string
  readonly tls: string
  readonly userAgent: string
  readonly status: number
  readonly reason: Reason | ""
  readonly flag: string
  readonly detail: string
  readonly bytesIn: number
  readonly bytesOut: number
  readonly duration: number
  /** null: no upstream answered. */
  readonly upstreamHead: number | null
}

interface Field {
  readonly name: string
  readonly type: "string" | "number" | "boolean"
  readonly help: string
}

// A path of 8 KiB in every line would let one client fill the disk.
const longest = 1024
const capped = (value: string): string => (value.length > longest ? `${value.slice(0, longest)}…` : value)

/** In the order they are written, by `line` below. Names are public API. */
const fields: ReadonlyArray<Field> = [
  { name: "time", type: "string", help: "When the request's head was read, or the connection of a route of bytes came; RFC 3339, UTC." },
  { name: "gateway", type: "string", help: "`namespace/name` of the Gateway." },
  { name: "listener", type: "string", help: "Name of the listener; absent when none was chosen." },
  { name: "client", type: "string", help: "Address of the client, behind proxies that are trusted." },
  { name: "method", type: "string", help: "Request method, cut at 1024 characters." },
  { name: "host", type: "string", help: "Host as the client wrote it, or the SNI of a TLS route's connection; cut at 1024 characters." },
  { name: "path", type: "string", help: "Path, never the query; cut at 1024 characters." },
  { name: "protocol", type: "string", help: "`HTTP/2`, `HTTP/1.1` or `HTTP/1.0`; of routes of bytes `TCP`, `TLS` or `UDP`." },
  {
    name: "tls",
    type: "string",
    help: "TLS version of the client's connection; absent on plain listeners and where TLS is passed through."
  },
  { name: "user_agent", type: "string", help: "User-Agent, cut at 1024 characters." },
  {
    name: "status",
    type: "number",
    help: "Status sent to the client; 499: it left before a status; 0: there was no request (routes of bytes have none), or nothing could be sent."
  },
  { name: "reason", type: "string", help: "Row of the failure table; absent when the upstream's own answer was relayed to its end." },
  { name: "flag", type: "string", help: "Envoy's response flag for the reason, where it has one; `URX` when retries were used up." },
  { name: "detail", type: "string", help: "The reason in words, with names and addresses." },
  { name: "bytes_in", type: "number", help: "Bytes of the request body received." },
  {
    name: "bytes_out",
    type: "number",
    help: "Bytes of the response body sent (of a tunnel and of a route of bytes: both directions count here and in bytes_in)."
  },
  { name: "duration_ms", type: "number", help: "From the request's head to the end of the response." },
  {
    name: "upstream_head_ms",
    type: "number",
    help: "From handing the request to the upstream to the head of its response; absent when there was none."
  },
  { name: "route", type: "string", help: "Kind, namespace and name of the route." },
  { name: "rule", type: "string", help: "The rule of the route: its name or number." },
  { name: "upstream", type: "string", help: "What the chosen backendRef names." },
  { name: "endpoint", type: "string", help: "Name of the endpoint that answered or failed." },
  { name: "address", type: "string", help: "Its address, with port." },
  { name: "attempts", type: "number", help: "How often it was tried, where a retry rule, or another tier, had it tried more than once." },
  {
    name: "retry_withheld",
    type: "string",
    help: "Why a retry rule's next try was not made: `attempts` or `budget` used up, `body` larger than is kept, `wait` longer than there is time, `limit`: too many at once."
  },
  { name: "reused", type: "boolean", help: "The upstream connection had been used before." }
]

/** Takes entries from the request path; never throws, never waits. */
export interface AccessLog {
  readonly write: (entry: AccessLogEntry) => void
  /** Whole lines of another process of the pod, as they are. Calls back when the stream has taken them, or takes nothing more. */
  readonly pass: (lines: string, done: () => void) => void
  /** Lines dropped so far. */
  readonly dropped: () => number
  /** Hands over what is pending; resolves when the stream has taken it, can take nothing more, or has taken its time (`patience`). */
  readonly flush: () => Promise<void>
}

/** The off switch. */
export const noAccessLog: AccessLog = { write: () => {}, pass: (_lines, done) => done(), dropped: () => 0, flush: () => Promise.resolve() }

// A write to a file costs a hand-over to another thread: few large ones.
const batchLength = 262_144
const batchDelay = 100

/**
 * bound: characters waiting in the batch and the stream together; beyond it lines are dropped and counted. patience: milliseconds a flush waits. lost: lines that the stream took and could not write. The stream should not block the
 * process (a file opened by `fs.createWriteStream`, not `process.stdout` on a pipe) and is not closed here.
 */
export const makeAccessLog = (
  stream: Writable,
  options: { readonly bound?: number; readonly patience?: number; readonly lost?: () => number } = {}
): AccessLog => {
  const bound = options.bound ?? 4 * 1024 * 1024
  const patience = options.patience ?? 2_000
  const lost = options.lost ?? (() => 0)
  let batch = ""
  let timer: NodeJS.Timeout | null = null
  let dropped = 0
  let broken = false
  stream.on("error", () => {
    broken = true
  })
  const send = (done?: () => void): void => {
    if (timer !== null) clearTimeout(timer)
    timer = null
    const text = batch
    batch = ""
    if (broken || stream.destroyed) {
      done?.()
      return
    }
    if (text === "" && done === undefined) return
    stream.write(text, done)
  }
  return {
    write: (entry) => {
      if (broken || stream.destroyed || batch.length + stream.writableLength > bound) {
        dropped++
        return
      }
      batch += line(entry)
      if (batch.length >= batchLength) send()
      else timer ??= setTimeout(send, batchDelay).unref()
    },
    pass: (lines, done) => {
      const taken = (error?: Error | null) => {
        if (error != null) dropped += lines.split("\n").length - 1
        done()
      }
      if (broken || stream.destroyed) taken(new Error("the stream takes nothing more"))
      else stream.write(lines, taken)
    },
    dropped: () => dropped + lost(),
    // A reader that does not read must not hold up the end of the process.
    flush: () =>
      new Promise((resolve) => {
        const enough = setTimeout(resolve, patience)
        send(() => {
          clearTimeout(enough)
          resolve()
        })
      })
  }
}

/**
 * One line, newline included. Every value is JSON: no client can write a line of its own. null and "" are left out. Written out, field after field: a
 * walk along the table cost three times as much, and this is done for every request.
 */
export const line = (entry: AccessLogEntry): string => {
  const { reused, upstreamHead } = entry
  let text = `{"time":"${timestamp(entry.time)}"`
  if (entry.gateway !== "") text += `,"gateway":${remembered(entry.gateway)}`
  if (entry.listener !== "") text += `,"listener":${remembered(entry.listener)}`
  if (entry.client !== "") text += `,"client":${quoted(entry.client)}`
  if (entry.method !== "") text += `,"method":${quoted(capped(entry.method))}`
  if (entry.host !== "") text += `,"host":${quoted(capped(entry.host))}`
  if (entry.path !== "") text += `,"path":${quoted(capped(entry.path))}`
  if (entry.protocol !== "") text += `,"protocol":"${entry.protocol}"`
  if (entry.tls !== "") text += `,"tls":"${entry.tls}"`
  if (entry.userAgent !== "") text += `,"user_agent":${quoted(capped(entry.userAgent))}`
  text += `,"status":${entry.status}`
  if (entry.reason !== "") text += `,"reason":"${entry.reason}"`
  if (entry.flag !== "") text += `,"flag":"${entry.flag}"`
  if (entry.detail !== "") text += `,"detail":${quoted(capped(entry.detail))}`
  text += `,"bytes_in":${entry.bytesIn},"bytes_out":${entry.bytesOut},"duration_ms":${hundredths(entry.duration)}`
  if (upstreamHead !== null) text += `,"upstream_head_ms":${hundredths(upstreamHead)}`
  if (entry.route !== "") text += `,"route":${remembered(entry.route)}`
  if (entry.rule !== "") text += `,"rule":${remembered(entry.rule)}`
  if (entry.upstream !== "") text += `,"upstream":${remembered(entry.upstream)}`
  if (entry.endpoint !== "") text += `,"endpoint":${remembered(entry.endpoint)}`
  if (entry.address !== "") text += `,"address":${remembered(entry.address)}`
  if (entry.tries > 1) text += `,"attempts":${entry.tries}`
  if (entry.withheld !== "") text += `,"retry_withheld":"${entry.withheld}"`
  return reused === null ? `${text}}\n` : `${text},"reused":${reused}}\n`
}

// 1.2345 is 1.23: put together of whole numbers, whose texts are at hand.
const hundredths = (value: number): string => {
  const all = Math.round(value * 100)
  const whole = Math.floor(all / 100)
  const rest = all - whole * 100
  if (rest === 0) return `${whole}`
  if (rest % 10 === 0) return `${whole}.${rest / 10}`
  return rest < 10 ? `${whole}.0${rest}` : `${whole}.${rest}`
}

const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/
const quoted = (value: string): string => (plain.test(value) ? `"${value}"` : JSON.stringify(value))

// Of values that come from the configuration: few, and the same in thousands of lines.
const known = new Map<string, string>()
const remembered = (value: string): string => {
  let text = known.get(value)
  if (text === undefined) {
    if (known.size >= 10_000) known.clear()
    text = quoted(value)
    known.set(value, text)
  }
  return text
}

const endings = Array.from({ length: 1000 }, (_, at) => `${String(at).padStart(3, "0")}Z`)

// The same second is printed thousands of times.
let second = -1
let secondText = ""
const timestamp = (time: number): string => {
  const whole = Math.floor(time / 1000)
  if (whole !== second) {
    second = whole
    secondText = new Date(whole * 1000).toISOString().slice(0, 20)
  }
  return secondText + endings[Math.floor(time - whole * 1000)]
}

/** The table for docs/metrics.md. */
export const logFieldsTable = (): string =>
  [
    "| field | type | meaning |",
    "| --- | --- | --- |",
    ...fields.map(({ name, type, help }) => `| \`${name}\` | ${type} | ${help} |`)
  ].join("\n")
