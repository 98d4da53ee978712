// ClusterState → what every Gateway serves and what is said of every object. Pure, total and deterministic; `previous` only saves work (law 13).
import { Result } from "effect"
import type { Gateway } from "#schemas/gateway.ts"
import type { HTTPRoute } from "#schemas/httproute.ts"
import type { ObjectKey } from "#schemas/meta.ts"
import type { MaterialLookup } from "../snapshot/secret.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import type { Decoded } from "../state/change.ts"
import type { ClusterState } from "../state/state.ts"
import type { Verdict } from "../status/verdict.ts"
import { backendVerdicts, type Reached } from "./backend.ts"
import { egressVerdicts } from "./egress.ts"
import { gatewayKind, type OwnGateway, ownGateway } from "./gateway.ts"
import { gatewayClassKind, gatewayClassVerdict } from "./gatewayclass.ts"
import { gatewayVerdict, undecodableGateway } from "./gatewayverdict.ts"
import { type Gathered, gather, nothingGathered } from "./gathering.ts"
import type { Infrastructure } from "./infrastructure.ts"
import { policyVerdicts } from "./policy.ts"
import { reachedBy } from "./reached.ts"
import { httpRouteKind, type TranslatedRoute, translateRoute } from "./route.ts"
import type { TranslateSettings } from "./settings.ts"
import { shared } from "./sharing.ts"
import { type Built, build } from "./tables.ts"
import { type Memo, open, type View } from "./view.ts"

export interface TranslatedGateway {
  readonly snapshot: Snapshot
  /** The bytes that snapshot.secrets refers to. */
  readonly material: MaterialLookup
  readonly infrastructure: Infrastructure
}

/** For `previous`, and for the test that counts: units computed anew and kept. Otherwise nobody's business. */
export interface TranslationMemo {
  readonly computed: number
  readonly kept: number
  readonly units: Memo
  readonly routes: ReadonlyMap<ObjectKey, TranslatedRoute>
  readonly built: ReadonlyMap<ObjectKey, Built>
  readonly reached: Reached
}

export interface Translation {
  readonly memo: TranslationMemo
  readonly verdicts: ReadonlyMap<ObjectKey, Verdict>
  /** Secrets and ConfigMaps that the state must answer for. */
  readonly interest: ReadonlySet<ObjectKey>
  readonly gateways: ReadonlyMap<ObjectKey, TranslatedGateway>
  /** Objects of ours to read, that nothing was made of, with the reason: `check` tells them. */
  readonly ignored: ReadonlyMap<ObjectKey, string>
}

export type Translate = (state: ClusterState, previous?: Translation) => Translation

const routesOf = (view: View, settings: TranslateSettings, ignored: Map<ObjectKey, string>): Map<ObjectKey, TranslatedRoute> => {
  const routes = new Map<ObjectKey, TranslatedRoute>()
  for (const object of view.list<HTTPRoute>(httpRouteKind)) {
    const route = translateRoute(view, settings, object.meta.key)
    if (route !== null) routes.set(object.meta.key, route)
    else ignored.set(object.meta.key, whyNoParent(object))
  }
  return routes
}

const whyNoParent = ({ value }: Decoded<HTTPRoute>): string =>
  Result.isSuccess(value) && value.success.spec.parentRefs.length === 0
    ? "spec.parentRefs is empty: the route attaches to no Gateway"
    : "spec.parentRefs names no Gateway that Sluice serves"

const gatewaysOf = (view: View, settings: TranslateSettings, ignored: Map<ObjectKey, string>): ReadonlyArray<OwnGateway> => {
  const gateways: Array<OwnGateway> = []
  for (const { meta, value } of view.list<Gateway>(gatewayKind)) {
    const own = ownGateway(view, settings, meta.key)
    if (own !== null) gateways.push(own)
    else if (Result.isSuccess(value))
      ignored.set(meta.key, `spec.gatewayClassName: GatewayClass ${value.success.spec.gatewayClassName} does not exist or is not Sluice's`)
  }
  return gateways
}

