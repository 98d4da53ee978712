// DNS, connect and TLS as histograms: what dialler and resolver tell, brought to metrics. Result labels are those of the failure table, so they are bounded.
import type { Metrics } from "../report/metrics.ts"
import type { Distribution, Distributions } from "../report/series.ts"
import type { DialOutcome } from "../upstream/dial/plan.ts"
import type { Names } from "../upstream/discovery/names.ts"
import type { DnsObserver } from "../upstream/discovery/resolution.ts"

const resolved = (family: Distributions, ...labels: ReadonlyArray<string>) => {
  const byResult = new Map<string, Distribution>()
  return (result: string, seconds: number) => {
    const distribution = byResult.get(result) ?? family.acquire(...labels, result)
    byResult.set(result, distribution)
    distribution.observe(seconds)
  }
}

/** For the one Names service of a process. */
export const dnsObserver = (metrics: Metrics): DnsObserver => {
  const observe = resolved(metrics.dnsDuration)
  return {
    onQuery: (_type, seconds, failure) => observe(failure ?? "ok", seconds),
    onState: () => {}
  }
}

/** For the same service. counts: its own. Returns how to stop. */
export const sampleNames = (metrics: Metrics, counts: Names["Service"]["counts"]): (() => void) =>
  metrics.sampled("dnsNames", () => {
    const { within, waiting } = counts()
    return [
      [["watched"], within],
      [["waiting"], waiting]
    ]
  })

/** One a Gateway. A dial that failed counts each address it tried, in the phase that failed. */
export const dialObserver = (metrics: Metrics, gateway: string): ((outcome: DialOutcome) => void) => {
  const connect = resolved(metrics.connectDuration, gateway)
  const tls = resolved(metrics.tlsDuration, gateway)
  return (outcome) => {
    if (outcome._tag === "Dialled") {
      connect("ok", outcome.connectMs / 1000)
      if (outcome.tls !== null) tls("ok", outcome.tlsMs / 1000)
      return
    }
    for (const { reason, ms } of outcome.attempts) (reason.startsWith("tls_") ? tls : connect)(reason, ms / 1000)
  }
}
