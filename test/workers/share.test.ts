// A worker's part of what a pod may do at once: the parts make the whole, and an update costs what changed.
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { defaultLimits } from "#src/snapshot/behaviour.ts"
import type { Listener } from "#src/snapshot/listener.ts"
import type { Snapshot } from "#src/snapshot/snapshot.ts"
import { makeShares, type Place, shareOf } from "#src/workers/share.ts"
import { specOf } from "../support/live.ts"

const places = (count: number): ReadonlyArray<Place> => Array.from({ length: count }, (_, index) => ({ index, count }))

describe("parts", () => {
  it("make the whole, differ by one at most, and nobody is left with nothing", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 128 }), (whole, count) => {
        const parts = places(count).map((place) => shareOf(whole, place))
        expect(parts.reduce((sum, part) => sum + part, 0)).toBe(Math.max(whole, count))
        expect(Math.max(...parts) - Math.min(...parts)).toBeLessThanOrEqual(1)
        expect(Math.min(...parts)).toBeGreaterThanOrEqual(1)
      })
    )
  })

  it("of nothing are nothing, and of no limit none", () => {
    for (const place of places(3)) {
      expect(shareOf(0, place)).toBe(0)
      expect(shareOf(Number.POSITIVE_INFINITY, place)).toBe(Number.POSITIVE_INFINITY)
    }
  })
})

const listener = (transport: "tcp" | "udp", connections: number): Listener => ({
  ...{ source: { kind: "Gateway", namespace: "shop", name: "edge", section: transport }, hostname: null, port: 80 },
  bind: { address: "127.0.0.1", port: 80, transport },
  mode: { _tag: "Http", tls: null, hosts: [] },
  limits: { connections, headerBytes: 1 }
})

const snapshot: Snapshot = {
  ...({ version: "1", gateway: { namespace: "shop", name: "edge" } } as unknown as Snapshot),
  listeners: new Map([
    ["web", listener("tcp", 5)],
    ["dns", listener("udp", 5)]
  ]),
  upstreams: new Map([
    [
      "a",
      specOf({
        endpoints: [],
        limits: { ...defaultLimits, maxConnections: 7, maxPending: 3, maxRequests: 4, maxRetries: { _tag: "Share", percent: 20, least: 3 } }
      })
    ],
    ["b", specOf({ endpoints: [], limits: { ...defaultLimits, maxRequests: "Disabled", maxRetries: 1 } })]
  ])
}

describe("a worker's snapshot", () => {
  it("has its part of every limit of requests and connections; a share of what is under way is each worker's own", () => {
    const [first, second] = places(2).map((place) => makeShares(place)(snapshot).upstreams)
    expect(first!.get("a")!.limits).toMatchObject({
      ...{ maxConnections: 4, maxPending: 2, maxRequests: 2 },
      maxRetries: { percent: 20, least: 2 }
    })
    expect(second!.get("a")!.limits).toMatchObject({
      ...{ maxConnections: 3, maxPending: 1, maxRequests: 2 },
      maxRetries: { percent: 20, least: 1 }
    })
    for (const part of [first, second]) expect(part!.get("b")!.limits).toMatchObject({ maxRequests: "Disabled", maxRetries: 1 })
  })

  it("has its part of clients; those of datagrams are the first worker's alone", () => {
    const [first, second] = places(2).map((place) => makeShares(place)(snapshot).listeners)
    expect([...first!].map(([id, { limits }]) => [id, limits.connections])).toEqual([
      ["web", 3],
      ["dns", 5]
    ])
    expect([...second!].map(([id, { limits }]) => [id, limits.connections])).toEqual([["web", 2]])
  })

  it("has the same resource for the same resource, and the same table for the same table", () => {
    const shares = makeShares({ index: 0, count: 2 })
    const before = shares(snapshot)
    expect(shares({ ...snapshot, version: "2" }).upstreams).toBe(before.upstreams)
    const upstreams = new Map([...snapshot.upstreams, ["b", specOf({ endpoints: [] })]])
    const after = shares({ ...snapshot, upstreams })
    expect(after.listeners).toBe(before.listeners)
    expect(after.upstreams.get("a")).toBe(before.upstreams.get("a"))
    expect(after.upstreams.get("b")).not.toBe(before.upstreams.get("b"))
  })
})
