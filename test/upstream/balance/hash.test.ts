// Replicas agree on a key only as long as nobody changes the hash: its values are written down. And it must spread keys that differ in little.
import { assert, describe, it } from "vitest"
import { hashText, mix } from "#src/upstream/balance/hash.ts"

describe("the hash of a key", () => {
  it("is what it was", () => {
    assert.deepEqual(
      ["", "a", "alice", "203.0.113.9", "2001:db8::1", "ключ"].map((text) => hashText(text)),
      [0, 721651713, -335782352, 1664529777, 1449631723, 820693468]
    )
  })
  it("of another seed is another", () => assert.notStrictEqual(hashText("a", 1), hashText("a", 2)))
  it("spreads neighbours evenly over any number of places", () => {
    for (const places of [3, 10, 16, 255]) {
      const counts = new Array<number>(places).fill(0)
      for (let n = 0; n < places * 1000; n++) counts[(hashText(`user-${n}`) >>> 0) % places]!++
      // Five standard deviations of a thousand.
      for (const count of counts) assert.closeTo(count, 1000, 160)
    }
  })
  it("mixes without losing any bits", () => {
    const seen = new Set<number>()
    for (let n = 0; n < 100_000; n++) seen.add(mix(n))
    assert.strictEqual(seen.size, 100_000)
  })
})
