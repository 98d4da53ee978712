// Backend (gateway.sluice.dev/v1alpha1): a destination outside the cluster, declared. Fields that a later release serves are readable today.
import { Schema } from "effect"
import { defaulted, listOf } from "./absent.ts"
import { addressPattern, IPAddress } from "./address.ts"
import { rules } from "./crd.ts"
import { Duration } from "./duration.ts"
import { elementsOf } from "./element.ts"
import { DialledHostname, PreciseHostname } from "./hostname.ts"
import { int32, integer, NamespaceName, ObjectName, PortNumber, text } from "./name.ts"
import { LocalObjectReference, SecretObjectReference } from "./reference.ts"
import { SubjectAltName, WellKnownCACertificates } from "./trust.ts"

/** A field of a later release: kept as written, so that a condition can name it. */
const Later = Schema.optionalKey(Schema.Unknown)

const kinds = ["fqdn", "ip", "unix", "service"] as const

const formsOf = (endpoint: { readonly [K in (typeof kinds)[number]]?: unknown }): ReadonlyArray<string> =>
  kinds.filter((kind) => endpoint[kind] !== undefined)

const EndpointFields = Schema.Struct({
  fqdn: Schema.optionalKey(Schema.Struct({ hostname: DialledHostname, port: PortNumber })),
  ip: Schema.optionalKey(Schema.Struct({ address: IPAddress, port: PortNumber })),
  unix: Schema.optionalKey(
    Schema.Struct({
      path: text(1, 107).check(Schema.isPattern(/^\/[^\u0000]*$/u, { expected: "an absolute path of at most 107 characters" }))
    })
  ),
  service: Schema.optionalKey(Schema.Struct({ name: ObjectName, namespace: Schema.optionalKey(NamespaceName), port: PortNumber })),
  weight: defaulted(integer(0, 1_000_000), 1),
  zone: Schema.optionalKey(text(1, 253)),
  /** Above 0: later. */
  tier: defaulted(integer(0, 15), 0),
  /** Later. */
  pathPrefix: Schema.optionalKey(text(1, 1024))
}).check(
  rules({
    message: "Expected exactly one of fqdn, ip, unix, service",
    cel: `${kinds.map((kind) => `(has(self.${kind}) ? 1 : 0)`).join(" + ")} == 1`,
    broken: (endpoint) => formsOf(endpoint).length !== 1,
    told: (endpoint) => {
      const forms = formsOf(endpoint)
      return `Expected exactly one of fqdn, ip, unix, service${forms.length === 0 ? "" : `; got ${forms.join(", ")}`}`
    }
  })
)
/** Exactly one of fqdn, ip, unix, service is there. */
export const BackendEndpoint = EndpointFields
export type BackendEndpoint = typeof EndpointFields.Type

const TLSVersion = Schema.Literals(["1.2", "1.3"])

/** What means nothing without TLS, and when it is said. */
const withTls = {
  sni: "has(self.sni)",
  hostname: "has(self.hostname)",
  subjectAltNames: "has(self.subjectAltNames) && size(self.subjectAltNames) > 0",
  caCertificateRefs: "has(self.caCertificateRefs) && size(self.caCertificateRefs) > 0",
  wellKnownCACertificates: "has(self.wellKnownCACertificates)",
  insecureSkipVerify: "has(self.insecureSkipVerify) && self.insecureSkipVerify"
} as const

const isSaid = (value: unknown): boolean => (Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false)

const BackendTLSFields = Schema.Struct({
  /** Absent: ClientAndServer with a clientCertificateRef, else ServerOnly. */
  mode: Schema.optionalKey(Schema.Literals(["None", "ServerOnly", "ClientAndServer"])),
  sni: Schema.optionalKey(PreciseHostname),
  /** The name the certificate must carry, when it is not the SNI. */
  hostname: Schema.optionalKey(PreciseHostname),
  subjectAltNames: listOf(SubjectAltName, 5),
  caCertificateRefs: listOf(LocalObjectReference, 8),
  /** With neither this nor caCertificateRefs: the system's roots. */
  wellKnownCACertificates: Schema.optionalKey(WellKnownCACertificates),
  clientCertificateRef: Schema.optionalKey(SecretObjectReference),
  minVersion: defaulted(TLSVersion, "1.2"),
  maxVersion: Schema.optionalKey(TLSVersion),
  /** Needs an EgressPolicy that permits SkipVerify. */
  insecureSkipVerify: defaulted(Schema.Boolean, false)
})
type BackendTLSFields = typeof BackendTLSFields.Type

