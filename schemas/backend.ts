// Backend (gateway.sluice.dev/v1alpha1): a destination outside the cluster, declared.
import { Result, Schema } from "effect"
import { defaulted, listOf } from "./absent.ts"
import { addressPattern, IPAddress } from "./address.ts"
import { cel, rules } from "./crd.ts"
import { Credentials } from "./credentials.ts"
import { Duration } from "./duration.ts"
import { EgressPath } from "./egresspath.ts"
import { elementsOf } from "./element.ts"
import { Failover } from "./failover.ts"
import { HealthCheck, Outlier } from "./health.ts"
import { PreciseHostname, ServiceHostname } from "./hostname.ts"
import { LoadBalancer } from "./loadbalancer.ts"
import { int32, integer, NamespaceName, ObjectName, PortNumber, text } from "./name.ts"
import { LocalObjectReference, SecretObjectReference } from "./reference.ts"
import { Retry, RetryBudget } from "./retry.ts"
import { TcpKeepalive } from "./tcpkeepalive.ts"
import { SubjectAltName, WellKnownCACertificates } from "./trust.ts"

const kinds = ["fqdn", "ip", "unix", "service"] as const

const formsOf = (endpoint: { readonly [K in (typeof kinds)[number]]?: unknown }): ReadonlyArray<string> =>
  kinds.filter((kind) => endpoint[kind] !== undefined)

// A segment that some backend reads as a dot segment (`..`, `..;x`, `%2e`) would lead out of the prefix, and what is encoded here is not decoded again.
const plain = "[-A-Za-z0-9_~!$&'()*+,=:@]"
const encoded = "%([01346-9A-Fa-f][0-9A-Fa-f]|2[0-9A-Da-d]|5[0-9ABD-Fabd-f])"
const rest = `([-A-Za-z0-9._~!$&'()*+,;=:@]|${encoded})*`
const segment = `(${plain}|;|${encoded}|\\.{1,2}(${plain}|${encoded})|\\.{3})${rest}`

const PathPrefix = text(1, 1024).check(
  Schema.isPattern(new RegExp(`^(/${segment})+/?$`, "u"), {
    expected: "a path that begins with /, without empty segments, dot segments, a query or encoded slashes and dots: /v1, /tenants/a"
  })
)

const isService = (hostname: string): boolean => hostname.startsWith("_")

const NamedPlace = Schema.Struct({
  hostname: ServiceHostname,
  port: Schema.optionalKey(PortNumber).annotateKey({ description: "Of a service (dns.srv) absent: its records say the ports." })
}).check(
  rules(
    {
      at: "port",
      message: "Required: the port to send to",
      cel: "has(self.port) || self.hostname.startsWith('_')",
      broken: ({ hostname, port }) => port === undefined && !isService(hostname)
    },
    {
      at: "port",
      message: "Not allowed with the name of a service: its records say the ports",
      cel: "!has(self.port) || !self.hostname.startsWith('_')",
      broken: ({ hostname, port }) => port !== undefined && isService(hostname)
    }
  )
)

