// Envoy Gateway's Backend said in the words of ours, and judged as such (docs/envoy-gateway.md). What it has and Sluice does not serve is refused by name: of a
// field that changes how a backend is spoken to, nothing may be passed over.
import { Result } from "effect"
import type { BackendTLS } from "#schemas/backend.ts"
import type { EnvoyBackend, EnvoyBackendTLS, EnvoyEndpoint } from "#schemas/dialects/envoybackend.ts"
import type { Element, ObjectKey } from "#schemas/meta.ts"
import type { Source } from "../../snapshot/id.ts"
import { isMultiplexed } from "../../snapshot/upstream.ts"
import { backendNote } from "../../status/backendnotes.ts"
import type { Carries } from "../carriage.ts"
import type { BackendRules } from "../features.ts"
import { asWritten, unsaid, type Wire, wireOf } from "../protocol.ts"
import type { View } from "../view.ts"
import { type Cause, type Declaration, judgeDeclaration } from "./backend.ts"
import type { DeclaredEndpoint } from "./backendmembers.ts"
import type { JudgedBackend } from "./judged.ts"

type Spec = EnvoyBackend["spec"]

const say = backendNote.envoy

/** The last word counts; each must be one that is served. */
const wiresOf = (spec: Spec, carries: Carries): { readonly wire: Wire; readonly problems: ReadonlyArray<Cause> } => {
  const words = spec.appProtocol === undefined ? spec.appProtocols : [spec.appProtocol]
  const problems: Array<Cause> = []
  let wire = unsaid
  for (const [index, word] of words.entries()) {
    const one = wireOf(word, carries)
    const at = spec.appProtocol === undefined ? `spec.appProtocols[${index}]` : "spec.appProtocol"
    if (typeof one === "string") problems.push({ reason: "UnsupportedProtocol", message: `${at}: ${one}` })
    else wire = one
  }
  return { wire, problems }
}

const unserved = (message: string): Cause => ({ reason: "UnsupportedValue", message })

const tooOld: ReadonlySet<string | undefined> = new Set(["1.0", "1.1"])

const tlsProblems = (tls: EnvoyBackendTLS, protocol: Wire["protocol"]): ReadonlyArray<Cause> => [
  ...(["minVersion", "maxVersion"] as const)
    .filter((field) => tooOld.has(tls[field]))
    .map((field) => unserved(say.version(`spec.tls.${field}`, tls[field]!))),
  ...(["ciphers", "ecdhCurves", "signatureAlgorithms"] as const)
    // An empty list is the API's other way to leave it out.
    .filter((field) => tls[field] !== undefined && !(Array.isArray(tls[field]) && tls[field].length === 0))
    .map((field) => unserved(backendNote.later(`spec.tls.${field}`))),
  // Of this one an empty list means no ALPN at all.
  ...(tls.alpnProtocols === undefined || offered(tls.alpnProtocols, protocol) !== null ? [] : [unserved(say.alpn)])
]

/** What is offered of a list, which is one protocol: known before anybody connects. null: nothing that is spoken here. */
const offered = (alpn: ReadonlyArray<string>, protocol: Wire["protocol"]): Wire["protocol"] | null =>
  alpn.includes(isMultiplexed(protocol) ? "h2" : "http/1.1") ? protocol : protocol === "auto" && alpn.includes("h2") ? "h2" : null

const problemsOf = (spec: Spec, protocol: Wire["protocol"]): ReadonlyArray<Cause> => [
  ...(spec.type === "DynamicResolver" ? [unserved(say.dynamicResolver)] : []),
  ...(spec.tls === undefined ? [] : tlsProblems(spec.tls, protocol))
]

const tlsOf = (tls: EnvoyBackendTLS): BackendTLS => ({
  subjectAltNames: [],
  caCertificateRefs: tls.caCertificateRefs,
  ...((tls.wellKnownCACertificates ?? "") === "" ? {} : { wellKnownCACertificates: tls.wellKnownCACertificates! }),
  insecureSkipVerify: tls.insecureSkipVerify,
  ...(tls.sni === undefined ? {} : { sni: tls.sni }),
  ...(tls.clientCertificateRef === undefined ? {} : { clientCertificateRef: tls.clientCertificateRef }),
  minVersion: tls.minVersion === "1.3" ? "1.3" : "1.2",
  ...(tls.maxVersion === "1.2" ? { maxVersion: "1.2" } : {})
})

