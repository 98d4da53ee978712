// BackendTrafficPolicy of Envoy Gateway: which policies have a say on the way of a request, and what they come to together. Among those of the Gateway, its listener,
// the route and its rule the nearest holds outright, or merged into the next one by its mergeType; one that targets a backend counts block by block in between.
import { Result } from "effect"
import { type EnvoyTargetSelector, type EnvoyTrafficPolicy, targetRefsOf } from "#schemas/dialects/envoytrafficpolicy.ts"
import { type GroupKind, groupKind, type ObjectKey, objectKey, parseKey, spokenKind } from "#schemas/meta.ts"
import type { EnvoyTrafficPolicyOwner } from "#schemas/owner.ts"
import { envoyGroup, gatewayGroup, type PolicyTargetReference } from "#schemas/reference.ts"
import type { Source } from "../snapshot/id.ts"
import type { Retry } from "../snapshot/retry.ts"
import type { Setting } from "../snapshot/setting.ts"
import type { Decoded } from "../state/change.ts"
import { backendNote, describeIssues } from "../status/conditions.ts"
import { byAge } from "./age.ts"
import type { Attachment } from "./attachment.ts"
import type { Layer } from "./behaviour.ts"
import { type Blocks, blocks, trafficNotes, trafficOf, trafficProblems } from "./dialects/envoytraffic.ts"
import { backendKind, envoyBackendKind, httpRouteKind, serviceKind, trafficPolicyKind, xbackendKind } from "./kinds.ts"
import type { Index } from "./lookup.ts"
import { labelsOf } from "./namespace.ts"
import { permitted } from "./reference.ts"
import { selects } from "./selector.ts"
import type { View } from "./view.ts"

type Policy = Decoded<EnvoyTrafficPolicy>
type Spec = EnvoyTrafficPolicy["spec"]

/** Kinds of backends that can be targets, which Envoy Gateway does not have. */
export const backendKinds: ReadonlySet<GroupKind> = new Set([serviceKind, backendKind, envoyBackendKind, xbackendKind])

/** Whom a policy names; of one that does not decode, as far as they can be read. */
export const refsOf = ({ value, owner }: Policy): ReadonlyArray<PolicyTargetReference> => {
  if (Result.isSuccess(value)) return targetRefsOf(value.success.spec)
  const { targetRef, targetRefs = [] } = (owner as EnvoyTrafficPolicyOwner | undefined)?.spec ?? {}
  return [...targetRefs.filter(Result.isSuccess).map((ref) => ref.success), ...(targetRef === undefined ? [] : [targetRef])]
}

export const selectorsOf = ({ value }: Policy): ReadonlyArray<EnvoyTargetSelector> =>
  Result.isSuccess(value) ? (value.success.spec.targetSelectors ?? []) : []

export const targetOf = (namespace: string, ref: PolicyTargetReference): ObjectKey =>
  objectKey(groupKind(ref.group, ref.kind), namespace, ref.name)

const byTarget: Index<EnvoyTrafficPolicy> = {
  name: "EnvoyTrafficPolicy:target",
  kind: trafficPolicyKind,
  buckets: (policy) => refsOf(policy).map((ref) => targetOf(parseKey(policy.meta.key).namespace, ref))
}

const bySelectedKind: Index<EnvoyTrafficPolicy> = {
  name: "EnvoyTrafficPolicy:selected",
  kind: trafficPolicyKind,
  buckets: (policy) => selectorsOf(policy).map(({ group, kind }) => groupKind(group, kind))
}

/** Whether a selector of a policy takes an object: by its labels, and in another namespace by a grant there as well. */
export const takes = (
  view: View,
  policy: ObjectKey,
  selector: EnvoyTargetSelector,
  target: ObjectKey,
  labels: ReadonlyMap<string, string>
): boolean => {
  const { kind, namespace, name } = parseKey(target)
  const from = parseKey(policy).namespace
  if (groupKind(selector.group, selector.kind) !== kind || !selects(selector, labels)) return false
  if (namespace === from) return true
  const { namespaces } = selector
  if (namespaces === undefined || namespaces.from === "Same") return false
  if (namespaces.from === "Selector" && (namespaces.selector === undefined || !selects(namespaces.selector, labelsOf(view, namespace))))
    return false
  const to = { group: selector.group, kind: selector.kind, namespace, name }
  return permitted(view, { group: envoyGroup, kind: "BackendTrafficPolicy", namespace: from }, to)
}

