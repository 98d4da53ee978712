// Upstreams and their endpoints, read from JSON. Law 15: a setting that the data plane judges itself passes through to that judgement; what an older operator knows
// nothing of is as it was before; the rest is refused by name.
import {
  type Balance,
  type CookieAttribute,
  type HashKey,
  isPrime,
  largestTable,
  type PreferLocal,
  type SlowStart,
  type Spread
} from "./balance.ts"
import type { DnsContract, Failover, FailoverResponse, Limits, RetryRate, RetryShare, TcpKeepalive, UpstreamTimeouts } from "./behaviour.ts"
import type { EgressAllow, EgressRules, EgressTrial } from "./egress.ts"
import type { HealthCheck, Outlier, Probe } from "./health.ts"
import {
  amount,
  attempt,
  beside,
  either,
  entriesOf,
  fields,
  flag,
  list,
  nullable,
  oneOf,
  port,
  type Read,
  record,
  tagged,
  text,
  Unreadable,
  whole
} from "./reading.ts"
import { retry, setting, source } from "./resources.ts"
import type {
  AddressPolicy,
  Credential,
  Endpoint,
  EndpointAddress,
  Hop,
  IdentitySettings,
  OAuth2Credential,
  SigV4Credential,
  StaticCredential,
  Upstream,
  UpstreamTls
} from "./upstream.ts"

const identity = fields<IdentitySettings>({
  host: either(["Endpoint", "Name", "Request"] as const, fields<{ readonly name: string }>({ name: text })),
  sni: nullable(text),
  certificateName: nullable(text)
})
const versions = oneOf("TLSv1.2", "TLSv1.3")
const authorities: Read<UpstreamTls["ca"]> = either(["System"] as const, list(text))
const upstreamTls = fields<UpstreamTls>({
  ca: authorities,
  names: list(text),
  client: nullable(text),
  verify: flag,
  minVersion: versions,
  maxVersion: versions
})
const dns = fields<DnsContract>({
  nameservers: list(text),
  family: oneOf("Both", "IPv4", "IPv6", "IPv4Preferred", "IPv6Preferred"),
  minTtl: amount,
  maxTtl: amount,
  hold: fields<DnsContract["hold"]>({ nxdomain: amount, refused: amount, servfail: amount, timeout: amount, other: amount }),
  obsoleteGrace: amount,
  staleLimit: amount
})
const allow = fields<EgressAllow>({ hosts: list(text), ports: list(port), cidrs: list(text) })
const enforced = fields<Omit<EgressRules, "trial">>({
  mode: oneOf("Enforce", "Open"),
  allow: list(allow),
  permitPrivate: flag,
  sources: list(source)
})
/** A trial refuses nothing, so an operator that knows none of it leaves it out, and so does a snapshot without one. */
const egress: Read<EgressRules> = beside(enforced, { trial: fields<EgressTrial>({ allow: list(allow), sources: list(source) }) })
const addresses = fields<AddressPolicy>({ cluster: list(text), allowLoopback: flag, egress: nullable(egress) })
/** What an older operator knows nothing of. */
const unsaidBefore =
  <A>(read: Read<A>, before: A): Read<A> =>
  (value) =>
    value === undefined ? before : read(value)
const retryShare = tagged<RetryShare>({ Share: fields<Omit<RetryShare, "_tag">>({ percent: amount, least: whole }) })
const retries: Read<Limits["maxRetries"]> = (value) =>
  typeof value === "object" && value !== null ? retryShare(value) : setting(whole)(value)
const limits = fields<Limits>({
  maxConnections: whole,
  maxPending: whole,
  maxRequestsPerConnection: setting(whole),
  maxRequests: unsaidBefore(setting(whole), "Disabled"),
  maxRetries: unsaidBefore(retries, "Disabled")
})
const timeouts = fields<UpstreamTimeouts>({
  connect: amount,
  tlsHandshake: amount,
  firstByte: setting(amount),
  idle: setting(amount),
  keepAliveIdle: amount,
  maxConnectionAge: setting(amount)
})

