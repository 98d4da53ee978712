// What a status says beside its verdict: addresses and pods of a Gateway, live facts of a backend, features and version of a GatewayClass.
import { type Condition, type ObjectKey, objectKey, parseKey } from "#schemas/meta.ts"
import type { Report } from "../report/report.ts"
import { observed, gatewayClass as sayClass, listenerSet as saySet } from "../status/conditions.ts"
import type { Verdict } from "../status/verdict.ts"
import type { Infrastructure } from "../translate/infrastructure.ts"
import type { Definitions } from "./definitions.ts"
import { knownBundles, supportedFeatures } from "./features.ts"
import { addressesOf, type Reach, reachOf, type Standing } from "./reach.ts"
import { resourceName } from "./render/name.ts"
import type { Beside } from "./status/desired.ts"
import { liveFacts } from "./status/live.ts"

export interface BesideSources {
  readonly infrastructure: (gateway: ObjectKey) => Infrastructure | null
  readonly standing: (gateway: ObjectKey) => Standing
  /** Ready endpoints of a Service. */
  readonly endpoints: (service: ObjectKey) => number
  readonly reports: (gateway: ObjectKey) => ReadonlyArray<Report>
  readonly definitions: () => Definitions
}

const nothing: Beside = { addresses: [], over: [], unreachable: null, features: [], version: null, live: null }

/** Of a Gateway, or of a ListenerSet at its Gateway, as far as the verdict itself says nothing worse. */
const reachFrom = (sources: BesideSources, gateway: ObjectKey, verdict: Verdict): Reach => {
  const infrastructure = sources.infrastructure(gateway)
  const { namespace, name } = parseKey(gateway)
  const service = infrastructure === null ? null : objectKey("Service", namespace, resourceName(name, infrastructure.gatewayClass))
  return reachOf(verdict, infrastructure, sources.standing(gateway), service === null ? 0 : sources.endpoints(service))
}

/** What stands over a Gateway's conditions is in words for whoever owns it: its sets are told that it is so. */
const overSet = (gateway: ObjectKey, over: Condition): ReadonlyArray<Condition> =>
  over.status === "False" && (over.type === "Accepted" || over.type === "Programmed")
    ? [observed(over.observedGeneration, saySet.parentFails(over.type, gateway, over.reason))]
    : []

/** now: milliseconds since the epoch. */
export const besideOf = (sources: BesideSources, key: ObjectKey, verdict: Verdict | null, now: number): Beside => {
  if (verdict === null) return nothing
  switch (parseKey(key).kind) {
    case "Gateway.gateway.networking.k8s.io":
      return { ...nothing, ...reachFrom(sources, key, verdict) }
    case "ListenerSet.gateway.networking.k8s.io": {
      const [gateway] = verdict.gateways
      if (gateway === undefined) return nothing
      const { over, unreachable } = reachFrom(sources, gateway, verdict)
      return { ...nothing, over: over.flatMap((one) => overSet(gateway, one)), unreachable }
    }
    case "GatewayClass.gateway.networking.k8s.io": {
      const { read, bundle } = sources.definitions()
      return {
        ...nothing,
        features: supportedFeatures,
        version: read ? observed(verdict.generation, sayClass.version(bundle, knownBundles)) : null
      }
    }
    case "Backend.gateway.sluice.dev":
      return { ...nothing, live: liveFacts(verdict.upstreams, verdict.gateways.flatMap(sources.reports), now) }
    case "Ingress.networking.k8s.io":
      return { ...nothing, addresses: verdict.gateways.flatMap((gateway) => addressesOf(sources.standing(gateway).service)) }
    default:
      return nothing
  }
}
