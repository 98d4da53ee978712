// XBackend (GEP-4894) in the shapes of v1.6 and v1.7 (docs/external-api.md): a name outside the cluster, or pods of its own namespace.
import { Result } from "effect"
import { type ObjectKey, parseKey } from "#schemas/meta.ts"
import { experimentalGroup } from "#schemas/reference.ts"
import type { XBackend } from "#schemas/xbackend.ts"
import type { Source } from "../../snapshot/id.ts"
import type { Material } from "../../snapshot/secret.ts"
import type { Endpoint, Upstream, UpstreamTls } from "../../snapshot/upstream.ts"
import { backendNote } from "../../status/backendnotes.ts"
import { backend, type Said } from "../../status/conditions.ts"
import { type Carries, carriesRequests, plaintextNote, tlsAt } from "../carriage.ts"
import { type Declared, type Destination, declared, refused, systemTrust } from "../destination.ts"
import type { BackendRules } from "../features.ts"
import { externalName } from "../hostname.ts"
import { type Sessions, sessionsOf } from "../session.ts"
import { caBundles, clientCertificate, nameList, type TrustProblem } from "../trust.ts"
import type { View } from "../view.ts"
import type { JudgedBackend } from "./judged.ts"
import { podMembers } from "./pods.ts"
import { endpointsOf } from "./slices.ts"

type Spec = XBackend["spec"]

interface Tls {
  readonly tls: UpstreamTls | null
  readonly sni: string | null
  readonly materials: ReadonlyArray<Material>
  readonly provenance: Readonly<Record<string, Source>>
}

/** Unset, the route kind decides. Without TLS HTTP/2 is spoken by prior knowledge, whatever it is called. */
const protocols: ReadonlyMap<string | undefined, Upstream["protocol"]> = new Map([
  [undefined, "auto"],
  ["HTTP", "auto"],
  ["HTTP11", "http1"],
  ["WSS", "http1"],
  ["TCP", "tcp"],
  ["HTTP2", "h2"],
  ["H2C", "h2c"],
  ["GRPC", "h2"]
])

const trustOf = (
  view: View,
  key: ObjectKey,
  spec: Spec,
  source: Source,
  carries: Carries
): { readonly trust: Tls; readonly problems: ReadonlyArray<TrustProblem>; readonly invalid: string | null } => {
  const { namespace } = parseKey(key)
  const plain: Tls = { tls: null, sni: null, materials: [], provenance: {} }
  const said = spec.tls
  if (said === undefined || said.mode === "None") {
    // Port 443 of pods is a port as any other, as it is of a Service.
    if (spec.endpointSelector !== undefined) return { trust: plain, problems: [], invalid: null }
    // Absent under v1.6 is unsaid. Under v1.7 the CRD writes {mode: None} where nothing was said; a file means the same as the API server.
    if (said === undefined && spec.port.shape === "v1.6" && tlsAt(null, spec.port.number, carries))
      return { trust: { ...plain, tls: systemTrust, provenance: { tls: source } }, problems: [], invalid: null }
    const unknown = spec.port.shape === "v1.7" && tlsAt(null, spec.port.number, carries)
    return { trust: plain, problems: [], invalid: unknown ? backendNote.xbackend443 : null }
  }
  const { validation } = said
  if (validation === undefined && spec.endpointSelector !== undefined)
    return { trust: plain, problems: [], invalid: backendNote.podsWithoutName }
  const wellKnown = validation?.wellKnownCACertificates
  const invalid =
    wellKnown !== undefined && wellKnown !== "System"
      ? backendNote.wellKnown("spec.tls.validation.wellKnownCACertificates", wellKnown)
      : null
  const bundles = caBundles(view, namespace, validation?.caCertificateRefs ?? [], "spec.tls.validation.caCertificateRefs", ["ConfigMap"])
  const problems = [...bundles.problems]
  const materials = [...bundles.materials]
  let client: string | null = null
  if (said.clientCertificateRef !== undefined) {
    const pair = clientCertificate(
      view,
      { group: experimentalGroup, kind: "XBackend", namespace },
      said.clientCertificateRef,
      "spec.tls.clientCertificateRef"
    )
    if (Result.isFailure(pair)) problems.push(pair.failure)
    else {
      client = pair.success.id
      materials.push(pair.success)
    }
  }
  const ca = bundles.materials.map((material) => material.id)
  const tls: UpstreamTls = {
    ...systemTrust,
    ca: ca.length === 0 ? "System" : ca,
    names: nameList(validation?.subjectAltNames ?? []),
    client
  }
  const provenance: Record<string, Source> = { tls: source }
  if (validation !== undefined) {
    provenance["tls.ca"] = source
    provenance["identity.sni"] = source
    provenance["identity.certificateName"] = source
  }
  if (client !== null) provenance["tls.client"] = source
  return { trust: { tls, sni: validation?.hostname ?? null, materials, provenance }, problems, invalid }
}