/** The policy that holds a target, or a section of it: the oldest, then the first by namespace and name. Its key alone, so that readers stand while it is the same. */
export const holderOf = (view: View, target: ObjectKey, section: string | null): ObjectKey | null =>
  view.unit("traffic-holder", `${target} ${section ?? ""}`, (inner) => {
    let first: Policy | null = null
    const consider = (policy: Policy): void => {
      if (first === null || byAge(policy.meta, first.meta) < 0) first = policy
    }
    const { kind, namespace, name } = parseKey(target)
    for (const policy of inner.by(byTarget, target))
      if (
        refsOf(policy).some((ref) => groupKind(ref.group, ref.kind) === kind && ref.name === name && (ref.sectionName ?? null) === section)
      )
        if (parseKey(policy.meta.key).namespace === namespace) consider(policy)
    if (section === null) {
      const labels = inner.get(target)?.meta.labels ?? new Map<string, string>()
      for (const policy of inner.by(bySelectedKind, kind))
        if (selectorsOf(policy).some((selector) => takes(inner, policy.meta.key, selector, target, labels))) consider(policy)
    }
    return (first as Policy | null)?.meta.key ?? null
  })

export interface EvaluatedPolicy {
  readonly source: Source
  /** null: it cannot be applied; its targets answer 500. */
  readonly spec: Spec | null
  readonly problems: ReadonlyArray<string>
  readonly notes: ReadonlyArray<string>
}

export const trafficSource = (key: ObjectKey): Source => {
  const { kind, namespace, name } = parseKey(key)
  return { kind: spokenKind(kind), namespace, name, section: null }
}

const kindsOf = (policy: Policy): ReadonlyArray<GroupKind> => [
  ...refsOf(policy).map((ref) => groupKind(ref.group, ref.kind)),
  ...selectorsOf(policy).map(({ group, kind }) => groupKind(group, kind))
]

const evaluate = (policy: Policy): EvaluatedPolicy => {
  const source = trafficSource(policy.meta.key)
  if (Result.isFailure(policy.value)) return { source, spec: null, problems: [describeIssues(policy.value.failure)], notes: [] }
  const { spec } = policy.value.success
  const targets = kindsOf(policy)
  const problems = [
    ...trafficProblems(spec),
    ...(spec.mergeType !== undefined && targets.some((kind) => kind !== httpRouteKind && !unservedRoutes.has(kind))
      ? [backendNote.traffic.mergeTarget]
      : []),
    ...(spec.timeout?.http?.requestTimeout !== undefined && targets.some((kind) => backendKinds.has(kind))
      ? [backendNote.traffic.requestOfBackend]
      : [])
  ]
  return { source, spec: problems.length === 0 ? spec : null, problems, notes: trafficNotes(spec) }
}

/** Routes that Envoy Gateway has and Sluice does not serve: a policy may name them beside others. */
const unservedRoutes: ReadonlySet<GroupKind> = new Set(
  ["GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute"].map((kind) => groupKind(gatewayGroup, kind))
)

export const evaluated = (view: View, key: ObjectKey): EvaluatedPolicy | null =>
  view.unit("traffic-policy", key, (inner) => {
    const policy = inner.get<EnvoyTrafficPolicy>(key)
    return policy === null ? null : evaluate(policy)
  })

/** Keys of the policies between a Gateway and a rule, weakest first: `gateway listener|route rule`. "": nobody speaks. */
export type Chain = string

const some = (...keys: ReadonlyArray<ObjectKey | null>): string => keys.filter((key) => key !== null).join(" ")

/** There is any policy: what `makeTranslate` gives, so that without one nobody looks. */
export const trafficGiven = "traffic policies"
const any = (view: View): boolean => view.given<boolean | undefined>(trafficGiven) === true