type Asking = Omit<Extract<Probe, { readonly _tag: "Http" }>, "_tag">
type AskingMore = Pick<Required<Asking>, "retriable" | "body" | "holds">

const healthCheck = fields<HealthCheck>({
  probe: tagged<Probe>({
    Http: beside<Omit<Asking, keyof AskingMore>, AskingMore>(
      fields<Omit<Asking, keyof AskingMore>>({
        method: oneOf("GET", "HEAD", "OPTIONS", "POST", "PUT"),
        path: text,
        host: nullable(text),
        expected: list(whole)
      }),
      { retriable: list(whole), body: text, holds: text }
    ),
    Tcp: beside(fields<object>({}), { send: text, receive: text }),
    Tls: fields<object>({}),
    Grpc: fields<{ service: string }>({ service: text })
  }),
  port: nullable(port),
  interval: amount,
  timeout: amount,
  unhealthyThreshold: whole,
  healthyThreshold: whole,
  panic: amount
})

const outlier: Read<Outlier> = beside(
  fields<Omit<Outlier, "failures">>({
    serverErrors: nullable(whole),
    gatewayErrors: nullable(whole),
    localFailures: nullable(whole),
    baseEjection: amount,
    maxEjectionPercent: amount,
    panic: amount
  }),
  { failures: fields<NonNullable<Outlier["failures"]>>({ percent: amount, interval: amount }) }
)

const knownKey = tagged<Exclude<HashKey, { readonly _tag: "Unknown" }>>({
  Source: fields<object>({}),
  Headers: fields<{ names: ReadonlyArray<string> }>({ names: list(text) }),
  Query: fields<{ names: ReadonlyArray<string> }>({ names: list(text) }),
  Cookie: beside<{ name: string; mint: number | null }, { attributes: ReadonlyArray<CookieAttribute> }>(
    fields<{ name: string; mint: number | null }>({ name: text, mint: nullable(whole) }),
    { attributes: list(fields<CookieAttribute>({ name: text, value: text })) }
  )
})

/** Never fails: a key that is not understood is `Unknown`, and its upstream answers 500. */
const hashKey: Read<HashKey> = (value) => {
  const read = attempt(() => knownKey(value))
  return "value" in read ? read.value : { _tag: "Unknown", name: `a key that is not understood (${read.problem.slice(0, 128)})` }
}

/** An address of no weight at all would never be asked. */
const share: Read<number> = (value) => {
  if (amount(value) === 0 || (value as number) > 1) throw new Unreadable("a share above 0 to 1")
  return value as number
}

/** One that is no prime could not be filled. */
const tableSize: Read<number> = (value) => {
  if (whole(value) > largestTable || !isPrime(value as number)) throw new Unreadable(`a prime up to ${largestTable}`)
  return value as number
}

const spread: Read<Spread> = beside(fields<object>({}), {
  slowStart: fields<SlowStart>({ window: amount, aggression: amount, least: share }),
  preferLocal: fields<PreferLocal>({ least: whole, leastLocal: whole })
})
const table: Read<{ readonly tableSize?: number }> = beside(fields<object>({}), { tableSize })
const overriding: Read<{ readonly overrides?: ReadonlyArray<string> }> = beside(fields<object>({}), { overrides: list(text) })

/** A way of balancing by its name: those that are not served here are judged like the rest. */
const balance: Read<Balance> = (value) => {
  const tag = entriesOf(value).find(([name]) => name === "_tag")?.[1]
  switch (tag) {
    case "ConsistentHash":
      return {
        _tag: tag,
        by: hashKey("by" in (value as object) ? (value as { readonly by: unknown }).by : undefined),
        ...table(value),
        ...overriding(value)
      }
    case "RoundRobin":
    case "LeastRequest":
    case "Random":
      return { _tag: tag, ...spread(value), ...overriding(value) }
    default:
      if (typeof tag !== "string") throw new Unreadable("a way of balancing")
      return value as Balance
  }
}

