// The metrics of several processes as those of one: prom-client adds up counts, and joins what is no count as its definition says. Pure.
import { AggregatorRegistry } from "prom-client"
import type { Sample } from "./series.ts"

/** A metric as a process tells it to another: plain data, as prom-client's registry gives it. */
export interface Told {
  readonly name: string
  readonly help: string
  readonly type: string
  /** How the samples of one label set are joined: sum, min, max, average, first (the word of who is named first), omit (the metric is one process's own matter). */
  readonly aggregator: string
  readonly values: ReadonlyArray<Sample>
}

const registryOf = (tellers: ReadonlyArray<ReadonlyArray<Told>>) => AggregatorRegistry.aggregate(tellers as unknown as Array<object>)

/** tellers: what each process tells, all of the same program. */
export const summed = (tellers: ReadonlyArray<ReadonlyArray<Told>>): ReadonlyArray<Told> =>
  (registryOf(tellers).getMetricsAsArray() as unknown as ReadonlyArray<Told>).map(({ name, help, type, aggregator, values }) => ({
    ...{ name, help, type, aggregator, values }
  }))

/** Series of a metric that a process which has gone leaves behind (law 19). */
const mostLeft = 20_000

const counts = ({ type, aggregator }: Told): boolean => (type === "counter" || type === "histogram") && aggregator === "sum"

/** What processes that have gone had counted: a counter of a pod does not fall because one of its processes ends. */
export const left = (before: ReadonlyArray<Told>, last: ReadonlyArray<Told>): ReadonlyArray<Told> =>
  summed([before, last.filter(counts)]).map((told) => ({ ...told, values: told.values.slice(0, mostLeft) }))

/** The exposition, Prometheus text format 0.0.4. */
export const exposition = (metrics: ReadonlyArray<Told>): Promise<string> => registryOf([metrics]).metrics()
