// What metrics read at a scrape instead of counting it: pools and names count for themselves already, days are a matter of the clock.
import type { MetricName, Metrics } from "../report/metrics.ts"
import type { UpstreamFacts } from "../report/report.ts"
import type { Limits } from "../snapshot/behaviour.ts"
import type { Id } from "../snapshot/id.ts"
import { settle } from "../snapshot/setting.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import type { HealthDescription, PoolCounts } from "../upstream/description.ts"
import type { LiveUpstream } from "../upstream/upstream.ts"
import type { Certificate } from "./certificates.ts"

type Samples = Iterable<readonly [ReadonlyArray<string>, number]>

interface Seen {
  readonly target: string
  readonly pool: PoolCounts
  readonly limits: Limits
  readonly facts: UpstreamFacts
  readonly health: HealthDescription | null
  /** null: no policy in mode Report speaks of it. */
  readonly reported: number | null
  /** Times a token was asked for; null: it needs none. */
  readonly tokens: number | null
}

export interface SampleSources {
  readonly gateway: string
  readonly upstreams: ReadonlyMap<Id, LiveUpstream>
  readonly certificates: () => ReadonlyMap<Id, Certificate>
  readonly snapshot: () => Snapshot | null
  readonly sequence: () => number
  readonly refused: () => number
  readonly ready: () => boolean
  readonly active: () => number
}

const day = 86_400_000
const days = (expires: string): number => Math.round(((Date.parse(expires) - Date.now()) / day) * 100) / 100

/** Returns how to stop. Upstreams with one target (settings that differ by route) are one series, summed. */
export const sampleProxy = (metrics: Metrics, sources: SampleSources): (() => void) => {
  const { gateway } = sources
  // All families are read in one synchronous pass: what an upstream says is asked once for it.
  let seen: ReadonlyArray<Seen> | null = null
  const look = (): ReadonlyArray<Seen> => {
    if (seen === null) {
      seen = [...sources.upstreams.values()].map((live) => {
        const { pool, reported, health, authentication } = live.describe()
        const on = live.spec.addresses.egress?.trial !== undefined
        return {
          target: live.spec.of.target,
          pool,
          limits: live.spec.limits,
          facts: live.facts(),
          health,
          reported: on ? reported : null,
          tokens: authentication?.token?.asked ?? null
        }
      })
      queueMicrotask(() => {
        seen = null
      })
    }
    return seen
  }
  const summed = (of: (upstream: Seen) => number) => (): Samples => {
    const sums = new Map<string, number>()
    for (const upstream of look()) sums.set(upstream.target, (sums.get(upstream.target) ?? 0) + of(upstream))
    return [...sums].map(([target, sum]) => [[gateway, target], sum] as const)
  }
  const byState = (states: (upstream: Seen) => ReadonlyArray<readonly [string, number]>) => (): Samples => {
    const sums = new Map<string, readonly [ReadonlyArray<string>, number]>()
    for (const upstream of look()) {
      for (const [state, value] of states(upstream)) {
        const key = `${state} ${upstream.target}`
        sums.set(key, [[gateway, upstream.target, state], (sums.get(key)?.[1] ?? 0) + value])
      }
    }
    return sums.values()
  }
  const soonest = (): Samples => {
    const soon = new Map<string, number>()
    for (const { target, facts } of look()) {
      if (facts.certificateExpires !== null)
        soon.set(target, Math.min(soon.get(target) ?? Number.POSITIVE_INFINITY, days(facts.certificateExpires)))
    }
    return [...soon].map(([target, left]) => [[gateway, target], left] as const)
  }
  /** Of those that have it. */
  const counted = (of: (upstream: Seen) => number | null) => (): Samples => {
    const sums = new Map<string, number>()
    for (const upstream of look()) {
      const count = of(upstream)
      if (count !== null) sums.set(upstream.target, (sums.get(upstream.target) ?? 0) + count)
    }
    return [...sums].map(([target, sum]) => [[gateway, target], sum] as const)
  }
  const panic = (): Samples => {
    const judged = new Map<string, number>()
    for (const { target, health } of look())
      if (health !== null) judged.set(target, Math.max(judged.get(target) ?? 0, health.panic ? 1 : 0))
    return [...judged].map(([target, on]) => [[gateway, target], on] as const)
  }
  const own = (): Samples =>
    [...sources.certificates().values()].map(
      ({ source, expires }) => [[gateway, `${source.namespace}/${source.name}`], days(expires)] as const
    )
  const one = (value: () => number) => (): Samples => [[[gateway], value()]]

  const table: ReadonlyArray<readonly [MetricName, () => Samples]> = [
    [
      "pool",
      byState(({ pool }) => [
        ["active", pool.active],
        ["idle", pool.idle],
        ["dialling", pool.dialling]
      ])
    ],
    ["pending", summed(({ pool }) => pool.pending)],
    ["dials", summed(({ pool }) => pool.dials)],
    ["dialFailures", summed(({ pool }) => pool.dialFailures)],
    ["upstreamRequests", summed(({ pool }) => pool.requests)],
    ["reused", summed(({ pool }) => pool.reused)],
    ["retriesWithheld", byState(({ pool }) => Object.entries(pool.withheld))],
    [
      "limits",
      byState(({ limits, pool }) => [
        ["connections", limits.maxConnections],
        ["pending", limits.maxPending],
        ["requests", settle(limits.maxRequests, null) ?? Number.POSITIVE_INFINITY],
        ["retries", pool.retryLimit]
      ])
    ],
    ["retrying", summed(({ pool }) => pool.retrying)],
    ["overflows", summed(({ pool }) => pool.overflows)],
    ["retries", summed(({ pool }) => pool.retries)],
    ["failovers", summed(({ pool }) => pool.failovers)],
    ["failoverResponses", summed(({ pool }) => pool.responses)],
    ["egressReported", counted((upstream) => upstream.reported)],
    ["tokens", counted((upstream) => upstream.tokens)],
    ["addresses", summed(({ facts }) => facts.addresses)],
    ["healthy", summed(({ facts }) => facts.healthy)],
    ["ejections", byState(({ health }) => Object.entries(health?.ejections ?? {}))],
    ["probes", byState(({ health }) => Object.entries(health?.probes ?? {}))],
    ["panic", panic],
    ["resolution", byState(({ facts }) => [[facts.resolution, 1]])],
    ["upstreamCertificate", soonest],
    ["certificate", own],
    ["snapshotSequence", one(sources.sequence)],
    ["snapshotRefused", one(sources.refused)],
    ["ready", one(() => (sources.ready() ? 1 : 0))],
    ["active", one(sources.active)]
  ]
  const stops = table.map(([metric, sample]) => metrics.sampled(metric, sample))
  return () => {
    for (const stop of stops) stop()
  }
}
