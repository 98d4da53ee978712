// The one vocabulary of behaviour: every dialect yields a part of it, translate/behaviour merges the layers. Times are milliseconds.
import { type Balance, defaultBalance } from "./balance.ts"
import type { HealthCheck, Outlier } from "./health.ts"
import type { Retry } from "./retry.ts"
import type { Setting } from "./setting.ts"

export interface UpstreamTimeouts {
  readonly connect: number
  readonly tlsHandshake: number
  readonly firstByte: Setting<number>
  /** No byte either way once the response has begun. */
  readonly idle: Setting<number>
  /** An unused pooled connection is closed after this. */
  readonly keepAliveIdle: number
  readonly maxConnectionAge: Setting<number>
}

export interface DnsContract {
  /** `ip:port`, `tcp@ip:port`, `tls@ip:port` or `tls@ip:port#name`; empty: the process's own resolvers. */
  readonly nameservers: ReadonlyArray<string>
  readonly family: "Both" | "IPv4" | "IPv6" | "IPv4Preferred" | "IPv6Preferred"
  readonly minTtl: number
  readonly maxTtl: number
  readonly hold: {
    readonly nxdomain: number
    readonly refused: number
    readonly servfail: number
    readonly timeout: number
    readonly other: number
  }
  readonly obsoleteGrace: number
  readonly staleLimit: number
}

export interface Limits {
  readonly maxConnections: number
  readonly maxPending: number
  readonly maxRequestsPerConnection: Setting<number>
  /** Requests under way at once, those whose connection is being made included; those that wait for one are maxPending's. */
  readonly maxRequests: Setting<number>
  /** Requests that are being tried once more, at once. */
  readonly maxRetries: Setting<number> | RetryShare
}

/** In place of the budget that there is without: percent of the requests under way and waiting, and so many at the least. */
export interface RetryShare {
  readonly _tag: "Share"
  readonly percent: number
  readonly least: number
}

/** How many of the tries of an upstream may be repetitions: percent of the requests of `interval` milliseconds, and `count` in any `per` whatever that is. A share counts in its place. */
export interface RetryRate {
  readonly percent: number
  readonly interval: number
  readonly count: number
  readonly per: number
}

export const usualRetryRate: RetryRate = { percent: 20, interval: 10_000, count: 10, per: 1_000 }

/** As people read it. */
export const describeRetryRate = ({ percent, interval, count, per }: RetryRate): string =>
  `${percent} % of the requests of ${interval} ms, ${count} in ${per} ms at the least`

/** As people read it; null: there is no limit. */
export const describeRetryLimit = (limit: Limits["maxRetries"]): string | null =>
  typeof limit === "object"
    ? `${limit.percent} % of the requests, ${limit.least} at the least`
    : typeof limit === "number"
      ? `${limit}`
      : null

/** When the system asks of a connection that rests whether its other end is there. Whole seconds in milliseconds. */
export interface TcpKeepalive {
  readonly idle: number
  readonly interval: number
  /** Questions without an answer after which the connection is given up. */
  readonly probes: number
}

/** What is set where nothing is said: libuv's interval and number, which it sets with any idle time. */
export const defaultTcpKeepalive: TcpKeepalive = { idle: 30_000, interval: 1_000, probes: 10 }

/** As people read it. */
export const describeTcpKeepalive = ({ idle, interval, probes }: TcpKeepalive): string =>
  `after ${idle / 1000}s of rest, every ${interval / 1000}s, given up after ${probes}`

export const defaultTimeouts: UpstreamTimeouts = {
  connect: 5_000,
  tlsHandshake: 5_000,
  firstByte: "Default",
  idle: "Default",
  keepAliveIdle: 4_000,
  maxConnectionAge: "Disabled"
}

/** What "Default" means for the two that may be switched off. */
export const defaultFirstByte = 60_000
export const defaultIdle = 300_000

export const defaultDns: DnsContract = {
  nameservers: [],
  family: "Both",
  minTtl: 5_000,
  maxTtl: 300_000,
  hold: { nxdomain: 30_000, refused: 30_000, servfail: 30_000, timeout: 30_000, other: 30_000 },
  obsoleteGrace: 30_000,
  staleLimit: 600_000
}

export const defaultLimits: Limits = {
  maxConnections: 1024,
  maxPending: 1024,
  maxRequestsPerConnection: "Disabled",
  maxRequests: "Disabled",
  maxRetries: "Disabled"
}

/** When requests pass from a tier to the next, and back. */
export interface Failover {
  /** Percent: a tier takes everything while the share of it that serves, times this, is 100; below that the rest passes on. */
  readonly spill: number
  /** Milliseconds that who has failed must serve again before requests go back to it. */
  readonly returnAfter: number
  /** Statuses of answers after which an idempotent request goes on to the next tier. */
  readonly codes: ReadonlyArray<number>
  /** What the routes that name the backend answer once nobody is left who can serve; null: the failure. */
  readonly response: FailoverResponse | null
}

export interface FailoverResponse {
  readonly status: number
  readonly contentType: string
  /** "": it has none. */
  readonly body: string
}

export const defaultFailover: Failover = { spill: 140, returnAfter: 10_000, codes: [], response: null }

/** As people read it. */
export const describeFailover = ({ spill, returnAfter, codes }: Failover): string =>
  `a tier passes requests on below ${Math.round(10_000 / spill)} % of its weight, has them back when it could serve for ${returnAfter} ms${codes.length === 0 ? "" : `; so do answers ${codes.join(", ")} of idempotent requests`}`

/** As people read it. */
export const describeResponse = ({ status, contentType, body }: FailoverResponse): string =>
  `${status}${body === "" ? ", without a body" : `, ${contentType}, ${Buffer.byteLength(body)} bytes`}, when nobody can serve`

/** What a dialect or a policy may say about an upstream's connections; translate/behaviour merges such layers over these defaults. */
export interface Behaviour {
  readonly timeouts: UpstreamTimeouts
  readonly dns: DnsContract
  readonly limits: Limits
  readonly balance: Balance
  readonly failover: Failover
  /** For rules that say nothing of retries. */
  readonly retry: Setting<Retry>
  readonly retryRate: RetryRate
  readonly health: Setting<HealthCheck>
  readonly outlier: Setting<Outlier>
  /** null: connections do not begin with a header. */
  readonly proxyProtocol: "V1" | "V2" | null
  readonly tcpKeepalive: TcpKeepalive
}

export const defaultBehaviour: Behaviour = {
  timeouts: defaultTimeouts,
  dns: defaultDns,
  limits: defaultLimits,
  balance: defaultBalance,
  failover: defaultFailover,
  retry: "Default",
  retryRate: usualRetryRate,
  health: "Disabled",
  outlier: "Disabled",
  proxyProtocol: null,
  tcpKeepalive: defaultTcpKeepalive
}