export const BackendTLS = BackendTLSFields.check(
  rules(
    {
      at: "wellKnownCACertificates",
      message: "Not allowed together with caCertificateRefs",
      cel: `!(${withTls.caCertificateRefs} && has(self.wellKnownCACertificates))`,
      broken: (tls) => tls.caCertificateRefs.length > 0 && tls.wellKnownCACertificates !== undefined
    },
    {
      at: "clientCertificateRef",
      message: "Required when mode is ClientAndServer",
      cel: "!(has(self.mode) && self.mode == 'ClientAndServer') || has(self.clientCertificateRef)",
      broken: (tls) => tls.mode === "ClientAndServer" && tls.clientCertificateRef === undefined
    },
    {
      at: "clientCertificateRef",
      message: "Only allowed when mode is ClientAndServer",
      cel: "!(has(self.mode) && self.mode in ['None', 'ServerOnly'] && has(self.clientCertificateRef))",
      broken: (tls) => (tls.mode === "None" || tls.mode === "ServerOnly") && tls.clientCertificateRef !== undefined
    },
    // What would be said to nobody must not pass for said.
    ...(Object.entries(withTls) as ReadonlyArray<[keyof typeof withTls, string]>).map(([at, said]) => ({
      at,
      message: "Not allowed with mode None: nothing is encrypted or verified",
      cel: `!(has(self.mode) && self.mode == 'None' && ${said})`,
      broken: (tls: BackendTLSFields) => tls.mode === "None" && isSaid(tls[at])
    })),
    {
      at: "maxVersion",
      message: "Expected at least minVersion",
      cel: "!(has(self.maxVersion) && self.maxVersion == '1.2' && has(self.minVersion) && self.minVersion == '1.3')",
      broken: (tls) => tls.maxVersion === "1.2" && tls.minVersion === "1.3"
    },
    {
      at: "insecureSkipVerify",
      message: "Not allowed together with a CA source: nothing would be checked against it",
      cel: `!(${withTls.insecureSkipVerify} && ((${withTls.caCertificateRefs}) || has(self.wellKnownCACertificates)))`,
      broken: (tls) => tls.insecureSkipVerify && (tls.caCertificateRefs.length > 0 || tls.wellKnownCACertificates !== undefined)
    }
  )
)
export type BackendTLS = typeof BackendTLS.Type

/** Milliseconds; 0 disables, absent is the default. */
export const BackendTimeouts = Schema.Struct({
  connect: Schema.optionalKey(Duration),
  tlsHandshake: Schema.optionalKey(Duration),
  firstByte: Schema.optionalKey(Duration),
  idle: Schema.optionalKey(Duration),
  maxConnectionAge: Schema.optionalKey(Duration)
})
export type BackendTimeouts = typeof BackendTimeouts.Type

const port = "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"

const Nameserver = Schema.String.check(
  Schema.isPattern(
    new RegExp(`^((tcp|tls)@)?(${addressPattern.ip}|${addressPattern.v4}:${port}|\\[${addressPattern.v6}\\]:${port})$`, "u"),
    { expected: "an IP address, optionally with a port and tcp@ or tls@ before it: 10.0.0.2, 10.0.0.2:5353, [2001:db8::1]:53" }
  )
)

/** Milliseconds. */
export const BackendDNS = Schema.Struct({
  /** `ip`, `ip:port`, `tcp@…`, `tls@…` (later). Empty: the process's own. */
  nameservers: listOf(Nameserver, 8),
  minTTL: Schema.optionalKey(Duration),
  maxTTL: Schema.optionalKey(Duration),
  hold: Schema.optionalKey(
    Schema.Struct({
      nxdomain: Schema.optionalKey(Duration),
      refused: Schema.optionalKey(Duration),
      servfail: Schema.optionalKey(Duration),
      timeout: Schema.optionalKey(Duration),
      other: Schema.optionalKey(Duration)
    })
  ),
  obsoleteGrace: Schema.optionalKey(Duration),
  staleLimit: Schema.optionalKey(Duration),
  family: Schema.optionalKey(Schema.Literals(["Both", "IPv4", "IPv6", "IPv4Preferred", "IPv6Preferred"])),
  srv: Later
}).check(
  rules({
    at: "minTTL",
    message: "Expected at most maxTTL",
    cel: "!has(self.minTTL) || !has(self.maxTTL) || duration(self.minTTL) <= duration(self.maxTTL)",
    broken: ({ minTTL, maxTTL }) => minTTL !== undefined && maxTTL !== undefined && minTTL > maxTTL
  })
)
export type BackendDNS = typeof BackendDNS.Type

export const BackendConnections = Schema.Struct({
  maxConnections: Schema.optionalKey(int32(1)),
  maxPending: Schema.optionalKey(int32(0)),
  maxRequestsPerConnection: Schema.optionalKey(int32(1)),
  /** Milliseconds. */
  keepAliveIdle: Schema.optionalKey(Duration)
})
export type BackendConnections = typeof BackendConnections.Type

export const Backend = Schema.Struct({
  spec: Schema.Struct({
    endpoints: elementsOf(BackendEndpoint, "spec.endpoints", 1, 256),
    /** Absent: Auto over TLS where the port is 443, else HTTP. */
    protocol: Schema.optionalKey(Schema.Literals(["Auto", "HTTP", "H2C", "H2", "GRPC", "GRPCS", "TCP", "TLS", "UDP"])),
    /** Absent: Backend for fqdn endpoints, Request for others. */
    host: Schema.optionalKey(
      Schema.Union([
        Schema.Literals(["Backend", "Request"]),
        Schema.Struct({
          value: text(1, 259).check(
            Schema.isPattern(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*(:[1-9][0-9]{0,4})?$/u, {
              expected: "a hostname in lower case, optionally with :port"
            })
          )
        })
      ])
    ),
    tls: Schema.optionalKey(BackendTLS),
    timeouts: Schema.optionalKey(BackendTimeouts),
    dns: Schema.optionalKey(BackendDNS),
    connections: Schema.optionalKey(BackendConnections),
    healthCheck: Later,
    outlier: Later,
    loadBalancer: Later,
    retry: Later,
    circuitBreaker: Later,
    failover: Later,
    credentials: Later,
    egressPath: Later
  })
})
export type Backend = typeof Backend.Type

/** Fields of spec that the schema reads and no released proxy serves yet: present means a condition that names them. */
export const laterBackendFields = [
  "healthCheck",
  "outlier",
  "loadBalancer",
  "retry",
  "circuitBreaker",
  "failover",
  "credentials",
  "egressPath"
] as const
