// Which fields may cross the gateway, both ways, on raw lists (name, value, name, value …). Never through plain objects: those merge repeated lines and
// lose `__proto__`. One pass; the facts that framing and routing need fall out of the same pass (docs/request.md).
import { nameSieve } from "../http1/names.ts"

/** What to do with names that hold `_`: CGI-like backends fold `transfer_encoding` into a framing field. Allow lets pass those that fold into nothing special. */
export type Underscores = "Refuse" | "Drop" | "Allow"

export interface FieldPolicy {
  readonly underscores: Underscores
  /** X-Forwarded-* and Forwarded of the client: kept only from a proxy that is trusted. */
  readonly forwarded: "Keep" | "Drop"
}

/** A request's fields parted: what may go on, and what is for us. Values as they came; null: absent. */
export interface RequestFields {
  /** Without hop-by-hop fields, what Connection nominates, proxy credentials, Host, framing and Expect. Freshly made: the caller may edit it. */
  readonly headers: Array<string>
  /** Name and value bytes with separators, as on the wire. */
  bytes: number
  host: string | null
  contentLength: string | null
  /** Repeated lines joined. */
  transferEncoding: string | null
  upgrade: string | null
  expect: string | null
  te: string | null
  /** The first; it is in `headers` too, as Via is, of which there is at least one. */
  userAgent: string | null
  via: boolean
  /** Index of its value in `headers`, or -1. */
  maxForwards: number
  /** The field that came twice and must not (Host, Content-Length, Max-Forwards). */
  repeated: string | null
  /** The name that `Refuse` refuses. */
  underscored: string | null
  /** Options of Connection. */
  close: boolean
  keepAlive: boolean
  upgradeNominated: boolean
}

const other = 0
const dropped = 1
const connection = 2
const host = 3
const contentLength = 4
const transferEncoding = 5
const upgrade = 6
const expect = 7
const te = 8
const maxForwards = 9
const forwarded = 10
const via = 11
const userAgent = 12

const kinds: ReadonlyMap<string, number> = new Map([
  ["connection", connection],
  ["keep-alive", dropped],
  ["proxy-connection", dropped],
  ["te", te],
  ["trailer", dropped],
  ["transfer-encoding", transferEncoding],
  ["upgrade", upgrade],
  // Never forwarded: h2c is not offered (RFC 9113 3.1).
  ["http2-settings", dropped],
  // Ours to consume (RFC 9110 11.7).
  ["proxy-authorization", dropped],
  ["proxy-authenticate", dropped],
  ["proxy-authentication-info", dropped],
  ["host", host],
  ["content-length", contentLength],
  ["expect", expect],
  ["max-forwards", maxForwards],
  ["forwarded", forwarded],
  ["via", via],
  ["user-agent", userAgent]
])

const forwardedPrefix = "x-forwarded-"

const maybe = nameSieve(kinds.keys(), [forwardedPrefix])

const kindOf = (name: string): number => {
  if (!maybe(name)) return other
  const lower = name.toLowerCase()
  return kinds.get(lower) ?? (lower.startsWith(forwardedPrefix) ? forwarded : other)
}

// Connection may name any field, also one that carries who the client is: a hole in proxies that obey (measured). Fields that filters set are safe
// because filters run later.
const isProtected = (lower: string): boolean =>
  lower === "host" ||
  lower === "content-length" ||
  lower === "cookie" ||
  lower === "authorization" ||
  lower === "via" ||
  lower === "forwarded" ||
  lower.startsWith(forwardedPrefix)

/** Adds the names that a Connection value, in lower case, says are for this connection only and that may be removed. */
export const nominations = (value: string, to: Array<string> | null): Array<string> | null => {
  let names = to
  for (const part of value.split(",")) {
    const lower = part.trim().toLowerCase()
    if (lower === "" || lower === "close" || lower === "keep-alive" || lower === "upgrade" || isProtected(lower)) continue
    if (names === null) names = [lower]
    else names.push(lower)
  }
  return names
}

/** Takes the fields of these lower-case names out of a list. */
export const withoutNominated = (headers: Array<string>, names: ReadonlyArray<string>): void => {
  const drop = new Set(names)
  let kept = 0
  for (let at = 0; at < headers.length; at += 2) {
    if (drop.has(headers[at]!.toLowerCase())) continue
    headers[kept] = headers[at]!
    headers[kept + 1] = headers[at + 1]!
    kept += 2
  }
  headers.length = kept
}

const joined = (before: string | null, value: string): string => (before === null ? value : `${before}, ${value}`)

