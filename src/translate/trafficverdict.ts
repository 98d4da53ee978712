// What is said of each BackendTrafficPolicy, toward every Gateway whose traffic it is about (docs/envoy-gateway.md): whether it is applied, which nearer ones hold
// instead of it (Overridden), and what it is merged into (Merged).
import { Result } from "effect"
import type { Gateway } from "#schemas/gateway.ts"
import type { HTTPRoute } from "#schemas/httproute.ts"
import { type Condition, describeKey, type Element, type GroupKind, groupKind, type ObjectKey, parseKey } from "#schemas/meta.ts"
import type { AnyRoute } from "#schemas/route.ts"
import type { TCPRoute } from "#schemas/tcproute.ts"
import type { Decoded } from "../state/change.ts"
import { backendNote } from "../status/backendnotes.ts"
import { observed, type Said, trafficPolicy as say } from "../status/conditions.ts"
import type { Verdict } from "../status/verdict.ts"
import type { Reached } from "./backend.ts"
import { parentOf } from "./gateway.ts"
import { gatewayKind, routeKinds } from "./kinds.ts"
import { gatewayOfParent } from "./listenerset.ts"
import type { TranslateSettings } from "./settings.ts"
import {
  backendKinds,
  evaluated,
  holderOf,
  joins,
  mayTarget,
  refsOf,
  selectorsOf,
  type TrafficPolicy,
  takes,
  targetOf,
  trafficPolicies
} from "./trafficpolicy.ts"
import type { View } from "./view.ts"

/** What the CRD admits. */
const mostAncestors = 16

interface Target {
  readonly key: ObjectKey
  readonly section: string | null
}

const describeTarget = ({ key, section }: Target): string =>
  section === null ? describeKey(key) : `${describeKey(key)} ${parseKey(key).kind === gatewayKind ? "listener" : "rule"} ${section}`

const served: ReadonlySet<GroupKind> = new Set([gatewayKind, ...routeKinds, ...backendKinds])

/** Names that a section of a target can have. */
const sectionsOf = (object: Decoded<Gateway | HTTPRoute | TCPRoute>): ReadonlyArray<string> => {
  if (Result.isFailure(object.value)) return []
  const { spec } = object.value.success
  const parts: ReadonlyArray<Element<{ readonly name?: string }>> = "listeners" in spec ? spec.listeners : spec.rules
  return parts.flatMap((part) => (Result.isSuccess(part) && part.success.name !== undefined ? [part.success.name] : []))
}

/** What is wrong with a target that a policy names; null: nothing. */
const refProblem = (view: View, policy: ObjectKey, { key, section }: Target, path: string): string | null => {
  const { kind } = parseKey(key)
  const what = describeKey(key)
  const say = backendNote.traffic
  if (!served.has(kind)) return say.kind(path, what)
  if (!mayTarget(policy, kind)) return say.backendsOnly(path, what)
  const object = view.get<Gateway | HTTPRoute | TCPRoute>(key)
  if (object === null) return say.missing(path, what)
  if (section === null) return null
  if (backendKinds.has(kind)) return say.sectionOfBackend(path, what)
  const names = sectionsOf(object)
  return names.includes(section) ? null : say.section(path, what, section, names)
}

interface Targets {
  readonly all: ReadonlyArray<Target>
  /** Why others are none. */
  readonly problems: ReadonlyArray<string>
}

const targetsOf = (view: View, policy: TrafficPolicy): Targets => {
  const { key: own } = policy.meta
  const { namespace } = parseKey(own)
  const all: Array<Target> = []
  const problems: Array<string> = []
  const single = Result.isSuccess(policy.value) && "targetRef" in policy.value.success.spec
  for (const [index, ref] of refsOf(policy).entries()) {
    const target = { key: targetOf(namespace, ref), section: ref.sectionName ?? null }
    const problem = refProblem(view, own, target, single ? "spec.targetRef" : `spec.targetRefs[${index}]`)
    if (problem === null) all.push(target)
    else problems.push(problem)
  }
  for (const [index, selector] of selectorsOf(policy).entries()) {
    const path = `spec.targetSelectors[${index}]`
    const kind = groupKind(selector.group, selector.kind)
    if (!served.has(kind)) {
      problems.push(backendNote.traffic.kind(`${path}.kind`, kind))
      continue
    }
    const here = (selector.namespaces?.from ?? "Same") === "Same"
    const objects = here ? view.inNamespace(kind, namespace) : view.list(kind)
    const taken = objects.filter(({ meta }) => takes(view, own, selector, meta.key, meta.labels))
    if (taken.length === 0) problems.push(backendNote.traffic.nothingSelected(path))
    all.push(...taken.map(({ meta }) => ({ key: meta.key, section: null })))
  }
  return { all: [...new Map(all.map((one) => [describeTarget(one), one])).values()], problems }
}