/** What each Gateway's gathering came to: brought up to date by the routes that differ. */
const gatherAll = (
  gateways: ReadonlyArray<OwnGateway>,
  routes: ReadonlyMap<ObjectKey, TranslatedRoute>,
  before: TranslationMemo | null
): ReadonlyMap<ObjectKey, Gathered> => {
  const sessions = new Map(gateways.map(({ key }) => [key, gather(key, before?.built.get(key)?.gathered ?? nothingGathered)] as const))
  // A route that stands still names the same Gateways as before, and those were there: what one has gathered cannot be missing.
  const each = (route: TranslatedRoute, act: "add" | "remove"): void => {
    for (const gateway of new Set([...route.gateways, ...route.attached.map((one) => one.gateway)])) sessions.get(gateway)?.[act](route)
  }
  for (const [key, route] of routes) {
    const old = before?.routes.get(key)
    if (old === route) continue
    if (old !== undefined) each(old, "remove")
    each(route, "add")
  }
  for (const [key, old] of before?.routes ?? []) if (!routes.has(key)) each(old, "remove")
  return new Map([...sessions].map(([key, session]) => [key, session.done()] as const))
}

/** Verdicts by object, in the Map (===) of before when none has changed. */
const verdictsOf = (
  parts: Iterable<Iterable<Verdict>>,
  before: ReadonlyMap<ObjectKey, Verdict> | undefined
): ReadonlyMap<ObjectKey, Verdict> => {
  const verdicts = new Map<ObjectKey, Verdict>()
  let changed = false
  for (const part of parts)
    for (const verdict of part) {
      const old = before?.get(verdict.object)
      const kept = old === verdict ? old : shared(old, verdict)
      if (kept !== old) changed = true
      verdicts.set(verdict.object, kept)
    }
  return before !== undefined && !changed && before.size === verdicts.size ? before : verdicts
}

const present = <A>(items: Iterable<A | null>): ReadonlyArray<A> => [...items].filter((item): item is A => item !== null)

/** settings are fixed for the life of the process: a previous translation under other settings must not be given. */
export const makeTranslate =
  (settings: TranslateSettings): Translate =>
  (state, previous) => {
    const before = previous?.memo ?? null
    const { view, finish } = open(state, before?.units ?? null)
    const ignored = new Map<ObjectKey, string>()
    const gateways = gatewaysOf(view, settings, ignored)
    const routes = routesOf(view, settings, ignored)
    const gathered = gatherAll(gateways, routes, before)
    const built = new Map(gateways.map((own) => [own.key, build(own, gathered.get(own.key)!, before?.built.get(own.key) ?? null)] as const))
    const reached = reachedBy(routes, before)
    const upstreams = built.values().flatMap((one) => one.gathered.upstreams.values.values())
    const verdicts = verdictsOf(
      [
        present(view.list(gatewayClassKind).map(({ meta }) => gatewayClassVerdict(view, settings, meta.key))),
        present(view.list<Gateway>(gatewayKind).map((object) => undecodableGateway(settings, object))),
        gateways.map((own) => gatewayVerdict(own, gathered.get(own.key)!)),
        routes.values().map((route) => route.verdict),
        backendVerdicts(view, settings, reached).values(),
        policyVerdicts(view, reached).values(),
        egressVerdicts(view, upstreams).values()
      ],
      previous?.verdicts
    )
    const units = finish()
    const unchangedRoutes =
      before !== null && before.routes.size === routes.size && routes.entries().every(([key, route]) => before.routes.get(key) === route)
    return {
      memo: {
        computed: units.computed,
        kept: units.kept,
        units,
        routes: unchangedRoutes ? before.routes : routes,
        built,
        reached
      },
      verdicts,
      interest: units.interest,
      gateways: new Map(
        [...built].map(([key, { own, snapshot, material }]) => [key, { snapshot, material, infrastructure: own.infrastructure }] as const)
      ),
      ignored
    }
  }
