// BackendTLSPolicy: which one governs a port of a target, what trust it says, and whether it can be applied (Gateway API, GEP-1897).
import { Result } from "effect"
import type { Backend } from "#schemas/backend.ts"
import type { BackendTLSPolicy } from "#schemas/backendtlspolicy.ts"
import type { EnvoyBackend } from "#schemas/dialects/envoybackend.ts"
import { type Condition, describeKey, type Element, groupKind, type Issue, type ObjectKey, objectKey, parseKey } from "#schemas/meta.ts"
import type { BackendTLSPolicyOwner } from "#schemas/owner.ts"
import { envoyGroup, experimentalGroup, ownGroup, type PolicyTargetReference } from "#schemas/reference.ts"
import type { Service } from "#schemas/service.ts"
import type { Source } from "../snapshot/id.ts"
import type { Material } from "../snapshot/secret.ts"
import type { UpstreamTls } from "../snapshot/upstream.ts"
import type { Decoded } from "../state/change.ts"
import { backendNote } from "../status/backendnotes.ts"
import { describeIssues, observed, type Said, tlsPolicy } from "../status/conditions.ts"
import type { Verdict } from "../status/verdict.ts"
import { byAge } from "./age.ts"
import { entriesByGateway } from "./ancestors.ts"
import type { Reached } from "./backend.ts"
import { systemTrust } from "./destination.ts"
import { backendTlsPolicyKind } from "./kinds.ts"
import type { Index } from "./lookup.ts"
import { caBundles, nameList, type TrustProblem } from "./trust.ts"
import type { View } from "./view.ts"

type Policy = Decoded<BackendTLSPolicy>

/** A kind and object that policies can target: a Service (group ""), our Backend or that of Envoy Gateway. */
export interface PolicyTarget {
  readonly group: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
}

/** What a policy says to a backend that it governs. */
export interface PolicyTrust {
  readonly source: Source
  /** null: nobody may read the policies of its namespace, so whether there is one is not known. */
  readonly key: ObjectKey | null
  /** SNI, and the certificate's name unless tls.names are given; "" where tls is null and it cannot be read. */
  readonly hostname: string
  /** null: the policy cannot be applied; its targets answer 500, never plaintext. */
  readonly tls: UpstreamTls | null
  readonly materials: ReadonlyArray<Material>
}

const targetBucket = (namespace: string, ref: { readonly group: string; readonly kind: string; readonly name: string }): string =>
  `${namespace}/${groupKind(ref.group, ref.kind)}/${ref.name}`

/** Whom a policy speaks of; of one that does not decode, as far as they can be read. */
const targetsOf = ({ value, owner }: Policy): ReadonlyArray<PolicyTargetReference> => {
  if (Result.isSuccess(value)) return value.success.spec.targetRefs
  const refs = (owner as BackendTLSPolicyOwner | undefined)?.spec.targetRefs ?? []
  return refs.filter(Result.isSuccess).map((ref) => ref.success)
}

const byTarget: Index<BackendTLSPolicy> = {
  name: "BackendTLSPolicy:target",
  kind: backendTlsPolicyKind,
  buckets: (policy) => targetsOf(policy).map((ref) => targetBucket(parseKey(policy.meta.key).namespace, ref))
}

/** The policy that holds a slot: the target as a whole (section null), or one of its ports. */
const holder = (view: View, target: PolicyTarget, section: string | null): Policy | null => {
  let first: Policy | null = null
  for (const policy of view.by(byTarget, targetBucket(target.namespace, target))) {
    const speaks = targetsOf(policy).some(
      (ref) => ref.group === target.group && ref.kind === target.kind && ref.name === target.name && (ref.sectionName ?? null) === section
    )
    if (speaks && (first === null || byAge(policy.meta, first.meta) < 0)) first = policy
  }
  return first
}

interface Evaluated {
  readonly trust: PolicyTrust
  readonly problems: ReadonlyArray<TrustProblem>
  /** Why no trust comes of it beside the CA references. */
  readonly invalid: ReadonlyArray<string>
}

