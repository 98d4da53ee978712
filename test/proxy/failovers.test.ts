// Lines of the log about which tier serves a backend: one when that changes, none otherwise, and not more than anybody reads.
import { describe, expect, it } from "vitest"
import { makeFailoverLog } from "#src/proxy/failovers.ts"
import { makeReporter } from "#src/proxy/reporter.ts"
import type { Report, UpstreamFacts } from "#src/report/report.ts"
import type { LiveUpstream } from "#src/upstream/upstream.ts"
import { specOf } from "../support/live.ts"

const facts = (tier: number, more: Partial<UpstreamFacts> = {}): UpstreamFacts => ({
  ...{ resolution: "Fresh", detail: "", addresses: 1, healthy: 1, tier, certificateExpires: null, lastFailure: null },
  ...more
})

const backend = { spec: specOf({ endpoints: [], spec: { of: { namespace: "shop", target: "Backend shop/search" } } }) }

const log = () => {
  const lines: Array<string> = []
  const clock = { now: 0 }
  const made = makeFailoverLog({ gateway: "shop/edge", write: (level, line) => lines.push(`${level} ${line}`), now: () => clock.now })
  return { lines, clock, note: made.note }
}

describe("lines about tiers", () => {
  it("say who takes the requests when that changes, and why", () => {
    const { lines, note } = log()
    note(backend, null, facts(0))
    note(backend, facts(0), facts(0, { addresses: 2 }))
    note(backend, facts(0), facts(1, { lastFailure: "connect_refused" }))
    note(backend, facts(1), facts(0, { passedOver: true }))
    note(backend, facts(0, { passedOver: true }), facts(0))
    expect(lines).toEqual([
      "warning Backend shop/search for Gateway shop/edge: tier 1 takes the requests that tier 0 cannot serve (last failure: connect_refused)",
      "warning Backend shop/search for Gateway shop/edge: no tier can serve: requests go to what stands behind it, if anything does",
      "info Backend shop/search for Gateway shop/edge: tier 0 takes the requests again"
    ])
  })

  it("are said where nothing else of the facts has changed, with the report", async () => {
    const { lines, note } = log()
    let now = facts(0, { passedOver: true })
    const upstreams = new Map([["u", { ...backend, facts: () => now } as unknown as LiveUpstream]])
    let told = Promise.withResolvers<Report>()
    const reporter = makeReporter({ proxy: "p", upstreams, onReport: (report) => told.resolve(report), onFacts: note, delay: 0 })
    for (const [next, count] of [
      [now, 1],
      [facts(0), 2]
    ] as const) {
      now = next
      told = Promise.withResolvers()
      reporter.changed("u")
      expect((await told.promise).upstreams.get("u")).toEqual(next)
      expect(lines.length).toBe(count)
    }
    reporter.close()
  })

  it("are forty within a second, and one that says there are more", () => {
    const { lines, clock, note } = log()
    for (let n = 0; n < 100; n++) note(backend, facts(0), facts(1))
    expect(lines.length).toBe(41)
    expect(lines.at(-1)).toContain("/upstreams")
    clock.now = 1_000
    note(backend, facts(0), facts(1))
    expect(lines.length).toBe(42)
  })
})
