// BackendTrafficPolicies, ours and Envoy Gateway's, and XBackendTrafficPolicies: whom each speaks of, who of several holds a target, and what one says by itself. What they come to together is in
// traffic.ts.
import { Result } from "effect"
import type { BackendTrafficPolicy } from "#schemas/backendtrafficpolicy.ts"
import { type EnvoyTargetSelector, type EnvoyTrafficPolicy, targetRefsOf } from "#schemas/dialects/envoytrafficpolicy.ts"
import { type GroupKind, groupKind, type Meta, type ObjectKey, objectKey, parseKey, spokenKind } from "#schemas/meta.ts"
import type { TrafficPolicyOwner } from "#schemas/owner.ts"
import { envoyGroup, type PolicyTargetReference } from "#schemas/reference.ts"
import type { XBackendTrafficPolicy } from "#schemas/xbackendtrafficpolicy.ts"
import type { Behaviour } from "../snapshot/behaviour.ts"
import type { Source } from "../snapshot/id.ts"
import type { Decoded } from "../state/change.ts"
import { backendNote } from "../status/backendnotes.ts"
import { describeIssues } from "../status/conditions.ts"
import type { Part } from "./behaviour.ts"
import { trafficNotes, trafficProblems } from "./dialects/envoytraffic.ts"
import { policyPart, policyProblems } from "./dialects/ownpolicy.ts"
import { xPolicyPart, xPolicyProblems } from "./dialects/xtrafficpolicy.ts"
import {
  backendKind,
  envoyBackendKind,
  envoyTrafficPolicyKind,
  routeKinds,
  serviceKind,
  trafficPolicyKind,
  xbackendKind,
  xTrafficPolicyKind
} from "./kinds.ts"
import type { Index } from "./lookup.ts"
import { labelsOf } from "./namespace.ts"
import { permitted } from "./reference.ts"
import { selects } from "./selector.ts"
import type { TranslateSettings } from "./settings.ts"
import type { View } from "./view.ts"

type Spoken = EnvoyTrafficPolicy | BackendTrafficPolicy | XBackendTrafficPolicy
export type TrafficPolicy = Decoded<Spoken>

/** Of two in one place by one name, in this order. */
const policyKinds: ReadonlyArray<GroupKind> = [trafficPolicyKind, envoyTrafficPolicyKind, xTrafficPolicyKind]

export const trafficPolicies = (view: View): ReadonlyArray<TrafficPolicy> => policyKinds.flatMap((kind) => view.list<Spoken>(kind))

/** There is any policy, and the settings they are judged under: what `makeTranslate` gives, so that without one nobody looks. */
export const trafficGiven = "traffic policies"
const given = (view: View): TranslateSettings | null => view.given<TranslateSettings | null | undefined>(trafficGiven) ?? null
export const anyPolicy = (view: View): boolean => given(view) !== null

/** Kinds of backends that can be targets, which Envoy Gateway does not have. */
export const backendKinds: ReadonlySet<GroupKind> = new Set([serviceKind, backendKind, envoyBackendKind, xbackendKind])

/** Whom a policy names; of one that does not decode, as far as they can be read. */
export const refsOf = ({ value, owner }: TrafficPolicy): ReadonlyArray<PolicyTargetReference> => {
  if (Result.isSuccess(value)) return targetRefsOf(value.success.spec)
  const { targetRef, targetRefs = [] } = (owner as TrafficPolicyOwner | undefined)?.spec ?? {}
  return [...targetRefs.filter(Result.isSuccess).map((ref) => ref.success), ...(targetRef === undefined ? [] : [targetRef])]
}

export const selectorsOf = ({ value }: TrafficPolicy): ReadonlyArray<EnvoyTargetSelector> =>
  Result.isSuccess(value) && "targetSelectors" in value.success.spec ? (value.success.spec.targetSelectors ?? []) : []

export const targetOf = (namespace: string, ref: PolicyTargetReference): ObjectKey =>
  objectKey(groupKind(ref.group, ref.kind), namespace, ref.name)

const byTarget = policyKinds.map(
  (kind): Index<Spoken> => ({
    name: `${kind}:target`,
    kind,
    buckets: (policy) => refsOf(policy).map((ref) => targetOf(parseKey(policy.meta.key).namespace, ref))
  })
)

