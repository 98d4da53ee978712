// Envoy Gateway's BackendTrafficPolicy in the vocabulary of the snapshot (docs/envoy-gateway.md). What it has and Sluice does not serve is refused by name.
import {
  type EnvoyCircuitBreaker,
  type EnvoyDNS,
  type EnvoyLoadBalancer,
  type EnvoyRetry,
  type EnvoyTimeout,
  type EnvoyTrafficPolicy,
  unservedTraffic
} from "#schemas/dialects/envoytrafficpolicy.ts"
import type { Balance, HashKey } from "../../snapshot/balance.ts"
import type { Behaviour, DnsContract, TcpKeepalive } from "../../snapshot/behaviour.ts"
import type { Setting } from "../../snapshot/setting.ts"
import { backendNote } from "../../status/backendnotes.ts"
import { type Part, said } from "../behaviour.ts"
import { bounded, limitOf, settingOf } from "../time.ts"
import { cookieKey, hashOf, hashProblems, overridesOf, spreadOf } from "./backendbalance.ts"
import { tcpKeepaliveOf } from "./backendbehaviour.ts"
import { retryOf, retryShareOf } from "./backendretry.ts"
import { healthNotes, healthPart, healthProblems } from "./envoyhealth.ts"

type Spec = EnvoyTrafficPolicy["spec"]

/** What a policy says of the way of a request; a block that it does not say is not there. */
export interface Traffic {
  readonly part: Part<Behaviour>
  /** Milliseconds of the whole exchange. */
  readonly request: Setting<number>
}

/** The blocks that are served: what `mergeType` merges, and what one policy leaves to another. */
export const blocks = ["loadBalancer", "retry", "timeout", "circuitBreaker", "dns", "healthCheck", "proxyProtocol", "tcpKeepalive"] as const
export type Blocks = Pick<Spec, (typeof blocks)[number]>

const say = backendNote.traffic

const keyOf = ({ type, header, headers, cookie, queryParams }: NonNullable<EnvoyLoadBalancer["consistentHash"]>): HashKey => {
  switch (type) {
    case "SourceIP":
      return { _tag: "Source" }
    case "Header":
      return { _tag: "Headers", names: [header!.name.toLowerCase()] }
    case "Headers":
      return { _tag: "Headers", names: headers!.map(({ name }) => name.toLowerCase()) }
    case "QueryParams":
      return { _tag: "Query", names: queryParams!.map(({ name }) => name) }
    case "Cookie":
      return cookieKey(cookie!)
  }
}

const balanceOf = (spec: EnvoyLoadBalancer): Balance => ({ ...wayOf(spec), ...overridesOf(spec) })

/** Those that are not served are refused before. */
const wayOf = (spec: EnvoyLoadBalancer): Balance => {
  switch (spec.type) {
    case "LeastRequest":
    case "Random":
      return { _tag: spec.type, ...spreadOf(spec) }
    case "ConsistentHash":
      return hashOf(keyOf(spec.consistentHash!), spec.consistentHash!.tableSize)
    default:
      return { _tag: "RoundRobin", ...spreadOf(spec) }
  }
}

const timeoutsOf = ({ tcp, http }: EnvoyTimeout): Part<Behaviour["timeouts"]> => {
  // It includes the handshake there; here each of the two has as long.
  const connect = tcp?.connectTimeout === undefined ? undefined : limitOf(tcp.connectTimeout)
  const idle = http?.streamIdleTimeout === undefined ? undefined : settingOf(http.streamIdleTimeout)
  return said<Behaviour["timeouts"]>({
    connect,
    tlsHandshake: connect,
    firstByte: idle,
    idle,
    keepAliveIdle: http?.connectionIdleTimeout === undefined ? undefined : limitOf(http.connectionIdleTimeout),
    maxConnectionAge: http?.maxConnectionDuration === undefined ? undefined : settingOf(http.maxConnectionDuration)
  })
}

const limitsOf = (breaker: EnvoyCircuitBreaker): Part<Behaviour["limits"]> => {
  const perConnection = breaker.maxRequestsPerConnection
  return said<Behaviour["limits"]>({
    maxConnections: breaker.maxConnections,
    // Who waits for a connection that nobody may make would wait for ever.
    maxPending: breaker.maxConnections === 0 ? 0 : breaker.maxPendingRequests,
    maxRequests: breaker.maxParallelRequests,
    maxRetries: map(breaker.retryBudget, retryShareOf) ?? breaker.maxParallelRetries,
    maxRequestsPerConnection: perConnection === 0 ? "Disabled" : perConnection
  })
}

const refreshRate = 30_000
const shortestTtl = 1_000

