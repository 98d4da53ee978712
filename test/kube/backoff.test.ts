// How long is stayed away: 0.8 s, doubled up to 30 s, jittered, begun anew after two healthy minutes; never less than asked.
import { assert, describe, it } from "vitest"
import { Backoff } from "#src/kube/backoff.ts"

const pauses = (backoff: Backoff, count: number, chance: number): ReadonlyArray<number> => {
  let now = 0
  return Array.from({ length: count }, () => {
    const pause = backoff.next(now, chance)
    now += pause
    return pause
  })
}

describe("the backoff", () => {
  it("doubles from 0.8 s to 30 s", () => {
    assert.deepEqual(pauses(new Backoff(), 8, 0.5), [800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000])
  })

  it("is jittered by a quarter both ways", () => {
    assert.deepEqual(pauses(new Backoff(), 2, 0), [600, 1200])
    assert.deepEqual(pauses(new Backoff(), 2, 1), [1000, 2000])
  })

  it("begins anew after two minutes without a failure, not earlier", () => {
    const backoff = new Backoff()
    assert.isTrue(backoff.calm(0))
    backoff.next(0, 0.5)
    backoff.next(800, 0.5)
    assert.isFalse(backoff.calm(800 + 1600 + 119_999))
    assert.strictEqual(backoff.next(800 + 1600 + 119_999, 0.5), 3200)
    const end = 800 + 1600 + 119_999 + 3200
    assert.strictEqual(backoff.next(end + 120_000, 0.5), 800)
  })

  it("forgets what failed: the next failure is the first one, after quiet times", () => {
    const backoff = new Backoff()
    for (const now of [0, 800, 2400]) backoff.next(now, 0.5)
    assert.isFalse(backoff.calm(6000))
    backoff.forget()
    assert.isTrue(backoff.calm(6000))
    assert.strictEqual(backoff.next(6000, 0.5), 800)
  })

  it("does not double beyond twice the first for a server that settles, and doubles from there when it has", () => {
    const backoff = new Backoff()
    const next = (now: number, settling: boolean) => backoff.next(now, 0.5, null, settling)
    assert.deepEqual([next(0, true), next(800, true), next(2400, true)], [800, 1600, 1600])
    assert.deepEqual([next(4000, false), next(5600, false)], [1600, 3200])
    assert.strictEqual(backoff.next(8800, 0, 5000, true), 5000)
  })

  it("obeys what the server asks for, up to five minutes, and jitters it upwards", () => {
    assert.strictEqual(new Backoff().next(0, 0, 5000), 5000)
    assert.strictEqual(new Backoff().next(0, 1, 5000), 6000)
    assert.strictEqual(new Backoff().next(0, 0.5, 1), 800)
    assert.strictEqual(new Backoff().next(0, 0, 3_600_000), 300_000)
  })
})
