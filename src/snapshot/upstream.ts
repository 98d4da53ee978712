// An upstream: the effective, connection-scoped settings of one backend. Deadlines and retries are the rule's, or N routes would make N pools.
import type { Balance } from "./balance.ts"
import type { DnsContract, Failover, HealthCheck, Limits, Outlier, UpstreamTimeouts } from "./behaviour.ts"
import type { EgressRules } from "./egress.ts"
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
  readonly via: ReadonlyArray<string>
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
export type Credential = StaticCredential

export interface StaticCredential {
  readonly kind: "Static"
  /** Name of the header field, as it is written out. */
  readonly header: string
  /** What is known of the value: any text, a bearer token, or a user with a password. */
  readonly form: "Header" | "Bearer" | "Basic"
  /** In the secrets table, where its bytes can be used: they are the field's whole value. */
  readonly secret: Id
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
  readonly draining: boolean
  /** Goes before the path of every request to it, as it is: `/v1`, no slash at its end. Absent: nothing does. */
  readonly pathPrefix?: string
  /** Decides the address policy: a hand-written slice is not a pod. */
  readonly origin: "Written" | "Slice" | "Pod"
}

/** `api.example:443`, `[2001:db8::1]:80`, `/run/a.sock`; with its path prefix: `api.example:443/v1`, `/run/a.sock:/v1`. */
export const endpointName = ({ at, pathPrefix = "" }: Endpoint): string => {
  switch (at._tag) {
    case "Name":
      return `${at.name}:${at.port}${pathPrefix}`
    case "Address":
      return at.ip.includes(":") ? `[${at.ip}]:${at.port}${pathPrefix}` : `${at.ip}:${at.port}${pathPrefix}`
    case "Unix":
      return pathPrefix === "" ? at.path : `${at.path}:${pathPrefix}`
  }
}

export type EndpointAddress =
  | { readonly _tag: "Name"; readonly name: string; readonly port: number; readonly srv: boolean }
  | { readonly _tag: "Address"; readonly ip: string; readonly port: number }
  | { readonly _tag: "Unix"; readonly path: string }
