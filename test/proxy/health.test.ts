// Health as a client, the log and the metrics see it: who is out is not asked, and what nobody can answer is said to be so.
import { describe, expect, it } from "vitest"
import { defaultOutlier } from "#src/snapshot/health.ts"
import { at } from "../support/live.ts"
import { type Script, startOrigin } from "../support/origin.ts"
import { ask, startProxy } from "./harness.ts"
import { share } from "./sketch.ts"

const bad: Script = (incoming) => incoming.reply({ status: 500 })
const silent: Script = () => new Promise<void>(() => {})
const good: Script = (incoming) => incoming.reply({})

const outlier = { ...defaultOutlier, serverErrors: 2, baseEjection: 3_600_000 }

describe("an address that is out", () => {
  it("is not asked, and counted", async () => {
    await using a = await startOrigin({ script: bad })
    await using b = await startOrigin({ script: good })
    await using proxy = await startProxy({
      listeners: { web: { hosts: { "*": [{ to: "a" }] } } },
      upstreams: { a: { endpoints: [at(a.port), at(b.port)], spec: { outlier } } }
    })
    for (let n = 0; n < 12; n++) await ask(proxy.port(), "/")
    expect([a.requests, b.requests]).toEqual([2, 10])
    const labels = { upstream: "Service test/a" }
    expect(await proxy.metric("sluice_upstream_ejections_total", { ...labels, why: "errors" })).toBe(1)
    expect(await proxy.metric("sluice_upstream_panic", labels)).toBe(0)
    expect(await proxy.metric("sluice_upstream_addresses_healthy", labels)).toBe(1)
  })

  it("answers 503 where it was the last and health is never ignored, and takes requests where it may be", async () => {
    await using a = await startOrigin({ script: bad })
    for (const [panic, status, count] of [
      [0, 503, 0],
      [50, 500, 1]
    ] as const) {
      await using proxy = await startProxy({
        listeners: { web: { hosts: { "*": [{ to: "a" }] } } },
        upstreams: { a: { endpoints: [at(a.port)], spec: { outlier: { ...outlier, panic } } } }
      })
      for (let n = 0; n < 2; n++) expect(await ask(proxy.port(), "/")).toMatchObject({ status: 500 })
      expect(await ask(proxy.port(), "/")).toMatchObject({ status })
      expect(await proxy.metric("sluice_upstream_panic", { upstream: "Service test/a" })).toBe(count)
      if (status === 503) {
        const line = await proxy.logged((one) => one.reason === "no_healthy")
        expect(line).toMatchObject({ flag: "UH", detail: "every address is out (outlier, healthCheck)" })
      }
    }
  })

  it("is one that let the deadlines of a rule pass, too", async () => {
    for (const deadlines of [
      { request: 1_000, backendRequest: "Default" },
      { request: "Default", backendRequest: 1_000 }
    ] as const) {
      await using a = await startOrigin({ script: silent })
      await using b = await startOrigin({ script: good })
      await using proxy = await startProxy({
        listeners: {
          web: { hosts: { "*": [{ deadlines, action: { _tag: "Forward", retry: "Default", cache: null, to: [share("a")] } }] } }
        },
        upstreams: { a: { endpoints: [at(a.port), at(b.port)], spec: { outlier } } }
      })
      const answers = await Promise.all(Array.from({ length: 4 }, () => ask(proxy.port(), "/")))
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 504, 504])
      await Promise.all(Array.from({ length: 4 }, () => ask(proxy.port(), "/")))
      expect([a.requests, b.requests]).toEqual([2, 6])
    }
  })
})