/** TLS by an appProtocol alone: nothing more is said of it. */
const justTls: BackendTLS = { subjectAltNames: [], caCertificateRefs: [], insecureSkipVerify: false, minVersion: "1.2" }

const ownName = ({ fqdn }: EnvoyEndpoint): string | undefined => fqdn?.hostname.replace(/\.$/, "")

/** The name that all endpoints bear; null: each its own, or none. */
const commonName = (endpoints: ReadonlyArray<EnvoyEndpoint>): string | null => {
  const said = endpoints.find((endpoint) => endpoint.hostname !== undefined && endpoint.hostname !== ownName(endpoint))?.hostname
  if (said === undefined) return null
  return endpoints.every((endpoint) => (endpoint.hostname ?? ownName(endpoint)) === said) ? said : null
}

const endpointOf = (endpoint: EnvoyEndpoint, path: string, spec: Spec, wire: Wire, name: string | null): DeclaredEndpoint => {
  const { fqdn, ip, unix, hostname, zone, protocol } = endpoint
  const wanted = protocol === undefined ? null : protocol === "HTTPS"
  const said = spec.tls !== undefined ? true : wire.tls
  const refused: Cause | undefined =
    wanted !== null && said !== null && wanted !== said
      ? {
          reason: "Invalid",
          message: say.contradiction(`${path}.protocol`, protocol!, spec.tls !== undefined ? "spec.tls" : "the appProtocol")
        }
      : hostname !== undefined && hostname !== name && hostname !== ownName(endpoint)
        ? unserved(say.hostnames(`${path}.hostname`))
        : undefined
  return {
    weight: 1,
    tier: 0,
    ...(fqdn === undefined ? {} : { fqdn }),
    ...(ip === undefined ? {} : { ip }),
    ...(unix === undefined ? {} : { unix }),
    ...(zone === undefined ? {} : { zone }),
    ...(wanted === null ? {} : { tls: wanted }),
    ...(refused === undefined ? {} : { refused: refused as NonNullable<DeclaredEndpoint["refused"]> })
  }
}

/** In the words of our Backend. */
export const envoyDeclaration = (spec: Spec, carries: Carries = "Requests"): Declaration => {
  const { wire, problems } = wiresOf(spec, carries)
  const name = commonName(spec.endpoints.filter(Result.isSuccess).map((endpoint) => endpoint.success))
  const tls = spec.tls !== undefined ? tlsOf(spec.tls) : wire.tls === true ? justTls : undefined
  const spoken = spec.tls?.alpnProtocols === undefined ? wire.protocol : (offered(spec.tls.alpnProtocols, wire.protocol) ?? wire.protocol)
  const protocol = asWritten(spoken)
  return {
    spec: {
      endpoints: spec.endpoints.map(
        (endpoint, index): Element<DeclaredEndpoint> =>
          Result.map(endpoint, (one) => endpointOf(one, `spec.endpoints[${index}]`, spec, wire, name))
      ),
      ...(protocol === undefined ? {} : { protocol }),
      ...(tls === undefined ? {} : { tls })
    },
    name,
    problems: [...problemsOf(spec, wire.protocol), ...problems],
    notes: spec.tls?.fingerprints === undefined ? [] : [say.fingerprints],
    plaintext: {
      optOut: "appProtocols: [http], or protocol: HTTP of the endpoint, opts out",
      because: wire.tls === false ? "its appProtocol" : "protocol HTTP of the endpoint"
    }
  }
}

/** What a Backend of Envoy Gateway comes to. Its conditions are told by `check`; its status is not ours to write. */
export const judgeEnvoyBackend = (
  view: View,
  rules: BackendRules,
  key: ObjectKey,
  source: Source,
  spec: Spec,
  what: string
): JudgedBackend => {
  const judged = judgeDeclaration(view, rules, key, source, envoyDeclaration(spec, rules.carries), what)
  return spec.fallback === true ? { ...judged, declared: { ...judged.declared, fallback: true } } : judged
}
