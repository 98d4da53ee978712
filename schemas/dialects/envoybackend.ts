// Backend of gateway.envoyproxy.io/v1alpha1, in the form of its API and in the short form of documentation, read into one value (docs/envoy-gateway.md).
// Apart from our own Backend: its form is others' to change, and what it has that is not served is read so that a condition can name it.
import { Schema, SchemaGetter } from "effect"
import { defaulted, listOf } from "../absent.ts"
import { IPAddress } from "../address.ts"
import { elementsOf } from "../element.ts"
import { DialledHostname, PreciseHostname } from "../hostname.ts"
import { Group, Kind, NamespaceName, ObjectName, PortNumber, text } from "../name.ts"
import { LocalObjectReference, SecretObjectReference } from "../reference.ts"
import { WellKnownCACertificates } from "../trust.ts"

/** Kept as written, so that a condition can name it. */
const Unserved = Schema.optionalKey(Schema.Unknown)

const SocketPath = text(1, 107).check(Schema.isPattern(/^\/[^\u0000]*$/u, { expected: "an absolute path of at most 107 characters" }))

/** One endpoint, whatever form it was written in. Exactly one of fqdn, ip, unix is there. */
export interface EnvoyEndpoint {
  readonly fqdn?: { readonly hostname: string; readonly port: number }
  readonly ip?: { readonly address: string; readonly port: number }
  readonly unix?: { readonly path: string }
  readonly hostname?: string
  readonly zone?: string
  readonly protocol?: "HTTP" | "HTTPS"
}

const isEndpoint = (u: unknown): u is EnvoyEndpoint => typeof u === "object" && u !== null && !Array.isArray(u)

const forms = ["fqdn", "ip", "unix"] as const

/** `fqdn: {hostname, port}` is the API's form, `fqdn: name` with `port` beside it the short one; a list may mix them. */
const Endpoint = Schema.Struct({
  fqdn: Schema.optionalKey(
    Schema.Union([DialledHostname, Schema.Struct({ hostname: DialledHostname, port: Schema.optionalKey(PortNumber) })])
  ),
  ip: Schema.optionalKey(Schema.Union([IPAddress, Schema.Struct({ address: IPAddress, port: Schema.optionalKey(PortNumber) })])),
  unix: Schema.optionalKey(Schema.Union([SocketPath, Schema.Struct({ path: SocketPath })])),
  port: Schema.optionalKey(PortNumber),
  /** Short form alone. */
  protocol: Schema.optionalKey(Schema.Literals(["HTTP", "HTTPS"])),
  hostname: Schema.optionalKey(PreciseHostname),
  zone: Schema.optionalKey(text(1, 253))
})
type Endpoint = typeof Endpoint.Type

const portWithin = ({ fqdn, ip }: Endpoint): number | undefined => {
  const host = fqdn ?? ip
  return typeof host === "object" ? host.port : undefined
}

const judged = Endpoint.check(
  Schema.makeFilter((endpoint) => {
    const said = forms.filter((form) => endpoint[form] !== undefined)
    if (said.length !== 1) return `Expected exactly one of fqdn, ip, unix${said.length === 0 ? "" : `; got ${said.join(", ")}`}`
    const within = portWithin(endpoint)
    if (endpoint.unix !== undefined)
      return endpoint.port === undefined ? undefined : { path: ["port"], issue: "Only allowed with fqdn or ip: a socket has no port" }
    if (within === undefined && endpoint.port === undefined) return { path: ["port"], issue: "Required: the port to dial" }
    return within !== undefined && endpoint.port !== undefined && within !== endpoint.port
      ? { path: ["port"], issue: `Expected the same value as ${said[0]}.port` }
      : undefined
  })
)

const BackendEndpoint = judged.pipe(
  Schema.decodeTo(Schema.declare(isEndpoint), {
    decode: SchemaGetter.transform((endpoint: Endpoint): EnvoyEndpoint => {
      const { fqdn, ip, unix, port: beside, hostname, zone, protocol } = endpoint
      const port = portWithin(endpoint) ?? beside ?? 0
      return {
        ...(fqdn === undefined ? {} : { fqdn: { hostname: typeof fqdn === "string" ? fqdn : fqdn.hostname, port } }),
        ...(ip === undefined ? {} : { ip: { address: typeof ip === "string" ? ip : ip.address, port } }),
        ...(unix === undefined ? {} : { unix: { path: typeof unix === "string" ? unix : unix.path } }),
        ...(hostname === undefined ? {} : { hostname }),
        ...(zone === undefined ? {} : { zone }),
        ...(protocol === undefined ? {} : { protocol })
      }
    }),
    encode: SchemaGetter.forbidden(() => "decoded objects are never written back")
  })
)

