// An Ingress, of networking.k8s.io or Voyager's, as HTTPRoutes (one a host), with listeners for its TLS at the Gateway that serves it. It is read by its dialect
// (translate/dialects/ingress.ts, voyageringress.ts), and whose it is and which listeners it lends is asked of translate.
import { Result } from "effect"
import { decodeObject } from "#schemas/decode.ts"
import type { Ingress } from "#schemas/dialects/ingress.ts"
import type { VoyagerIngress } from "#schemas/dialects/voyageringress.ts"
import type { Gateway } from "#schemas/gateway.ts"
import { type Element, groupKind, type ObjectKey, objectKey, parseKey } from "#schemas/meta.ts"
import { gatewayGroup, ownGroup } from "#schemas/reference.ts"
import type { Service } from "#schemas/service.ts"
import { canonical } from "../snapshot/digest.ts"
import { describeIssues, routeNote } from "../status/conditions.ts"
import { ingressNote } from "../status/ingressnotes.ts"
import { type HostRule, type IngressHost, readIngress } from "../translate/dialects/ingress.ts"
import { readVoyagerIngress } from "../translate/dialects/voyageringress.ts"
import { lentTo, parentOf } from "../translate/gateway.ts"
import { foreignAnnotations } from "../translate/ingress.ts"
import { ingressParent } from "../translate/ingressclass.ts"
import type { LentListener } from "../translate/ingresstls.ts"
import { gatewayKind, httpRouteKind, serviceKind, voyagerIngressKind } from "../translate/kinds.ts"
import type { Ground } from "./ground.ts"
import { type Fields, metadataAs, written } from "./manifest.ts"
import { convertNote, lost, told } from "./note.ts"
import { redirectFilter } from "./redirect.ts"
import type { Becoming } from "./reroute.ts"

export interface ConvertedIngress {
  readonly gateway: ObjectKey
  readonly routes: ReadonlyArray<Fields>
  readonly listeners: ReadonlyArray<LentListener>
}

/** An HTTPRoute has no more rules than this, a Gateway no more listeners. */
const mostRules = 16
const mostListeners = 64

const serviceOf = (ground: Ground, namespace: string, name: string): Service["spec"] | null => {
  const value = ground.view.get<Service>(objectKey(serviceKind, namespace, name))?.value
  return value !== undefined && Result.isSuccess(value) ? value.success.spec : null
}

/** What a rule does with its requests; a string: nothing can be said of it in Gateway API, and why. */
const actionOf = (
  ground: Ground,
  becoming: Becoming,
  key: ObjectKey,
  { rule, instead = null, problems = [], backend }: HostRule
): Fields | string => {
  if (problems.length > 0) return problems.join("; ")
  const say = (note: Parameters<Ground["say"]>[1]) => ground.say(key, note)
  if (instead?._tag === "Redirect") return { filters: [redirectFilter(instead, backend, say)] }
  const [ref] = rule.backendRefs
  if (ref === undefined) return {}
  const { kind: full, namespace, name } = parseKey(key)
  const place = ref.namespace ?? namespace
  const target = objectKey(groupKind(ref.group, ref.kind), place, ref.name)
  const elsewhere = place === namespace ? {} : { namespace: place }
  const made = (backend: string): Fields => ({
    backendRefs: [{ group: ownGroup, kind: "Backend", name: backend, ...elsewhere }]
  })
  if (!target.startsWith(`${serviceKind}/`)) {
    const becomes = becoming.backend(target)
    return becomes === null ? { backendRefs: [{ group: ref.group, kind: ref.kind, name: ref.name }] } : made(becomes)
  }
  const port =
    typeof ref.port === "string" ? serviceOf(ground, place, ref.name)?.ports.find((one) => one.name === ref.port)?.port : ref.port
  if (port === undefined) return `Service ${place}/${ref.name} has no port of the name ${JSON.stringify(ref.port)}`
  const from = { kind: "Ingress", group: full.slice(full.indexOf(".") + 1), namespace, name }
  const to = becoming.services.refer(from, target, port)
  if (to._tag === "Redirect") return { filters: [redirectFilter(to.action, backend, say)] }
  return to._tag === "Backend" ? made(to.name) : { backendRefs: [{ name: ref.name, ...elsewhere, port }] }
}

