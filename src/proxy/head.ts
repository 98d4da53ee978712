// The head of a request, judged after the reader: what is well formed and a gateway must not pass on (docs/request.md).
// Whatever is not plainly valid is refused, nothing is repaired. Refusals are data: building an Error costs more than the whole check.
import type { RequestHead as ReadHead } from "../http1/reader.ts"
import { joinedValue } from "../routing/headers.ts"
import { requestHost } from "../routing/hosts.ts"
import type { RequestView } from "../routing/match.ts"
import type { DownstreamReason } from "../snapshot/reason.ts"
import { type FieldPolicy, hasToken, type RequestFields, requestFields } from "../upstream/fields.ts"
import { parseTarget, type Target } from "./target.ts"

/** As the reader gives it. */
export interface ReceivedHead extends Readonly<Pick<ReadHead, "method" | "target" | "version">> {
  readonly fields: ReadonlyArray<string>
  /** HTTP/2 (version `2`), where frames end a message: it has no body. Absent: the fields say. */
  readonly ended?: boolean
}

export interface HeadLimits extends FieldPolicy {
  /** Lines; more are 431. */
  readonly fields: number
  /** Of all names and values with separators; more are 431. */
  readonly bytes: number
  /** Characters of the target; more are 414. */
  readonly target: number
}

export const defaultHeadLimits: HeadLimits = { fields: 200, bytes: 60 * 1024, target: 8 * 1024, underscores: "Drop", forwarded: "Drop" }

export interface RefusedHead {
  readonly _tag: "Refused"
  /** Every refusal but method_not_allowed and bad_expect leaves the framing in doubt: close the connection after the answer. */
  readonly reason: DownstreamReason
  /** For the log; holds no value that the client sent. */
  readonly detail: string
  /** Where the message ends is plain, and it ends with its head: the connection may go on. */
  readonly bodiless: boolean
}

export interface RequestHead extends RequestView {
  readonly _tag: "Head"
  /** Origin form, as it goes to the upstream: path and query. */
  readonly target: string
  /** Normalised by `requestHost`, without port; "" for an HTTP/1.0 request that names none. */
  readonly host: string
  /** Host as the client wrote it, or the authority of an absolute-form target. */
  readonly authority: string
  /** The first of the client's own; "" for none. */
  readonly userAgent: string
  /** Via is among the fields. */
  readonly via: boolean
  /** Raw pairs that may go on: no hop-by-hop fields, no Host, framing or Expect. Filters edit this list. */
  readonly headers: Array<string>
  /** Declared length of the body; null: none declared. */
  readonly contentLength: number | null
  /** A body of unknown length follows. */
  readonly chunked: boolean
  /**
   * The first protocol asked for, lower case, when Connection nominates Upgrade. Not h2c, which is never offered (RFC 9113 3.1), and not with a body,
   * whose end nobody would agree on: RFC 9110 7.8 lets a server ignore Upgrade.
   */
  readonly upgrade: string | null
  readonly expectContinue: boolean
  /** The client reads trailers. */
  readonly trailers: boolean
  /** The connection can go on after this exchange: the client lets it. */
  readonly keepAlive: boolean
  /** `OPTIONS *`, or OPTIONS with Max-Forwards 0: answered by us with 204 and Allow, not forwarded. */
  readonly answered: boolean
}

/** What `OPTIONS *` and 405 say. Any other method that is a token is forwarded. */
export const allowedMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

const refused = (reason: DownstreamReason, detail: string, bodiless = false): RefusedHead => ({ _tag: "Refused", reason, detail, bodiless })

// One object a request, its fields written once: a literal passed to a constructor would be a second.
class Head implements RequestHead {
  readonly _tag = "Head"
  readonly method: string
  readonly path: string
  readonly query: string
  readonly target: string
  readonly host: string
  readonly authority: string
  readonly userAgent: string
  readonly via: boolean
  readonly headers: Array<string>
  readonly contentLength: number | null
  readonly chunked: boolean
  readonly upgrade: string | null
  readonly expectContinue: boolean
  readonly trailers: boolean
  readonly keepAlive: boolean
  readonly answered: boolean
  private readonly received: ReadonlyArray<string>

  constructor(received: ReceivedHead, fields: RequestFields, target: Target, host: string, expectContinue: boolean, answered: boolean) {
    const old = received.version === "1.0"
    const streamed = received.version === "2"
    this.method = received.method
    this.path = target.path
    this.query = target.query
    this.target = target.target
    this.host = host
    this.authority = target.authority ?? fields.host ?? ""
    this.userAgent = fields.userAgent ?? ""
    this.via = fields.via
    this.headers = fields.headers
    this.contentLength = fields.contentLength === null ? null : Number(fields.contentLength)
    this.chunked = streamed ? received.ended !== true && fields.contentLength === null : fields.transferEncoding !== null
    this.upgrade =
      old || !fields.upgradeNominated || fields.upgrade === null || this.chunked || this.contentLength !== null
        ? null
        : upgradeOf(fields.upgrade)
    this.expectContinue = expectContinue
    // Whoever speaks HTTP/2 reads them, said or not.
    this.trailers = streamed || (fields.te !== null && hasToken(fields.te.toLowerCase(), "trailers"))
    this.keepAlive = !fields.close && (!old || fields.keepAlive)
    this.answered = answered
    this.received = received.fields
  }

