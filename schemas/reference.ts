// References from one object to another, as Gateway API shapes them. Whether a reference is permitted is asked of the one authoriser in translate.
import { Schema } from "effect"
import { defaulted } from "./absent.ts"
import { Group, Kind, NamespaceName, ObjectName, PortNumber, SectionName } from "./name.ts"

export const gatewayGroup = "gateway.networking.k8s.io"
export const experimentalGroup = "gateway.networking.x-k8s.io"
export const ownGroup = "gateway.sluice.dev"
/** Envoy Gateway's: read by a dialect, never written. */
export const envoyGroup = "gateway.envoyproxy.io"
/** Voyager's: its Ingress is read by a dialect, never written. */
export const voyagerGroup = "voyager.appscode.com"
/** Kubernetes' own: Ingress, IngressClass. */
export const networkingGroup = "networking.k8s.io"

/** Same namespace as the object that refers. */
export const LocalObjectReference = Schema.Struct({ group: Group, kind: Kind, name: ObjectName })
export type LocalObjectReference = typeof LocalObjectReference.Type

/** Any namespace; absent: that of the object that refers. */
export const ObjectReference = Schema.Struct({ ...LocalObjectReference.fields, namespace: Schema.optionalKey(NamespaceName) })
export type ObjectReference = typeof ObjectReference.Type

/** A Secret unless group and kind say otherwise. */
export const SecretObjectReference = Schema.Struct({
  group: defaulted(Group, ""),
  kind: defaulted(Kind, "Secret"),
  name: ObjectName,
  namespace: Schema.optionalKey(NamespaceName)
})
export type SecretObjectReference = typeof SecretObjectReference.Type

/** Fields of every backendRef; route kinds add weight and filters. */
export const backendFields = {
  group: defaulted(Group, ""),
  kind: defaulted(Kind, "Service"),
  name: ObjectName,
  namespace: Schema.optionalKey(NamespaceName),
  port: Schema.optionalKey(PortNumber)
}

interface BackendFields {
  readonly group: string
  readonly kind: string
  readonly port?: number
}

/** The CRDs' rule on a backendRef. */
export const portOfService = Schema.makeFilter((ref: BackendFields) =>
  ref.group === "" && ref.kind === "Service" && ref.port === undefined
    ? { path: ["port"], issue: "Required for a Service: the Service port to send to" }
    : undefined
)

/** A backend without weight: mirrors, external authorization. XBackend with a port is admitted by the v1.6 CRDs and judged in translate. */
export const BackendObjectReference = Schema.Struct(backendFields).check(portOfService)
export type BackendObjectReference = typeof BackendObjectReference.Type

/** The Gateway (or other parent) that a route attaches to. */
export const ParentReference = Schema.Struct({
  group: defaulted(Group, gatewayGroup),
  kind: defaulted(Kind, "Gateway"),
  namespace: Schema.optionalKey(NamespaceName),
  name: ObjectName,
  sectionName: Schema.optionalKey(SectionName),
  port: Schema.optionalKey(PortNumber)
})
export type ParentReference = typeof ParentReference.Type

/** What a policy attaches to, in its own namespace. */
export const PolicyTargetReference = Schema.Struct({ ...LocalObjectReference.fields, sectionName: Schema.optionalKey(SectionName) })
export type PolicyTargetReference = typeof PolicyTargetReference.Type

/**
 * The two rules of parentRefs and targetRefs: entries that name the same object must all have a section (or port), and no two the same.
 * The message of the first rule broken, or undefined. `identity` names the object, `section` the rest ("" for none).
 */
export const duplicateReference = <R>(
  refs: ReadonlyArray<R>,
  identity: (ref: R) => string,
  sections: ReadonlyArray<(ref: R) => string>
): { readonly path: ReadonlyArray<PropertyKey>; readonly issue: string } | undefined => {
  const seen = new Map<string, R>()
  const whole = new Set<string>()
  for (const [index, ref] of refs.entries()) {
    const first = seen.get(identity(ref))
    if (first !== undefined && sections.some((section) => (section(ref) === "") !== (section(first) === ""))) {
      return { path: [index], issue: "Another entry names the same object: both must say sectionName or port, or neither" }
    }
    seen.set(identity(ref), first ?? ref)
    const all = [identity(ref), ...sections.map((section) => section(ref))].join("\n")
    if (whole.has(all)) return { path: [index], issue: "Another entry is the same: sectionName and port must differ" }
    whole.add(all)
  }
  return undefined
}
