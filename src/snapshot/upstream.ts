// An upstream: the effective, connection-scoped settings of one backend. Deadlines and retries are the rule's, or N routes would make N pools.
import type { Balance } from "./balance.ts"
import type { DnsContract, Failover, Limits, RetryRate, TcpKeepalive, UpstreamTimeouts } from "./behaviour.ts"
import type { EgressRules } from "./egress.ts"
import type { HealthCheck, Outlier } from "./health.ts"
import type { Id, Source } from "./id.ts"
import type { Retry } from "./retry.ts"
import type { Setting } from "./setting.ts"

/** Its id is the hash of every field but sources and provenance; `of` is hashed too, or equal settings would share endpoints. */
export interface Upstream {
  /** in-cluster: `Service shop/cart:8080`; external: the kind, name and port that declares it. namespace: whose it is; sharing stays inside it. */
  readonly of: { readonly namespace: string; readonly target: string }
  readonly sources: ReadonlyArray<Source>
  /** Which object set which field ("tls.ca", "timeouts.connect"): explain and describe print it. */
  readonly provenance: Readonly<Record<string, Source>>
  readonly protocol: "auto" | "http1" | "h2" | "h2c" | "tcp" | "udp"
  readonly identity: IdentitySettings
  /** Used by endpoints whose `tls` is true; null when none is. */
  readonly tls: UpstreamTls | null
  readonly dns: DnsContract
  readonly addresses: AddressPolicy
  /** The proxies on the way to its endpoints, the first first; empty: there is none. */
  readonly via: ReadonlyArray<Hop>
  /** What connections are dialled from, one address of a family; a family without one is not dialled. Absent: the system chooses. */
  readonly sourceAddresses?: ReadonlyArray<string>
  /** Each connection begins with a header of the PROXY protocol, for the client of the one request that it carries. Absent: none does. */
  readonly proxyProtocol?: "V1" | "V2"
  /** Absent: the default. */
  readonly tcpKeepalive?: TcpKeepalive
  /** Absent: the usual one. */
  readonly retryRate?: RetryRate
  readonly balance: Balance
  readonly health: Setting<HealthCheck>
  readonly outlier: Setting<Outlier>
  readonly limits: Limits
  /** For rules that say nothing of retries. */
  readonly retry: Setting<Retry>
  readonly timeouts: UpstreamTimeouts
  /** Absent: the default. */
  readonly failover?: Failover
  /** What each request authenticates itself with; null: with what the client sent. */
  readonly credential: Credential | null
  /** A third party outside the cluster: forwarding headers (Via, X-Forwarded-*) are off toward it unless asked for. */
  readonly external: boolean
}

/** HTTP/2 is spoken: over TLS by ALPN, else by prior knowledge. */
export const isMultiplexed = (protocol: Upstream["protocol"]): boolean => protocol === "h2" || protocol === "h2c"

/** What the user said about names; `upstream/dial/identity` derives Host, SNI, certificate name, ALPN and probe Host from it, and nothing else does (law 6). */
export interface IdentitySettings {
  /** "Endpoint": the endpoint's own name or address (and port); "Request": the client's Host; "Name": its own name, or the client's Host where it has none. */
  readonly host: "Endpoint" | "Name" | "Request" | { readonly name: string }
  /** null: the endpoint's name. */
  readonly sni: string | null
  /** The name the certificate must carry when `tls.names` is empty; null: the SNI. */
  readonly certificateName: string | null
}

export interface UpstreamTls {
  /** Ids of CA bundles in the secrets table. */
  readonly ca: "System" | ReadonlyArray<Id>
  /** subjectAltNames: any one must be on the certificate (`dns:name`, `uri:spiffe://…`); empty: the certificate name of the identity. */
  readonly names: ReadonlyArray<string>
  readonly client: Id | null
  readonly verify: boolean
  readonly minVersion: "TLSv1.2" | "TLSv1.3"
  readonly maxVersion: "TLSv1.2" | "TLSv1.3"
}

/** Goes over a connection whose peer's certificate was verified, with the upstream's own Host, and in place of what the client sent there; else nothing goes. */
export type Credential = StaticCredential | OAuth2Credential | SigV4Credential

export interface StaticCredential {
  readonly kind: "Static"
  /** Name of the header field, as it is written out. */
  readonly header: string
  /** What is known of the value: any text, a bearer token, or a user with a password. */
  readonly form: "Header" | "Bearer" | "Basic"
  /** In the secrets table, where its bytes can be used: they are the field's whole value. */
  readonly secret: Id
}

/** An HTTP proxy that is asked for a tunnel by CONNECT. */
export interface Hop {
  readonly at: Exclude<EndpointAddress, { readonly _tag: "Unix" }>
  /** null: plaintext. */
  readonly tls: UpstreamTls | null
  /** The name asked for and verified where `tls.names` is empty; null: that of `at`. */
  readonly certificateName: string | null
  /** In the secrets table: the bytes are the whole value of Proxy-Authorization. null: none is sent. */
  readonly authorization: Id | null
}

