// voyager.appscode.com Ingress: its rules as rules of HTTPRoutes, a host and port at a time (docs/voyager.md). HAProxy's own lines are data: the forms of a redirect
// are understood, every other line is refused and quoted, and nothing of it gets into any configuration.
import { Result } from "effect"
import { podFields, type VoyagerBackend, type VoyagerIngress } from "#schemas/dialects/voyageringress.ts"
import { type HTTPRouteMatch, pathProblem } from "#schemas/httproute.ts"
import { compilePattern } from "../../routing/pattern.ts"
import { redirectProblem } from "../../routing/rewrite.ts"
import { routeNote } from "../../status/conditions.ts"
import { ingressNote, voyagerNote } from "../../status/ingressnotes.ts"
import type { RedirectAction } from "../destination.ts"
import { isAddress } from "../intersection.ts"
import { toMatch } from "../match.ts"
import { type HostRule, type IngressHost, type IngressHosts, withDefault } from "./ingress.ts"
import { prefix } from "./voyager.ts"

/** A path is a regular expression where it has the signs of one; Kubernetes then had it match from the path's beginning. */
const matchOf = (path: string): HTTPRouteMatch => {
  const type = /[()[\]{}*^$|\\?+]/.test(path) ? "RegularExpression" : "PathPrefix"
  const value = path === "" ? "/" : type === "PathPrefix" ? path : `${path.replace(/^\^/, "")}.*`
  return { path: { type, value }, headers: [], queryParams: [] }
}

/** What is wrong with the path of a match; null: nothing. */
const pathOf = ({ path: { type, value } }: HTTPRouteMatch, at: string): string | null => {
  if (type === "RegularExpression") {
    const pattern = compilePattern(value)
    return Result.isFailure(pattern) ? routeNote.pattern(at, pattern.failure) : null
  }
  const problem = pathProblem(value)
  return problem === undefined ? null : `${at}: ${problem}`
}

const line = /^\s*http-request\s+redirect\s+(location|prefix|scheme)\s+([^\s%]+)(?:\s+code\s+(301|302|303|307|308))?\s*$/
const url = /^(?:(https?):\/\/([a-z0-9](?:[-a-z0-9.]*[a-z0-9])?)(?::([0-9]{1,5}))?)?(\/[^\s]*)?$/

/** `http-request redirect …` as it is executed; null: the line is another. */
const redirectOf = (text: string, match: HTTPRouteMatch): RedirectAction | null => {
  const [, form, target = "", code = "302"] = line.exec(text) ?? []
  if (form === undefined) return null
  const action = (to: RedirectAction["to"]): RedirectAction | null =>
    redirectProblem(to, toMatch(match).path) === null ? { _tag: "Redirect", status: Number(code), to } : null
  if (form === "scheme")
    return target === "http" || target === "https" ? action({ scheme: target, hostname: null, port: null, path: null }) : null
  const [whole, scheme, hostname, port, path = ""] = url.exec(target) ?? []
  if (whole === undefined || target === "" || Number(port ?? 1) < 1 || Number(port ?? 1) > 65_535) return null
  const at = {
    scheme: scheme === "http" || scheme === "https" ? scheme : null,
    hostname: hostname ?? null,
    port: port === undefined ? null : Number(port)
  } as const
  if (form === "location") return action({ ...at, path: { _tag: "PathAlone", value: path === "" ? "/" : path } })
  if (path === "" || path === "/") return action({ ...at, path: null })
  // What is put before the path replaces the prefix that matched, and only `/` is nothing of it.
  return match.path.type === "PathPrefix" && match.path.value === "/"
    ? action({ ...at, path: { _tag: "ReplacePrefixMatch", value: path } })
    : null
}

/** A number, also one that is written as a string; undefined: it is none. */
const portNumber = (written: number | string): number | undefined => {
  const port = /^[0-9]{1,5}$/.test(String(written)) ? Number(written) : 0
  return port >= 1 && port <= 65_535 ? port : undefined
}

const unservedOfBackend = ["hostNames", "headerRules", "rewriteRules", "alpn", "proto", "loadBalanceOn"] as const

