// ClusterState → what every Gateway serves and what is said of every object. Pure, total and deterministic; `previous` only saves work (law 13).
import type { Gateway } from "#schemas/gateway.ts"
import type { ObjectKey } from "#schemas/meta.ts"
import type { Id } from "../snapshot/id.ts"
import type { MaterialLookup } from "../snapshot/secret.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import type { ClusterState } from "../state/state.ts"
import type { Verdict } from "../status/verdict.ts"
import { backendVerdicts, type Reached } from "./backend.ts"
import { egressVerdicts } from "./egress.ts"
import { type OwnGateway, ownGateways, strayListenerSets } from "./gateway.ts"
import { gatewayClassVerdict } from "./gatewayclass.ts"
import { gatewayVerdicts, undecodableGateway } from "./gatewayverdict.ts"
import { type Gathered, gather, nothingGathered } from "./gathering.ts"
import { grpcRoutes, httpRoutes } from "./httproute.ts"
import type { Infrastructure } from "./infrastructure.ts"
import { translateIngresses } from "./ingress.ts"
import { gatewayClassKind, gatewayKind, ingressKind, voyagerIngressKind } from "./kinds.ts"
import { patching } from "./patching.ts"
import { policyVerdicts } from "./policy.ts"
import { reachedBy } from "./reached.ts"
import type { ResolvedUpstream } from "./resolved.ts"
import { translateRoutes } from "./route.ts"
import type { TranslateSettings } from "./settings.ts"
import { tcpRoutes, tlsRoutes, udpRoutes } from "./streamroute.ts"
import { type Built, build } from "./tables.ts"
import { trafficGiven, trafficPolicies } from "./trafficpolicy.ts"
import { trafficVerdicts } from "./trafficverdict.ts"
import { served, type TranslatedRoute } from "./translatedroute.ts"
import type { Collected } from "./units.ts"
import { type Memo, open } from "./view.ts"

export interface TranslatedGateway {
  readonly snapshot: Snapshot
  /** The bytes that snapshot.secrets refers to. */
  readonly material: MaterialLookup
  readonly infrastructure: Infrastructure
  /** ListenerSets that are for it, admitted or not. */
  readonly sets: ReadonlyArray<ObjectKey>
}

/** For `previous`, and for the test that counts (law 13). Otherwise nobody's business. */
export interface TranslationMemo {
  /** Units computed anew, of `size` in use. */
  readonly computed: number
  readonly size: number
  readonly units: Memo
  readonly built: ReadonlyMap<ObjectKey, Built>
  readonly reached: Reached
  readonly upstreams: UpstreamTables
  /** What the verdicts were put together from. */
  readonly parts: ReadonlyArray<Verdicts>
}

type Verdicts = ReadonlyMap<ObjectKey, Verdict>

/** Of each Gateway, the upstreams it uses. */
type UpstreamTables = ReadonlyArray<ReadonlyMap<Id, ResolvedUpstream>>

/** Each upstream once, though several Gateways use it. */
const flattened = (tables: UpstreamTables): Iterable<ResolvedUpstream> => new Map(tables.flatMap((table) => [...table])).values()

export interface Translation {
  readonly memo: TranslationMemo
  readonly verdicts: Verdicts
  /** Secrets and ConfigMaps that the state must answer for. */
  readonly interest: ReadonlySet<ObjectKey>
  readonly gateways: ReadonlyMap<ObjectKey, TranslatedGateway>
  /** Gateways and routes that nothing was made of, with the reason: they are another controller's, or `check` tells a mistake. */
  readonly ignored: ReadonlyMap<ObjectKey, string>
}

export type Translate = (state: ClusterState, previous?: Translation) => Translation

/** A collection a kind of route. */
type Routes = ReadonlyArray<Collected<TranslatedRoute | string>>

/** What each Gateway's gathering came to: brought up to date by the routes that differ. */
const gatherAll = (
  gateways: ReadonlyArray<OwnGateway>,
  routes: Routes,
  before: TranslationMemo | null
): ReadonlyMap<ObjectKey, Gathered> => {
  const sessions = new Map(gateways.map(({ key }) => [key, gather(key, before?.built.get(key)?.gathered ?? nothingGathered)] as const))
  // A route that stands still names the same Gateways as before, and those were there: what one has gathered cannot be missing.
  const each = (route: TranslatedRoute, act: "add" | "remove"): void => {
    for (const gateway of new Set([...route.gateways, ...route.attached.map((one) => one.gateway)])) sessions.get(gateway)?.[act](route)
  }
  for (const { values, changed } of routes)
    for (const [key, old] of changed) {
      const before = served(old)
      const now = served(values.get(key))
      if (before !== null) each(before, "remove")
      if (now !== null) each(now, "add")
    }
  return new Map([...sessions].map(([key, session]) => [key, session.done()] as const))
}