const credentials: { readonly [K in Credential["kind"]]: Read<Omit<Extract<Credential, { readonly kind: K }>, "kind">> } = {
  Static: fields<Omit<StaticCredential, "kind">>({ header: text, form: oneOf("Header", "Bearer", "Basic"), secret: text }),
  SigV4: fields<Omit<SigV4Credential, "kind">>({ region: text, service: text, secret: text }),
  OAuth2: fields<Omit<OAuth2Credential, "kind">>({
    endpoint: fields<OAuth2Credential["endpoint"]>({ name: text, port, target: text, ca: authorities }),
    client: text,
    authentication: oneOf("Basic", "Body"),
    scopes: list(text),
    audience: nullable(text),
    secret: text
  })
}

/** One of a kind that is not known here passes to the data plane's judgement. */
const credential: Read<Credential> = (value) => {
  const kind = text(entriesOf(value).find(([name]) => name === "kind")?.[1])
  return Object.hasOwn(credentials, kind)
    ? ({ kind, ...credentials[kind as Credential["kind"]](value) } as Credential)
    : (value as Credential)
}

const status: Read<number> = (value) => {
  if (whole(value) < 200 || whole(value) > 599) throw new Unreadable("a status from 200 to 599")
  return whole(value)
}
const failover = fields<Failover>({
  spill: amount,
  returnAfter: amount,
  codes: unsaidBefore(list(whole), []),
  response: unsaidBefore(nullable(fields<FailoverResponse>({ status, contentType: text, body: text })), null)
})
const outside = {
  Name: fields<{ name: string; port: number; srv: boolean }>({ name: text, port, srv: flag }),
  Address: fields<{ ip: string; port: number }>({ ip: text, port })
}

const hop = fields<Hop>({
  at: tagged<Hop["at"]>(outside),
  tls: nullable(upstreamTls),
  certificateName: nullable(text),
  authorization: nullable(text)
})

/** What is as usual is left out, also by an operator that knows none of it. */
type Unusual = Pick<Required<Upstream>, "failover" | "sourceAddresses" | "proxyProtocol" | "retryRate" | "tcpKeepalive">
type Settings = Omit<Upstream, keyof Unusual>

const settings = fields<Settings>({
  of: fields<Upstream["of"]>({ namespace: text, target: text }),
  sources: list(source),
  provenance: record(source),
  protocol: (value) => text(value) as Upstream["protocol"],
  identity,
  tls: nullable(upstreamTls),
  dns,
  addresses,
  via: list(hop),
  balance,
  health: setting(healthCheck),
  outlier: setting(outlier),
  limits,
  retry: unsaidBefore(setting(retry), "Default"),
  timeouts,
  credential: nullable(credential),
  external: flag
})

export const upstream: Read<Upstream> = beside<Settings, Unusual>(settings, {
  failover,
  sourceAddresses: list(text),
  proxyProtocol: oneOf("V1", "V2"),
  retryRate: fields<RetryRate>({ percent: amount, interval: amount, count: whole, per: amount }),
  tcpKeepalive: fields<TcpKeepalive>({ idle: amount, interval: amount, probes: whole })
})

const placed = fields<Omit<Endpoint, "proxied" | "pathPrefix" | "forZones">>({
  at: tagged<EndpointAddress>({ ...outside, Unix: fields<{ path: string }>({ path: text }) }),
  tls: flag,
  tier: whole,
  weight: whole,
  zone: nullable(text),
  draining: flag,
  origin: oneOf("Written", "Slice", "Pod")
})

const proxied: Read<true> = either([true] as const, () => {
  throw new Unreadable("true")
})

const endpoint: Read<Endpoint> = beside(placed, { proxied, pathPrefix: text, forZones: list(text) })

/** An endpoint that cannot be read is left out, and told; its siblings serve (law 1). */
export const endpoints = (value: unknown): { readonly endpoints: ReadonlyArray<Endpoint>; readonly problem: string | null } => {
  if (!Array.isArray(value)) throw new Unreadable("a list of endpoints")
  let problem: string | null = null
  const read = value.flatMap((item, at) => {
    const one = attempt(() => endpoint(item))
    if ("value" in one) return [one.value]
    problem ??= `endpoint ${at}: ${one.problem}`
    return []
  })
  return { endpoints: read, problem }
}
