// BackendTrafficPolicy of gateway.envoyproxy.io/v1alpha1 (docs/envoy-gateway.md). Fields that are not served are kept as written, so that a condition can name them.
// Nothing has a default here: what one policy leaves out another may say (mergeType), and absent must not be taken for said.
import { Schema } from "effect"
import { defaulted } from "../absent.ts"
import { Duration } from "../duration.ts"
import { optionalEntriesOf } from "../entries.ts"
import { CookieAttributes, EndpointOverride, PreferLocal, TableSize } from "../loadbalancer.ts"
import { Group, integer, Kind, Token, text } from "../name.ts"
import { duplicateReference, gatewayGroup, PolicyTargetReference } from "../reference.ts"
import { grpcTriggers, httpTriggers, PerRetry, RetryBudget, StatusCodes } from "../retry.ts"
import { LabelSelector, Requirement } from "../selector.ts"
import { TcpKeepalive } from "../tcpkeepalive.ts"
import { EnvoyHealthCheck } from "./envoyhealth.ts"

const Unserved = Schema.optionalKey(Schema.Unknown)

const upTo = (max: number) => Schema.isMaxLength(max, { expected: `at most ${max} items` })

export const EnvoyTargetSelector = Schema.Struct({
  group: defaulted(Group, gatewayGroup),
  kind: Kind,
  matchLabels: optionalEntriesOf(Schema.String),
  matchExpressions: defaulted(Schema.Array(Requirement), []),
  namespaces: Schema.optionalKey(
    Schema.Struct({
      from: defaulted(Schema.Literals(["Same", "All", "Selector"]), "Same"),
      selector: Schema.optionalKey(LabelSelector)
    })
  )
})
export type EnvoyTargetSelector = typeof EnvoyTargetSelector.Type

const Limit = Schema.optionalKey(integer(0, 4_294_967_295))

const ConsistentHash = Schema.Struct({
  type: Schema.Literals(["SourceIP", "Header", "Headers", "Cookie", "QueryParams"]),
  header: Schema.optionalKey(Schema.Struct({ name: Token })),
  headers: Schema.optionalKey(Schema.Array(Schema.Struct({ name: Token })).check(upTo(64))),
  cookie: Schema.optionalKey(Schema.Struct({ name: Token, ttl: Schema.optionalKey(Duration), attributes: CookieAttributes })),
  queryParams: Schema.optionalKey(Schema.Array(Schema.Struct({ name: text(1, 256) })).check(upTo(64))),
  tableSize: Schema.optionalKey(TableSize)
}).check(
  Schema.makeFilter((hash) => {
    const field = { SourceIP: null, Header: "header", Headers: "headers", Cookie: "cookie", QueryParams: "queryParams" } as const
    const at = field[hash.type]
    const said = at === null ? undefined : hash[at]
    return at === null || (said !== undefined && (!Array.isArray(said) || said.length > 0))
      ? undefined
      : { path: [at], issue: `Required when type is ${hash.type}` }
  })
)

const LoadBalancer = Schema.Struct({
  type: Schema.Literals(["RoundRobin", "LeastRequest", "Random", "ConsistentHash", "BackendUtilization", "DynamicModule"]),
  consistentHash: Schema.optionalKey(ConsistentHash),
  backendUtilization: Unserved,
  dynamicModule: Unserved,
  slowStart: Schema.optionalKey(Schema.Struct({ window: Duration })),
  zoneAware: Schema.optionalKey(
    Schema.Struct({
      preferLocal: Schema.optionalKey(Schema.Struct({ ...PreferLocal.fields, percentageEnabled: Schema.optionalKey(integer(0, 100)) })),
      weightedZones: Unserved
    })
  ),
  endpointOverride: Schema.optionalKey(EndpointOverride)
}).check(
  Schema.makeFilter(({ type, consistentHash }) =>
    (type === "ConsistentHash") === (consistentHash !== undefined)
      ? undefined
      : { path: ["consistentHash"], issue: `${type === "ConsistentHash" ? "Required" : "Only allowed"} when type is ConsistentHash` }
  ),
  Schema.makeFilter((spec) => {
    const at = (["slowStart", "zoneAware"] as const).find((field) => spec[field] !== undefined)
    return at === undefined || spec.type !== "ConsistentHash" ? undefined : { path: [at], issue: "Not allowed when type is ConsistentHash" }
  })
)
export type EnvoyLoadBalancer = typeof LoadBalancer.Type

const Retry = Schema.Struct({
  numRetries: Schema.optionalKey(integer(0, 2_147_483_647)),
  numAttemptsPerPriority: Schema.optionalKey(integer(0, 2_147_483_647)),
  retryOn: Schema.optionalKey(
    Schema.Struct({
      triggers: Schema.optionalKey(Schema.Array(Schema.Literals([...httpTriggers, ...grpcTriggers])).check(upTo(64))),
      httpStatusCodes: Schema.optionalKey(StatusCodes)
    })
  ),
  perRetry: Schema.optionalKey(PerRetry)
})
export type EnvoyRetry = typeof Retry.Type

