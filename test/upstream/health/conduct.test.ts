// Laws of ejection: which failures in a row count, for how long an address is out, and what it takes to be out again.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { defaultOutlier, type Outlier } from "#src/snapshot/health.ts"
import { Conduct, type Offence } from "#src/upstream/health/conduct.ts"

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const judged = (outlier: Partial<Outlier>, allows: () => boolean = () => true) => {
  const told: Array<Offence | null> = []
  const conduct = new Conduct({
    outlier: { ...defaultOutlier, ...outlier },
    now: () => Date.now(),
    allows,
    changed: () => {
      if (conduct.offence === null) told.push(null)
    },
    ejected: (offence) => told.push(offence)
  })
  const answers = (...statuses: ReadonlyArray<number>) => {
    for (const status of statuses) conduct.answered(status)
  }
  const fails = (times: number) => {
    for (let n = 0; n < times; n++) conduct.failed()
  }
  /** Milliseconds until it is in again. */
  const away = () => {
    const from = Date.now()
    vi.advanceTimersToNextTimer()
    expect(conduct.offence).toBeNull()
    return Date.now() - from
  }
  return { conduct, told, answers, fails, away }
}

describe("what ejects", () => {
  it("is so many answers of 500 and above, or failures without one, in a row", () => {
    const { told, answers, fails } = judged({ serverErrors: 3 })
    answers(500, 599, 200, 503, 500)
    fails(1)
    expect(told).toEqual(["errors"])
  })

  it("is nothing that a good answer interrupts, and 499 is one", () => {
    const { told, answers } = judged({ serverErrors: 2 })
    answers(500, 200, 500, 404, 500, 499, 500, 301, 500, 101)
    expect(told).toEqual([])
  })

  it("of gateway errors is 502, 503, 504 and failures, which another 5xx interrupts", () => {
    const { told, answers, fails } = judged({ serverErrors: null, gatewayErrors: 3 })
    answers(502, 503, 500, 504, 502, 501, 505, 503)
    fails(1)
    expect(told).toEqual([])
    answers(504)
    expect(told).toEqual(["gateway"])
  })

  it("of failures without an answer, where they are told apart, is they alone; they are no errors then, and any answer interrupts", () => {
    const { told, answers, fails } = judged({ serverErrors: 3, gatewayErrors: 3, localFailures: 3 })
    fails(2)
    answers(500)
    fails(2)
    answers(500)
    expect(told).toEqual([])
    answers(200)
    fails(3)
    expect(told).toEqual(["local"])
  })

  it("is nothing that is not counted", () => {
    const { told, answers, fails } = judged({ serverErrors: null })
    answers(...Array.from({ length: 50 }, () => 500))
    fails(50)
    expect(told).toEqual([])
  })

  it("is a share of the requests of an interval, when it is over, of ten at least", () => {
    const failures = { percent: 50, interval: 3_000 }
    const { told, answers, fails } = judged({ serverErrors: null, failures })
    answers(...Array.from({ length: 9 }, () => 500))
    vi.advanceTimersByTime(3_000)
    expect(told).toEqual([])
    answers(500, 500, 500, 500, 200, 200, 200, 200, 499)
    fails(1)
    vi.advanceTimersByTime(2_999)
    expect(told).toEqual([])
    vi.advanceTimersByTime(1)
    expect(told).toEqual(["share"])
  })

  it("is no share below, none of two intervals, and none of failures that are told apart", () => {
    const failures = { percent: 51, interval: 3_000 }
    const { told, answers } = judged({ serverErrors: null, failures })
    answers(500, 500, 500, 500, 500, 200, 200, 200, 200, 200)
    vi.advanceTimersByTime(3_000)
    answers(500, 500, 500, 500, 500)
    vi.advanceTimersByTime(3_000)
    answers(500, 500, 500, 500, 500)
    vi.advanceTimersByTime(3_000)
    expect(told).toEqual([])
    const apart = judged({ serverErrors: null, localFailures: 1_000, failures })
    apart.answers(...Array.from({ length: 10 }, () => 200))
    apart.fails(90)
    vi.advanceTimersByTime(3_000)
    expect(apart.told).toEqual([])
  })

  it("of a share counts nothing of the time before it was out", () => {
    const { told, answers, away } = judged({ serverErrors: 9, baseEjection: 100, failures: { percent: 50, interval: 3_000 } })
    answers(...Array.from({ length: 9 }, () => 500))
    expect(told).toEqual(["errors"])
    away()
    answers(200)
    vi.advanceTimersByTime(3_000)
    expect(told).toEqual(["errors", null])
  })

  it("waits while no more may be ejected", () => {
    let may = false
    const { told, answers } = judged({ serverErrors: 2 }, () => may)
    answers(500, 500, 500)
    expect(told).toEqual([])
    may = true
    answers(500)
    expect(told).toEqual(["errors"])
  })
})

describe("an ejected address", () => {
  it("is out for the base time, whatever comes meanwhile; then one failure is enough, and one good answer clears it", () => {
    const { told, answers, away } = judged({ serverErrors: 3, baseEjection: 10_000 })
    answers(500, 500, 500, 500, 500)
    expect(told).toEqual(["errors"])
    expect(away()).toBe(10_000)
    answers(500)
    expect(told).toEqual(["errors", null, "errors"])
    away()
    answers(200, 500, 500)
    expect(told).toHaveLength(4)
    answers(500)
    expect(told).toHaveLength(5)
  })

  it("is out longer each time in short succession, up to five minutes, and less again after time spent well", () => {
    const { answers, away } = judged({ serverErrors: 1, baseEjection: 100_000 })
    const times = [1, 2, 3, 4].map(() => {
      answers(500)
      return away()
    })
    expect(times).toEqual([100_000, 200_000, 300_000, 300_000])
    // Two bases well: two strikes fewer of four.
    vi.advanceTimersByTime(200_000)
    answers(500)
    expect(away()).toBe(300_000)
    vi.advanceTimersByTime(1_000_000)
    answers(500)
    expect(away()).toBe(100_000)
  })

  it("is out for a base beyond five minutes all the same", () => {
    const { answers, away } = judged({ serverErrors: 1, baseEjection: 3_600_000 })
    answers(500)
    expect(away()).toBe(3_600_000)
  })

  it("that leaves has no timer", () => {
    const { conduct, answers, told } = judged({ serverErrors: 1 })
    answers(500)
    conduct.close()
    vi.advanceTimersByTime(10_000_000)
    expect(told).toEqual(["errors"])
    expect(vi.getTimerCount()).toBe(0)
    const shared = judged({ failures: { percent: 1, interval: 3_000 } })
    shared.answers(500)
    expect(vi.getTimerCount()).toBe(1)
    shared.conduct.close()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe("an ejection by another process of the pod", () => {
  it("holds as long as it was told, counts as a strike, and is told to nobody again", () => {
    const { conduct, told, answers, away } = judged({ serverErrors: 2, baseEjection: 10_000 })
    conduct.impose("gateway", 7_000)
    expect(conduct.offence).toBe("gateway")
    // Who is out already is not put out for longer.
    conduct.impose("errors", 60_000)
    expect(away()).toBe(7_000)
    expect(told).toEqual([null])
    // On trial, and with a strike: twice the base.
    answers(500)
    expect(away()).toBe(20_000)
  })

  it("holds to the share that may be out", () => {
    const { conduct } = judged({}, () => false)
    conduct.impose("errors", 7_000)
    expect(conduct.offence).toBeNull()
  })
})
