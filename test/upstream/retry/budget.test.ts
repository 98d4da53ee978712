// A backend in trouble gets a fifth more load at most, and a quiet one ten tries a second.
import { describe, expect, it } from "vitest"
import { Budget } from "#src/upstream/retry/budget.ts"

const taken = (budget: Budget, now: number, wanted: number): number => {
  let count = 0
  for (let n = 0; n < wanted; n++) if (budget.take(now)) count++
  return count
}

const start = 1_700_000_000_400

describe("a budget", () => {
  it("has ten in each second, whatever was asked", () => {
    const budget = new Budget("Disabled", () => 0)
    for (let second = 0; second < 15; second++) expect(taken(budget, start + second * 1000, 1000)).toBe(10)
  })

  it("has a fifth of the requests of ten seconds", () => {
    const budget = new Budget("Disabled", () => 0)
    for (let second = 0; second < 10; second++) for (let n = 0; n < 100; n++) budget.request(start + second * 1000)
    expect(taken(budget, start + 9000, 1000)).toBe(200)
    expect(taken(budget, start + 9500, 1000)).toBe(0)
  })

  it("of a share is that part of the requests under way, so many at the least, and nothing besides", () => {
    let load = 0
    const budget = new Budget({ _tag: "Share", percent: 20, least: 3 }, () => load)
    expect(budget.limit).toBe(3)
    load = 19
    expect(budget.limit).toBe(3)
    load = 24
    expect(budget.limit).toBe(4)
    budget.retrying = 3
    expect(budget.full).toBe(false)
    budget.retrying = 4
    expect(budget.full).toBe(true)
    expect(taken(budget, start, 1000)).toBe(1000)
    expect(new Budget({ _tag: "Share", percent: 0, least: 0 }, () => 100).full).toBe(true)
  })

  it("of one of several processes has its part of the ten, and one at the least", () => {
    expect(taken(new Budget("Disabled", () => 0, 3), start, 1000)).toBe(3)
    expect(taken(new Budget("Disabled", () => 0, 40), start, 1000)).toBe(1)
  })

  it("of a rate is a part of the requests of its time, and so many in the other, whatever was asked", () => {
    const rate = { percent: 50, interval: 60_000, count: 3, per: 5_000 }
    const quiet = new Budget("Disabled", () => 0, 1, rate)
    for (let turn = 0; turn < 5; turn++) expect(taken(quiet, 1_700_000_000_000 + turn * 5_000, 100)).toBe(3)
    expect(taken(quiet, 1_700_000_024_999, 100)).toBe(0)
    const busy = new Budget("Disabled", () => 0, 1, rate)
    for (let n = 0; n < 100; n++) busy.request(start)
    expect(taken(busy, start + 54_000, 1000)).toBe(50)
    for (let n = 0; n < 100; n++) busy.request(start + 60_000)
    // Those of the first six seconds are forgotten; their repetitions are not.
    expect(taken(busy, start + 60_000, 1000)).toBe(3)
    expect(taken(new Budget("Disabled", () => 0, 1, { ...rate, percent: 0 }), start, 1000)).toBe(3)
    expect(taken(new Budget("Disabled", () => 0, 2, rate), start, 1000)).toBe(1)
  })

  it("of a number is that, whatever is under way", () => {
    expect(new Budget(0, () => 100).full).toBe(true)
    expect(new Budget(2, () => 0).limit).toBe(2)
    expect(new Budget("Default", () => 0).full).toBe(false)
  })

  it("forgets what is ten seconds old", () => {
    const budget = new Budget("Disabled", () => 0)
    for (let n = 0; n < 1000; n++) budget.request(start)
    expect(taken(budget, start + 9000, 1000)).toBe(200)
    const idle = new Budget("Disabled", () => 0)
    for (let n = 0; n < 1000; n++) idle.request(start)
    expect(taken(idle, start + 10_000, 1000)).toBe(10)
    for (let n = 0; n < 1000; n++) idle.request(start + 3_600_000)
    expect(taken(idle, start + 3_600_000, 1000)).toBe(200)
  })
})
