// Cross-origin sharing (Gateway API v1.6, HTTPCORSFilter; the Fetch standard, 3.2): which page of another origin may send a request and read its answer.
// Pure: the fields of the answers, of those that we give to a browser's question and of those that a backend gives.
import type { Cors } from "../snapshot/route.ts"
import { isNamed } from "./headers.ts"
import type { RequestView } from "./match.ts"

/** `https://*.example.com` made ready: host is `example.com` with its dot before it, or "" for every host. */
interface Wildcard {
  readonly scheme: string
  readonly suffix: string
  readonly port: number
}

export interface CompiledCors {
  readonly spec: Cors
  /** `*` alone. */
  readonly any: boolean
  /** `scheme://host:port`, the port always said. */
  readonly exact: ReadonlySet<string>
  readonly wildcards: ReadonlyArray<Wildcard>
}

interface Origin {
  readonly scheme: string
  readonly host: string
  readonly port: number
}

const form = /^(https?):\/\/([a-z0-9*._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?$/

/** Lower case; 80 and 443 where no port is said. null: it is none of http or https. */
const parse = (text: string): Origin | null => {
  const [, scheme, host, port] = form.exec(text.toLowerCase()) ?? []
  if (scheme === undefined || host === undefined) return null
  const at = port === undefined ? (scheme === "https" ? 443 : 80) : Number(port)
  return at === 0 || at > 65_535 ? null : { scheme, host, port: at }
}

const named = ({ scheme, host, port }: Origin): string => `${scheme}://${host}:${port}`

/** What hinders it from being applied, in words for a condition; null: nothing. */
export const corsProblem = ({ origins }: Cors): string | null => {
  const bad = origins.find((origin) => origin !== "*" && parse(origin) === null)
  return bad === undefined ? null : `the origin ${bad} is not scheme://host or scheme://host:port with a port from 1 to 65535`
}

/** Of a filter without a problem. */
export const compileCors = (spec: Cors): CompiledCors => {
  const origins = spec.origins.flatMap((origin) => parse(origin) ?? [])
  return {
    spec,
    any: spec.origins.includes("*"),
    exact: new Set(origins.filter(({ host }) => !host.startsWith("*")).map(named)),
    wildcards: origins.flatMap(({ scheme, host, port }) => (host.startsWith("*") ? [{ scheme, suffix: host.slice(1), port }] : []))
  }
}

// One origin: no list, no spaces. `null` and schemes of browsers' own are among them, and only `*` admits those.
const one = /^[\x21-\x2b\x2d-\x7e]+$/

const admits = (cors: CompiledCors, text: string): boolean => {
  if (cors.any) return one.test(text)
  const origin = parse(text)
  if (origin === null) return false
  if (cors.exact.has(named(origin))) return true
  return cors.wildcards.some(
    // Greedy to the left: any number of labels, and at least one.
    ({ scheme, suffix, port }) =>
      scheme === origin.scheme && port === origin.port && origin.host.length > suffix.length && origin.host.endsWith(suffix)
  )
}

/** The request that a browser asks about before it sends it (a preflight): of another method than the question. null: nothing is asked. */
export const announcedBy = (request: RequestView): RequestView | null => {
  if (request.method !== "OPTIONS" || request.header("origin") === null) return null
  const method = request.header("access-control-request-method")
  return method === null ? null : { method, path: request.path, query: request.query, header: (name) => request.header(name) }
}

/** Everybody gets the same answer: it may be kept for all of them. */
const isPublic = ({ any, spec }: CompiledCors): boolean => any && !spec.credentials

/** What every answer says to this origin; nothing to one that is not allowed. */
const shared = (cors: CompiledCors, origin: string | null): Array<string> => {
  if (origin === null || !admits(cors, origin)) return []
  const { credentials, expose } = cors.spec
  const fields = ["Access-Control-Allow-Origin", isPublic(cors) ? "*" : origin]
  if (credentials) fields.push("Access-Control-Allow-Credentials", "true")
  // With credentials `*` is the name of a field to a browser, and must not be said.
  const exposed = credentials ? expose.filter((name) => name !== "*") : expose
  if (exposed.length > 0) fields.push("Access-Control-Expose-Headers", exposed.join(", "))
  return fields
}

/** The list as it is written; for `*` with credentials what was asked for. null: nothing is said. asked: null when the browser did not ask. */
const granted = (list: ReadonlyArray<string>, credentials: boolean, asked: string | null): string | null =>
  asked === null || list.length === 0 ? null : list[0] === "*" && credentials ? asked : list.join(", ")

const names = /^[!#$%&'*+\-.^_`|~0-9A-Za-z, \t]+$/

/** The fields of the answer to a question; none of sharing for an origin that is not allowed. */
export const preflightFields = (cors: CompiledCors, request: Pick<RequestView, "header">): Array<string> => {
  const fields = shared(cors, request.header("origin"))
  if (fields.length > 0) {
    const { methods, headers, credentials, maxAge } = cors.spec
    const method = request.header("access-control-request-method")
    const wanted = request.header("access-control-request-headers")
    const allowed = granted(methods, credentials, method !== null && names.test(method) ? method : null)
    if (allowed !== null) fields.push("Access-Control-Allow-Methods", allowed)
    const sent = granted(headers, credentials, wanted !== null && names.test(wanted) ? wanted : null)
    if (sent !== null) fields.push("Access-Control-Allow-Headers", sent)
    fields.push("Access-Control-Max-Age", String(maxAge))
  }
  if (!isPublic(cors)) fields.push("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
  return fields
}

// The filter alone says them: two that say it are none to a browser.
const owned: ReadonlySet<string> = new Set([
  "access-control-allow-origin",
  "access-control-allow-credentials",
  "access-control-allow-methods",
  "access-control-allow-headers",
  "access-control-expose-headers",
  "access-control-max-age"
])

/** Makes the fields of an answer say what the filter says, in place of what its backend says of it. origin: the request's, or null. */
export const shareAnswer = (fields: Array<string>, cors: CompiledCors, origin: string | null): void => {
  let kept = 0
  let varies = isPublic(cors)
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at]!
    if (owned.has(name.toLowerCase())) continue
    if (isNamed(name, "vary")) varies ||= /(?:^|,)[ \t]*(?:origin|\*)[ \t]*(?:,|$)/i.test(fields[at + 1]!)
    fields[kept] = name
    fields[kept + 1] = fields[at + 1]!
    kept += 2
  }
  fields.length = kept
  fields.push(...shared(cors, origin))
  if (!varies) fields.push("Vary", "Origin")
}

/** For explain. */
export const describeCors = ({ origins, credentials, methods, headers, maxAge }: Cors): string =>
  [
    `CORS for ${origins.length === 0 ? "nobody" : origins.join(", ")}`,
    ...(methods.length === 0 ? [] : [`methods ${methods.join(", ")}`]),
    ...(headers.length === 0 ? [] : [`headers ${headers.join(", ")}`]),
    ...(credentials ? ["with credentials"] : []),
    `preflights answered here and kept for ${maxAge}s`
  ].join("; ")
