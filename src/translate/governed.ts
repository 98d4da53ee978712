// TLS of a Service port (of any type) under the BackendTLSPolicy that governs it, if one does. ClusterIP, headless and ExternalName Services share it.
import type { Source } from "../snapshot/id.ts"
import type { Material } from "../snapshot/secret.ts"
import type { UpstreamTls } from "../snapshot/upstream.ts"
import { systemTrust } from "./destination.ts"
import type { PolicyTrust } from "./policy.ts"

export interface GovernedTls {
  readonly on: boolean
  readonly tls: UpstreamTls | null
  readonly sni: string | null
  readonly certificateName: string | null
  readonly materials: ReadonlyArray<Material>
  readonly sources: ReadonlyArray<Source>
  readonly provenance: Readonly<Record<string, Source>>
}

/**
 * said: TLS as the declaring object has it, without a policy. A policy means TLS, whatever the object says: never a downgrade.
 * null: the policy cannot be applied, so nothing may be sent.
 */
export const governedTls = (policy: PolicyTrust | null, said: boolean, object: Source): GovernedTls | null => {
  if (policy === null)
    return {
      on: said,
      tls: said ? systemTrust : null,
      sni: null,
      certificateName: null,
      materials: [],
      sources: [object],
      provenance: said ? { tls: object } : {}
    }
  if (policy.tls === null) return null
  const { source } = policy
  return {
    on: true,
    tls: policy.tls,
    sni: policy.hostname,
    certificateName: policy.hostname,
    materials: policy.materials,
    sources: [object, source],
    provenance: {
      tls: source,
      "tls.ca": source,
      ...(policy.tls.names.length > 0 ? { "tls.names": source } : {}),
      "identity.sni": source,
      "identity.certificateName": source
    }
  }
}
