// What the API server (or the way to it) answered instead of what was asked, as one error. Apart from the wire: the watch loop decides by it.
import { Data } from "effect"

/** An answer that is not 2xx, or none. No token, no Secret, no body of ours is in it (law 11). */
export class KubeError extends Data.TaggedError("KubeError")<{
  /** HTTP status; null: there was no answer. */
  readonly status: number | null
  /** `reason` of the API server's Status (`NotFound`, `Expired`, `Conflict`), or the errno of a connection. */
  readonly reason: string
  readonly message: string
  /** Milliseconds the server asks us to stay away (Retry-After), or null. */
  readonly retryAfter: number | null
}> {}

/** Longer than any sentence of the API server that is worth reading. */
const longestMessage = 500

/** What stands on these paths may be quoted by a message about it. */
const confidential = /\/(secrets|tokenreviews|token)(\/|$)/

/**
 * What an API server says while it starts, with `retryAfterSeconds: 5` whatever it will take (k8s.io/apiserver, pkg/util/notfoundhandler): of a moment that
 * is mostly over within one second, and no plea of a server that has too much to do.
 */
const starting = "before all known HTTP paths have been installed"

const names: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  406: "NotAcceptable",
  409: "Conflict",
  410: "Expired",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
  504: "Timeout"
}

type Fields = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value)

/** Retry-After: seconds or an HTTP date (RFC 9110, section 10.2.3). */
const readRetryAfter = (header: string | undefined, now: number): number | null => {
  if (header === undefined) return null
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000
  const at = Date.parse(header)
  return Number.isNaN(at) ? null : Math.max(0, at - now)
}

/**
 * The error of a Status object, of an answer's body or of an ERROR event in a watch. body: decoded JSON, or anything else. A body that is no
 * Status is not quoted: whoever wrote it (a load balancer) is not known.
 */
export const failureOf = (path: string, status: number, body: unknown, retryAfter?: string, now: number = Date.now()): KubeError => {
  const said = isObject(body) && body["kind"] === "Status" ? body : {}
  const details = isObject(said["details"]) ? said["details"] : {}
  const seconds = details["retryAfterSeconds"]
  const reason = typeof said["reason"] === "string" && said["reason"] !== "" ? said["reason"] : (names[status] ?? `Status${status}`)
  // A body that could not be read is quoted at the end: `Object 'Kind' is missing in '{…}'`.
  const message = typeof said["message"] === "string" ? said["message"] : ""
  const text = confidential.test(path) ? "" : message.replace(/ in '\{[\s\S]*$/, "")
  return new KubeError({
    status,
    reason,
    message: text === "" ? `${reason} (${status})` : text.slice(0, longestMessage),
    retryAfter: message.includes(starting)
      ? null
      : (readRetryAfter(retryAfter, now) ?? (typeof seconds === "number" && seconds > 0 ? seconds * 1000 : null))
  })
}

/** No answer: the connection, TLS, the name or the credentials failed. */
export const unanswered = (server: string, reason: string, detail: string): KubeError =>
  new KubeError({ status: null, reason, message: `${server}: ${detail}`.slice(0, longestMessage), retryAfter: null })
