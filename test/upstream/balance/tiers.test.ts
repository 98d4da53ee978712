// Law of tiers: who may be picked is decided by what can serve, in the order of the tiers.
import { describe, expect, it } from "vitest"
import { inUse, type Tiered } from "#src/upstream/balance/tiers.ts"

const member = (key: string, said: Partial<Tiered> = {}): Tiered => ({
  key,
  weight: 1,
  load: 0,
  tier: 0,
  draining: false,
  usable: true,
  healthy: true,
  ...said
})

const keys = (...members: ReadonlyArray<Tiered>) => inUse(members).map(({ key }) => key)

describe("the endpoints in use", () => {
  it("are those of the lowest tier that has a usable one", () => {
    expect(keys(member("c", { tier: 3 }), member("b", { tier: 1 }), member("a", { tier: 0, usable: false }))).toEqual(["b"])
    expect(keys(member("c", { tier: 3 }), member("b", { tier: 1, weight: 0 }))).toEqual(["c"])
    expect(keys()).toEqual([])
  })

  it("are the healthy, of the lowest tier that has any", () => {
    expect(keys(member("a", { healthy: false }), member("b"), member("c", { tier: 1 }))).toEqual(["b"])
    expect(keys(member("a", { healthy: false }), member("c", { tier: 1 }))).toEqual(["c"])
  })

  it("are those of the lowest usable tier where nobody is healthy", () => {
    expect(
      keys(member("a", { usable: false }), member("b", { tier: 1, healthy: false }), member("c", { tier: 2, healthy: false }))
    ).toEqual(["b"])
  })

  it("are draining ones only where their tier has no others", () => {
    expect(keys(member("a", { draining: true }), member("b"))).toEqual(["b"])
    expect(keys(member("a", { draining: true }), member("c", { tier: 1 }))).toEqual(["a"])
  })
})