/** A backend is under no path of its rule. */
const everyPath = { type: "Prefix", value: "/" } as const

/** null: it has none. */
const sessionsOfXBackend = (view: View, key: ObjectKey, spec: Spec, source: Source): Sessions | null =>
  spec.sessionPersistence === undefined ? null : sessionsOf(spec.sessionPersistence, "spec", source, view.get(key)?.meta.uid ?? "")

const judged = (accepted: Said, resolvedRefs: Said, declaration: Declared): JudgedBackend => ({
  said: [accepted, resolvedRefs],
  declared: declaration,
  ports: null,
  skipsVerify: false
})

/** What an XBackend comes to, and its conditions. */
export const judgeXBackend = (view: View, rules: BackendRules, key: ObjectKey, source: Source, spec: Spec, what: string): JudgedBackend => {
  const refuse = (reason: string, message: string, routeReason = reason): JudgedBackend =>
    judged(
      backend.refused(reason, [message]),
      backend.resolvedRefs,
      refused(key, source, "invalid_backend", routeReason, backendNote.address(what, message))
    )
  const protocol = protocols.get(spec.protocol)
  if (protocol === undefined) return refuse("UnsupportedProtocol", backendNote.laterProtocol(spec.protocol ?? ""))
  // Of itself it is told as what it is for.
  const carries = protocol === "tcp" && carriesRequests(rules.carries) ? "Bytes" : rules.carries
  const name = spec.externalHostname === undefined ? null : externalName(spec.externalHostname.hostname, rules)
  if (name !== null && Result.isFailure(name)) return refuse("Invalid", `spec.externalHostname.hostname: ${name.failure}`, "InvalidAddress")
  const { trust, problems, invalid } = trustOf(view, key, spec, source, carries)
  if (invalid !== null) return refuse("Invalid", invalid, "InvalidBackend")
  if (problems.length > 0) {
    const causes = problems.map((problem) => problem.message)
    return judged(
      backend.refused("Invalid", causes),
      backend.unresolvedRefs(problems[0]!.reason, causes),
      refused(key, source, "invalid_backend", "InvalidBackend", backendNote.address(what, causes.join("; ")))
    )
  }
  const sessions = sessionsOfXBackend(view, key, spec, source)
  if (sessions !== null && sessions.problems.length > 0) return refuse("Invalid", sessions.problems.join("; "), "InvalidBackend")
  const { namespace } = parseKey(key)
  const { number } = spec.port
  const tls = trust.tls !== null
  const made = (said: Pick<Destination, "external" | "identity" | "endpoints" | "provenance">, notes: ReadonlyArray<string>): Declared =>
    declared(
      key,
      source,
      {
        of: { namespace, target: `${what}:${number}` },
        sources: [source],
        protocol,
        tls: trust.tls,
        credential: null,
        materials: trust.materials,
        layers: [],
        ...said,
        provenance: { ...said.provenance, ...(spec.protocol === undefined ? {} : { protocol: source }), ...trust.provenance },
        ...(sessions === null ? {} : { session: sessions.under(everyPath) })
      },
      notes
    )
  const accepted = (notes: ReadonlyArray<string>, declaration: Declared): JudgedBackend => ({
    said: [backend.accepted(notes), backend.resolvedRefs],
    declared: declaration,
    ports: [number],
    skipsVerify: false
  })
  if (name === null) {
    const { members, notes } = podMembers(view, rules, namespace, spec.endpointSelector!.matchLabels, number)
    const about = members.length > 0 ? notes : [...notes, backendNote.noEndpoints(`${what} port ${number}`)]
    const identity = { host: "Request", sni: trust.sni, certificateName: trust.sni } as const
    return accepted([], made({ external: false, identity, endpoints: endpointsOf(members, tls), provenance: {} }, about))
  }
  const notes: Array<string> = []
  if (spec.tls === undefined && tls) notes.push(backendNote.tlsBy443("spec.tls.mode: None opts out"))
  const plaintext = tls ? null : plaintextNote(carries, number === 443 ? "spec.tls.mode None" : null)
  if (plaintext !== null) notes.push(plaintext)
  const endpoint: Endpoint = {
    at: { _tag: "Name", name: name.success, port: number, srv: false },
    tls,
    tier: 0,
    weight: 1,
    zone: null,
    draining: false,
    origin: "Written"
  }
  return accepted(
    notes,
    made(
      {
        external: true,
        identity: { host: "Endpoint", sni: trust.sni, certificateName: trust.sni },
        endpoints: [endpoint],
        provenance: { "identity.host": source }
      },
      notes.map((note) => backendNote.about(what, note))
    )
  )
}