const EndpointFields = Schema.Struct({
  fqdn: Schema.optionalKey(NamedPlace).annotateKey({
    description:
      "A DNS name. It is resolved anew when its answer expires, and is the Host, the SNI and the name on the certificate unless something else is said."
  }),
  ip: Schema.optionalKey(Schema.Struct({ address: IPAddress, port: PortNumber })).annotateKey({ description: "An IPv4 or IPv6 address." }),
  unix: Schema.optionalKey(
    Schema.Struct({
      path: text(1, 107).check(Schema.isPattern(/^\/[^\u0000]*$/u, { expected: "an absolute path of at most 107 characters" }))
    })
  ).annotateKey({ description: "A Unix socket, below a directory that GatewayParameters or --unix-directory allow." }),
  service: Schema.optionalKey(
    Schema.Struct({ name: ObjectName, namespace: Schema.optionalKey(NamespaceName), port: PortNumber })
  ).annotateKey({ description: "A Service of the cluster; in another namespace it needs a ReferenceGrant there." }),
  weight: defaulted(integer(0, 1_000_000), 1).annotateKey({ description: "The share of this endpoint among those of its tier." }),
  zone: Schema.optionalKey(text(1, 253)).annotateKey({ description: "The zone it is in, for information." }),
  tier: defaulted(integer(0, 15), 0).annotateKey({
    description: "0 is first. The endpoints of the next are asked while those before it cannot serve."
  }),
  pathPrefix: Schema.optionalKey(PathPrefix).annotateKey({
    description: "Put before the path of each request that goes to this endpoint, after all filters."
  })
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
  mode: Schema.optionalKey(Schema.Literals(["None", "ServerOnly", "ClientAndServer"])).annotateKey({
    description:
      "None: plaintext. ServerOnly: the backend shows a certificate. ClientAndServer: so do we. Absent: ClientAndServer with a clientCertificateRef, else ServerOnly."
  }),
  sni: Schema.optionalKey(PreciseHostname).annotateKey({
    description: "The name asked for in the handshake. Absent: the name of the endpoint."
  }),
  hostname: Schema.optionalKey(PreciseHostname).annotateKey({
    description: "The name the certificate must carry, when it is not the SNI."
  }),
  subjectAltNames: listOf(SubjectAltName, 5).annotateKey({ description: "One of these must be on the certificate, in place of hostname." }),
  caCertificateRefs: listOf(LocalObjectReference, 8).annotateKey({
    description: "ConfigMaps or Secrets with a ca.crt: only what they sign is trusted."
  }),
  wellKnownCACertificates: Schema.optionalKey(WellKnownCACertificates).annotateKey({
    description: "System: the system's roots, as when nothing is said."
  }),
  clientCertificateRef: Schema.optionalKey(SecretObjectReference).annotateKey({
    description: "A Secret of type kubernetes.io/tls; in another namespace it needs a ReferenceGrant there."
  }),
  minVersion: defaulted(TLSVersion, "1.2").annotateKey({ description: "The oldest version of TLS." }),
  maxVersion: Schema.optionalKey(TLSVersion).annotateKey({ description: "The newest version of TLS." }),
  insecureSkipVerify: defaulted(Schema.Boolean, false).annotateKey({
    description: "The certificate is not verified. Needs an EgressPolicy that permits SkipVerify."
  })
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
  connect: Schema.optionalKey(Duration).annotateKey({ description: "Until the TCP connection stands. Absent: 5s." }),
  tlsHandshake: Schema.optionalKey(Duration).annotateKey({ description: "Until the TLS handshake is done. Absent: 5s." }),
  firstByte: Schema.optionalKey(Duration).annotateKey({
    description: "From the end of the request to the first byte of the answer. Absent: 60s."
  }),
  idle: Schema.optionalKey(Duration).annotateKey({ description: "Without a byte in either direction. Absent: 5m." }),
  maxConnectionAge: Schema.optionalKey(Duration).annotateKey({
    description: "A connection older than this takes no further request. Absent: no limit."
  })
})
export type BackendTimeouts = typeof BackendTimeouts.Type

const port = "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"

const place = `(${addressPattern.ip}|${addressPattern.v4}:${port}|\\[${addressPattern.v6}\\]:${port})`
// The last label begins with a letter: no address passes for a name.
const name = "([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\\.)*[a-z]([-a-z0-9]{0,61}[a-z0-9])?"
const nameserver = `^((tcp@)?${place}|tls@${place}(#${name})?)$`
const aNameserver =
  "an IP address, optionally with a port and tcp@ or tls@ before it: 10.0.0.2, 10.0.0.2:5353, [2001:db8::1]:53, tls@10.0.0.2#dns.example.com"

const Nameserver = Schema.String.check(
  Schema.isPattern(new RegExp(nameserver, "u"), {
    expected: aNameserver,
    ...cel(`self.matches(r'${nameserver}')`, `Expected ${aNameserver}`, { maxLength: 311 })
  })
)

/** Milliseconds. */
export const BackendDNS = Schema.Struct({
  nameservers: listOf(Nameserver, 8).annotateKey({
    description:
      "Asked in place of those of the process: ip, ip:port, tcp@ip:port, tls@ip:port#name (DNS over TLS). Their addresses need an EgressPolicy when they are not public."
  }),
  minTTL: Schema.optionalKey(Duration).annotateKey({ description: "An answer is kept at least as long. Absent: 5s." }),
  maxTTL: Schema.optionalKey(Duration).annotateKey({ description: "An answer is kept at most as long. Absent: 5m." }),
  hold: Schema.optionalKey(
    Schema.Struct({
      nxdomain: Schema.optionalKey(Duration),
      refused: Schema.optionalKey(Duration),
      servfail: Schema.optionalKey(Duration),
      timeout: Schema.optionalKey(Duration),
      other: Schema.optionalKey(Duration)
    })
  ).annotateKey({ description: "How long an answer of each sort stands before the last good one is given up. Absent: 30s." }),
  obsoleteGrace: Schema.optionalKey(Duration).annotateKey({
    description: "How long an address that left the answer is still used. Absent: 30s."
  }),
  staleLimit: Schema.optionalKey(Duration).annotateKey({
    description: "How long the last good answer is used while none comes. Absent: 10m."
  }),
  family: Schema.optionalKey(Schema.Literals(["Both", "IPv4", "IPv6", "IPv4Preferred", "IPv6Preferred"])).annotateKey({
    description: "Which addresses are asked for and preferred."
  }),
  srv: Schema.optionalKey(Schema.Boolean).annotateKey({
    description:
      "Endpoints may be names of services (_https._tcp.example.com): their SRV records say which hosts serve them, on which ports, in which order and shares."
  })
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
  maxConnections: Schema.optionalKey(int32(1)).annotateKey({ description: "Connections of one pod to this backend." }),
  maxPending: Schema.optionalKey(int32(0)).annotateKey({
    description: "Requests of one pod that wait for a connection; more are answered 503."
  }),
  maxRequestsPerConnection: Schema.optionalKey(int32(1)).annotateKey({ description: "A connection takes no more requests than this." }),
  keepAliveIdle: Schema.optionalKey(Duration).annotateKey({ description: "An idle connection is closed after this." }),
  tcpKeepalive: Schema.optionalKey(TcpKeepalive).annotateKey({
    description: "How the system asks of a connection without a byte whether its other end is there."
  })
})
export type BackendConnections = typeof BackendConnections.Type

