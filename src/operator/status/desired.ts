// The part of an object's `.status` that is ours, made of its verdict, what was provisioned and what proxies saw, over the status that stands. Pure.
import { type Condition, type ObjectKey, parseKey } from "#schemas/meta.ts"
import { listenerSet, observed } from "../../status/conditions.ts"
import type { Verdict, VerdictEntry } from "../../status/verdict.ts"
import { mergeConditions } from "./conditions.ts"
import { type Fields, field, isFields, listAt, stringAt } from "./json.ts"
import { hasOwnSections, mergeSections, type SectionedList } from "./sections.ts"
import { worstConditions } from "./worst.ts"

export interface GatewayAddress {
  readonly type: "IPAddress" | "Hostname"
  readonly value: string
}

/** What is known beside the verdict. Only the fields of the object's kind are read. */
export interface Beside {
  /** Of a Gateway: where clients reach it. Of an Ingress: where they reach the Gateway that serves it. */
  readonly addresses: ReadonlyArray<GatewayAddress>
  /** Of a Gateway: conditions that stand over the verdict's (nothing can be provisioned, no address yet). Of a ListenerSet: that its Gateway has such. By type. */
  readonly over: ReadonlyArray<Condition>
  /**
   * Of a Gateway and its ListenerSets: what is said instead of a `Programmed` that becomes True. One that stands True is not taken back for it: pods come and go, and what no
   * proxy serves any more is the verdict's to say (law 18).
   */
  readonly unreachable: Condition | null
  /** Of a GatewayClass: sorted names. */
  readonly features: ReadonlyArray<string>
  /** Of a GatewayClass: whether the version of the CRDs is known. */
  readonly version: Condition | null
  /** Of a Backend: `live` and `endpoints` (schemas/backendstatus.ts); null: nobody has reported. */
  readonly live: Fields | null
}

/** Which list of an XBackend its CRD has: `parents` in Gateway API v1.6, `ancestors` since v1.7. The other one would be dropped by the API server unsaid. */
export type XBackendShape = "parents" | "ancestors"

const gatewayGroup = "gateway.networking.k8s.io"

const backendKind = "Backend.gateway.sluice.dev"

const ofRoute: SectionedList = { list: "parents", ref: "parentRef", most: 32 }

const shapes: Readonly<Record<string, SectionedList>> = {
  [`HTTPRoute.${gatewayGroup}`]: ofRoute,
  [`GRPCRoute.${gatewayGroup}`]: ofRoute,
  [`TLSRoute.${gatewayGroup}`]: ofRoute,
  [`TCPRoute.${gatewayGroup}`]: ofRoute,
  [`UDPRoute.${gatewayGroup}`]: ofRoute,
  [`BackendTLSPolicy.${gatewayGroup}`]: { list: "ancestors", ref: "ancestorRef", most: 16 },
  "BackendTrafficPolicy.gateway.envoyproxy.io": { list: "ancestors", ref: "ancestorRef", most: 16 },
  "BackendTrafficPolicy.gateway.sluice.dev": { list: "ancestors", ref: "ancestorRef", most: 16 },
  "XBackendTrafficPolicy.gateway.networking.x-k8s.io": { list: "ancestors", ref: "ancestorRef", most: 16 },
  [backendKind]: { list: "ancestors", ref: "ancestorRef", most: 16 }
}

const xbackendKind = "XBackend.gateway.networking.x-k8s.io"

const setKind = `ListenerSet.${gatewayGroup}`

/** The shared list of a kind; null: its conditions stand at the top. */
export const shapeOf = (kind: string, xbackend: XBackendShape): SectionedList | null =>
  kind === xbackendKind ? { list: xbackend, ref: xbackend === "parents" ? "parentRef" : "ancestorRef", most: 32 } : (shapes[kind] ?? null)

const topOf = (verdict: Verdict): ReadonlyArray<Condition> =>
  verdict.entries.find((entry) => entry.parent === null && entry.listener === null)?.conditions ?? []

/** Conditions with those that stand over them. */
const covered = (conditions: ReadonlyArray<Condition>, over: ReadonlyArray<Condition>): ReadonlyArray<Condition> => [
  ...conditions.map((condition) => over.find((one) => one.type === condition.type) ?? condition),
  ...over.filter((one) => !conditions.some((condition) => condition.type === one.type))
]

/** A Gateway that is, after all, not accepted: nor are its sets. */
const refused = (over: ReadonlyArray<Condition>): boolean => over.some(({ type, status }) => type === "Accepted" && status === "False")

/** before: the conditions that stand. */
const becoming = (conditions: ReadonlyArray<Condition>, before: unknown, unreachable: Condition | null): ReadonlyArray<Condition> => {
  const stood = listAt({ before }, "before").find((one) => stringAt(one, "type") === "Programmed")
  if (unreachable === null || stringAt(stood, "status") === "True") return conditions
  return conditions.map((one) => (one.type === "Programmed" && one.status === "True" ? unreachable : one))
}

