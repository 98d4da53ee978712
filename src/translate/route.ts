// An HTTPRoute: its verdict, and what it brings to the hosts of the listeners it attaches to. A unit of its own, so that a change of one route is the work of one.
import { Result } from "effect"
import type { HTTPRoute } from "#schemas/httproute.ts"
import { type ObjectKey, parseKey } from "#schemas/meta.ts"
import type { HTTPRouteOwner } from "#schemas/owner.ts"
import { gatewayGroup } from "#schemas/reference.ts"
import type { Rule } from "../snapshot/route.ts"
import { ignoredRoute, observed, routeNote, type Said, route as say } from "../status/conditions.ts"
import { attach } from "./attachment.ts"
import { isAddress } from "./intersection.ts"
import { httpRouteKind } from "./kinds.ts"
import type { ResolvedUpstream } from "./resolved.ts"
import { type TranslatedRule, translateRule } from "./rule.ts"
import type { TranslateSettings } from "./settings.ts"
import { byChain, type Chain, ruleChain } from "./traffic.ts"
import { acceptedAt, assembled, entryOf, guarded, type RoutePart, resolvedOf, type TranslatedRoute, without } from "./translatedroute.ts"
import type { Collected } from "./units.ts"
import type { Session, View } from "./view.ts"

/** What the rules come to, and what is said of the route for it at every parent. */
interface Body {
  readonly rules: ReadonlyArray<TranslatedRule>
  /** Theirs, in the order of rules and matches. */
  readonly served: ReadonlyArray<Rule>
  /** Not null: no rule is served. */
  readonly refused: Said | null
  readonly resolved: Said
  /** Rules that are not served, where others are. */
  readonly dropped: ReadonlyArray<string>
}

/** gateway: policies of the listeners that it is for. */
const bodyOf = (view: View, settings: TranslateSettings, route: HTTPRoute, key: ObjectKey, gateway: Chain): Body => {
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
    const translated = translateRule(
      view,
      settings,
      rule,
      `spec.rules[${index}]`,
      source,
      from,
      ruleChain(view, gateway, key, rule.name ?? null)
    )
    rules.push(translated)
    if (translated.problems.length === 0) good++
    else problems.push(translated.rules.length > 0 ? routeNote.ruleRefused(translated.problems) : translated.problems.join("; "))
  }
  return {
    rules,
    // Lists that were grown have room to grow on, which ten thousand routes would hold for ever: a copy has none.
    served: rules.flatMap((rule) => rule.rules).slice(),
    refused: good === 0 ? say.unsupportedValue(problems) : null,
    resolved: resolvedOf(rules),
    dropped: good > 0 ? problems : []
  }
}

const hostnamesProblem = (route: HTTPRoute): Said | null => {
  const bad = route.spec.hostnames.find(isAddress)
  return bad === undefined ? null : say.unsupportedValue([routeNote.hostnameIsAddress(bad)])
}

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
  // Policies of Gateways and listeners may make different rules of it: usually there is one.
  const bodies = new Map<Chain, Body>()
  const bodyAt = (chain: Chain): Body => {
    const known = bodies.get(chain)
    if (known !== undefined) return known
    const made = bodyOf(view, settings, route, key, chain)
    bodies.set(chain, made)
    return made
  }
  const fields = route.spec.useDefaultGateways === "All" ? [routeNote.defaultGateways] : []
  const parts: Array<RoutePart> = []
  const upstreams = new Map<ObjectKey, Array<ResolvedUpstream>>()
  let counted = false
  const entries = attachments.map((one) => {
    const groups = [...byChain(view, one)].map(([chain, listeners]) => ({ listeners, body: bodyAt(chain) }))
    for (const { listeners, body } of groups) {
      parts.push({ attachment: { ...one, listeners }, from: key, rules: body.served })
      upstreams.set(one.gateway, [...(upstreams.get(one.gateway) ?? []), ...body.rules.flatMap((rule) => rule.upstreams)])
    }
    const { body } = groups[0]!
    const refused = hostnamesProblem(route) ?? body.refused
    if (refused === null) counted = true
    // Never on a route that is not accepted (Gateway API, RouteConditionPartiallyInvalid).
    const partly = body.dropped.length + fields.length === 0 ? [] : [say.partly(body.dropped, fields)]
    const no = one.refused ?? refused
    return entryOf(meta, one, no === null ? [acceptedAt(one), body.resolved, ...partly] : [no, body.resolved])
  })
  const all = [...bodies.values()].flatMap(({ rules }) => rules)
  const made = assembled(meta, entries, parts, all, { counted, serving: hostnamesProblem(route) === null })
  return bodies.size === 1 ? made : { ...made, byGateway: upstreams }
}

/** Every route. A string: nothing is made of it, no Gateway of ours is its parent, and why. */
export const translateRoutes = (session: Session, settings: TranslateSettings): Collected<TranslatedRoute | string> =>
  session.each("route", httpRouteKind, (view, key) => guarded(view, settings, key, translated))
