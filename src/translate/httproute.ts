// HTTPRoute and GRPCRoute: a rule of the snapshot for each match of their rules.
import { Result } from "effect"
import type { GRPCRoute, GRPCRouteRule } from "#schemas/grpcroute.ts"
import type { HTTPRoute, HTTPRouteRule } from "#schemas/httproute.ts"
import { type Element, type GroupKind, parseKey, spokenKind } from "#schemas/meta.ts"
import { gatewayGroup } from "#schemas/reference.ts"
import type { AnyRoute } from "#schemas/route.ts"
import { routeNote } from "../status/conditions.ts"
import type { Carries } from "./carriage.ts"
import { grpcRouteKind, httpRouteKind } from "./kinds.ts"
import { callMatches, type Matches, requestMatches } from "./match.ts"
import { bodyOf, type RouteKind } from "./route.ts"
import { type RuleBody, type TranslatedRule, translateRule } from "./rule.ts"
import { ruleChain } from "./traffic.ts"

interface OfRules<Rule> extends AnyRoute {
  readonly spec: AnyRoute["spec"] & { readonly hostnames: ReadonlyArray<string>; readonly rules: ReadonlyArray<Element<Rule>> }
}

const of = <Rule extends RuleBody & { readonly name?: string }, R extends OfRules<Rule>>(
  kind: GroupKind,
  carries: Carries,
  matchesOf: (rule: Rule, path: string) => Matches
): RouteKind<R> => ({
  kind,
  hostnames: (route) => route.spec.hostnames,
  carries: () => carries,
  body: (view, settings, route, key, gateway) => {
    const { namespace, name } = parseKey(key)
    const spoken = spokenKind(kind)
    const from = { kind: spoken, group: gatewayGroup, namespace, name }
    const rules: Array<TranslatedRule> = []
    const problems: Array<string> = []
    let good = 0
    for (const [index, element] of route.spec.rules.entries()) {
      if (Result.isFailure(element)) {
        problems.push(routeNote.ruleUndecodable(element.failure))
        continue
      }
      const rule = element.success
      const path = `spec.rules[${index}]`
      const source = { kind: spoken, namespace, name, section: `rule ${rule.name ?? index}` }
      const chain = ruleChain(view, gateway, key, rule.name ?? null)
      const translated = translateRule(view, settings, rule, matchesOf(rule, path), path, source, from, chain, carries)
      rules.push(translated)
      if (translated.problems.length === 0) good++
      else problems.push(translated.rules.length > 0 ? routeNote.ruleRefused(translated.problems) : translated.problems.join("; "))
    }
    // A GRPCRoute may have no rules: it serves nothing, and nothing is wrong with it.
    return bodyOf(rules, problems, route.spec.rules.length === 0 ? 1 : good)
  }
})

export const httpRoutes = of<HTTPRouteRule, HTTPRoute>(httpRouteKind, "Requests", (rule, path) => requestMatches(rule.matches, path))
export const grpcRoutes = of<GRPCRouteRule, GRPCRoute>(grpcRouteKind, "Calls", (rule, path) => callMatches(rule.matches, path))