const dnsOf = ({ dnsRefreshRate, respectDnsTtl, lookupFamily }: EnvoyDNS): Part<DnsContract> => {
  // Names are asked for as often as is said, whatever their TTL: a floor and a ceiling of one.
  const fixed = respectDnsTtl === false ? Math.max(shortestTtl, bounded(dnsRefreshRate ?? refreshRate)) : undefined
  return said<DnsContract>({
    family: lookupFamily === "IPv4AndIPv6" ? "Both" : lookupFamily,
    minTtl: fixed,
    maxTtl: fixed
  })
}

const map = <A, B>(value: A | undefined, f: (value: A) => B): B | undefined => (value === undefined ? undefined : f(value))

export const trafficOf = (spec: Blocks): Traffic => ({
  part: said<Behaviour>({
    balance: map(spec.loadBalancer, balanceOf),
    retry: map(spec.retry, retryOf),
    timeouts: map(spec.timeout, timeoutsOf) as Behaviour["timeouts"] | undefined,
    limits: map(spec.circuitBreaker, limitsOf) as Behaviour["limits"] | undefined,
    dns: map(spec.dns, dnsOf) as DnsContract | undefined,
    ...map(spec.healthCheck, healthPart),
    proxyProtocol: spec.proxyProtocol?.version,
    tcpKeepalive: map(spec.tcpKeepalive, tcpKeepaliveOf) as TcpKeepalive | undefined
  }),
  request: map(spec.timeout?.http?.requestTimeout, settingOf) ?? "Default"
})

const balanceProblems = (spec: EnvoyLoadBalancer): ReadonlyArray<string> => [
  ...(spec.type === "BackendUtilization" || spec.type === "DynamicModule" ? [say.balancer(spec.type)] : []),
  ...(["backendUtilization", "dynamicModule"] as const)
    .filter((field) => spec[field] !== undefined)
    .map((field) => backendNote.later(`spec.loadBalancer.${field}`)),
  ...(spec.zoneAware?.weightedZones === undefined ? [] : [backendNote.later("spec.loadBalancer.zoneAware.weightedZones")]),
  ...((spec.zoneAware?.preferLocal?.percentageEnabled ?? 100) === 100 ? [] : [say.partOfZone]),
  ...hashProblems(spec.consistentHash ?? {})
]

const retryProblems = ({ numAttemptsPerPriority = 0, perRetry }: EnvoyRetry): ReadonlyArray<string> => [
  ...(numAttemptsPerPriority === 0 ? [] : [backendNote.later("spec.retry.numAttemptsPerPriority")]),
  ...(["baseInterval", "maxInterval"] as const)
    .filter((field) => perRetry?.backOff?.[field] === 0)
    .map((field) => say.noWait(`spec.retry.perRetry.backOff.${field}`))
]

const breakerProblems = ({ maxConnections = 1024, perEndpoint }: EnvoyCircuitBreaker): ReadonlyArray<string> =>
  (perEndpoint?.maxConnections ?? maxConnections) < maxConnections ? [say.perEndpoint(maxConnections)] : []

/** What is not served of a policy: it is not applied, and its targets answer 500. */
export const trafficProblems = (spec: Spec): ReadonlyArray<string> => [
  ...unservedTraffic.filter((field) => spec[field] !== undefined).map((field) => backendNote.later(`spec.${field}`)),
  ...(spec.useClientProtocol === true ? [backendNote.later("spec.useClientProtocol")] : []),
  ...(spec.routingType === "Service" ? [say.clusterIp] : []),
  ...(spec.httpUpgrade ?? []).flatMap(({ type }, index) =>
    type.toLowerCase() === "websocket" ? [] : [say.upgrade(`spec.httpUpgrade[${index}].type`)]
  ),
  ...(spec.timeout?.http?.maxStreamDuration === undefined ? [] : [backendNote.later("spec.timeout.http.maxStreamDuration")]),
  ...(spec.loadBalancer === undefined ? [] : balanceProblems(spec.loadBalancer)),
  ...(spec.retry === undefined ? [] : retryProblems(spec.retry)),
  ...(spec.circuitBreaker === undefined ? [] : breakerProblems(spec.circuitBreaker)),
  ...(spec.healthCheck === undefined ? [] : healthProblems(spec.healthCheck))
]

/** What of a policy has no effect, and is told. */
export const trafficNotes = ({ retry, dns, healthCheck, mergeType }: Spec): ReadonlyArray<string> => {
  const triggers = retry?.retryOn?.triggers
  const codes = retry?.retryOn?.httpStatusCodes
  return [
    ...(codes !== undefined && triggers !== undefined && !triggers.includes("retriable-status-codes") ? [say.codesWithoutTrigger] : []),
    ...(dns?.dnsRefreshRate !== undefined && dns.respectDnsTtl !== false ? [say.refreshRate] : []),
    ...(healthCheck === undefined ? [] : healthNotes(healthCheck, mergeType !== undefined))
  ]
}