const TLSVersion = Schema.Literals(["Auto", "1.0", "1.1", "1.2", "1.3"])

const EnvoyBackendTLS = Schema.Struct({
  caCertificateRefs: listOf(LocalObjectReference, 8),
  /** "" is the API's other way to leave it out. */
  wellKnownCACertificates: Schema.optionalKey(Schema.Union([Schema.Literals([""]), WellKnownCACertificates])),
  insecureSkipVerify: defaulted(Schema.Boolean, false),
  sni: Schema.optionalKey(PreciseHostname),
  autoSNIFromEndpointHostname: Schema.optionalKey(Schema.Boolean),
  clientCertificateRef: Schema.optionalKey(SecretObjectReference),
  minVersion: Schema.optionalKey(TLSVersion),
  maxVersion: Schema.optionalKey(TLSVersion),
  ciphers: Unserved,
  ecdhCurves: Unserved,
  signatureAlgorithms: Unserved,
  alpnProtocols: Schema.optionalKey(Schema.Array(Schema.String)),
  fingerprints: Unserved
}).check(
  Schema.makeFilter((tls) => {
    const ca = tls.caCertificateRefs.length > 0
    const wellKnown = (tls.wellKnownCACertificates ?? "") !== ""
    if (ca && wellKnown) return { path: ["wellKnownCACertificates"], issue: "Not allowed together with caCertificateRefs" }
    if (tls.insecureSkipVerify && (ca || wellKnown))
      return { path: ["insecureSkipVerify"], issue: "Not allowed together with a CA source: nothing would be checked against it" }
    if (tls.minVersion === "1.3" && tls.maxVersion !== undefined && !["Auto", "1.3"].includes(tls.maxVersion))
      return { path: ["maxVersion"], issue: "Expected at least minVersion" }
    return tls.sni !== undefined && tls.autoSNIFromEndpointHostname === true
      ? { path: ["sni"], issue: "Not allowed together with autoSNIFromEndpointHostname: true" }
      : undefined
  })
)
export type EnvoyBackendTLS = typeof EnvoyBackendTLS.Type

/** Short form. Without group and kind: a Service, or else the Backend of that name. */
const Fallback = Schema.Struct({
  backendRef: Schema.Struct({
    group: Schema.optionalKey(Group),
    kind: Schema.optionalKey(Kind),
    name: ObjectName,
    namespace: Schema.optionalKey(NamespaceName),
    port: Schema.optionalKey(PortNumber)
  })
})

export const EnvoyBackend = Schema.Struct({
  spec: Schema.Struct({
    type: defaulted(Schema.Literals(["Endpoints", "DynamicResolver"]), "Endpoints"),
    endpoints: defaulted(elementsOf(BackendEndpoint, "spec.endpoints", 0, 256), []),
    appProtocols: listOf(text(1, 253), 16),
    /** Short form: a list of one. */
    appProtocol: Schema.optionalKey(text(1, 253)),
    /** A boolean in the API, a reference in the short form. */
    fallback: Schema.optionalKey(Schema.Union([Schema.Boolean, Fallback])),
    tls: Schema.optionalKey(EnvoyBackendTLS)
  }).check(
    Schema.makeFilter((spec) => {
      if (spec.type === "Endpoints" && spec.endpoints.length === 0)
        return { path: ["endpoints"], issue: "Required when type is Endpoints: at least 1 item" }
      if (spec.type === "DynamicResolver" && spec.endpoints.length > 0)
        return { path: ["endpoints"], issue: "Only allowed when type is Endpoints" }
      return spec.appProtocol !== undefined && spec.appProtocols.length > 0
        ? { path: ["appProtocol"], issue: "Not allowed together with appProtocols" }
        : undefined
    })
  )
})
export type EnvoyBackend = typeof EnvoyBackend.Type