/** listener: its name; null: those of the Gateway as a whole. */
export const gatewayChain = (view: View, gateway: ObjectKey, listener: string | null): Chain => {
  if (!any(view)) return ""
  const keys = some(holderOf(view, gateway, null), listener === null ? null : holderOf(view, gateway, listener))
  return keys === "" ? "" : `${keys}|`
}

/** Listeners that a route attaches to, by the policies of their Gateway that speak there. */
export const byChain = (view: View, { gateway, listeners }: Attachment): ReadonlyMap<Chain, Attachment["listeners"]> => {
  if (!any(view) || listeners.length === 0) return new Map([["", listeners]])
  return Map.groupBy(listeners, ({ listener }) => gatewayChain(view, gateway, listener.name))
}

/** gateway: the chain so far. rule: its name; null: it has none. */
export const ruleChain = (view: View, gateway: Chain, route: ObjectKey, rule: string | null): Chain => {
  if (!any(view)) return ""
  const keys = some(holderOf(view, route, null), rule === null ? null : holderOf(view, route, rule))
  return keys === "" ? gateway : `${gateway === "" ? "|" : gateway}${keys}`
}

/** What policies say of a rule's requests. */
export interface Governed {
  /** Not null: this one cannot be applied, so nothing is sent. */
  readonly refused: Source | null
  /** Weaker than what the backend says. */
  readonly under: ReadonlyArray<Layer>
  /** Stronger. */
  readonly over: ReadonlyArray<Layer>
  readonly retry: Setting<Retry>
  readonly request: Setting<number>
  /** Those that are in force, weakest first. */
  readonly policies: ReadonlyArray<Source>
}

const ungoverned: Governed = { refused: null, under: [], over: [], retry: "Default", request: "Default", policies: [] }

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Both kinds of merge are this one, as no list that is served has a key to be merged by: fields deep, lists and values whole. What was said for another type is not asked. */
const merged = (under: unknown, over: unknown): unknown => {
  if (over === undefined) return under
  if (!isFields(under) || !isFields(over)) return over
  const fields: Record<string, unknown> = { ...under }
  for (const [name, value] of Object.entries(over)) fields[name] = merged(under[name], value)
  return fields
}

interface Link {
  readonly near: boolean
  readonly policy: EvaluatedPolicy
}

/** Those in force: the nearest, and further ones as long as each is to be merged into the next. */
const inForce = (view: View, chain: Chain): ReadonlyArray<Link> => {
  const [far = "", near = ""] = chain.split("|")
  let links: ReadonlyArray<Link> = []
  for (const [side, keys] of [far, near].entries())
    for (const key of keys.split(" ")) {
      const policy = key === "" ? null : evaluated(view, key as ObjectKey)
      if (policy === null) continue
      const link = { near: side === 1, policy }
      links = policy.spec?.mergeType === undefined ? [link] : [...links, link]
    }
  return links
}

export const governedBy = (view: View, chain: Chain): Governed =>
  chain === ""
    ? ungoverned
    : view.unit("traffic", chain, (inner) => {
        const links = inForce(inner, chain)
        const policies = links.map(({ policy }) => policy.source)
        const bad = links.findLast(({ policy }) => policy.spec === null)
        if (bad !== undefined) return { ...ungoverned, refused: bad.policy.source, policies }
        const under: Array<Layer> = []
        const over: Array<Layer> = []
        let { retry, request } = ungoverned
        for (const block of blocks) {
          const saying = links.filter(({ policy }) => policy.spec![block] !== undefined)
          const nearest = saying.at(-1)
          if (nearest === undefined) continue
          const value = saying.reduce<unknown>((before, { policy }) => merged(before, policy.spec![block]), undefined)
          const traffic = trafficOf({ [block]: value } as Blocks)
          if (block === "timeout") request = traffic.request
          if (block === "retry" && nearest.near) retry = traffic.part.retry ?? retry
          else (nearest.near ? over : under).push({ source: nearest.policy.source, part: traffic.part })
        }
        return { refused: null, under, over, retry, request, policies }
      })

/** What a policy that targets the backend itself says; null: none does. */
export const backendTraffic = (view: View, backend: ObjectKey): Governed | null => {
  if (!any(view)) return null
  const key = holderOf(view, backend, null)
  return key === null ? null : governedBy(view, `${key}|`)
}
