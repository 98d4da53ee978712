// The metrics of several processes as those of one.
import { expect, it } from "vitest"
import { makeMetrics } from "#src/report/metrics.ts"
import { exposition, left, summed, type Told } from "#src/report/sums.ts"

const told = async (count: number): Promise<ReadonlyArray<Told>> => {
  const metrics = makeMetrics({ version: "1" })
  const accepted = metrics.connectionsTotal.acquire("shop/web", "127.0.0.1:80")
  accepted.value += count
  metrics.dnsDuration.acquire("ok").observe(count)
  metrics.sampled("active", () => [[["shop/web"], count]])
  metrics.sampled("healthy", () => [[["shop/web", "api"], count]])
  metrics.sampled("panic", () => [[["shop/web", "api"], count > 2 ? 1 : 0]])
  metrics.sampled("ready", () => [[["shop/web"], count]])
  return metrics.told()
}

const lines = async (metrics: ReadonlyArray<Told>, name: string): Promise<ReadonlyArray<string>> =>
  (await exposition(metrics)).split("\n").filter((line) => line.startsWith(name))

it("counts are added up, distributions too, and what is no count is joined as it is meant", async () => {
  const all = summed([await told(2), await told(3)])
  expect(await lines(all, "sluice_connections_total")).toEqual(['sluice_connections_total{gateway="shop/web",bind="127.0.0.1:80"} 5'])
  expect(await lines(all, "sluice_dns_duration_seconds_count")).toEqual(['sluice_dns_duration_seconds_count{result="ok"} 2'])
  expect(await lines(all, "sluice_dns_duration_seconds_sum")).toEqual(['sluice_dns_duration_seconds_sum{result="ok"} 5'])
  expect(await lines(all, "sluice_requests_active")).toEqual(['sluice_requests_active{gateway="shop/web"} 5'])
  // The fewest, whether any, and the word of the first.
  expect(await lines(all, "sluice_upstream_addresses_healthy")).toEqual([
    'sluice_upstream_addresses_healthy{gateway="shop/web",upstream="api"} 2'
  ])
  expect(await lines(all, "sluice_upstream_panic")).toEqual(['sluice_upstream_panic{gateway="shop/web",upstream="api"} 1'])
  expect(await lines(all, "sluice_ready")).toEqual(['sluice_ready{gateway="shop/web"} 2'])
  expect((await lines(all, "sluice_build_info")).map((line) => line.slice(-2))).toEqual([" 1"])
})

it("one process says by way of another what it says itself", async () => {
  const metrics = makeMetrics({ version: "1" })
  metrics.connectionsTotal.acquire("shop/web", "127.0.0.1:80").value += 7
  metrics.dnsDuration.acquire("ok").observe(0.2)
  const own = (text: string) => text.split("\n").filter((line) => line.includes("sluice_"))
  expect(own(await exposition(summed([await metrics.told()])))).toEqual(own(await metrics.text()))
})

it("of one that has gone what it had counted stays, and what it was does not", async () => {
  const gone = left(left([], await told(2)), await told(3))
  const all = summed([await told(4), gone])
  expect(await lines(all, "sluice_connections_total")).toEqual(['sluice_connections_total{gateway="shop/web",bind="127.0.0.1:80"} 9'])
  expect(await lines(all, "sluice_dns_duration_seconds_count")).toEqual(['sluice_dns_duration_seconds_count{result="ok"} 3'])
  expect(await lines(all, "sluice_requests_active")).toEqual(['sluice_requests_active{gateway="shop/web"} 4'])
})

it("what those that have gone leave behind is bounded: the series that were there first", () => {
  const counter = (from: number, to: number): Told => ({
    ...{ name: "sluice_requests_total", help: "", type: "counter", aggregator: "sum" },
    values: Array.from({ length: to - from }, (_, n) => ({ labels: { route: `${from + n}` }, value: 1 }))
  })
  const routes = (all: ReadonlyArray<Told>) => all[0]!.values.map(({ labels, value }) => `${labels["route"]} ${value}`)
  const first = left([], [counter(0, 15_000)])
  const both = left(first, [counter(10_000, 30_000)])
  expect(routes(both)).toHaveLength(20_000)
  expect([routes(both)[0], routes(both)[10_000], routes(both).at(-1)]).toEqual(["0 1", "10000 2", "19999 1"])
})

it("of one that is ending what it has closed stays counted", async () => {
  const metrics = makeMetrics({ version: "1" })
  const accepted = metrics.connectionsTotal.acquire("shop/web", "127.0.0.1:80")
  const stop = metrics.sampled("dials", () => [[["shop/web", "api"], 4]])
  metrics.hold()
  accepted.value += 3
  metrics.connectionsTotal.release(accepted)
  stop()
  expect(await lines(await metrics.told(), "sluice_connections_total")).toEqual([
    'sluice_connections_total{gateway="shop/web",bind="127.0.0.1:80"} 3'
  ])
  expect(await lines(await metrics.told(), "sluice_upstream_dials_total")).toEqual([
    'sluice_upstream_dials_total{gateway="shop/web",upstream="api"} 4'
  ])
})