/** What of it is not already said by `connections`. */
export const BackendCircuitBreaker = Schema.Struct({
  maxParallelRequests: Schema.optionalKey(int32(0)).annotateKey({
    description: "Requests of one pod that this backend answers at once; more are answered 503. Absent: no limit."
  }),
  maxParallelRetries: Schema.optionalKey(int32(0)).annotateKey({
    description: "Requests of one pod that are being tried once more at the same time. Absent: no limit but the budget."
  }),
  retryBudget: Schema.optionalKey(RetryBudget).annotateKey({
    description: "The same as a part of the requests of one pod, in place of maxParallelRetries and of the budget that there is without."
  })
})
export type BackendCircuitBreaker = typeof BackendCircuitBreaker.Type

const BackendSpec = Schema.Struct({
  endpoints: elementsOf(BackendEndpoint, "spec.endpoints", 1, 256).annotateKey({
    description: "Where requests go. An endpoint that cannot be read costs itself alone."
  }),
  protocol: Schema.optionalKey(Schema.Literals(["Auto", "HTTP", "H2C", "H2", "GRPC", "GRPCS", "TCP", "TLS", "UDP"])).annotateKey({
    description:
      "HTTP: HTTP/1.1, plaintext unless tls says otherwise. H2C, GRPC: HTTP/2 in plaintext by prior knowledge. H2, GRPCS: HTTP/2 over TLS. Auto: HTTP/1.1, over TLS where the port is 443. Absent: Auto."
  }),
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
  ).annotateKey({
    description:
      "Backend: the backend's own name is sent (fqdn endpoints, when absent). Request: the client's (other endpoints, when absent). Or {value: name}."
  }),
  tls: Schema.optionalKey(BackendTLS).annotateKey({ description: "Absent: TLS where the port is 443, with the system's roots." }),
  timeouts: Schema.optionalKey(BackendTimeouts).annotateKey({
    description: "0s disables, absent is the default. Timeouts of routes win for whole requests."
  }),
  dns: Schema.optionalKey(BackendDNS).annotateKey({ description: "How names are resolved." }),
  connections: Schema.optionalKey(BackendConnections).annotateKey({ description: "Limits of connections." }),
  healthCheck: Schema.optionalKey(HealthCheck).annotateKey({
    description: "Each address is looked at, and left out while it fails. Absent: none is looked at."
  }),
  outlier: Schema.optionalKey(Outlier).annotateKey({
    description: "An address whose requests fail is left out for a while. {}: by the defaults. Absent: none is."
  }),
  loadBalancer: Schema.optionalKey(LoadBalancer).annotateKey({
    description: "How requests are spread over the endpoints. Absent: RoundRobin."
  }),
  retry: Schema.optionalKey(Retry).annotateKey({
    description: "For rules of routes that say nothing of retries. Absent: the safe one alone."
  }),
  circuitBreaker: Schema.optionalKey(BackendCircuitBreaker).annotateKey({
    description: "Limits of requests. What is beyond is answered 503 at once."
  }),
  failover: Schema.optionalKey(Failover).annotateKey({
    description:
      "Who serves what the endpoints cannot: backends that stand behind them (backendRefs), and when requests pass from a tier to the next, and back."
  }),
  credentials: Schema.optionalKey(Credentials).annotateKey({
    description:
      "What requests authenticate themselves with: sent over verified TLS only, in place of what the client sent in that field. Needs a Host of the backend's own."
  }),
  egressPath: Schema.optionalKey(EgressPath).annotateKey({
    description: "How connections leave: through a proxy, from an address. Absent: straight, as the system chooses."
  })
})

export const Backend = Schema.Struct({
  spec: BackendSpec.check(
    rules({
      at: "dns",
      message: "Expected srv: true, as an endpoint is the name of a service",
      cel: "(has(self.dns) && has(self.dns.srv) && self.dns.srv) || !self.endpoints.exists(one, has(one.fqdn) && one.fqdn.hostname.startsWith('_'))",
      broken: ({ dns, endpoints }) =>
        dns?.srv !== true &&
        endpoints.some((one) => Result.isSuccess(one) && one.success.fqdn !== undefined && isService(one.success.fqdn.hostname))
    })
  ).annotateKey({ description: "What is wanted." })
})
export type Backend = typeof Backend.Type