const sourceOf = (key: ObjectKey): Source => {
  const { namespace, name } = parseKey(key)
  return { kind: "BackendTLSPolicy", namespace, name, section: null }
}

const evaluate = (view: View, key: ObjectKey): Evaluated | null => {
  const policy = view.get<BackendTLSPolicy>(key)
  if (policy === null) return null
  // What it asks for is not known, that it asks for TLS is: its targets are not dialled without.
  const unread = (issues: ReadonlyArray<Issue>): Evaluated => ({
    trust: { source: sourceOf(key), key, hostname: "", tls: null, materials: [] },
    problems: [],
    invalid: [describeIssues(issues)]
  })
  if (Result.isFailure(policy.value)) return unread(policy.value.failure)
  const { validation: read, options } = policy.value.success.spec
  if (Result.isFailure(read)) return unread(read.failure)
  const validation = read.success
  const invalid: Array<string> = []
  if (options.size > 0) invalid.push(backendNote.optionsNotServed([...options.keys()]))
  const wellKnown = validation.wellKnownCACertificates
  if (wellKnown !== undefined && wellKnown !== "System")
    invalid.push(backendNote.wellKnown("spec.validation.wellKnownCACertificates", wellKnown))
  const { materials, problems } = caBundles(
    view,
    parseKey(key).namespace,
    validation.caCertificateRefs,
    "spec.validation.caCertificateRefs",
    ["ConfigMap"]
  )
  // Some of the references may be bad: the others are trust enough (CRD text of caCertificateRefs).
  const usable = invalid.length === 0 && (wellKnown !== undefined || materials.length > 0)
  const tls: UpstreamTls | null = usable
    ? {
        ...systemTrust,
        ca: wellKnown === undefined ? materials.map((material) => material.id) : "System",
        names: nameList(validation.subjectAltNames)
      }
    : null
  return {
    trust: { source: sourceOf(key), key, hostname: validation.hostname, tls, materials: usable ? materials : [] },
    problems,
    invalid
  }
}

const evaluated = (view: View, key: ObjectKey): Evaluated | null => view.unit("tls-policy", key, (inner) => evaluate(inner, key))

/** The trust that governs a port of a target; sectionName beats the whole target. null: no policy speaks; one that may not be read is not taken for none. */
export const tlsPolicyOf = (view: View, target: PolicyTarget, section: string | null): PolicyTrust | null => {
  const policy = (section === null ? null : holder(view, target, section)) ?? holder(view, target, null)
  if (policy !== null) return evaluated(view, policy.meta.key)?.trust ?? null
  const { namespace } = target
  return view.unread(backendTlsPolicyKind).includes(namespace)
    ? { source: { kind: "BackendTLSPolicy", namespace, name: "", section: null }, key: null, hostname: "", tls: null, materials: [] }
    : null
}

/** What of an endpoint has a port, of either kind of Backend. */
type Placed = Readonly<Partial<Record<"fqdn" | "ip" | "service", { readonly port?: number }>>>

/** Ports of a target that a section can name; null: the target does not exist or cannot be read. */
const sectionsOf = (view: View, target: PolicyTarget): ReadonlyArray<string> | null => {
  const object = view.get<Service | Backend | EnvoyBackend>(objectKey(groupKind(target.group, target.kind), target.namespace, target.name))
  if (object === null) return null
  if (Result.isFailure(object.value)) return []
  const { spec } = object.value.success
  if ("ports" in spec) return spec.ports.map((port) => port.name).filter((name) => name !== "")
  const ports = (spec.endpoints as ReadonlyArray<Element<Placed>>).flatMap((endpoint) => {
    const port = Result.isSuccess(endpoint) ? (endpoint.success.fqdn ?? endpoint.success.ip ?? endpoint.success.service)?.port : undefined
    return port === undefined ? [] : [String(port)]
  })
  return [...new Set(ports)]
}

