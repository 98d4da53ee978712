// What a payload did: whatever reached the origin must be a request that the client plainly sent, byte for byte in its body, and nothing of a connection's own.
import type { Assault } from "./attack.ts"
import type { Payload } from "./corpus.ts"
import { type ReadRequest, readRequests } from "./grammar.ts"
import type { Recorded } from "./recorder.ts"

/** Nothing else is an answer to a doubtful request. */
export const allowedStatuses: ReadonlySet<number> = new Set([200, 204, 400, 404, 405, 408, 413, 414, 417, 421, 431, 501, 505])

const ofConnection: ReadonlySet<string> = new Set([
  "expect",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer"
])
const ownFields: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "host",
  "transfer-encoding",
  "upgrade",
  "via",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-proto"
])

/** RFC 9112 3.2.1: what a gateway owes the origin for a target of its client's. */
export const originForm = (target: string): string => {
  const absolute = /^https?:\/\/[^/?]*(.*)$/i.exec(target)
  const rest = absolute === null ? target : absolute[1]!.startsWith("/") ? absolute[1]! : `/${absolute[1]}`
  const [path = ""] = rest.split("?")
  return /\/\.{1,2}(\/|$)/.test(path) ? new URL(`http://h${path}`).pathname + rest.slice(path.length) : rest
}

const nominatedBy = (request: ReadRequest): ReadonlyArray<string> =>
  request.fields
    .filter(([name]) => name.toLowerCase() === "connection")
    .flatMap(([, value]) => value.split(",").map((part) => part.trim().toLowerCase()))
    .filter((name) => !["cookie", "authorization", "via", "x-forwarded-for", "x-forwarded-host", "forwarded"].includes(name))

const problemOf = (sent: ReadRequest, got: ReadRequest): string | null => {
  const expects = sent.fields.filter(([name]) => name.toLowerCase() === "expect").map(([, value]) => value.toLowerCase())
  if (sent.version === "1.1" && expects.length > 0 && expects.join(", ") !== "100-continue")
    return "forwarded with an expectation nobody knows"
  if (got.method !== sent.method) return `method ${got.method}`
  if (got.target !== originForm(sent.target)) return `target ${got.target}`
  if (got.complete && !sent.complete) return "completed by somebody else"
  if (got.complete ? got.body !== sent.body : !sent.body.startsWith(got.body) && sent.complete) return `body ${JSON.stringify(got.body)}`
  // Chunks that hold nothing are no body, and may be framed as none.
  if (sent.body !== "" && got.framing !== sent.framing) return `framing ${got.framing} for ${sent.framing}`
  if (got.authority !== sent.authority && sent.authority !== "") return `Host ${got.authority}`
  const nominated = nominatedBy(sent)
  const upgrade = got.fields.some(([name]) => name.toLowerCase() === "upgrade")
  for (const [name, value] of got.fields) {
    const lower = name.toLowerCase()
    if (name.includes("_")) return `the name ${name}`
    if (ofConnection.has(lower)) return `the field ${name}`
    if (lower === "connection" && !(upgrade ? ["upgrade"] : ["keep-alive", "close"]).includes(value)) return `Connection: ${value}`
    if (lower === "upgrade" && (sent.version !== "1.1" || value.toLowerCase().includes("h2c"))) return `Upgrade: ${value}`
    if (ownFields.has(lower)) continue
    if (nominated.includes(lower)) return `${name} that Connection nominates`
    if (!sent.fields.some(([key, content]) => key === name && (content === value || lower === "max-forwards")))
      return `${name}: ${value} from nowhere`
  }
  return null
}

/** Everything wrong with what one payload led to; empty when nothing is. */
export const judge = (payload: Payload, assault: Assault, recorded: ReadonlyArray<Recorded>): ReadonlyArray<string> => {
  const { requests } = readRequests(payload.bytes, false)
  const problems: Array<string> = []
  const left = [...requests]
  for (const { request: got } of recorded) {
    const found = left.findIndex((sent) => problemOf(sent, got) === null)
    if (found >= 0) {
      // The origin answers 200: something else in that place is the answer of another request.
      const answer = assault.answers[requests.indexOf(left[found]!)]
      if (got.complete && answer !== undefined && answer.status !== 200) problems.push(`${answer.status} in the place of 200`)
      left.splice(found, 1)
    } else problems.push(`the origin got ${got.method} ${got.target}: ${left[0] === undefined ? "never sent" : problemOf(left[0], got)}`)
  }
  if (assault.hung) problems.push("no end within the bound")
  if (assault.garbage !== "") problems.push(`no response: ${JSON.stringify(assault.garbage.slice(0, 100))}`)
  if (assault.interim.some(({ status }) => status !== 100)) problems.push("an interim response other than 100")
  assault.answers.forEach(({ status, body }, at) => {
    const sent = requests[at]
    if (!allowedStatuses.has(status)) problems.push(`status ${status}`)
    if (status === 200 && (sent === undefined || !sent.complete)) problems.push("200 for what is not a request")
    if (status === 200 && sent !== undefined && sent.method !== "HEAD" && body !== originForm(sent.target)) {
      problems.push(`the answer of another request: ${body}`)
    }
    if (payload.served && status !== 200) problems.push(`refused with ${status}`)
  })
  if (assault.answers.length > requests.length + 1) problems.push("more answers than requests")
  if (payload.served && assault.answers.length !== requests.length) problems.push("not every request was answered")
  return problems
}
