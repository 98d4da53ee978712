// A route of any kind: its verdict, and what it brings to the listeners it attaches to. A unit of its own, so that a change of one route is the work of one. What its rules
// come to, each kind says itself (httproute.ts, streamroute.ts).
import { Result } from "effect"
import { type GroupKind, type ObjectKey, parseKey, spokenKind } from "#schemas/meta.ts"
import type { RouteOwner } from "#schemas/owner.ts"
import type { AnyRoute } from "#schemas/route.ts"
import type { Rule } from "../snapshot/route.ts"
import { ignoredRoute, observed, routeNote, type Said, route as say } from "../status/conditions.ts"
import { attach } from "./attachment.ts"
import type { Carries } from "./carriage.ts"
import type { ParentListener } from "./gateway.ts"
import { isAddress } from "./intersection.ts"
import type { ResolvedUpstream } from "./resolved.ts"
import type { TranslatedRule } from "./rule.ts"
import type { TranslateSettings } from "./settings.ts"
import { byChain, type Chain } from "./traffic.ts"
import { acceptedAt, assembled, entryOf, guarded, type RoutePart, resolvedOf, type TranslatedRoute, without } from "./translatedroute.ts"
import type { Collected } from "./units.ts"
import type { Session, View } from "./view.ts"

/** What the rules come to, and what is said of the route for it at every parent. */
export interface RouteBody {
  readonly rules: ReadonlyArray<TranslatedRule>
  /** Theirs, in the order of rules and matches. */
  readonly served: ReadonlyArray<Rule>
  /** Of a route of bytes, which has no such rules: what becomes of them. */
  readonly stream: RoutePart["stream"]
  /** Not null: no rule is served. */
  readonly refused: Said | null
  readonly resolved: Said
  /** Rules that are not served, where others are. */
  readonly dropped: ReadonlyArray<string>
}

/** A kind of route: what it says beside its parents. */
export interface RouteKind<R extends AnyRoute> {
  readonly kind: GroupKind
  /** Hosts by which it is told from others, as written; [] for all of them. */
  readonly hostnames: (route: R) => ReadonlyArray<string>
  /** What of it goes to backends from a listener; null: from one that nobody knows. */
  readonly carries: (listener: ParentListener | null) => Carries
  /** gateway: policies of the listeners that it is for. */
  readonly body: (view: View, settings: TranslateSettings, route: R, key: ObjectKey, gateway: Chain, carries: Carries) => RouteBody
}

/** The body of rules of which some may be bad. good: how many are not. */
export const bodyOf = (
  rules: ReadonlyArray<TranslatedRule>,
  problems: ReadonlyArray<string>,
  good: number,
  stream: RouteBody["stream"] = null
): RouteBody => ({
  rules,
  // Lists that were grown have room to grow on, which ten thousand routes would hold for ever: a copy has none.
  served: rules.flatMap((rule) => rule.rules).slice(),
  stream,
  refused: good === 0 ? say.unsupportedValue(problems) : null,
  resolved: resolvedOf(rules),
  dropped: good > 0 ? problems : []
})

const hostnamesProblem = (hostnames: ReadonlyArray<string>): Said | null => {
  const bad = hostnames.find(isAddress)
  return bad === undefined ? null : say.unsupportedValue([routeNote.hostnameIsAddress(bad)])
}

const translated =
  <R extends AnyRoute>(route: RouteKind<R>) =>
  (view: View, settings: TranslateSettings, key: ObjectKey): TranslatedRoute | string => {
    const object = view.get<R>(key)
    if (object === null) return "it does not exist"
    const { meta } = object
    const { namespace } = parseKey(key)
    const attachTo = (refs: AnyRoute["spec"]["parentRefs"], hostnames: ReadonlyArray<string>) =>
      refs.flatMap((ref) => attach(view, settings, ref, spokenKind(route.kind), namespace, hostnames) ?? [])
    if (Result.isFailure(object.value)) {
      const refused = say.undecodable(object.value.failure)
      const owner = object.owner as RouteOwner | undefined
      const parents = attachTo(owner?.spec.parentRefs ?? [], ["*"])
      if (parents.length > 0)
        return without(
          meta,
          parents.map((one) => entryOf(meta, one, [refused]))
        )
      // In a cluster it may be another controller's; where it is a user's own file the entry is shown.
      const conditions = [observed(meta.generation, refused)]
      return without(meta, [{ parent: null, section: null, port: null, conditions, listener: null }])
    }
    const value = object.value.success
    const written = route.hostnames(value)
    const attachments = attachTo(value.spec.parentRefs, written.length === 0 ? ["*"] : written)
    if (attachments.length === 0) return value.spec.parentRefs.length === 0 ? ignoredRoute.noParent : ignoredRoute.foreignParent
    // Policies of Gateways and listeners, and what a listener makes of its connections, may make different rules of it: usually there is one.
    const bodies = new Map<string, RouteBody>()
    const bodyAt = (chain: Chain, carries: Carries): RouteBody => {
      const known = bodies.get(`${carries} ${chain}`)
      if (known !== undefined) return known
      const made = route.body(view, settings, value, key, chain, carries)
      bodies.set(`${carries} ${chain}`, made)
      return made
    }
    const fields = value.spec.useDefaultGateways === "All" ? [routeNote.defaultGateways] : []
    const badHostname = hostnamesProblem(written)
    const parts: Array<RoutePart> = []
    const upstreams = new Map<ObjectKey, Array<ResolvedUpstream>>()
    let counted = false
    const entries = attachments.map((one) => {
      const groups = [...byChain(view, one)].flatMap(([chain, listeners]) =>
        listeners.length === 0
          ? [{ listeners, body: bodyAt(chain, route.carries(null)) }]
          : [...Map.groupBy(listeners, ({ listener }) => route.carries(listener))].map(([carries, some]) => ({
              listeners: some,
              body: bodyAt(chain, carries)
            }))
      )
      for (const { listeners, body } of groups) {
        parts.push({ attachment: { ...one, listeners }, from: key, rules: body.served, stream: body.stream })
        upstreams.set(one.gateway, [...(upstreams.get(one.gateway) ?? []), ...body.rules.flatMap((rule) => rule.upstreams)])
      }
      const { body } = groups.find((group) => group.body.resolved.status !== "True") ?? groups[0]!
      const refused = badHostname ?? body.refused
      if (refused === null) counted = true
      // Never on a route that is not accepted (Gateway API, RouteConditionPartiallyInvalid).
      const partly = body.dropped.length + fields.length === 0 ? [] : [say.partly(body.dropped, fields)]
      const no = one.refused ?? refused
      return entryOf(meta, one, no === null ? [acceptedAt(one), body.resolved, ...partly] : [no, body.resolved])
    })
    const all = [...bodies.values()].flatMap(({ rules }) => rules)
    const made = assembled(meta, entries, parts, all, { counted, serving: badHostname === null })
    return bodies.size === 1 ? made : { ...made, byGateway: upstreams }
  }

/** Every route of a kind. A string: nothing is made of it, no Gateway of ours is its parent, and why. */
export const translateRoutes = <R extends AnyRoute>(
  session: Session,
  settings: TranslateSettings,
  route: RouteKind<R>
): Collected<TranslatedRoute | string> => {
  const translate = translated(route)
  return session.each(route.kind, route.kind, (view, key) => guarded(view, settings, key, translate))
}
