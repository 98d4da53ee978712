// Reports go up when the state of an upstream changed, never for traffic (law 18): what happened within a moment is told once.
import type { EndpointFacts, Report, UpstreamFacts } from "../report/report.ts"
import type { Id } from "../snapshot/id.ts"
import type { LiveUpstream } from "../upstream/upstream.ts"

export interface Reporter {
  /** What `facts` says of this upstream may have changed, or it came or went. */
  readonly changed: (id: Id) => void
  /** The newest. */
  readonly report: () => Report
  readonly close: () => void
}

const sameEndpoint = (a: EndpointFacts | undefined, b: EndpointFacts): boolean =>
  a !== undefined &&
  a.certificate?.subject === b.certificate?.subject &&
  a.certificate?.expires === b.certificate?.expires &&
  // The sample of addresses rotates and is no news.
  (Object.keys(b) as Array<keyof EndpointFacts>).every((key) => key === "sample" || key === "certificate" || a[key] === b[key])

const same = (a: UpstreamFacts | undefined, b: UpstreamFacts): boolean =>
  a !== undefined &&
  a.passedOver === b.passedOver &&
  a.endpoints?.length === b.endpoints?.length &&
  a.health?.out === b.health?.out &&
  a.health?.why === b.health?.why &&
  (b.endpoints ?? []).every((endpoint, at) => sameEndpoint(a.endpoints?.[at], endpoint)) &&
  (Object.keys(b) as Array<keyof UpstreamFacts>).every((key) => key === "endpoints" || key === "health" || a[key] === b[key])

/** delay: milliseconds that a burst of changes is gathered for. */
export const makeReporter = (options: {
  readonly proxy: string
  readonly upstreams: ReadonlyMap<Id, LiveUpstream>
  readonly onReport: (report: Report) => void
  /** Before the report that tells it. */
  readonly onFacts: (upstream: LiveUpstream, before: UpstreamFacts | null, now: UpstreamFacts) => void
  readonly delay: number
}): Reporter => {
  const dirty = new Set<Id>()
  let report: Report = { proxy: options.proxy, upstreams: new Map(), invalidated: new Map() }
  let timer: NodeJS.Timeout | null = null
  let closed = false

  const tell = () => {
    timer = null
    const upstreams = new Map(report.upstreams)
    let news = false
    for (const id of dirty) {
      const upstream = options.upstreams.get(id)
      const before = upstreams.get(id)
      const facts = upstream?.facts()
      if (upstream === undefined || facts === undefined) news = upstreams.delete(id) || news
      else if (!same(before, facts)) {
        upstreams.set(id, facts)
        options.onFacts(upstream, before ?? null, facts)
        news = true
      }
    }
    dirty.clear()
    if (!news) return
    report = { ...report, upstreams }
    options.onReport(report)
  }

  return {
    changed: (id) => {
      if (closed) return
      dirty.add(id)
      timer ??= setTimeout(tell, options.delay).unref()
    },
    report: () => report,
    close: () => {
      closed = true
      if (timer !== null) clearTimeout(timer)
    }
  }
}
