// The metrics of several processes as those of one: counts are added up, and what is no count is joined as its definition says. Pure.
import { type Metric, Registry } from "prom-client"
import type { Sample } from "./series.ts"

/** How the samples of one label set are joined. First: the word of who is named first. */
type Join = "sum" | "first" | "min" | "max" | "average" | "omit"

/** A metric as a process tells it to another: plain data, as prom-client's registry gives it. */
export interface Told {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly aggregator: string
  readonly values: ReadonlyArray<Sample>
}

interface Joined {
  readonly sample: Sample
  value: number
  count: number
}

const join = (joined: Joined, value: number, how: Join): void => {
  joined.count++
  if (how === "sum" || how === "average") joined.value += value
  else if (how === "min") joined.value = Math.min(joined.value, value)
  else if (how === "max") joined.value = Math.max(joined.value, value)
}

const keyOf = ({ metricName = "", labels }: Sample): string =>
  `${metricName} ${Object.keys(labels)
    .sort()
    .map((label) => `${label}=${labels[label]}`)
    .join("\u0000")}`

/** tellers: what each process tells, all of the same program. */
export const summed = (tellers: ReadonlyArray<ReadonlyArray<Told>>): ReadonlyArray<Told> => {
  const metrics = new Map<string, { readonly told: Told; readonly series: Map<string, Joined> }>()
  for (const teller of tellers)
    for (const told of teller) {
      const how = told.aggregator as Join
      let metric = metrics.get(told.name)
      if (metric === undefined) {
        metric = { told, series: new Map() }
        metrics.set(told.name, metric)
      }
      if (how === "omit") continue
      for (const sample of told.values) {
        const key = keyOf(sample)
        const known = metric.series.get(key)
        if (known === undefined) metric.series.set(key, { sample, value: sample.value, count: 1 })
        else join(known, sample.value, how)
      }
    }
  return [...metrics.values()].map(({ told, series }) => ({
    ...told,
    values: [...series.values()].map(({ sample, value, count }) => ({
      ...sample,
      value: told.aggregator === "average" ? value / count : value
    }))
  }))
}

/** Series of a metric that a process which has gone leaves behind (law 19). */
const mostLeft = 20_000

const counts = ({ type, aggregator }: Told): boolean => (type === "counter" || type === "histogram") && aggregator === "sum"

/** What processes that have gone had counted: a counter of a pod does not fall because one of its processes ends. */
export const left = (before: ReadonlyArray<Told>, last: ReadonlyArray<Told>): ReadonlyArray<Told> =>
  summed([before, last.filter(counts)]).map((told) => ({ ...told, values: told.values.slice(0, mostLeft) }))

/** The exposition, Prometheus text format 0.0.4. */
export const exposition = (metrics: ReadonlyArray<Told>): Promise<string> => {
  const registry = new Registry()
  for (const told of metrics) {
    const { name, help, type } = told
    registry.registerMetric({ name, help, type, get: () => Promise.resolve(told) } as unknown as Metric<string>)
  }
  return registry.metrics()
}
