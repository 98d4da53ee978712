// XBackend of type ExternalHostname (GEP-4894) in the shapes of v1.6 and v1.7 (docs/external-api.md).
import { Result } from "effect"
import { type ObjectKey, parseKey } from "#schemas/meta.ts"
import { experimentalGroup } from "#schemas/reference.ts"
import type { XBackend } from "#schemas/xbackend.ts"
import type { Source } from "../../snapshot/id.ts"
import type { Material } from "../../snapshot/secret.ts"
import type { Upstream, UpstreamTls } from "../../snapshot/upstream.ts"
import { backend, backendNote, type Said } from "../../status/conditions.ts"
import { type Carries, carriesRequests, plaintextNote, tlsAt } from "../carriage.ts"
import { type Declared, declared, refused, systemTrust } from "../destination.ts"
import type { BackendRules } from "../features.ts"
import { externalName } from "../hostname.ts"
import { caBundles, clientCertificate, nameList, type TrustProblem } from "../trust.ts"
import type { View } from "../view.ts"
import type { JudgedBackend } from "./judged.ts"

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
    // Absent under v1.6 is unsaid. Under v1.7 the CRD writes {mode: None} where nothing was said; a file means the same as the API server.
    if (said === undefined && spec.port.shape === "v1.6" && tlsAt(null, spec.port.number, carries))
      return { trust: { ...plain, tls: systemTrust, provenance: { tls: source } }, problems: [], invalid: null }
    const unknown = spec.port.shape === "v1.7" && tlsAt(null, spec.port.number, carries)
    return { trust: plain, problems: [], invalid: unknown ? backendNote.xbackend443 : null }
  }
  const { validation } = said
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
  if (spec.externalHostname === undefined) return refuse("UnsupportedValue", backendNote.selectorNotServed)
  const protocol = protocols.get(spec.protocol)
  if (protocol === undefined) return refuse("UnsupportedProtocol", backendNote.laterProtocol(spec.protocol ?? ""))
  // Of itself it is told as what it is for.
  const carries = protocol === "tcp" && carriesRequests(rules.carries) ? "Bytes" : rules.carries
  const name = externalName(spec.externalHostname.hostname, rules)
  if (Result.isFailure(name)) return refuse("Invalid", `spec.externalHostname.hostname: ${name.failure}`, "InvalidAddress")
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
  const { number } = spec.port
  const notes: Array<string> = []
  if (spec.tls === undefined && trust.tls !== null) notes.push(backendNote.tlsBy443("spec.tls.mode: None opts out"))
  const plaintext = trust.tls === null ? plaintextNote(carries, number === 443 ? "spec.tls.mode None" : null) : null
  if (plaintext !== null) notes.push(plaintext)
  const declaration = declared(
    key,
    source,
    {
      of: { namespace: parseKey(key).namespace, target: `${what}:${number}` },
      sources: [source],
      external: true,
      protocol,
      identity: { host: "Endpoint", sni: trust.sni, certificateName: trust.sni },
      tls: trust.tls,
      credential: null,
      materials: trust.materials,
      layers: [],
      provenance: { "identity.host": source, ...(spec.protocol === undefined ? {} : { protocol: source }), ...trust.provenance },
      endpoints: [
        {
          at: { _tag: "Name", name: name.success, port: number, srv: false },
          tls: trust.tls !== null,
          tier: 0,
          weight: 1,
          zone: null,
          draining: false,
          origin: "Written"
        }
      ]
    },
    notes.map((note) => backendNote.about(what, note))
  )
  return { said: [backend.accepted(notes), backend.resolvedRefs], declared: declaration, ports: [number], skipsVerify: false }
}