/** What is wrong with one targetRef. */
const targetProblem = (
  view: View,
  namespace: string,
  ref: PolicyTargetReference,
  index: number
): { readonly missing: boolean; readonly message: string } | null => {
  if (ref.group === experimentalGroup && ref.kind === "XBackend")
    return { missing: false, message: backendNote.xbackendTarget(index, ref.name) }
  if (!((ref.group === "" && ref.kind === "Service") || ((ref.group === ownGroup || ref.group === envoyGroup) && ref.kind === "Backend")))
    return { missing: false, message: backendNote.targetKind(index, ref.group, ref.kind) }
  const what = describeKey(objectKey(groupKind(ref.group, ref.kind), namespace, ref.name))
  const sections = sectionsOf(view, { group: ref.group, kind: ref.kind, namespace, name: ref.name })
  if (sections === null) return { missing: true, message: backendNote.targetMissing(index, what) }
  if (ref.sectionName !== undefined && !sections.includes(ref.sectionName))
    return { missing: true, message: backendNote.targetSection(index, what, ref.sectionName, sections) }
  return null
}

interface Judged {
  readonly conditions: ReadonlyArray<Condition>
  readonly targets: ReadonlyArray<ObjectKey>
}

const describeTarget = (namespace: string, ref: PolicyTargetReference): string =>
  `${describeKey(objectKey(groupKind(ref.group, ref.kind), namespace, ref.name))}${ref.sectionName === undefined ? "" : ` port ${ref.sectionName}`}`

const judge = (view: View, key: ObjectKey): Judged => {
  const policy = view.get<BackendTLSPolicy>(key)
  if (policy === null) return { conditions: [], targets: [] }
  const generation = policy.meta.generation
  const { namespace } = parseKey(key)
  const refs = targetsOf(policy)
  const targets = refs.map((ref) => objectKey(groupKind(ref.group, ref.kind), namespace, ref.name))
  if (Result.isFailure(policy.value)) return { conditions: [observed(generation, tlsPolicy.undecodable(policy.value.failure))], targets }
  const bad = refs.map((ref, index) => targetProblem(view, namespace, ref, index)).filter((problem) => problem !== null)
  const lost = refs.flatMap((ref) => {
    const winner = holder(view, { ...ref, namespace }, ref.sectionName ?? null)
    return winner === null || winner.meta.key === key ? [] : [{ target: describeTarget(namespace, ref), to: winner.meta.key }]
  })
  const { trust, problems, invalid } = evaluated(view, key)!
  const causes = bad.map((problem) => problem.message)
  const wrongKind = bad.some((problem) => !problem.missing)
  const accepted: Said =
    invalid.length > 0 || wrongKind
      ? tlsPolicy.invalid([...invalid, ...causes])
      : bad.length === refs.length
        ? tlsPolicy.targetNotFound(causes)
        : lost.length > 0
          ? tlsPolicy.conflicted(lost)
          : trust.tls === null
            ? tlsPolicy.noValidCa(problems.map((problem) => problem.message))
            : tlsPolicy.accepted(causes)
  const resolved: Said =
    problems.length === 0
      ? tlsPolicy.resolvedRefs
      : tlsPolicy.unresolvedRefs(
          problems[0]!.reason,
          problems.map((problem) => problem.message)
        )
  return {
    conditions: [observed(generation, accepted), observed(generation, resolved)],
    targets
  }
}

/** What a policy is called where a backend says that it governs it. */
export const describePolicy = ({ key, source }: PolicyTrust): string =>
  key === null ? backendNote.policiesUnread(source.namespace) : describeKey(key)

/** Verdicts of every BackendTLSPolicy: an ancestor entry per Gateway that reaches a target, or one entry without parent where none does. */
export const policyVerdicts = (view: View, reached: Reached): ReadonlyMap<ObjectKey, Verdict> => {
  const verdicts = new Map<ObjectKey, Verdict>()
  for (const { meta } of view.list<BackendTLSPolicy>(backendTlsPolicyKind)) {
    const { conditions, targets } = view.unit("tls-policy-verdict", meta.key, (inner) => judge(inner, meta.key))
    verdicts.set(
      meta.key,
      entriesByGateway(meta.key, meta.generation, () => conditions, targets, reached)
    )
  }
  return verdicts
}
