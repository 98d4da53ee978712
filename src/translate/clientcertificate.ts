// The client certificate that a Gateway shows to backends (Gateway API, GatewayBackendTLS). Apart from the Gateway's other judgements: only backends with TLS
// and the Gateway's own conditions read it, so a renewed pair costs the routes nothing that speak plaintext.
import { Result } from "effect"
import type { Gateway } from "#schemas/gateway.ts"
import { type ObjectKey, parseKey } from "#schemas/meta.ts"
import { gatewayGroup } from "#schemas/reference.ts"
import type { Source } from "../snapshot/id.ts"
import type { Material } from "../snapshot/secret.ts"
import type { Destination } from "./destination.ts"
import { clientCertificate, type TrustProblem } from "./trust.ts"
import type { View } from "./view.ts"

const field = "spec.tls.backend.clientCertificateRef"

/** null: the Gateway names none. One that cannot be used is not shown: backends that ask for it refuse us. */
export const gatewayClient = (view: View, key: ObjectKey): Result.Result<Material, TrustProblem> | null =>
  view.unit("gateway client certificate", key, (inner) => {
    const object = inner.get<Gateway>(key)
    if (object === null || Result.isFailure(object.value)) return null
    const ref = object.value.success.spec.tls?.backend?.clientCertificateRef
    const { namespace } = parseKey(key)
    return ref === undefined ? null : clientCertificate(inner, { group: gatewayGroup, kind: "Gateway", namespace }, ref, field)
  })

/** The destination as this Gateway speaks to it: with its certificate where there is TLS and the backend says none of its own. */
export const shownTo = (view: View, gateway: ObjectKey | null, destination: Destination): Destination => {
  const { tls } = destination
  if (gateway === null || tls === null || tls.client !== null) return destination
  const client = gatewayClient(view, gateway)
  if (client === null || Result.isFailure(client)) return destination
  const { namespace, name } = parseKey(gateway)
  const source: Source = { kind: "Gateway", namespace, name, section: null }
  return {
    ...destination,
    tls: { ...tls, client: client.success.id },
    materials: [...destination.materials, client.success],
    provenance: { ...destination.provenance, "tls.client": source }
  }
}
