// An HTTPRoute: its verdict, and what it brings to the hosts of the listeners it attaches to. A unit of its own, so that a change of one route is the work of one.
import { Result } from "effect"
import type { HTTPRoute } from "#schemas/httproute.ts"
import { type Meta, type ObjectKey, parseKey } from "#schemas/meta.ts"
import type { HTTPRouteOwner } from "#schemas/owner.ts"
import { gatewayGroup } from "#schemas/reference.ts"
import type { Id } from "../snapshot/id.ts"
import type { Rule } from "../snapshot/route.ts"
import { ignoredRoute, observed, routeNote, type Said, route as say } from "../status/conditions.ts"
import type { Verdict, VerdictEntry } from "../status/verdict.ts"
import { type Attachment, attach } from "./attachment.ts"
import { isAddress } from "./intersection.ts"
import { httpRouteKind } from "./kinds.ts"
import type { ResolvedUpstream } from "./resolved.ts"
import { type Reaching, type TranslatedRule, translateRule } from "./rule.ts"
import type { TranslateSettings } from "./settings.ts"
import type { Collected } from "./units.ts"
import type { Session, View } from "./view.ts"

/** The route's rules on one host of one listener. */
export interface Contribution {
  readonly gateway: ObjectKey
  readonly listener: Id
  readonly hostname: string
  /** As the route wrote it. */
  readonly written: string
}

export interface TranslatedRoute {
  readonly meta: Meta
  readonly verdict: Verdict
  readonly contributions: ReadonlyArray<Contribution>
  /** In the order of rules and matches; the same on every host. */
  readonly rules: ReadonlyArray<Rule>
  /** Each id once. */
  readonly upstreams: ReadonlyArray<ResolvedUpstream>
  readonly reaches: ReadonlyArray<Reaching>
  /** Listeners that count it in attachedRoutes: it is accepted there, served or not. */
  readonly attached: ReadonlyArray<{ readonly gateway: ObjectKey; readonly listener: Id }>
  /** Gateways whose snapshot holds its rules and upstreams. */
  readonly gateways: ReadonlyArray<ObjectKey>
}

/** What the rules come to, and what is said of the route for it at every parent. */
interface Body {
  readonly rules: ReadonlyArray<TranslatedRule>
  /** Not null: no rule is served. */
  readonly refused: Said | null
  readonly resolved: Said
  /** Rules that are not served, where others are. */
  readonly dropped: ReadonlyArray<string>
}

const bodyOf = (view: View, settings: TranslateSettings, route: HTTPRoute, key: ObjectKey): Body => {
  const { namespace, name } = parseKey(key)
  const from = { kind: "HTTPRoute", group: gatewayGroup, namespace, name }
  const rules: Array<TranslatedRule> = []
  const problems: Array<string> = []
  let good = 0
  for (const [index, element] of route.spec.rules.entries()) {
    if (Result.isFailure(element)) {
      problems.push(routeNote.ruleUndecodable(element.failure))
      continue
    }
    const rule = element.success
    const source = { kind: "HTTPRoute", namespace, name, section: `rule ${rule.name ?? index}` }
    const translated = translateRule(view, settings, rule, `spec.rules[${index}]`, source, from)
    rules.push(translated)
    if (translated.problems.length === 0) good++
    else problems.push(translated.rules.length > 0 ? routeNote.ruleRefused(translated.problems) : translated.problems.join("; "))
  }
  const unresolved = rules.flatMap((rule) => rule.unresolved)
  const notes = [...new Set(rules.flatMap((rule) => rule.notes))]
  const resolved =
    unresolved.length === 0
      ? say.resolvedRefs(notes)
      : say.unresolvedRefs(
          unresolved[0]!.reason,
          unresolved.map((one) => one.message),
          notes
        )
  return {
    rules,
    refused: good === 0 ? say.unsupportedValue(problems) : null,
    resolved,
    dropped: good > 0 ? problems : []
  }
}

/** Names that need looking up, and addresses that a dial may refuse: what reports know of them belongs to the route's status. Pods are always dialled. */
const watched = (upstreams: ReadonlyArray<ResolvedUpstream>): ReadonlyArray<Id> =>
  upstreams
    .filter((one) => one.endpoints.some(({ at, origin }) => at._tag === "Name" || (at._tag === "Address" && origin !== "Pod")))
    .map((one) => one.id)

const unique = <A, K>(items: Iterable<A>, by: (item: A) => K): ReadonlyArray<A> => {
  const found = new Map<K, A>()
  for (const item of items) if (!found.has(by(item))) found.set(by(item), item)
  return [...found.values()]
}

const without = (meta: Meta, entries: ReadonlyArray<VerdictEntry>): TranslatedRoute => ({
  meta,
  verdict: { object: meta.key, generation: meta.generation, entries, upstreams: [], gateways: [] },
  contributions: [],
  rules: [],
  upstreams: [],
  reaches: [],
  attached: [],
  gateways: []
})

const acceptedAt = ({ listeners }: Attachment): Said =>
  listeners.some(({ listener }) => listener.served) ? say.accepted : say.acceptedIdle(listeners.map(({ listener }) => listener.name))