const rulesOf = (ground: Ground, becoming: Becoming, key: ObjectKey, { rules }: IngressHost): ReadonlyArray<Fields> => {
  const seen = new Set<string>()
  return rules.flatMap((one) => {
    const matches = one.rule.matches.map(({ path }) => ({ path }))
    const match = canonical(matches)
    if (seen.has(match)) {
      ground.say(key, convertNote.dead(one.path))
      return []
    }
    seen.add(match)
    const action = actionOf(ground, becoming, key, one)
    if (typeof action === "string") ground.say(key, convertNote.answers500(one.backend, action))
    return [{ matches, ...(typeof action === "string" ? {} : action) }]
  })
}

/** A rule that the schemas refuse would fall to a wider one: it answers 500 in its place. */
const sound = (ground: Ground, key: ObjectKey, route: (rules: ReadonlyArray<Fields>) => Fields, rules: ReadonlyArray<Fields>): Fields => {
  const decoded = decodeObject(route(rules))
  const value =
    decoded._tag === "Decoded" && Result.isSuccess(decoded.value)
      ? (decoded.value.success as { spec: { rules: ReadonlyArray<Element<unknown>> } })
      : null
  return route(
    rules.map((rule, index) => {
      const read = value?.spec.rules[index]
      if (read === undefined || Result.isSuccess(read)) return rule
      ground.say(key, convertNote.answers500(`spec.rules[${index}] of what is made of it`, describeIssues(read.failure)))
      return { matches: rule["matches"] }
    })
  )
}

const routesOf = (
  ground: Ground,
  becoming: Becoming,
  key: ObjectKey,
  gateway: ObjectKey,
  hosts: ReadonlyArray<IngressHost>
): ReadonlyArray<Fields> => {
  const { namespace, name } = parseKey(key)
  const to = parseKey(gateway)
  const { value } = ground.given.get(key)!
  const filled = hosts.map((host) => ({ ...host, rules: rulesOf(ground, becoming, key, host) })).filter(({ rules }) => rules.length > 0)
  // Among routes of one host the first by name wins where two take the same: the order here is that of the Ingress.
  const parts = filled.flatMap(({ rules, ...host }) =>
    Array.from({ length: Math.ceil(rules.length / mostRules) }, (_, at) => ({
      ...host,
      rules: rules.slice(at * mostRules, (at + 1) * mostRules)
    }))
  )
  const count = (hostname: string, among: typeof parts): number => among.filter((part) => part.hostname === hostname).length
  return parts.map(({ hostname, port, rules }, at) => {
    const [all, before] = [count(hostname, parts), count(hostname, parts.slice(0, at))]
    const host = hostname === "*" || all === parts.length ? "" : `-${hostname.replace("*", "any")}`
    const number = all === 1 ? "" : `-${String(before + 1).padStart(String(all).length, "0")}`
    const metadata = metadataAs(value, ground.names.take(httpRouteKind, namespace, `${name}${host}${number}`))
    const parent = { name: to.name, ...(to.namespace === namespace ? {} : { namespace: to.namespace }), ...(port === null ? {} : { port }) }
    const route = (rules: ReadonlyArray<Fields>): Fields => ({
      apiVersion: `${gatewayGroup}/v1`,
      kind: "HTTPRoute",
      metadata,
      spec: { parentRefs: [parent], ...(hostname === "*" ? {} : { hostnames: [hostname] }), rules }
    })
    return sound(ground, key, route, rules)
  })
}

