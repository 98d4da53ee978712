// networking.k8s.io/v1 Ingress: its rules as rules of HTTPRoutes, a host at a time (docs/ingress.md). Pure; what it attaches to is decided elsewhere.
import { Result } from "effect"
import type { Ingress, IngressBackend, IngressPath } from "#schemas/dialects/ingress.ts"
import { pathProblem } from "#schemas/httproute.ts"
import type { Action } from "../../snapshot/route.ts"
import { routeNote } from "../../status/conditions.ts"
import { ingressNote } from "../../status/ingressnotes.ts"
import { isAddress } from "../intersection.ts"
import type { RouteRule } from "../rule.ts"

/** A rule, and where it is written. */
export interface HostRule {
  readonly rule: RouteRule
  /** `spec.rules[0].http.paths[1]` */
  readonly path: string
  /** The field of its backend. */
  readonly backend: string
  /** In logs and `explain`: `rule 0 path 1`. */
  readonly section: string
  /** What is done in place of going to a backend; null, or absent: nothing. */
  readonly instead?: Action | null
  /** Why it is refused. */
  readonly problems?: ReadonlyArray<string>
}

/** Rules of a host; port null: at every listener that takes the host. */
export interface IngressHost {
  readonly hostname: string
  readonly port: number | null
  readonly rules: ReadonlyArray<HostRule>
}

export interface IngressHosts {
  /** `*` for every host; in the order written. */
  readonly hosts: ReadonlyArray<IngressHost>
  /** Rules that are not served, each naming its field. */
  readonly problems: ReadonlyArray<string>
  /** Fields that are not served, while the rest is. */
  readonly fields: ReadonlyArray<string>
  readonly notes: ReadonlyArray<string>
}

const refOf = ({ service, resource }: IngressBackend): RouteRule["backendRefs"][number] => {
  const port = service?.port.number ?? service?.port.name
  const target =
    service === undefined
      ? { group: resource?.apiGroup ?? "", kind: resource?.kind ?? "", name: resource?.name ?? "" }
      : { group: "", kind: "Service", name: service.name, ...(port === undefined ? {} : { port }) }
  return { ...target, weight: 1, filters: [] }
}

const ruleOf = (type: "Exact" | "PathPrefix", value: string, backend: IngressBackend): RouteRule => ({
  matches: [{ path: { type, value }, headers: [], queryParams: [] }],
  filters: [],
  backendRefs: [refOf(backend)]
})

/** What other controllers take for a regular expression, where Kubernetes lets them. */
const expression = /[()[\]{}*^$|\\?+]/

const problemOf = ({ path, pathType }: IngressPath): string | undefined =>
  path === ""
    ? undefined
    : pathType === "ImplementationSpecific" && expression.test(path)
      ? ingressNote.expression(path)
      : pathProblem(path)

export const readIngress = ({ rules, defaultBackend }: Ingress["spec"]): IngressHosts => {
  const hosts = new Map<string, Array<HostRule>>()
  const problems: Array<string> = []
  const notes: Array<string> = []
  for (const [index, element] of rules.entries()) {
    const at = `spec.rules[${index}]`
    if (Result.isFailure(element)) {
      problems.push(routeNote.ruleUndecodable(element.failure))
      continue
    }
    const { host = "", http } = element.success
    if (isAddress(host)) {
      problems.push(ingressNote.hostIsAddress(`${at}.host`, host))
      continue
    }
    const hostname = host === "" ? "*" : host
    if (!hosts.has(hostname) && host.startsWith("*.")) notes.push(ingressNote.wildcard(`${at}.host`, host))
    const into = hosts.get(hostname) ?? []
    hosts.set(hostname, into)
    if (http === undefined && defaultBackend === undefined) problems.push(ingressNote.nothing(at))
    for (const [number, path] of (http?.paths ?? []).entries()) {
      const where = `${at}.http.paths[${number}]`
      const problem = problemOf(path)
      if (problem !== undefined) {
        problems.push(`${where}.path: ${problem}`)
        continue
      }
      const rule = ruleOf(path.pathType === "Exact" ? "Exact" : "PathPrefix", path.path === "" ? "/" : path.path, path.backend)
      into.push({ rule, path: where, backend: `${where}.backend`, section: `rule ${index} path ${number}` })
    }
  }
  const fallback =
    defaultBackend === undefined
      ? null
      : {
          rule: ruleOf("PathPrefix", "/", defaultBackend),
          path: "spec.defaultBackend",
          backend: "spec.defaultBackend",
          section: "default backend"
        }
  const all = [...hosts].map(([hostname, rules]) => ({ hostname, port: null, rules }))
  return { hosts: withDefault(all, fallback), problems, fields: [], notes }
}

const takesAll = ({ rule }: HostRule): boolean => rule.matches.some(({ path }) => path.type === "PathPrefix" && path.value === "/")

/** Hosts with the rule for what no path takes. A host of its own is looked at before every host, so it has to be said there too. fallback null: there is none. */
export const withDefault = (hosts: ReadonlyArray<IngressHost>, fallback: HostRule | null): ReadonlyArray<IngressHost> => {
  if (fallback === null) return hosts
  const every = hosts.some(({ hostname, port }) => hostname === "*" && port === null) ? [] : [{ hostname: "*", port: null, rules: [] }]
  return [...hosts, ...every].map((host) => (host.rules.some(takesAll) ? host : { ...host, rules: [...host.rules, fallback] }))
}