const byObject = (verdicts: Iterable<Verdict | null>): Verdicts => {
  const map = new Map<ObjectKey, Verdict>()
  for (const verdict of verdicts) if (verdict !== null) map.set(verdict.object, verdict)
  return map
}

/** Verdicts of routes by what changed of them, of the rest by comparing the parts that are not the same Map as before. */
const verdictsOf = (parts: ReadonlyArray<Verdicts>, routes: Routes, previous: Translation | null): Verdicts => {
  const verdicts = patching<ObjectKey, Verdict>(previous?.verdicts ?? new Map())
  for (const [index, part] of parts.entries()) {
    const old = previous?.memo.parts[index]
    if (old === part) continue
    for (const key of old?.keys() ?? []) if (!part.has(key)) verdicts.drop(key)
    for (const [key, verdict] of part) if (old?.get(key) !== verdict) verdicts.set(key, verdict)
  }
  for (const { values, changed } of routes)
    for (const key of changed.keys()) {
      const route = served(values.get(key))
      if (route === null) verdicts.drop(key)
      else verdicts.set(key, route.verdict)
    }
  return verdicts.now()
}

const ignoredOf = (collections: ReadonlyArray<Collected<unknown>>, previous: Translation | null): ReadonlyMap<ObjectKey, string> => {
  const ignored = patching<ObjectKey, string>(previous?.ignored ?? new Map())
  for (const { values, changed } of collections)
    for (const key of changed.keys()) {
      const value = values.get(key)
      if (typeof value === "string") ignored.set(key, value)
      else ignored.drop(key)
    }
  return ignored.now()
}

const never = (): boolean => false

/** settings are fixed for the life of the process: a previous translation under other settings must not be given. */
export const makeTranslate =
  (settings: TranslateSettings): Translate =>
  (state, previous) => {
    const session = open(state, previous?.memo.units ?? null)
    const { view } = session
    // A memo that cannot be gone on from is none: what has changed is told against what it remembers.
    const last = session.continues && previous !== undefined ? previous : null
    const before = last?.memo ?? null
    // Of the policies only whether there are any: without one, no route looks for those that speak of it.
    session.give(trafficGiven, trafficPolicies(view).length > 0 ? settings : null)
    const owned = ownGateways(session, settings)
    const strays = strayListenerSets(session, settings)
    const gateways = [...owned.values.values()].filter((own) => typeof own === "object" && own !== null)
    const routes = [
      translateRoutes(session, settings, httpRoutes),
      translateRoutes(session, settings, grpcRoutes),
      translateRoutes(session, settings, tlsRoutes),
      translateRoutes(session, settings, tcpRoutes),
      translateRoutes(session, settings, udpRoutes),
      ...[ingressKind, voyagerIngressKind].map((kind) => translateIngresses(session, settings, kind))
    ]

    const gathered = gatherAll(gateways, routes, before)
    const built = new Map(gateways.map((own) => [own.key, build(own, gathered.get(own.key)!, before?.built.get(own.key) ?? null)] as const))
    const reached = reachedBy(routes, before?.reached ?? null)
    session.give("reached", reached)
    const upstreams = gateways.map((own) => gathered.get(own.key)!.upstreams.values)
    const sameUpstreams =
      before !== null && before.upstreams.length === upstreams.length && upstreams.every((one, i) => one === before.upstreams[i])
    const allUpstreams = sameUpstreams ? before.upstreams : upstreams
    session.give("upstreams", allUpstreams)

    const parts = [
      byObject(view.list(gatewayClassKind).map(({ meta }) => gatewayClassVerdict(view, settings, meta.key))),
      byObject(view.list<Gateway>(gatewayKind).map((object) => undecodableGateway(view, settings, object))),
      byObject(gateways.flatMap((own) => gatewayVerdicts(own, gathered.get(own.key)!))),
      view.unit("verdicts", "backends", (view) => backendVerdicts(view, settings, view.given<Reached>("reached")), never),
      view.unit("verdicts", "tls policies", (view) => policyVerdicts(view, view.given<Reached>("reached")), never),
      view.unit("verdicts", "traffic policies", (view) => trafficVerdicts(view, settings, view.given<Reached>("reached")), never),
      view.unit("verdicts", "egress policies", (view) => egressVerdicts(view, flattened(view.given<UpstreamTables>("upstreams"))), never)
    ]
    const verdicts = verdictsOf(parts, routes, last)
    const units = session.finish()
    return {
      memo: { computed: units.computed, size: units.size, units, built, reached, upstreams: allUpstreams, parts },
      verdicts,
      interest: units.interest,
      gateways: new Map(
        [...built].map(
          ([key, { own, snapshot, material }]) =>
            [key, { snapshot, material, infrastructure: own.infrastructure, sets: own.sets.map((set) => set.key) }] as const
        )
      ),
      ignored: ignoredOf([owned, strays, ...routes], last)
    }
  }
