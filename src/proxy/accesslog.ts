// The access log: one JSON line a request, written in batches, bounded: what cannot be written in time is dropped and counted, never awaited.
// `fields` is the ONE table of its names: lines and docs are made from it.
import type { Writable } from "node:stream"
import type { Reason } from "../snapshot/reason.ts"

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
  /** null and "": the field is left out. */
  readonly of: (entry: AccessLogEntry) => string | number | boolean | null
  /** Its values come from the configuration: few, and the same in thousands of lines. */
  readonly fixed?: boolean
}

const milliseconds = (value: number): number => Math.round(value * 100) / 100

// A path of 8 KiB in every line would let one client fill the disk.
const longest = 1024
const capped = (value: string): string => (value.length > longest ? `${value.slice(0, longest)}…` : value)

/** In the order they are written. Names are public API. */
const fields: ReadonlyArray<Field> = [
  { name: "time", type: "string", help: "When the request's head was read, RFC 3339, UTC.", of: (e) => timestamp(e.time) },
  { name: "gateway", type: "string", help: "`namespace/name` of the Gateway.", fixed: true, of: (e) => e.gateway },
  { name: "listener", type: "string", help: "Name of the listener; absent when none was chosen.", fixed: true, of: (e) => e.listener },
  { name: "client", type: "string", help: "Address of the client, behind proxies that are trusted.", of: (e) => e.client },
  { name: "method", type: "string", help: "Request method.", of: (e) => e.method },
  { name: "host", type: "string", help: "Host as the client wrote it.", of: (e) => capped(e.host) },
  { name: "path", type: "string", help: "Path, never the query; cut at 1024 characters.", of: (e) => capped(e.path) },
  { name: "protocol", type: "string", help: "`HTTP/1.1` or `HTTP/1.0`.", of: (e) => e.protocol },
  { name: "tls", type: "string", help: "TLS version of the client's connection; absent on plain listeners.", of: (e) => e.tls },
  { name: "user_agent", type: "string", help: "User-Agent, cut at 1024 characters.", of: (e) => capped(e.userAgent) },
  {
    name: "status",
    type: "number",
    help: "Status sent to the client; 499: it left before a status; 0: there was no request, or nothing could be sent.",
    of: (e) => e.status
  },
  {
    name: "reason",
    type: "string",
    help: "Row of the failure table; absent when the upstream's own answer was relayed to its end.",
    of: (e) => e.reason
  },
  { name: "flag", type: "string", help: "Envoy's response flag for the reason, where it has one.", of: (e) => e.flag },
  { name: "detail", type: "string", help: "The reason in words, with names and addresses.", of: (e) => capped(e.detail) },
  { name: "bytes_in", type: "number", help: "Bytes of the request body received.", of: (e) => e.bytesIn },
  {
    name: "bytes_out",
    type: "number",
    help: "Bytes of the response body sent (of a tunnel: both directions count here and in bytes_in).",
    of: (e) => e.bytesOut
  },
  { name: "duration_ms", type: "number", help: "From the request's head to the end of the response.", of: (e) => milliseconds(e.duration) },
  {
    name: "upstream_head_ms",
    type: "number",
    help: "From handing the request to the upstream to the head of its response; absent when there was none.",
    of: (e) => (e.upstreamHead === null ? null : milliseconds(e.upstreamHead))
  },
  { name: "route", type: "string", help: "Kind, namespace and name of the route.", fixed: true, of: (e) => e.route },
  { name: "rule", type: "string", help: "The rule of the route: its name or number.", fixed: true, of: (e) => e.rule },
  { name: "upstream", type: "string", help: "What the chosen backendRef names.", fixed: true, of: (e) => e.upstream },
  { name: "endpoint", type: "string", help: "Name of the endpoint that answered or failed.", fixed: true, of: (e) => e.endpoint },
  { name: "address", type: "string", help: "Its address, with port.", fixed: true, of: (e) => e.address },
  { name: "reused", type: "boolean", help: "The upstream connection had been used before.", of: (e) => e.reused }
]

/** Takes entries from the request path; never throws, never waits. */
export interface AccessLog {
  readonly write: (entry: AccessLogEntry) => void
  /** Lines dropped so far. */
  readonly dropped: () => number
  /** Hands over what is pending; resolves when the stream has taken it, can take nothing more, or has taken its time (`patience`). */
  readonly flush: () => Promise<void>
}

/** The off switch. */
export const noAccessLog: AccessLog = { write: () => {}, dropped: () => 0, flush: () => Promise.resolve() }

// A write to a file costs a hand-over to another thread: few large ones.
const batchLength = 262_144
const batchDelay = 100

/**
 * bound: characters waiting in the batch and the stream together; beyond it lines are dropped and counted. patience: milliseconds a flush waits. The stream should not block the
 * process (a file opened by `fs.createWriteStream`, not `process.stdout` on a pipe) and is not closed here.
 */
export const makeAccessLog = (stream: Writable, options: { readonly bound?: number; readonly patience?: number } = {}): AccessLog => {
  const bound = options.bound ?? 4 * 1024 * 1024
  const patience = options.patience ?? 2_000
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
    dropped: () => dropped,
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

const prefixes = fields.map(({ name }, at) => `${at === 0 ? "{" : ","}"${name}":`)

/** One line, newline included. Every value is JSON: no client can write a line of its own. */
export const line = (entry: AccessLogEntry): string => {
  let text = ""
  for (let at = 0; at < fields.length; at++) {
    const field = fields[at]!
    const value = field.of(entry)
    if (value === null || value === "") continue
    text += prefixes[at]! + (typeof value === "string" ? (field.fixed === true ? remembered(value) : quoted(value)) : value)
  }
  return `${text}}\n`
}

const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/
const quoted = (value: string): string => (plain.test(value) ? `"${value}"` : JSON.stringify(value))

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

// The same second is printed thousands of times.
let second = -1
let secondText = ""
const timestamp = (time: number): string => {
  const whole = Math.floor(time / 1000)
  if (whole !== second) {
    second = whole
    secondText = new Date(whole * 1000).toISOString().slice(0, 20)
  }
  return `${secondText}${String(Math.floor(time - whole * 1000)).padStart(3, "0")}Z`
}

/** The table for docs/reference, Markdown. */
export const logFieldsTable = (): string =>
  [
    "| field | type | meaning |",
    "| --- | --- | --- |",
    ...fields.map(({ name, type, help }) => `| \`${name}\` | ${type} | ${help} |`)
  ].join("\n")