/** Gateways of ours that a route names as parents, with the listener where it names one. */
const parentsOf = (view: View, settings: TranslateSettings, route: ObjectKey) => {
  const object = view.get<AnyRoute>(route)
  if (object === null || Result.isFailure(object.value)) return []
  const { namespace } = parseKey(route)
  return object.value.success.spec.parentRefs.flatMap((ref) => {
    const gateway = gatewayOfParent(view, ref, namespace)
    const parent = gateway === null ? null : parentOf(view, settings, gateway)
    if (gateway === null || parent === null) return []
    const { kind, sectionName = null } = ref
    const names = kind === "Gateway" ? parent.listeners.map(({ name }) => name) : []
    return [{ gateway, listeners: names.filter((name) => sectionName === null || name === sectionName) }]
  })
}

const gatewaysOf = (view: View, settings: TranslateSettings, { key }: Target, reached: Reached): Iterable<ObjectKey> => {
  const { kind } = parseKey(key)
  if (kind === gatewayKind) return parentOf(view, settings, key) === null ? [] : [key]
  if (routeKinds.has(kind)) return parentsOf(view, settings, key).map(({ gateway }) => gateway)
  return reached.get(key)?.gateways ?? []
}

/** By policy and Gateway: names. */
class Told {
  readonly #names = new Map<string, Set<string>>()
  add(policy: ObjectKey, gateway: ObjectKey, name: string): void {
    const at = `${policy} ${gateway}`
    this.#names.set(at, (this.#names.get(at) ?? new Set()).add(name))
  }
  of(policy: ObjectKey, gateway: ObjectKey | null): ReadonlyArray<string> {
    return [...(this.#names.get(`${policy} ${gateway}`) ?? [])].sort()
  }
}

/** The policies that speak of a target's requests with less say than one that holds it: nearest first, per Gateway. */
const weaker = (view: View, settings: TranslateSettings, { key, section }: Target) => {
  const { kind } = parseKey(key)
  const some = (...keys: ReadonlyArray<ObjectKey | null>): ReadonlyArray<ObjectKey> => keys.filter((one) => one !== null)
  if (kind === gatewayKind) return section === null ? [] : [{ gateway: key, policies: some(holderOf(view, key, null)) }]
  if (!routeKinds.has(kind)) return []
  const route = section === null ? [] : some(holderOf(view, key, null))
  return parentsOf(view, settings, key).map(({ gateway, listeners }) => ({
    gateway,
    policies: [...route, ...some(...listeners.map((name) => holderOf(view, gateway, name)), holderOf(view, gateway, null))]
  }))
}

/** here: those of its targets that an ancestor is about, so that what it loses at one Gateway is not said of another. */
const acceptedOf = (view: View, key: ObjectKey, here: ReadonlyArray<Target>, { all, problems }: Targets): Said => {
  const policy = evaluated(view, key)!
  if (policy.problems.length > 0) return say.invalid(policy.problems)
  const lost = here.flatMap((target) => {
    const to = holderOf(view, target.key, target.section)
    return to === null || to === key ? [] : [{ target: describeTarget(target), to }]
  })
  if (lost.length > 0) return say.conflicted(lost)
  return all.length === 0 ? say.targetNotFound(problems) : say.accepted([...policy.notes, ...problems])
}

/** Verdicts of every policy: an entry per Gateway; of one that is about no Gateway of ours, one entry without parent (for `check`). */
export const trafficVerdicts = (view: View, settings: TranslateSettings, reached: Reached): ReadonlyMap<ObjectKey, Verdict> => {
  const policies = trafficPolicies(view).map((policy) => ({ policy, targets: targetsOf(view, policy) }))
  const overridden = new Told()
  const merged = new Told()
  for (const { policy, targets } of policies) {
    const { key } = policy.meta
    const merges = joins(evaluated(view, key)!)
    for (const target of targets.all) {
      if (holderOf(view, target.key, target.section) !== key) continue
      for (const { gateway, policies: less } of weaker(view, settings, target)) {
        const others = less.filter((one) => one !== key)
        if (merges && others.length > 0) merged.add(key, gateway, describeKey(others[0]!))
        if (!merges) for (const one of others) overridden.add(one, gateway, describeTarget(target))
      }
    }
  }
  const verdicts = new Map<ObjectKey, Verdict>()
  for (const { policy, targets } of policies) {
    const { key, generation } = policy.meta
    const byGateway = new Map<ObjectKey, Array<Target>>()
    for (const target of targets.all)
      for (const gateway of new Set(gatewaysOf(view, settings, target, reached)))
        byGateway.set(gateway, [...(byGateway.get(gateway) ?? []), target])
    const parents = [...byGateway.keys()].sort().slice(0, mostAncestors)
    const conditions = (gateway: ObjectKey | null): ReadonlyArray<Condition> => {
      const [by, into] = [overridden.of(key, gateway), merged.of(key, gateway)]
      const accepted = acceptedOf(view, key, gateway === null ? targets.all : byGateway.get(gateway)!, targets)
      const said = [accepted, ...(by.length === 0 ? [] : [say.overridden(by)]), ...(into.length === 0 ? [] : [say.merged(into)])]
      return said.map((one) => observed(generation, one))
    }
    const entry = (parent: ObjectKey | null) => ({ parent, section: null, port: null, conditions: conditions(parent), listener: null })
    const entries = parents.length === 0 ? [entry(null)] : parents.map(entry)
    verdicts.set(key, { object: key, generation, entries, upstreams: [], gateways: parents })
  }
  return verdicts
}
