// The metrics of the table (definitions.ts) as a process has them. prom-client is the printer; the counts are ours (report/series).
import { collectDefaultMetrics, type Metric, Registry } from "prom-client"
import { definitions } from "./definitions.ts"
import { Cells, Distributions, type Family, type MetricDefinition, type Sample } from "./series.ts"
import type { Told } from "./sums.ts"

export type MetricName = keyof typeof definitions

/** Label sets a metric may have at once; the rest counts under "overflow" (law 19). */
export const maxSeries = 20_000

type Familiar = {
  readonly [M in MetricName]: (typeof definitions)[M]["type"] extends "histogram" ? Distributions : Cells
}

export interface Metrics extends Familiar {
  /**
   * Gauges and counters that live elsewhere (a pool's own counts) are read at a scrape. `sample` yields labels in the definition's order.
   * Returns how to stop; a source that throws costs its own samples.
   */
  readonly sampled: (metric: MetricName, sample: () => Iterable<readonly [ReadonlyArray<string>, number]>) => () => void
  /** The process is ending: what closes from now on leaves its series behind, for those who add them up. */
  readonly hold: () => void
  /** For another process, which joins them. */
  readonly told: () => Promise<ReadonlyArray<Told>>
  /** The exposition, Prometheus text format 0.0.4. */
  readonly text: () => Promise<string>
  readonly contentType: string
}

type Source = () => Iterable<readonly [ReadonlyArray<string>, number]>

/** One a process. build: what `sluice_build_info` says. */
export const makeMetrics = (build: { readonly version: string }): Metrics => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const sources = new Map<MetricName, Set<Source>>()
  const families: Partial<Record<MetricName, Cells | Distributions>> = {}

  for (const key of Object.keys(definitions) as Array<MetricName>) {
    const definition: MetricDefinition = definitions[key]
    const family = definition.type === "histogram" ? new Distributions(definition, maxSeries) : new Cells(definition, maxSeries)
    families[key] = family
    registry.registerMetric(printed(definition, family, () => sources.get(key)))
  }

  let held = false
  const made = families as Familiar
  made.build.acquire(build.version, process.version).value = 1
  return {
    ...made,
    sampled: (metric, sample) => {
      const known = sources.get(metric) ?? new Set<Source>()
      sources.set(metric, known)
      known.add(sample)
      return () => {
        if (!held) known.delete(sample)
      }
    },
    hold: () => {
      held = true
      for (const family of Object.values(families)) family.held = true
    },
    told: async () => (await registry.getMetricsAsJSON()) as unknown as ReadonlyArray<Told>,
    text: () => registry.metrics(),
    contentType: registry.contentType
  }
}

// What prom-client's registry needs of a metric is four fields; its own metric classes would count everything a second time.
const printed = (
  definition: MetricDefinition,
  family: Family<never> | Cells | Distributions,
  sources: () => ReadonlySet<Source> | undefined
): Metric<string> => {
  const { name, help, type, labels, processes = "sum" } = definition
  const get = () => {
    const values: Array<Sample> = [...family.samples()]
    for (const [label, value] of summed(sources() ?? [], maxSeries - values.length, labels.length))
      values.push({ labels: Object.fromEntries(labels.map((key, at) => [key, label[at] ?? ""])), value })
    return Promise.resolve({ name, help, type, values, aggregator: processes })
  }
  return { name, help, type, get } as unknown as Metric<string>
}

/**
 * Samples of all sources, one a label set: the proxy of a Gateway that was deleted and made again may have a second beside it while it drains, and a
 * label set told twice would cost the scrape. Beyond the bound the rest is one that says "overflow" (law 19).
 */
const summed = (sources: Iterable<Source>, bound: number, labels: number): Iterable<readonly [ReadonlyArray<string>, number]> => {
  const sums = new Map<string, readonly [ReadonlyArray<string>, number]>()
  for (const source of sources) {
    try {
      for (const [label, value] of source()) {
        const own = label.join("\u0000")
        const full = !sums.has(own) && sums.size >= bound
        const [key, shown] = full ? ["", new Array<string>(labels).fill("overflow")] : [own, label]
        sums.set(key, [shown, (sums.get(key)?.[1] ?? 0) + value])
      }
    } catch {
      // A source in the middle of its own end: its samples are missing from this one scrape.
    }
  }
  return sums.values()
}
