// Changes on a cluster of many routes: how soon one is served, and what a steady storm of them does to operator and proxy.
import { setTimeout as delay } from "node:timers/promises"
import { editCustom } from "./fill.ts"
import { cpu } from "./measure.ts"
import type { FigureRow } from "./row.ts"
import { type Client, routeOf, routePath, routesKind, rulesOf } from "./shop.ts"
import { type Process, type Stage, until } from "./stage.ts"

export interface Served {
  readonly stage: Stage
  readonly routes: number
  readonly operator: Process
  readonly proxy: Process
  readonly client: Client
}

/** Values in order of size. */
export const quantile = (sorted: ReadonlyArray<number>, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0

const expected = (revision: string, backend: number) => `200 ${revision} ${backend % 2 === 0 ? "even" : "odd"}`

const change = async ({ stage }: Served, n: number, revision: string, backend: number): Promise<void> => {
  const answer = await stage.plane.request("PATCH", routePath(n), { body: { spec: { rules: rulesOf(n, revision, backend) } } })
  if (answer.status !== 200) throw new Error(`the change of route ${n}: ${answer.status} ${answer.body.message}`)
}

/** Milliseconds from now to the end of the first answer that is as expected; `pause` between answers that are not, which would take the processor from what is measured. */
const served = async ({ client }: Served, n: number, answer: string, pause: number): Promise<number> => {
  const began = performance.now()
  let last = ""
  while (performance.now() - began < 30_000) {
    last = await client.ask(n)
    if (last === answer) return performance.now() - began
    await delay(pause)
  }
  throw new Error(`route ${n} answers "${last}", not "${answer}", 30 s after its change`)
}

/** By turns a header filter and a backend, of one route after another. */
export const propagation = async (world: Served, changes: number): Promise<FigureRow> => {
  const times: Array<number> = []
  const backendOf = new Map<number, number>()
  const used = () => [cpu(world.operator.pid), cpu(world.proxy.pid)] as const
  const before = used()
  for (let at = 0; at < changes; at++) {
    const n = (at * 37) % world.routes
    const backend = (backendOf.get(n) ?? n) + (at % 2)
    backendOf.set(n, backend)
    // Even where only the backend changes the revision stays as it was: what is served tells which.
    const revision = at % 2 === 0 ? String(at + 1) : "0"
    await change(world, n, revision, backend)
    times.push(await served(world, n, expected(revision, backend), 1))
    // At any moment of the hold-off, and of the statuses that the last change brought.
    await delay(Math.random() * 100)
  }
  times.sort((a, b) => a - b)
  const [operator = 0, proxy = 0] = used().map((after, at) => ((after - (before[at] ?? 0)) * 1_000) / changes)
  return {
    work: `one changed route among ${world.routes.toLocaleString("en")}: from the API server's answer to the first request served the new way, ${changes} changes`,
    figure: `p50 ${quantile(times, 0.5).toFixed(1)} ms, p99 ${quantile(times, 0.99).toFixed(1)} ms, slowest ${(times.at(-1) ?? 0).toFixed(1)} ms; CPU a change, its status and the requests that looked for it included: operator ${operator.toFixed(1)} ms, proxy ${proxy.toFixed(1)} ms`,
    bar: "p50 50 ms, p99 200 ms"
  }
}

interface Sample {
  readonly operator: number
  readonly proxy: number
  readonly waiting: number
}

/** Milliseconds between two writes of a storm: what is due by then is written at once. */
const beat = 20

/** Changes that the API server is not asked to validate: what is measured is what they cost after it. */
export const storm = async (world: Served, perSecond: number, seconds: number): Promise<ReadonlyArray<FigureRow>> => {
  const { operator, proxy, stage, routes } = world
  const sample = async (): Promise<Sample> => ({
    operator: operator.memory().now,
    proxy: proxy.memory().now,
    waiting: await operator.metric("sluice_status_waiting")
  })
  const routeAt = (change: number) => (change * 37) % routes
  const before = await sample()
  const began = performance.now()
  const elapsed = () => (performance.now() - began) / 1_000
  const samples: Array<Sample> = []
  let made = 0
  while (elapsed() < seconds) {
    const due = Math.floor(elapsed() * perSecond)
    const specs = new Map<string, unknown>()
    for (; made < due && specs.size < 50; made++) {
      const n = routeAt(made)
      specs.set(routeOf(n, routes).metadata.name, routeOf(n, routes, rulesOf(n, `storm-${made}`, n)).spec)
    }
    if (specs.size > 0) await editCustom(stage.plane, routesKind, specs)
    if (elapsed() > samples.length + 1) samples.push(await sample())
    await delay(beat)
  }
  const rate = made / elapsed()
  const last = routeAt(made - 1)
  const live = await served(world, last, expected(`storm-${made - 1}`, last), 5)
  const queued = await sample()
  const written = await until("all statuses are written", async () => (await operator.metric("sluice_status_waiting")) === 0, 600_000, 50)
  const third = samples[Math.floor(samples.length / 3)] ?? before
  const end = samples.at(-1) ?? before
  const line = (one: "operator" | "proxy") =>
    `${one} ${before[one].toFixed(0)} → ${third[one].toFixed(0)} (after a third) → ${end[one].toFixed(0)} MB`
  const most = Math.max(...samples.map(({ waiting }) => waiting))
  return [
    {
      work: `${perSecond} changes a second for ${seconds} s, written into etcd: RSS`,
      figure: `${line("operator")}; ${line("proxy")} (${rate.toFixed(0)} a second came about)`,
      bar: "no growth"
    },
    {
      work: "its last change served after",
      figure: `${live.toFixed(0)} ms; statuses to write: at most ${most}, ${queued.waiting} at the end, none ${(written / 1_000).toFixed(1)} s later`,
      bar: "1 s"
    }
  ]
}