  /** Matches see what goes on, and the fields that are ours: routes match on `Upgrade: websocket` and on Host. */
  header(name: string): string | null {
    switch (name) {
      case "host":
        return this.authority === "" ? null : this.authority
      case "connection":
      case "content-length":
      case "expect":
      case "te":
      case "transfer-encoding":
      case "upgrade":
        return joinedValue(this.received, name)
      default:
        return joinedValue(this.headers, name)
    }
  }
}

/** The head as the proxy goes on with it, or why it is refused. Pure; the first offence found is told. */
export const checkHead = (received: ReceivedHead, limits: HeadLimits): RequestHead | RefusedHead => {
  const { method, target: url, version, fields: pairs } = received
  const old = version === "1.0"
  if (version !== "1.1" && version !== "2" && !old) {
    return version === "0.9" ? refused("bad_request", "HTTP/0.9 is not served") : refused("bad_version", "the version is above HTTP/1.1")
  }
  if (url.length > limits.target) return refused("uri_too_long", `the request target has ${url.length} characters`)
  if (pairs.length > limits.fields * 2) return refused("head_too_large", `the head has ${pairs.length / 2} fields`)
  const fields = requestFields(pairs, limits)
  if (fields.bytes > limits.bytes) return refused("head_too_large", `the fields of the head have ${fields.bytes} bytes`)
  if (fields.repeated !== null) return refused("bad_request", `the field ${fields.repeated} came more than once`)
  if (fields.underscored !== null) return refused("bad_request", "a field name has an underscore")
  const framing = framingProblem(fields, old)
  if (framing !== null) return framing
  // After framing: whatever the method, a doubtful message is refused as such.
  if (method === "CONNECT" || method === "TRACE") return refused("method_not_allowed", `${method} is not served`)
  const target = parseTarget(method, url)
  if (typeof target === "string") return refused("bad_request", target)

  const named = fields.host === null ? null : requestHost(fields.host)
  if (fields.host === null ? !old : named === null) {
    return refused(
      "bad_request",
      fields.host === null
        ? version === "2"
          ? "a request names neither :authority nor Host"
          : "HTTP/1.1 needs a Host"
        : "the Host is not a host with an optional port"
    )
  }
  const host = target.authority === null ? named : requestHost(target.authority)
  if (target.authority !== null && host === null)
    return refused("bad_request", "the authority of the target is not a host with an optional port")

  let expectContinue = false
  // RFC 9110 10.1.1: an HTTP/1.0 client cannot wait for a 100.
  if (fields.expect !== null && !old) {
    if (fields.expect.toLowerCase() !== "100-continue") {
      // With a body behind it: the client may send that or not after this answer.
      const bodiless = fields.transferEncoding === null && Number(fields.contentLength ?? 0) === 0
      return refused("bad_expect", "only 100-continue can be expected", bodiless)
    }
    expectContinue = true
  }
  let answered = target.asterisk
  if (method === "OPTIONS" && fields.maxForwards >= 0) {
    const left = fields.headers[fields.maxForwards]!
    if (!/^[0-9]{1,9}$/.test(left)) return refused("bad_request", "Max-Forwards is not a number")
    if (Number(left) === 0) answered = true
    else fields.headers[fields.maxForwards] = String(Number(left) - 1)
  }
  return new Head(received, fields, target, host ?? "", expectContinue, answered)
}

const digits = /^[0-9]{1,16}$/

const framingProblem = (fields: RequestFields, old: boolean): RefusedHead | null => {
  const length = fields.contentLength
  if (fields.transferEncoding !== null) {
    if (old) return refused("bad_request", "Transfer-Encoding in HTTP/1.0")
    if (length !== null) return refused("bad_request", "Transfer-Encoding beside Content-Length")
    return codingProblem(fields.transferEncoding.toLowerCase())
  }
  if (length !== null && (!digits.test(length) || Number(length) > Number.MAX_SAFE_INTEGER)) {
    return refused("bad_request", "Content-Length is not one plain number")
  }
  return null
}

const codingProblem = (coding: string): RefusedHead | null => {
  if (coding === "chunked") return null
  const codings = coding.split(",").map((part) => part.trim())
  if (codings.at(-1) !== "chunked" || codings.indexOf("chunked") !== codings.length - 1) {
    return refused("bad_request", "Transfer-Encoding does not end in one chunked")
  }
  return refused("bad_coding", "no transfer coding but chunked is served")
}

const upgradeOf = (value: string): string | null => {
  for (const part of value.toLowerCase().split(",")) {
    const protocol = part.trim()
    if (protocol !== "" && protocol !== "h2c") return protocol
  }
  return null
}