/** Ids in the secrets table that its connections are made with. */
export const connectionSecrets = ({ tls, via }: Pick<Upstream, "tls" | "via">): ReadonlyArray<Id> => [
  ...[tls, ...via.map((hop) => hop.tls)].flatMap((one) =>
    one === null ? [] : [...(one.ca === "System" ? [] : one.ca), ...(one.client === null ? [] : [one.client])]
  ),
  ...via.flatMap(({ authorization }) => authorization ?? [])
]

/** Client credentials (RFC 6749 section 4.4): a token is asked for, and asked for again before it is over. */
export interface OAuth2Credential {
  readonly kind: "OAuth2"
  /** Where tokens come from. Its address is judged as the upstream's own are. */
  readonly endpoint: {
    readonly name: string
    readonly port: number
    /** Origin form. */
    readonly target: string
    readonly ca: UpstreamTls["ca"]
  }
  readonly client: string
  readonly authentication: "Basic" | "Body"
  readonly scopes: ReadonlyArray<string>
  readonly audience: string | null
  /** Its bytes are the client's secret. */
  readonly secret: Id
}

/** AWS Signature Version 4. */
export interface SigV4Credential {
  readonly kind: "SigV4"
  readonly region: string
  /** `s3`, `execute-api`: as signatures call it. */
  readonly service: string
  /** Its bytes are lines: the id of the access key, its secret and, where there is one, the session token. */
  readonly secret: Id
}

/** Ids in the secrets table that its requests are authenticated with. */
export const credentialSecrets = ({ credential }: Pick<Upstream, "credential">): ReadonlyArray<Id> => {
  if (credential === null) return []
  const { secret } = credential
  return credential.kind === "OAuth2" && credential.endpoint.ca !== "System" ? [secret, ...credential.endpoint.ca] : [secret]
}

/** What the dialler needs to judge an address (docs/address-policy.md). */
export interface AddressPolicy {
  /** CIDRs of pods, Services and nodes: refused to names, allowed to slices. */
  readonly cluster: ReadonlyArray<string>
  /** `sluice run --allow-loopback` only. */
  readonly allowLoopback: boolean
  /** The EgressPolicies that govern the namespaces involved, merged; null: none speaks, public unicast only. */
  readonly egress: EgressRules | null
}

export interface Endpoint {
  readonly at: EndpointAddress
  /** Dial with TLS (the derivation of docs/external-api.md). */
  readonly tls: boolean
  readonly tier: number
  readonly weight: number
  readonly zone: string | null
  /** Whose requests it is meant for, where that was said (hints of an EndpointSlice). Absent: those of its own zone. */
  readonly forZones?: ReadonlyArray<string>
  readonly draining: boolean
  /** It is reached by the proxies of `Upstream.via`; absent: directly. */
  readonly proxied?: true
  /** Goes before the path of every request to it, as it is: `/v1`, no slash at its end. Absent: nothing does. */
  readonly pathPrefix?: string
  /** Decides the address policy: a hand-written slice is not a pod. */
  readonly origin: "Written" | "Slice" | "Pod"
}

/** `api.example:443`, `_https._tcp.api.example`, `[2001:db8::1]:80`, `/run/a.sock`. */
export const addressName = (at: EndpointAddress): string => {
  switch (at._tag) {
    case "Name":
      return at.srv ? at.name : `${at.name}:${at.port}`
    case "Address":
      return at.ip.includes(":") ? `[${at.ip}]:${at.port}` : `${at.ip}:${at.port}`
    case "Unix":
      return at.path
  }
}

/** With its path prefix: `api.example:443/v1`, `/run/a.sock:/v1`. */
export const endpointName = ({ at, pathPrefix = "" }: Endpoint): string =>
  `${addressName(at)}${at._tag === "Unix" && pathPrefix !== "" ? ":" : ""}${pathPrefix}`

/** srv: the name is that of a service (RFC 2782), and the ports are in its records; its own is 0. */
export type EndpointAddress =
  | { readonly _tag: "Name"; readonly name: string; readonly port: number; readonly srv: boolean }
  | { readonly _tag: "Address"; readonly ip: string; readonly port: number }
  | { readonly _tag: "Unix"; readonly path: string }

/** Whose service it is: `_https._tcp.api.example` is one of `api.example`. */
export const serviceDomain = (name: string): string => name.replace(/^_[^.]*\._[^.]*\./, "")

/** What a connection to the endpoint is dialled to: itself, or the proxy that leads there. */
export const dialledAt = ({ via }: Pick<Upstream, "via">, endpoint: Endpoint): EndpointAddress =>
  endpoint.proxied === true ? (via[0]?.at ?? endpoint.at) : endpoint.at
