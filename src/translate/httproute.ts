// HTTPRoute: a rule of the snapshot for each match of its rules.
import { Result } from "effect"
import type { HTTPRoute } from "#schemas/httproute.ts"
import { parseKey } from "#schemas/meta.ts"
import { gatewayGroup } from "#schemas/reference.ts"
import { routeNote } from "../status/conditions.ts"
import { httpRouteKind } from "./kinds.ts"
import { bodyOf, type RouteKind } from "./route.ts"
import { type TranslatedRule, translateRule } from "./rule.ts"
import { ruleChain } from "./traffic.ts"

export const httpRoutes: RouteKind<HTTPRoute> = {
  kind: httpRouteKind,
  hostnames: (route) => route.spec.hostnames,
  carries: () => "Requests",
  body: (view, settings, route, key, gateway) => {
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
    return bodyOf(rules, problems, good)
  }
}