const ingressAddress = ({ type, value }: GatewayAddress): Fields => (type === "IPAddress" ? { ip: value } : { hostname: value })

type ListenerEntry = VerdictEntry & { readonly listener: NonNullable<VerdictEntry["listener"]> }

const listenersOf = (verdict: Verdict, status: unknown, unreachable: Condition | null, now: string): ReadonlyArray<unknown> => {
  const before = new Map(listAt(status, "listeners").map((one) => [stringAt(one, "name"), one] as const))
  return verdict.entries
    .filter((entry): entry is ListenerEntry => entry.listener !== null)
    .map(({ section, listener, conditions }) => {
      const old = before.get(section ?? "")
      return {
        // Fields that others (or a newer Sluice) know stay.
        ...(isFields(old) ? old : {}),
        name: section ?? "",
        supportedKinds: listener.supportedKinds.map(({ group, kind }) => ({ group, kind })),
        attachedRoutes: listener.attachedRoutes,
        conditions: mergeConditions(field(old, "conditions"), becoming(conditions, field(old, "conditions"), unreachable), now)
      }
    })
}

export interface StatusContext {
  readonly controller: string
  readonly xbackend: XBackendShape
  /** RFC 3339. */
  readonly now: string
  /** The object's generation, where the condition `Accepted` that stands is of our writing. Of kinds whose status has no controllerName. */
  readonly accepted?: number
}

/** Whether what stands of an object that nothing is said of any more is ours to take back. */
export const leftOver = (object: ObjectKey, status: unknown, context: Omit<StatusContext, "now">): boolean => {
  const { kind } = parseKey(object)
  const shape = shapeOf(kind, context.xbackend)
  return shape === null ? kind === setKind && context.accepted !== undefined : hasOwnSections(shape, status, context.controller)
}

/** A ListenerSet whose Gateway has gone, or is not ours any more: as before anybody had judged it. */
const takenBack = (status: unknown, generation: number, now: string): Fields => {
  const said = listenerSet.noGateway.map((one) => observed(generation, one))
  // A merge patch takes away what is null.
  return { conditions: mergeConditions(field(status, "conditions"), said, now), listeners: null }
}

/**
 * Fields of `.status` to write, whole. verdict null: nothing is said of the object any more, and what we said is taken back where others may have something to say.
 * null: nothing there is ours to write.
 */
export const desiredStatus = (
  object: ObjectKey,
  verdict: Verdict | null,
  status: unknown,
  beside: Beside,
  context: StatusContext
): Fields | null => {
  const { kind, namespace } = parseKey(object)
  const { controller, now, accepted } = context
  const shape = shapeOf(kind, context.xbackend)
  if (shape !== null) {
    if (verdict === null && !hasOwnSections(shape, status, controller)) return null
    const list = mergeSections(shape, status, namespace, verdict?.entries ?? [], controller, now)
    const own = hasOwnSections(shape, { [shape.list]: list }, controller)
    // Nothing of ours stands there and nothing is to: a route may be anybody's. A Backend is always ours.
    if (!own && kind !== backendKind && !hasOwnSections(shape, status, controller)) return null
    if (kind !== backendKind) return { [shape.list]: list }
    return {
      conditions: mergeConditions(field(status, "conditions"), worstConditions(verdict?.entries ?? []), now),
      [shape.list]: list,
      // A merge patch takes away what is null.
      ...(beside.live ?? { live: null, endpoints: null })
    }
  }
  if (verdict === null) return kind === setKind && accepted !== undefined ? takenBack(status, accepted, now) : null
  const stood = field(status, "conditions")
  const conditions = mergeConditions(stood, becoming(covered(topOf(verdict), beside.over), stood, beside.unreachable), now)
  switch (kind) {
    case `Gateway.${gatewayGroup}`:
      return {
        conditions,
        listeners: listenersOf(verdict, status, beside.unreachable, now),
        addresses: beside.addresses.map(({ type, value }) => ({ type, value })),
        // Older CRDs lack it.
        ...(verdict.attachedSets === undefined && field(status, "attachedListenerSets") === undefined
          ? {}
          : { attachedListenerSets: refused(beside.over) ? 0 : (verdict.attachedSets ?? 0) })
      }
    case setKind:
      return { conditions, listeners: listenersOf(verdict, status, beside.unreachable, now) }
    case `GatewayClass.${gatewayGroup}`: {
      const said = beside.version === null ? topOf(verdict) : covered(topOf(verdict), [beside.version])
      return {
        conditions: mergeConditions(field(status, "conditions"), said, now),
        supportedFeatures: beside.features.map((name) => ({ name }))
      }
    }
    case "Ingress.networking.k8s.io":
      return { loadBalancer: beside.addresses.length === 0 ? {} : { ingress: beside.addresses.map(ingressAddress) } }
    default:
      return { conditions }
  }
}