/** Why a Gateway that nobody writes cannot be written: it gives way to those that are, and would not any more. null: it can. */
const portTaken = ({ view }: Ground, gateway: ObjectKey, lent: ReadonlyArray<LentListener>): string | null => {
  const portsOf = (value: Gateway): ReadonlyArray<number> =>
    value.spec.listeners.flatMap((one) => (Result.isSuccess(one) ? [one.success.port] : []))
  const all = view
    .list<Gateway>(gatewayKind)
    .flatMap(({ meta, value }) => (Result.isSuccess(value) ? [{ key: meta.key, ports: portsOf(value.success) }] : []))
  const own = [...(all.find(({ key }) => key === gateway)?.ports ?? []), ...lent.map(({ listener }) => listener.port)]
  for (const { key, ports } of all)
    for (const port of ports) if (key !== gateway && own.includes(port)) return convertNote.portTaken(gateway, key, port)
  return null
}

const listenersOf = ({ view }: Ground, gateway: ObjectKey): number => {
  const value = view.get<Gateway>(gateway)?.value
  return value !== undefined && Result.isSuccess(value) ? value.success.spec.listeners.length : 0
}

/** What an Ingress becomes; a string: it stays as it is, and why. */
export const convertIngress = (ground: Ground, becoming: Becoming, key: ObjectKey): ConvertedIngress | string => {
  const { view, settings } = ground
  const object = view.get<Ingress | VoyagerIngress>(key)
  if (object === null) return "it does not exist"
  if (Result.isFailure(object.value)) return describeIssues(object.value.failure)
  const parent = ingressParent(view, settings, key)
  if (parent._tag !== "Gateway") return parent.why
  const { gateway } = parent
  if (parentOf(view, settings, gateway) === null) return ingressNote.gatewayMissing(gateway)
  const lent = lentTo(view, settings, gateway)
  const taken = ground.given.has(gateway) ? null : portTaken(ground, gateway, lent.listeners)
  if (taken !== null) return taken
  const lends = lent.listeners.filter(({ ingress }) => ingress === key)
  const listeners = lent.listeners.length + listenersOf(ground, gateway)
  if (lends.length > 0 && listeners > mostListeners) return convertNote.tooManyListeners(gateway, listeners, mostListeners)
  const { spec } = object.value.success
  const { annotations } = object.meta
  const read = key.startsWith(`${voyagerIngressKind}/`)
    ? readVoyagerIngress(spec as VoyagerIngress["spec"], annotations)
    : readIngress(spec as Ingress["spec"])
  const routes = routesOf(ground, becoming, key, gateway, read.hosts)
  const tls = lent.said.get(key)
  const badTls = [...spec.tls].flatMap((element) => (Result.isFailure(element) ? [routeNote.ruleUndecodable(element.failure)] : []))
  if (routes.length === 0) return [convertNote.noRules, ...read.problems].join("; ")
  for (const message of [...read.problems, ...read.fields, ...badTls, ...(tls?.problems ?? [])]) ground.say(key, lost(message))
  for (const message of foreignAnnotations(annotations, read.fields)) ground.say(key, lost(message))
  for (const message of read.notes) ground.say(key, told(message))
  const issued = [...annotations.keys()].filter((name) => /^(acme\.)?cert-manager\.io\//.test(name))
  if (issued.length > 0 && lends.length > 0) ground.say(key, convertNote.issuer(issued, gateway))
  return { gateway, routes, listeners: lends }
}

/** The listener that a Gateway has to have for one that an Ingress lent it. name: free among its own. */
export const listenerWritten = (
  { listener: { hostname, port, allowedRoutes }, secret }: LentListener,
  name: string,
  gateway: ObjectKey
): Fields => {
  const at = parseKey(secret)
  const elsewhere = at.namespace === parseKey(gateway).namespace ? {} : { namespace: at.namespace }
  return {
    name,
    port,
    protocol: "HTTPS",
    ...(hostname === undefined ? {} : { hostname }),
    tls: { certificateRefs: [{ name: at.name, ...elsewhere }] },
    allowedRoutes: written(allowedRoutes)
  }
}
