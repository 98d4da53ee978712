// What is shared between an old value and a new one says the same as the new one, and is the old one where nothing differs.
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { shared } from "#src/translate/sharing.ts"

const value = fc.jsonValue({ maxDepth: 3 })

describe("a value computed anew", () => {
  it("is equal to itself, whatever was there before", () => {
    fc.assert(
      fc.property(value, value, (before, after) => {
        assert.strictEqual(JSON.stringify(shared(before, after)), JSON.stringify(after))
      })
    )
  })

  it("is the one of before where it says the same, and so are its parts", () => {
    fc.assert(
      fc.property(value, fc.integer(), (part, n) => {
        const before = { part, n }
        assert.strictEqual(shared(before, structuredClone(before)), before)
        assert.strictEqual(shared(before, { part: structuredClone(part), n: n + 1 }).part, part)
      })
    )
  })

  it("keeps a field that is called like a prototype, which somebody's patch of pods may have", () => {
    const read = (n: number) => JSON.parse(`{"patch": {"__proto__": {"polluted": true, "n": ${n}}, "same": []}}`)
    const before = read(1)
    const after = shared(before, read(2))
    assert.strictEqual(JSON.stringify(after), JSON.stringify(read(2)))
    assert.strictEqual(Object.getPrototypeOf(after.patch), Object.prototype)
    assert.isUndefined(after.patch.polluted)
    assert.strictEqual(after.patch.same, before.patch.same)
  })
})
