// Consistent hashing: shares by weight, the same table for the same endpoints, and a change of the endpoints moves few keys that it need not.
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { defaultTableSize as tableSize } from "#src/snapshot/balance.ts"
import { hashText } from "#src/upstream/balance/hash.ts"
import { Maglev, maglevTable } from "#src/upstream/balance/maglev.ts"

interface Item {
  readonly key: string
  readonly weight: number
}

const items = (weights: ReadonlyArray<number>): ReadonlyArray<Item> =>
  weights.map((weight, n) => ({ key: `Address 192.0.2.${n}:443`, weight }))
const ownersOf = (list: ReadonlyArray<Item>): ReadonlyArray<string> => Array.from(maglevTable(list), (place) => list[place]!.key)
const sharesOf = (list: ReadonlyArray<Item>): ReadonlyArray<number> => {
  const counts = list.map(() => 0)
  for (const place of maglevTable(list)) counts[place]!++
  return counts.map((count) => count / tableSize)
}
/** The share of slots that changed hands though both their owners are here before and after. */
const disturbed = (before: ReadonlyArray<Item>, after: ReadonlyArray<Item>): number => {
  const [old, now] = [ownersOf(before), ownersOf(after)]
  const [left, come] = [new Set(after.map(({ key }) => key)), new Set(before.map(({ key }) => key))]
  return old.filter((owner, slot) => owner !== now[slot] && left.has(owner) && come.has(now[slot]!)).length / tableSize
}

describe("the table", () => {
  it("gives every endpoint the share of its weight, to the slot", () => {
    for (const weights of [[1], [1, 1, 1], [3, 1], [5, 1, 1], [1000, 1], Array.from({ length: 100 }, (_, n) => 1 + (n % 7))]) {
      const sum = weights.reduce((a, b) => a + b, 0)
      // Rounding, and the round in which the table fills: each can cost one slot for every turn of the lightest.
      for (const [n, share] of sharesOf(items(weights)).entries())
        assert.closeTo(share, weights[n]! / sum, (1 + weights[n]! / sum) / tableSize + 1 / tableSize, `${weights} at ${n}`)
    }
  })

  it("depends on what the endpoints are, not on their order", () => {
    // Of equal weights all are asked in each round, and the first takes a slot that two want.
    const equal = items(new Array<number>(5).fill(1))
    assert.deepEqual(ownersOf(equal.toReversed()), ownersOf(equal))
    fc.assert(
      fc.property(
        fc
          .array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 12 })
          .chain((weights) =>
            fc.tuple(fc.constant(items(weights)), fc.shuffledSubarray([...items(weights)], { minLength: weights.length }))
          ),
        ([list, shuffled]) => assert.deepEqual(ownersOf(shuffled), ownersOf(list))
      ),
      { numRuns: 15 }
    )
  })

  it("holds for weights of a million to one", () => {
    const list = items([1_000_000, ...new Array<number>(255).fill(1)])
    assert.isAbove(sharesOf(list)[0]!, 0.999)
  })

  it("moves the keys of an endpoint that leaves, and few others", () => {
    const ten = items(new Array<number>(10).fill(1))
    for (const gone of [0, 4, 9]) assert.isBelow(disturbed(ten, ten.toSpliced(gone, 1)), 0.03)
  })

  it("gives an endpoint that comes its share, and moves few other keys", () => {
    const ten = items(new Array<number>(10).fill(1))
    const more = [...ten, { key: "Address 192.0.2.200:443", weight: 1 }]
    assert.isBelow(disturbed(ten, more), 0.03)
    assert.closeTo(sharesOf(more)[10]!, 1 / 11, 0.001)
  })

  it("moves few keys when a weight changes beyond those that the new shares ask for", () => {
    const before = items([2, 2, 2, 2])
    const after = items([3, 2, 2, 2])
    const [old, now] = [ownersOf(before), ownersOf(after)]
    const moved = old.filter((owner, slot) => owner !== now[slot]).length / tableSize
    assert.isBelow(moved, 3 / 9 - 2 / 8 + 0.05)
  })
})

describe("a pick", () => {
  const list = items([1, 1, 1, 0])
  const maglev = new Maglev<Item>(() => 0.5)
  maglev.set(list)

  it("of the same key is the same endpoint, and keys spread", () => {
    const counts = list.map(() => 0)
    for (let n = 0; n < 30_000; n++) {
      const picked = maglev.next(hashText(`user-${n}`))!
      assert.strictEqual(maglev.next(hashText(`user-${n}`)), picked)
      counts[list.indexOf(picked)]!++
    }
    for (const count of counts.slice(0, 3)) assert.closeTo(count, 10_000, 400)
    assert.strictEqual(counts[3], 0)
  })

  it("is of the table of its size", () => {
    const small = new Maglev<Item>(() => 0.5, 1021)
    small.set(list)
    const table = maglevTable(list.slice(0, 3), 1021)
    assert.strictEqual(table.length, 1021)
    for (let n = 0; n < 3_000; n++) {
      const affinity = hashText(`user-${n}`)
      assert.strictEqual(small.next(affinity), list[table[(affinity >>> 0) % 1021]!])
    }
  })

  it("goes elsewhere when that fails, for a key always to the same other", () => {
    const others = new Set<Item>()
    for (let n = 0; n < 100; n++) {
      const affinity = hashText(`user-${n}`)
      const first = maglev.next(affinity)!
      const second = maglev.nextBut(new Set([first]), affinity)!
      assert.notStrictEqual(second, first)
      assert.strictEqual(maglev.nextBut(new Set([first]), affinity), second)
      others.add(second)
    }
    assert.strictEqual(others.size, 3)
    assert.isNull(maglev.nextBut(new Set(list), 1))
  })

  it("without a key is any endpoint", () => {
    let turn = 0
    const any = new Maglev<Item>(() => (turn++ % 100) / 100)
    any.set(list)
    assert.strictEqual(new Set(Array.from({ length: 100 }, () => any.next(null))).size, 3)
  })

  it("follows a change of weight in place, and is null for nobody", () => {
    const changing = [
      { key: "a", weight: 1 },
      { key: "b", weight: 1 }
    ]
    const balancer = new Maglev<{ key: string; weight: number }>(() => 0)
    balancer.set(changing)
    assert.strictEqual(new Set(Array.from({ length: 100 }, (_, n) => balancer.next(hashText(`${n}`)))).size, 2)
    changing[1]!.weight = 1_000_000
    balancer.set(changing)
    assert.strictEqual(new Set(Array.from({ length: 100 }, (_, n) => balancer.next(hashText(`${n}`)))).size, 1)
    changing[1]!.weight = 0
    balancer.set(changing)
    assert.strictEqual(new Set(Array.from({ length: 100 }, (_, n) => balancer.next(hashText(`${n}`)))).size, 1)
    balancer.set([])
    assert.isNull(balancer.next(1))
    assert.isNull(balancer.nextBut(new Set(), 1))
  })
})