const ruleOf = (backend: VoyagerBackend, match: HTTPRouteMatch, at: string, section: string): HostRule => {
  const [, name = "", namespace] = /^([^.]*)(?:\.([a-z0-9-]{1,63}))?$/.exec(backend.serviceName) ?? []
  const problems = unservedOfBackend.filter((field) => backend[field] !== undefined).map((field) => voyagerNote.field(`${at}.${field}`))
  if (name === "") problems.push(voyagerNote.serviceName(`${at}.serviceName`, backend.serviceName))
  const redirects = backend.backendRules.map((text) => redirectOf(text, match))
  for (const [index, text] of backend.backendRules.entries())
    if (redirects[index] === null) problems.push(voyagerNote.line(`${at}.backendRules[${index}]`, text))
  const instead = problems.length > 0 ? ({ _tag: "Refuse", why: "invalid_filter" } as const) : (redirects[0] ?? null)
  const ref = {
    ...{ group: "", kind: "Service", name, port: portNumber(backend.servicePort) ?? backend.servicePort, weight: 1, filters: [] },
    ...(namespace === undefined ? {} : { namespace })
  }
  return {
    rule: { matches: [match], filters: [], backendRefs: instead === null ? [ref] : [] },
    path: at,
    backend: at,
    section,
    instead,
    problems
  }
}

const unservedOfHttp = ["address", "alpn", "proto", "nodePort"] as const

export const readVoyagerIngress = (spec: VoyagerIngress["spec"], annotations: ReadonlyMap<string, string>): IngressHosts => {
  const hosts = new Map<string, IngressHost>()
  const problems: Array<string> = []
  const fields: Array<string> = []
  const notes: Array<string> = []
  for (const field of ["frontendRules", "loadBalancerSourceRanges"] as const)
    if (spec[field] !== undefined) fields.push(voyagerNote.field(`spec.${field}`))
  const pods = podFields.filter((field) => spec[field] !== undefined)
  if (pods.length > 0) notes.push(voyagerNote.pods(pods.map((field) => `spec.${field}`)))
  const own = [...annotations.keys()].filter((key) => key.startsWith(prefix)).sort()
  for (const key of own) fields.push(voyagerNote.field(`metadata.annotations ${key}`))
  for (const [index, element] of spec.rules.entries()) {
    const at = `spec.rules[${index}]`
    if (Result.isFailure(element)) {
      problems.push(routeNote.ruleUndecodable(element.failure))
      continue
    }
    const { host = "", http, tcp } = element.success
    const port = http?.port === undefined ? null : portNumber(http.port)
    if (tcp !== undefined) problems.push(voyagerNote.tcp(`${at}.tcp`))
    if (isAddress(host)) problems.push(ingressNote.hostIsAddress(`${at}.host`, host))
    if (port === undefined) problems.push(voyagerNote.port(`${at}.http.port`, String(http?.port)))
    if (http === undefined || isAddress(host) || port === undefined) continue
    for (const field of unservedOfHttp) if (http[field] !== undefined) fields.push(voyagerNote.field(`${at}.http.${field}`))
    if (http.noTLS !== undefined) notes.push(voyagerNote.noTls(`${at}.http.noTLS`))
    const hostname = host === "" || host === "*" ? "*" : host
    if (hostname.startsWith("*.")) notes.push(ingressNote.wildcard(`${at}.host`, host))
    const place = `${hostname} ${port}`
    const rules: Array<HostRule> = []
    for (const [number, { path, backend }] of http.paths.entries()) {
      const where = `${at}.http.paths[${number}]`
      const match = matchOf(path)
      const problem = pathOf(match, `${where}.path`)
      if (problem !== null) problems.push(problem)
      else rules.push(ruleOf(backend, match, `${where}.backend`, `rule ${index} path ${number}`))
    }
    hosts.set(place, { hostname, port, rules: [...(hosts.get(place)?.rules ?? []), ...rules] })
  }
  const fallback = spec.backend === undefined ? null : ruleOf(spec.backend, matchOf("/"), "spec.backend", "default backend")
  return { hosts: withDefault([...hosts.values()], fallback), problems, fields, notes }
}