const hostnamesProblem = (route: HTTPRoute): Said | null => {
  const bad = route.spec.hostnames.find(isAddress)
  return bad === undefined ? null : say.unsupportedValue([routeNote.hostnameIsAddress(bad)])
}

const entryOf = (meta: Meta, { gateway, ref }: Attachment, conditions: ReadonlyArray<Said>): VerdictEntry => ({
  parent: gateway,
  section: ref.sectionName ?? null,
  port: ref.port ?? null,
  conditions: conditions.map((said) => observed(meta.generation, said)),
  listener: null
})

const translated = (view: View, settings: TranslateSettings, key: ObjectKey): TranslatedRoute | string => {
  const object = view.get<HTTPRoute>(key)
  if (object === null) return "it does not exist"
  const { meta } = object
  if (Result.isFailure(object.value)) {
    const refused = say.undecodable(object.value.failure)
    const owner = object.owner as HTTPRouteOwner | undefined
    const { namespace } = parseKey(key)
    const parents = (owner?.spec.parentRefs ?? []).flatMap((ref) => attach(view, settings, ref, "HTTPRoute", namespace, ["*"]) ?? [])
    if (parents.length > 0)
      return without(
        meta,
        parents.map((one) => entryOf(meta, one, [refused]))
      )
    // In a cluster it may be another controller's; where it is a user's own file the entry is shown.
    const conditions = [observed(meta.generation, refused)]
    return without(meta, [{ parent: null, section: null, port: null, conditions, listener: null }])
  }
  const route = object.value.success
  const { namespace } = parseKey(key)
  const hostnames = route.spec.hostnames.length === 0 ? ["*"] : route.spec.hostnames
  const attachments = route.spec.parentRefs.flatMap((ref) => attach(view, settings, ref, "HTTPRoute", namespace, hostnames) ?? [])
  if (attachments.length === 0) return route.spec.parentRefs.length === 0 ? ignoredRoute.noParent : ignoredRoute.foreignParent
  const body = bodyOf(view, settings, route, key)
  const refused = hostnamesProblem(route) ?? body.refused
  const fields = route.spec.useDefaultGateways === "All" ? [routeNote.defaultGateways] : []
  // Never on a route that is not accepted (Gateway API, RouteConditionPartiallyInvalid).
  const partly = body.dropped.length + fields.length === 0 ? [] : [say.partly(body.dropped, fields)]
  const entries = attachments.map((one) => {
    const no = one.refused ?? refused
    return entryOf(meta, one, no === null ? [acceptedAt(one), body.resolved, ...partly] : [no, body.resolved])
  })
  const bound = attachments.filter((one) => one.refused === null)
  const listeners = unique(
    bound.flatMap((one) => one.listeners.map((to) => ({ gateway: one.gateway, ...to }))),
    ({ listener }) => listener.id
  )
  // Rules that are not served answer 500 even where none of the route's is: see rule.ts.
  const serving = hostnamesProblem(route) === null ? listeners.filter(({ listener }) => listener.served) : []
  // Lists that were grown have room to grow on, which ten thousand routes would hold for ever: a copy has none.
  const rules = body.rules.flatMap((rule) => rule.rules).slice()
  const upstreams = unique(
    body.rules.flatMap((rule) => rule.upstreams),
    (one) => one.id
  )
  return {
    meta,
    verdict: {
      object: key,
      generation: meta.generation,
      entries,
      upstreams: watched(upstreams),
      gateways: unique(
        serving.map((one) => one.gateway),
        (gateway) => gateway
      )
    },
    contributions:
      rules.length === 0
        ? []
        : serving
            .flatMap(({ gateway, listener, hosts }) =>
              hosts.map(({ hostname, written }) => ({ gateway, listener: listener.id, hostname, written }))
            )
            .slice(),
    rules,
    upstreams,
    reaches: unique(
      body.rules.flatMap((rule) => rule.reaches),
      (one) => `${one.object} ${one.upstream}`
    ),
    attached: refused === null ? listeners.map(({ gateway, listener }) => ({ gateway, listener: listener.id })) : [],
    gateways: unique(
      serving.map((one) => one.gateway),
      (gateway) => gateway
    )
  }
}

/** Law 1 holds for our own defects too: a route that we fail on is refused, the others serve. The defect's text stays out of the status: it may quote anything. */
const guarded = (view: View, settings: TranslateSettings, key: ObjectKey): TranslatedRoute | string => {
  try {
    return translated(view, settings, key)
  } catch (defect) {
    const { meta } = view.get<HTTPRoute>(key)!
    const conditions = [observed(meta.generation, say.defect(defect instanceof Error ? defect.name : typeof defect))]
    return without(meta, [{ parent: null, section: null, port: null, conditions, listener: null }])
  }
}

/** Every route. A string: nothing is made of it, no Gateway of ours is its parent, and why. */
export const translateRoutes = (session: Session, settings: TranslateSettings): Collected<TranslatedRoute | string> =>
  session.each("route", httpRouteKind, (view, key) => guarded(view, settings, key))

/** A member of that collection, if something was made of it. */
export const served = (route: TranslatedRoute | string | undefined): TranslatedRoute | null => (typeof route === "object" ? route : null)
