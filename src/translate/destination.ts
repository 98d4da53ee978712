// What any dialect becomes: names, members, trust and layers of behaviour, not yet under an address policy. From here on nobody knows which kind declared it.
import type { ObjectKey } from "#schemas/meta.ts"
import { defaultFailover, defaultTcpKeepalive, usualRetryRate } from "../snapshot/behaviour.ts"
import { digest } from "../snapshot/digest.ts"
import type { Id, Source } from "../snapshot/id.ts"
import type { RouteReason } from "../snapshot/reason.ts"
import type { Action } from "../snapshot/route.ts"
import type { Material } from "../snapshot/secret.ts"
import type { Session } from "../snapshot/session.ts"
import type { AddressPolicy, Credential, Endpoint, IdentitySettings, Upstream, UpstreamTls } from "../snapshot/upstream.ts"
import { type Layer, mergeBehaviour } from "./behaviour.ts"

export interface Destination {
  readonly of: Upstream["of"]
  /** The declaring object first, then the policies that had a say. */
  readonly sources: ReadonlyArray<Source>
  /** A third party outside the cluster. */
  readonly external: boolean
  readonly protocol: Upstream["protocol"]
  readonly identity: IdentitySettings
  readonly tls: UpstreamTls | null
  readonly credential: Credential | null
  /** The CA bundles and the client certificate that `tls` names, and the credential's bytes where there are any. */
  readonly materials: ReadonlyArray<Material>
  /** Behaviour over the defaults, weakest first. */
  readonly layers: ReadonlyArray<Layer>
  /** Who set what beside behaviour: `tls.ca`, `identity.sni`, `protocol`. */
  readonly provenance: Readonly<Record<string, Source>>
  /** How its connections leave; absent: straight. */
  readonly path?: Pick<Upstream, "via" | "sourceAddresses">
  /** Members, `tls` decided for each. */
  readonly endpoints: ReadonlyArray<Endpoint>
  /** Its own, whichever rule sends requests there; absent: it has none. */
  readonly session?: Session
}

/** Why a declaration comes to no destination: the label of its share's 500, and what the route's ResolvedRefs says (null: it stays True). */
export interface Refusal {
  readonly why: RouteReason
  readonly problem: { readonly reason: string; readonly message: string } | null
}

export type RedirectAction = Extract<Action, { readonly _tag: "Redirect" }>

/** A declaration as seen from a reference to it. Exactly one of destination, redirect and refusal is there. */
export interface Declared {
  readonly object: ObjectKey | null
  readonly source: Source
  readonly destination: Destination | null
  /** It is not dialled: clients are told where it is. */
  readonly redirect: RedirectAction | null
  readonly refusal: Refusal | null
  /** Decisions made on the user's behalf, and members left out. */
  readonly notes: ReadonlyArray<string>
  /** Among the backends of a rule, it waits until those that are none cannot serve. */
  readonly fallback?: true
}

export const declared = (object: ObjectKey, source: Source, destination: Destination, notes: ReadonlyArray<string>): Declared => ({
  object,
  source,
  destination,
  redirect: null,
  refusal: null,
  notes
})

export const refused = (
  object: ObjectKey | null,
  source: Source,
  why: RouteReason,
  reason: string | null,
  message: string,
  notes: ReadonlyArray<string> = []
): Declared => ({
  object,
  source,
  destination: null,
  redirect: null,
  refusal: { why, problem: reason === null ? null : { reason, message } },
  notes
})

const direct: NonNullable<Destination["path"]> = { via: [] }

export interface MadeUpstream {
  readonly id: Id
  readonly spec: Upstream
}

/**
 * The upstream of a destination. Its id is the hash of every field but `sources` and `provenance`: who says it does not make another connection. policies: those
 * on the way to it that have a say, who are hashed too: what two of them make of one backend is told apart, as they are edited apart.
 */
export const upstreamOf = (destination: Destination, addresses: AddressPolicy, policies: ReadonlyArray<Source> = []): MadeUpstream => {
  const { behaviour, provenance } = mergeBehaviour(destination.layers)
  const settings: Omit<Upstream, "sources" | "provenance"> = {
    of: destination.of,
    protocol: destination.protocol,
    identity: destination.identity,
    tls: destination.tls,
    dns: behaviour.dns,
    addresses,
    ...(destination.path ?? direct),
    ...(behaviour.proxyProtocol === null ? {} : { proxyProtocol: behaviour.proxyProtocol }),
    ...(behaviour.tcpKeepalive === defaultTcpKeepalive ? {} : { tcpKeepalive: behaviour.tcpKeepalive }),
    ...(behaviour.retryRate === usualRetryRate ? {} : { retryRate: behaviour.retryRate }),
    balance: behaviour.balance,
    health: behaviour.health,
    outlier: behaviour.outlier,
    limits: behaviour.limits,
    retry: behaviour.retry,
    timeouts: behaviour.timeouts,
    ...(behaviour.failover === defaultFailover ? {} : { failover: behaviour.failover }),
    credential: destination.credential,
    external: destination.external
  }
  return {
    id: digest(policies.length === 0 ? settings : { ...settings, policies }),
    spec: {
      ...settings,
      sources: policies.length === 0 ? destination.sources : [...destination.sources, ...policies],
      provenance: { ...destination.provenance, ...provenance }
    }
  }
}

/** Trust when nobody says otherwise: system roots, the name verified, TLS 1.2 or newer. */
export const systemTrust: UpstreamTls = {
  ca: "System",
  names: [],
  client: null,
  verify: true,
  minVersion: "TLSv1.2",
  maxVersion: "TLSv1.3"
}
