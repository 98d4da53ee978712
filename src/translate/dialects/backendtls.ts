// TLS of our Backend: spec.tls, or the BackendTLSPolicy that governs its ports and wins for CA, names and hostname (docs/external-api.md).
import { Result } from "effect"
import type { Backend, BackendTLS } from "#schemas/backend.ts"
import type { Source } from "../../snapshot/id.ts"
import type { Material } from "../../snapshot/secret.ts"
import type { UpstreamTls } from "../../snapshot/upstream.ts"
import { backendNote } from "../../status/backendnotes.ts"
import { systemTrust } from "../destination.ts"
import { describePolicy, type PolicyTrust, tlsPolicyOf } from "../policy.ts"
import { caBundles, clientCertificate, nameList, type TrustProblem } from "../trust.ts"
import type { View } from "../view.ts"
import type { Raw } from "./backendmembers.ts"

export interface BackendTrust {
  /** As if an endpoint uses it; the caller drops it when none does. */
  readonly tls: UpstreamTls
  readonly sni: string | null
  readonly certificateName: string | null
  readonly materials: ReadonlyArray<Material>
  readonly sources: ReadonlyArray<Source>
  readonly provenance: Readonly<Record<string, Source>>
  /** What is said of TLS for all endpoints; null: each by its own port. */
  readonly said: boolean | null
  readonly policy: PolicyTrust | null
}

export interface BackendTrustProblems {
  /** References that do not resolve. */
  readonly references: ReadonlyArray<TrustProblem>
  readonly others: ReadonlyArray<string>
}

/** The policy that governs all endpoints; a string when policies differ between them. */
const policyOf = (view: View, group: string, namespace: string, name: string, members: ReadonlyArray<Raw>): PolicyTrust | null | string => {
  const target = { group, kind: "Backend", namespace, name }
  const ports = [...new Set(members.map((member) => member.port))]
  const policies = new Map<string, PolicyTrust | null>()
  for (const port of ports.length === 0 ? [null] : ports) {
    const policy = tlsPolicyOf(view, target, port === null ? null : String(port))
    policies.set(policy?.key ?? "", policy)
  }
  return policies.size > 1 ? backendNote.tlsMixed(ports.map((port) => (port === null ? "unix" : String(port)))) : [...policies.values()][0]!
}

/** What protocols say of TLS; others leave it to the port. */
const byProtocol: ReadonlyMap<string | undefined, boolean> = new Map([
  ["HTTP", false],
  ["TCP", false],
  ["UDP", false],
  ["TLS", true],
  ["H2C", false],
  ["GRPC", false],
  ["H2", true],
  ["GRPCS", true]
])

/** What spec says of TLS for every endpoint: a tls block over the protocol. */
export const saidOfTls = (spec: TlsSpec): boolean | null =>
  spec.tls !== undefined ? spec.tls.mode !== "None" : (byProtocol.get(spec.protocol) ?? null)

/** The tls block takes back what the protocol says of requests. */
export const contradicts = ({ tls, protocol }: TlsSpec): boolean => tls?.mode === "None" && (protocol === "H2" || protocol === "GRPCS")

const own = (view: View, group: string, namespace: string, tls: BackendTLS | undefined, object: Source, governed: boolean) => {
  const references: Array<TrustProblem> = []
  const materials: Array<Material> = []
  const provenance: Record<string, Source> = tls === undefined ? {} : { tls: object }
  // A policy replaces the CA; a bad reference that nothing uses is still told.
  const bundles = caBundles(view, namespace, tls?.caCertificateRefs ?? [], "spec.tls.caCertificateRefs", ["ConfigMap", "Secret"])
  references.push(...bundles.problems)
  if (!governed) materials.push(...bundles.materials)
  let client: string | null = null
  if (tls?.clientCertificateRef !== undefined) {
    const pair = clientCertificate(view, { group, kind: "Backend", namespace }, tls.clientCertificateRef, "spec.tls.clientCertificateRef")
    if (Result.isFailure(pair)) references.push(pair.failure)
    else {
      client = pair.success.id
      materials.push(pair.success)
      provenance["tls.client"] = object
    }
  }
  if (tls !== undefined && bundles.materials.length > 0) provenance["tls.ca"] = object
  if (tls !== undefined && tls.subjectAltNames.length > 0) provenance["tls.names"] = object
  if (tls?.insecureSkipVerify === true) provenance["tls.verify"] = object
  if (tls?.sni !== undefined) provenance["identity.sni"] = object
  if (tls?.hostname !== undefined) provenance["identity.certificateName"] = object
  const ca = bundles.materials.map((material) => material.id)
  const made: UpstreamTls = {
    ca: ca.length === 0 ? "System" : ca,
    names: nameList(tls?.subjectAltNames ?? []),
    client,
    verify: tls?.insecureSkipVerify !== true,
    minVersion: tls?.minVersion === "1.3" ? "TLSv1.3" : systemTrust.minVersion,
    maxVersion: tls?.maxVersion === "1.2" ? "TLSv1.2" : systemTrust.maxVersion
  }
  return { made, references, materials, provenance }
}

/** What decides about TLS. */
interface TlsSpec {
  readonly tls?: BackendTLS | undefined
  readonly protocol?: Backend["spec"]["protocol"] | undefined
}

/** The trust of a Backend of this group, or why there is none: nothing is then sent to it. */
export const backendTrust = (
  view: View,
  group: string,
  namespace: string,
  name: string,
  spec: TlsSpec,
  members: ReadonlyArray<Raw>,
  object: Source
): Result.Result<BackendTrust, BackendTrustProblems> => {
  const policy = policyOf(view, group, namespace, name, members)
  const others: Array<string> = []
  if (typeof policy === "string") others.push(policy)
  else if (policy !== null && policy.tls === null) others.push(backendNote.tlsInvalid(describePolicy(policy)))
  const wellKnown = spec.tls?.wellKnownCACertificates
  if (wellKnown !== undefined && wellKnown !== "System") others.push(backendNote.wellKnown("spec.tls.wellKnownCACertificates", wellKnown))
  const governing = typeof policy === "string" ? null : policy
  const { made, references, materials, provenance } = own(view, group, namespace, spec.tls, object, governing !== null)
  if (others.length > 0 || references.length > 0) return Result.fail({ references, others })
  if (governing === null || governing.tls === null)
    return Result.succeed({
      tls: made,
      sni: spec.tls?.sni ?? null,
      certificateName: spec.tls?.hostname ?? null,
      materials,
      sources: [object],
      provenance,
      said: saidOfTls(spec),
      policy: null
    })
  const { source, hostname, tls } = governing
  return Result.succeed({
    tls: { ...made, ca: tls.ca, names: tls.names, verify: true },
    sni: hostname,
    certificateName: hostname,
    materials: [...governing.materials, ...materials],
    sources: [object, source],
    provenance: {
      ...provenance,
      tls: source,
      "tls.ca": source,
      "tls.names": source,
      "tls.verify": source,
      "identity.sni": source,
      "identity.certificateName": source
    },
    // A policy means TLS, whatever the Backend says: never a downgrade.
    said: true,
    policy: governing
  })
}
