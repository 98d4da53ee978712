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
    const budget = new Budget(Number.POSITIVE_INFINITY)
    for (let second = 0; second < 15; second++) expect(taken(budget, start + second * 1000, 1000)).toBe(10)
  })

  it("has a fifth of the requests of ten seconds", () => {
    const budget = new Budget(Number.POSITIVE_INFINITY)
    for (let second = 0; second < 10; second++) for (let n = 0; n < 100; n++) budget.request(start + second * 1000)
    expect(taken(budget, start + 9000, 1000)).toBe(200)
    expect(taken(budget, start + 9500, 1000)).toBe(0)
  })

  it("forgets what is ten seconds old", () => {
    const budget = new Budget(Number.POSITIVE_INFINITY)
    for (let n = 0; n < 1000; n++) budget.request(start)
    expect(taken(budget, start + 9000, 1000)).toBe(200)
    const idle = new Budget(Number.POSITIVE_INFINITY)
    for (let n = 0; n < 1000; n++) idle.request(start)
    expect(taken(idle, start + 10_000, 1000)).toBe(10)
    for (let n = 0; n < 1000; n++) idle.request(start + 3_600_000)
    expect(taken(idle, start + 3_600_000, 1000)).toBe(200)
  })
})