const bySelectedKind: Index<EnvoyTrafficPolicy> = {
  name: `${envoyTrafficPolicyKind}:selected`,
  kind: envoyTrafficPolicyKind,
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

/** Whether policies of a kind may speak of objects of another. */
export const mayTarget = (policy: ObjectKey, target: GroupKind): boolean =>
  parseKey(policy).kind !== xTrafficPolicyKind || backendKinds.has(target)

/** The older first, then by namespace and name, then by kind. */
const before = (a: Meta, b: Meta): boolean => {
  if (a.created !== b.created) return a.created < b.created
  const [one, other] = [parseKey(a.key), parseKey(b.key)]
  const [left, right] = [`${one.namespace}/${one.name}`, `${other.namespace}/${other.name}`]
  return left === right ? policyKinds.indexOf(one.kind) < policyKinds.indexOf(other.kind) : left < right
}

/** The policy that holds a target, or a section of it. Its key alone, so that readers stand while it is the same. */
export const holderOf = (view: View, target: ObjectKey, section: string | null): ObjectKey | null =>
  view.unit("traffic-holder", `${target} ${section ?? ""}`, (inner) => {
    let first: Meta | null = null
    const consider = ({ meta }: TrafficPolicy): void => {
      if (first === null || before(meta, first)) first = meta
    }
    const { kind, namespace, name } = parseKey(target)
    for (const index of byTarget)
      for (const policy of inner.by(index, target))
        if (
          refsOf(policy).some(
            (ref) => groupKind(ref.group, ref.kind) === kind && ref.name === name && (ref.sectionName ?? null) === section
          )
        )
          if (parseKey(policy.meta.key).namespace === namespace && mayTarget(policy.meta.key, kind)) consider(policy)
    if (section === null) {
      const labels = inner.get(target)?.meta.labels ?? new Map<string, string>()
      for (const policy of inner.by(bySelectedKind, kind))
        if (selectorsOf(policy).some((selector) => takes(inner, policy.meta.key, selector, target, labels))) consider(policy)
    }
    return (first as Meta | null)?.key ?? null
  })

/** What a policy says. One of ours, or of Gateway API, goes block by block over those further from the request; Envoy's holds in their place, or is merged into them by its mergeType. */
export type Words =
  | { readonly _tag: "Own"; readonly part: Part<Behaviour> }
  | { readonly _tag: "Envoy"; readonly spec: EnvoyTrafficPolicy["spec"] }

export interface EvaluatedPolicy {
  readonly source: Source
  /** null: it cannot be applied; its targets answer 500. */
  readonly words: Words | null
  readonly problems: ReadonlyArray<string>
  readonly notes: ReadonlyArray<string>
}

/** It leaves something to those further from the request. */
export const joins = ({ words }: EvaluatedPolicy): boolean => words !== null && (words._tag === "Own" || words.spec.mergeType !== undefined)

const sourceOf = (key: ObjectKey): Source => {
  const { kind, namespace, name } = parseKey(key)
  return { kind: spokenKind(kind), namespace, name, section: null }
}

const envoyProblems = (policy: TrafficPolicy, spec: EnvoyTrafficPolicy["spec"]): ReadonlyArray<string> => {
  const targets = [
    ...refsOf(policy).map((ref) => groupKind(ref.group, ref.kind)),
    ...selectorsOf(policy).map(({ group, kind }) => groupKind(group, kind))
  ]
  return [
    ...trafficProblems(spec),
    ...(spec.mergeType !== undefined && targets.some((kind) => !routeKinds.has(kind)) ? [backendNote.traffic.mergeTarget] : []),
    ...(spec.timeout?.http?.requestTimeout !== undefined && targets.some((kind) => backendKinds.has(kind))
      ? [backendNote.traffic.requestOfBackend]
      : [])
  ]
}

const evaluate = (policy: TrafficPolicy, allowLoopback: boolean): EvaluatedPolicy => {
  const { key } = policy.meta
  const source = sourceOf(key)
  if (Result.isFailure(policy.value)) return { source, words: null, problems: [describeIssues(policy.value.failure)], notes: [] }
  if (parseKey(key).kind === trafficPolicyKind) {
    const { spec } = policy.value.success as BackendTrafficPolicy
    const problems = policyProblems(spec, allowLoopback)
    return { source, words: problems.length === 0 ? { _tag: "Own", part: policyPart(spec) } : null, problems, notes: [] }
  }
  if (parseKey(key).kind === xTrafficPolicyKind) {
    const { spec } = policy.value.success as XBackendTrafficPolicy
    const problems = xPolicyProblems(spec)
    return { source, words: problems.length === 0 ? { _tag: "Own", part: xPolicyPart(spec) } : null, problems, notes: [] }
  }
  const { spec } = policy.value.success as EnvoyTrafficPolicy
  const problems = envoyProblems(policy, spec)
  return { source, words: problems.length === 0 ? { _tag: "Envoy", spec } : null, problems, notes: trafficNotes(spec) }
}

export const evaluated = (view: View, key: ObjectKey): EvaluatedPolicy | null =>
  view.unit("traffic-policy", key, (inner) => {
    const policy = inner.get<Spoken>(key)
    return policy === null ? null : evaluate(policy, given(inner)?.allowLoopback === true)
  })
