// Metrics: the exposition, series that come and go with what they count, and bounds that can be seen.
import { describe, expect, it } from "vitest"
import { Tallies } from "#src/proxy/tally.ts"
import { definitions, metricsTable } from "#src/report/definitions.ts"
import { makeMetrics, maxSeries } from "#src/report/metrics.ts"
import { Cells, Distributions } from "#src/report/series.ts"

const samples = async (metrics: ReturnType<typeof makeMetrics>, name: string) =>
  (await metrics.text()).split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))

describe("the table", () => {
  it("names every metric once, by Prometheus' rules", () => {
    const all = Object.values(definitions)
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
    for (const { name, type, help } of all) {
      expect(name).toMatch(/^sluice_[a-z_]+$/)
      expect([name, name.endsWith("_total")]).toEqual([name, type === "counter"])
      expect(help).toMatch(/\.$/)
      expect(metricsTable()).toContain(`| \`${name}\` | ${type} |`)
    }
  })

  it("is what /metrics prints, Node's own metrics aside", async () => {
    const text = await makeMetrics({ version: "1" }).text()
    const printed = [...text.matchAll(/^# TYPE (sluice_\w+) (\w+)$/gm)].map(([, name, type]) => `${name} ${type}`)
    expect(printed).toEqual(Object.values(definitions).map(({ name, type }) => `${name} ${type}`))
    expect(text).toContain("nodejs_eventloop_lag_seconds")
  })
})

describe("series", () => {
  it("count while held and go with their last holder", async () => {
    const metrics = makeMetrics({ version: "1" })
    const first = metrics.requests.acquire("g", "l", "r", "u", "200")
    const second = metrics.requests.acquire("g", "l", "r", "u", "200")
    expect(second).toBe(first)
    first.value++
    second.value++
    metrics.requests.release(first)
    expect(await samples(metrics, "sluice_requests_total")).toEqual([
      'sluice_requests_total{gateway="g",listener="l",route="r",upstream="u",code="200"} 2'
    ])
    metrics.requests.release(second)
    expect(await samples(metrics, "sluice_requests_total")).toEqual([])
  })

  it("of a histogram are cumulative, with sum and count", () => {
    const family = new Distributions({ name: "d", type: "histogram", help: "", labels: [], buckets: [1, 2] }, 10)
    const distribution = family.acquire()
    for (const value of [0.5, 1, 1.5, 99]) distribution.observe(value)
    expect(family.samples().map(({ metricName, labels, value }) => [metricName, labels["le"], value])).toEqual([
      ["d_bucket", "1", 2],
      ["d_bucket", "2", 3],
      ["d_bucket", "+Inf", 4],
      ["d_sum", undefined, 102],
      ["d_count", undefined, 4]
    ])
  })

  it("beyond the bound are one, that says so", () => {
    const family = new Cells({ name: "c", type: "counter", help: "", labels: ["x"] }, 2)
    for (const label of ["a", "b", "c", "d"]) family.acquire(label).value++
    const counted = family.samples().map(({ labels, value }) => [labels["x"], value])
    expect(counted).toEqual([
      ["a", 1],
      ["b", 1],
      ["overflow", 2]
    ])
  })

  it("of a source that throws are missing, the others are printed", async () => {
    const metrics = makeMetrics({ version: "1" })
    metrics.sampled("pending", () => {
      throw new Error("closing")
    })
    const stop = metrics.sampled("pending", () => [[["g", "u"], 3]])
    expect(await samples(metrics, "sluice_upstream_pending_requests")).toEqual([
      'sluice_upstream_pending_requests{gateway="g",upstream="u"} 3'
    ])
    stop()
    expect(await samples(metrics, "sluice_upstream_pending_requests")).toEqual([])
  })
})

describe("sampled metrics", () => {
  it("are one sample a label set, however many tell it: a Gateway made again has two proxies while the first drains", async () => {
    const metrics = makeMetrics({ version: "1" })
    metrics.sampled("pending", () => [[["g", "u"], 3]])
    metrics.sampled("pending", () => [
      [["g", "u"], 4],
      [["g", "v"], 1]
    ])
    expect(await samples(metrics, "sluice_upstream_pending_requests")).toEqual([
      'sluice_upstream_pending_requests{gateway="g",upstream="u"} 7',
      'sluice_upstream_pending_requests{gateway="g",upstream="v"} 1'
    ])
  })

  it("beyond the bound are one, that says so (law 19)", async () => {
    const metrics = makeMetrics({ version: "1" })
    metrics.sampled("pending", () => Array.from({ length: maxSeries + 5 }, (_, n) => [["g", String(n)], 1] as const))
    const told = await samples(metrics, "sluice_upstream_pending_requests")
    expect(told.length).toBe(maxSeries + 1)
    expect(told.at(-1)).toBe('sluice_upstream_pending_requests{gateway="overflow",upstream="overflow"} 5')
  })
})

describe("tallies", () => {
  const labels = { gateway: "g", listener: "l", route: "r", upstream: "u" }

  it("with equal labels are one: a replaced route goes on counting", async () => {
    const metrics = makeMetrics({ version: "1" })
    const tallies = new Tallies(metrics)
    const old = tallies.acquire(labels)
    old.request(200, 5, 0, 10)
    const next = tallies.acquire({ ...labels })
    tallies.release(old)
    next.request(200, 5, 0, 10)
    expect((await samples(metrics, "sluice_requests_total"))[0]).toMatch(/ 2$/)
    expect((await samples(metrics, "sluice_response_body_bytes_total"))[0]).toMatch(/ 20$/)
    tallies.release(next)
    expect(await samples(metrics, "sluice_requests_total")).toEqual([])
    // A request still under way when its route left counts no more.
    next.request(200, 5, 0, 10)
    next.failure("internal")
    expect(await samples(metrics, "sluice_requests_total")).toEqual([])
  })

  it("put codes that nobody registered under their class", async () => {
    const metrics = makeMetrics({ version: "1" })
    const tally = new Tallies(metrics).acquire(labels)
    for (const status of [404, 477, 478, 599]) tally.request(status, 1, 0, 0)
    const codes = (await samples(metrics, "sluice_requests_total")).map((line) => `${/code="(\w+)"/.exec(line)![1]}${line.slice(-2)}`)
    expect(codes).toEqual(["404 1", "4xx 2", "5xx 1"])
  })
})