/** Parts the fields of a request as a client sent them. Judges nothing: `proxy/head` does. */
export const requestFields = (raw: ReadonlyArray<string>, policy: FieldPolicy): RequestFields => {
  const headers: Array<string> = []
  const fields: RequestFields = {
    headers,
    bytes: 0,
    host: null,
    contentLength: null,
    transferEncoding: null,
    upgrade: null,
    expect: null,
    te: null,
    userAgent: null,
    via: false,
    maxForwards: -1,
    repeated: null,
    underscored: null,
    close: false,
    keepAlive: false,
    upgradeNominated: false
  }
  let nominated: Array<string> | null = null
  let bytes = 0
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at]!
    const value = raw[at + 1]!
    bytes += name.length + value.length + 4
    switch (kindOf(name)) {
      case other:
        if (name.includes("_") && !passes(name, policy.underscores, fields)) break
        headers.push(name, value)
        break
      case connection: {
        const lower = value.toLowerCase()
        if (lower === "keep-alive") fields.keepAlive = true
        else if (lower === "close") fields.close = true
        else {
          nominated = nominations(lower, nominated)
          fields.close ||= hasToken(lower, "close")
          fields.keepAlive ||= hasToken(lower, "keep-alive")
          fields.upgradeNominated ||= hasToken(lower, "upgrade")
        }
        break
      }
      case host:
        if (fields.host !== null) fields.repeated ??= "Host"
        fields.host = value
        break
      case contentLength:
        if (fields.contentLength !== null) fields.repeated ??= "Content-Length"
        fields.contentLength = value
        break
      case transferEncoding:
        fields.transferEncoding = joined(fields.transferEncoding, value)
        break
      case upgrade:
        fields.upgrade = joined(fields.upgrade, value)
        break
      case expect:
        fields.expect = joined(fields.expect, value)
        break
      case te:
        fields.te = joined(fields.te, value)
        break
      case maxForwards:
        if (fields.maxForwards >= 0) fields.repeated ??= "Max-Forwards"
        headers.push(name, value)
        fields.maxForwards = headers.length - 1
        break
      case forwarded:
        if (policy.forwarded === "Keep") headers.push(name, value)
        break
      case via:
        fields.via = true
        headers.push(name, value)
        break
      case userAgent:
        fields.userAgent ??= value
        headers.push(name, value)
        break
      default:
        break
    }
  }
  fields.bytes = bytes
  if (nominated !== null) {
    withoutNominated(headers, nominated)
    if (fields.maxForwards >= 0)
      fields.maxForwards = headers.findIndex((name, at) => at % 2 === 0 && kindOf(name) === maxForwards) + 1 || -1
  }
  return fields
}

/** A list without the fields of these names (lower case), also as CGI-like backends fold them: `x_api_key` is read as X-Api-Key there. */
export const withoutFields = (headers: ReadonlyArray<string>, names: ReadonlySet<string>): Array<string> => {
  const rest: Array<string> = []
  for (let at = 0; at < headers.length; at += 2)
    if (!names.has(headers[at]!.toLowerCase().replaceAll("_", "-"))) rest.push(headers[at]!, headers[at + 1]!)
  return rest
}

const passes = (name: string, underscores: Underscores, fields: RequestFields): boolean => {
  if (underscores === "Refuse") fields.underscored ??= name
  return underscores === "Allow" && kindOf(name.replaceAll("_", "-")) === other
}

/** Whether a list of tokens has this one; both in lower case. */
export const hasToken = (list: string, token: string): boolean => {
  for (let at = list.indexOf(token); at >= 0; at = list.indexOf(token, at + 1)) {
    if (isEdge(list, at - 1, -1) && isEdge(list, at + token.length, 1)) return true
  }
  return false
}

// Nothing but blanks until a comma or the end.
const isEdge = (list: string, from: number, step: -1 | 1): boolean => {
  let at = from
  while (at >= 0 && at < list.length && (list[at] === " " || list[at] === "\t")) at += step
  return at < 0 || at >= list.length || list[at] === ","
}

// Framing, routing, authentication, request modifiers, response control and content format: none may come after the content (RFC 9110 6.5.1).
const notInTrailers: ReadonlySet<string> = new Set([
  "age",
  "authorization",
  "cache-control",
  "content-encoding",
  "content-range",
  "content-type",
  "cookie",
  "date",
  "expires",
  "location",
  "pragma",
  "range",
  "retry-after",
  "set-cookie",
  "vary",
  "via",
  "warning",
  "www-authenticate"
])

/** The trailer fields that may be passed on, either way. underscores: names with them may, as metadata of gRPC has them, if they fold into nothing special. */
export const trailerFields = (raw: ReadonlyArray<string>, underscores = false): Array<string> => {
  const headers: Array<string> = []
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at]!
    const folded = name.includes("_") ? name.replaceAll("_", "-") : name
    if (folded !== name && !underscores) continue
    if (kindOf(folded) !== other || notInTrailers.has(folded.toLowerCase())) continue
    headers.push(name, raw[at + 1]!)
  }
  return headers
}