const CircuitBreaker = Schema.Struct({
  maxConnections: Limit,
  maxPendingRequests: Limit,
  maxParallelRequests: Limit,
  maxParallelRetries: Limit,
  maxRequestsPerConnection: Limit,
  perEndpoint: Schema.optionalKey(Schema.Struct({ maxConnections: Limit })),
  retryBudget: Schema.optionalKey(RetryBudget)
})
export type EnvoyCircuitBreaker = typeof CircuitBreaker.Type

const Timeout = Schema.Struct({
  tcp: Schema.optionalKey(Schema.Struct({ connectTimeout: Schema.optionalKey(Duration) })),
  http: Schema.optionalKey(
    Schema.Struct({
      requestTimeout: Schema.optionalKey(Duration),
      connectionIdleTimeout: Schema.optionalKey(Duration),
      maxConnectionDuration: Schema.optionalKey(Duration),
      maxStreamDuration: Unserved,
      streamIdleTimeout: Schema.optionalKey(Duration)
    })
  )
})
export type EnvoyTimeout = typeof Timeout.Type

const DNS = Schema.Struct({
  dnsRefreshRate: Schema.optionalKey(Duration),
  respectDnsTtl: Schema.optionalKey(Schema.Boolean),
  lookupFamily: Schema.optionalKey(Schema.Literals(["IPv4", "IPv6", "IPv4Preferred", "IPv6Preferred", "IPv4AndIPv6"]))
})
export type EnvoyDNS = typeof DNS.Type

/**
 * Fields of spec that are not served, whatever they say: present means a condition that names them. What comes to be served moves from here to the blocks, with a
 * row in translate/dialects/envoytraffic.ts.
 */
export const unservedTraffic = [
  "connection",
  "http2",
  "rateLimit",
  "bandwidthLimit",
  "faultInjection",
  "admissionControl",
  "adaptiveConcurrency",
  "compression",
  "compressor",
  "responseOverride",
  "requestBuffer",
  "telemetry"
] as const

const unserved = Object.fromEntries(unservedTraffic.map((field) => [field, Unserved])) as Record<
  (typeof unservedTraffic)[number],
  typeof Unserved
>

export const EnvoyTrafficPolicy = Schema.Struct({
  spec: Schema.Struct({
    /** The older form: a list of one. */
    targetRef: Schema.optionalKey(PolicyTargetReference),
    targetRefs: Schema.optionalKey(
      Schema.Array(PolicyTargetReference).check(
        upTo(64),
        Schema.makeFilter((refs) =>
          duplicateReference(refs, (ref) => `${ref.group}/${ref.kind}/${ref.name}`, [(ref) => ref.sectionName ?? ""])
        )
      )
    ),
    targetSelectors: Schema.optionalKey(Schema.Array(EnvoyTargetSelector).check(upTo(64))),
    mergeType: Schema.optionalKey(Schema.Literals(["StrategicMerge", "JSONMerge"])),
    loadBalancer: Schema.optionalKey(LoadBalancer),
    retry: Schema.optionalKey(Retry),
    timeout: Schema.optionalKey(Timeout),
    circuitBreaker: Schema.optionalKey(CircuitBreaker),
    dns: Schema.optionalKey(DNS),
    healthCheck: Schema.optionalKey(EnvoyHealthCheck),
    proxyProtocol: Schema.optionalKey(Schema.Struct({ version: Schema.Literals(["V1", "V2"]) })),
    tcpKeepalive: Schema.optionalKey(TcpKeepalive),
    useClientProtocol: Schema.optionalKey(Schema.Boolean),
    httpUpgrade: Schema.optionalKey(Schema.Array(Schema.Struct({ type: text(1, 64), connect: Unserved })).check(upTo(16))),
    routingType: Schema.optionalKey(Schema.Literals(["Endpoint", "Service"])),
    ...unserved
  }).check(
    Schema.makeFilter((spec) => {
      if (spec.targetRef !== undefined && spec.targetRefs !== undefined)
        return { path: ["targetRef"], issue: "Not allowed together with targetRefs" }
      return spec.targetRef === undefined && (spec.targetRefs ?? []).length === 0 && (spec.targetSelectors ?? []).length === 0
        ? { path: ["targetRefs"], issue: "Required: whom the policy speaks of, by targetRefs or targetSelectors" }
        : undefined
    })
  )
})
export type EnvoyTrafficPolicy = typeof EnvoyTrafficPolicy.Type

/** Whom a policy speaks of, in any of its forms. */
export const targetRefsOf = ({
  targetRef,
  targetRefs
}: Pick<EnvoyTrafficPolicy["spec"], "targetRef" | "targetRefs">): ReadonlyArray<PolicyTargetReference> =>
  targetRefs ?? (targetRef === undefined ? [] : [targetRef])
