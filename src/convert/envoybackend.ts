// Envoy Gateway's Backend as ours. Its dialect reads it into the words of ours already (translate/dialects/envoybackend.ts): what is left is to write them.
import { Result } from "effect"
import type { BackendTLS } from "#schemas/backend.ts"
import type { EnvoyBackend } from "#schemas/dialects/envoybackend.ts"
import type { ObjectKey } from "#schemas/meta.ts"
import { describeIssues } from "../status/conditions.ts"
import { tlsAt } from "../translate/carriage.ts"
import type { Declaration } from "../translate/dialects/backend.ts"
import type { DeclaredEndpoint } from "../translate/dialects/backendmembers.ts"
import { saidOfTls } from "../translate/dialects/backendtls.ts"
import { envoyDeclaration } from "../translate/dialects/envoybackend.ts"
import type { Ground } from "./ground.ts"
import { type Fields, written } from "./manifest.ts"
import { convertNote } from "./note.ts"
import { fallbackReferences } from "./standby.ts"

const portOf = ({ fqdn, ip }: DeclaredEndpoint): number | null => (fqdn ?? ip)?.port ?? null

/** What every endpoint has of TLS: true or false; null: each as its port says, as where nothing is said; a string: no one block says it. */
const tlsSaid = ({ tls, protocol }: Declaration["spec"], endpoints: ReadonlyArray<DeclaredEndpoint>): boolean | null | string => {
  const said = saidOfTls({ protocol, tls })
  const unsaid = (endpoint: DeclaredEndpoint): boolean => {
    const port = portOf(endpoint)
    return said ?? (port !== null && tlsAt(null, port))
  }
  const meant = endpoints.map((endpoint) => said ?? endpoint.tls ?? unsaid(endpoint))
  if (meant.every((one, index) => one === unsaid(endpoints[index]!))) return said
  return meant.every((one) => one === meant[0]) ? meant[0]! : convertNote.mixedTls
}

const tlsWritten = (tls: BackendTLS | undefined, sni: string | null): Fields => ({
  ...(written({
    caCertificateRefs: tls?.caCertificateRefs,
    wellKnownCACertificates: tls?.wellKnownCACertificates,
    clientCertificateRef: tls?.clientCertificateRef,
    insecureSkipVerify: tls?.insecureSkipVerify === true ? true : undefined,
    minVersion: tls?.minVersion === "1.3" ? "1.3" : undefined,
    maxVersion: tls?.maxVersion
  }) as Fields),
  ...(sni === null ? {} : { sni })
})

const tlsOf = ({ spec, name }: Declaration, endpoints: ReadonlyArray<DeclaredEndpoint>): Result.Result<Fields | null, string> => {
  const said = tlsSaid(spec, endpoints)
  if (typeof said === "string") return Result.fail(said)
  // Without a block a port alone decides, and nothing can be asked for by name.
  const encrypted = (endpoint: DeclaredEndpoint): boolean => said ?? tlsAt(null, portOf(endpoint) ?? 0)
  const sni = spec.tls?.sni ?? name
  const named = spec.tls === undefined && name !== null && endpoints.some(encrypted)
  if (named && !endpoints.every(encrypted)) return Result.fail(convertNote.mixedTls)
  if (said === false) return Result.succeed(saidOfTls({ protocol: spec.protocol }) === false ? null : { mode: "None" })
  return Result.succeed(said === null && !named ? null : tlsWritten(spec.tls, sni))
}

const endpointWritten = ({ fqdn, ip, unix, zone }: DeclaredEndpoint): unknown => written({ fqdn, ip, unix, zone })

/** The spec of the Backend that it becomes; a list says why it stays as it is. */
export const envoyBackendSpec = (
  ground: Ground,
  key: ObjectKey,
  spec: EnvoyBackend["spec"]
): Result.Result<Fields, ReadonlyArray<string>> => {
  const declaration = envoyDeclaration(spec)
  if (declaration.problems.length > 0) return Result.fail(declaration.problems.map(({ message }) => message))
  const endpoints: Array<DeclaredEndpoint> = []
  const left: Array<string> = []
  for (const endpoint of declaration.spec.endpoints)
    if (Result.isFailure(endpoint)) left.push(describeIssues(endpoint.failure))
    else if (endpoint.success.refused !== undefined) left.push(endpoint.success.refused.message)
    else endpoints.push(endpoint.success)
  if (endpoints.length === 0) return Result.fail(left)
  const tls = tlsOf(declaration, endpoints)
  if (Result.isFailure(tls)) return Result.fail([tls.failure])
  for (const why of left) ground.say(key, convertNote.endpointLeftOut(why))
  for (const note of declaration.notes) ground.say(key, { severity: "Told", message: note })
  const standbys = fallbackReferences(ground, key)
  return Result.succeed({
    endpoints: endpoints.map(endpointWritten),
    ...(declaration.spec.protocol === undefined ? {} : { protocol: declaration.spec.protocol }),
    ...(declaration.name === null ? {} : { host: { value: declaration.name } }),
    ...(tls.success === null ? {} : { tls: tls.success }),
    ...(standbys.length === 0 ? {} : { failover: { backendRefs: standbys } })
  })
}
