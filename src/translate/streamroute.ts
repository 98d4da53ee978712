// TLSRoute, TCPRoute, UDPRoute: one rule, whose backends get the bytes. Nothing is matched but the name that TLS asks for, and nothing is changed.
import { Result } from "effect"
import { type GroupKind, parseKey, spokenKind } from "#schemas/meta.ts"
import { gatewayGroup } from "#schemas/reference.ts"
import type { AnyRoute } from "#schemas/route.ts"
import type { streamRules } from "#schemas/streamroute.ts"
import type { TLSRoute } from "#schemas/tlsroute.ts"
import type { StreamRoute } from "../snapshot/listener.ts"
import { routeNote } from "../status/conditions.ts"
import type { Carries } from "./carriage.ts"
import type { ParentListener } from "./gateway.ts"
import { tcpRouteKind, tlsRouteKind, udpRouteKind } from "./kinds.ts"
import { bodyOf, type RouteKind } from "./route.ts"
import { sharesOf } from "./shares.ts"
import { ruleChain } from "./traffic.ts"

type BytesRoute = AnyRoute & { readonly spec: { readonly rules: (typeof streamRules)["Type"] } }

const of = <R extends BytesRoute>(
  kind: GroupKind,
  hostnames: (route: R) => ReadonlyArray<string>,
  carries: (listener: ParentListener | null) => Carries
): RouteKind<R> => ({
  kind,
  hostnames,
  carries,
  body: (view, settings, route, key, gateway, carried) => {
    const { namespace, name } = parseKey(key)
    const spoken = spokenKind(kind)
    const [element] = route.spec.rules
    if (element === undefined || Result.isFailure(element))
      return bodyOf([], element === undefined ? [] : [routeNote.ruleUndecodable(element.failure)], 0)
    const rule = element.success
    const source = { kind: spoken, namespace, name, section: `rule ${rule.name ?? 0}` }
    const from = { kind: spoken, group: gatewayGroup, namespace, name }
    const chain = ruleChain(view, gateway, key, rule.name ?? null)
    const at = (index: number): string => `spec.rules[0].backendRefs[${index}]`
    const { to, resolved: _, ...said } = sharesOf(view, settings, rule.backendRefs, at, () => [], from, chain, carried)
    const action: StreamRoute["action"] = to.some(({ weight }) => weight > 0)
      ? { _tag: "Forward", retry: "Default", cache: null, to }
      : { _tag: "Refuse", why: "no_backend" }
    const notes = action._tag === "Forward" ? said.notes : [...said.notes, routeNote.noWeightForBytes("spec.rules[0]")]
    return bodyOf([{ ...said, notes, rules: [], problems: [] }], [], 1, { source, action })
  }
})

const everyName = (): ReadonlyArray<string> => []

export const tlsRoutes: RouteKind<TLSRoute> = of(
  tlsRouteKind,
  (route) => route.spec.hostnames,
  (listener) => (listener?.tls === "Terminate" ? "Content" : "Tls")
)
export const tcpRoutes: RouteKind<BytesRoute> = of(tcpRouteKind, everyName, () => "Bytes")
export const udpRoutes: RouteKind<BytesRoute> = of(udpRouteKind, everyName, () => "Datagrams")
