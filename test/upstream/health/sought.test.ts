// Law: what is found does not depend on how the bytes were cut, and nothing beyond the bound is.
import fc from "fast-check"
import { expect, it } from "vitest"
import { Sought, searched } from "#src/upstream/health/sought.ts"

/** Feeds it in pieces of these lengths, then byte by byte. */
const found = (wanted: Buffer, all: Buffer, lengths: ReadonlyArray<number>): boolean => {
  const sought = new Sought(wanted)
  let at = 0
  for (const length of [...lengths, ...new Array<number>(all.length).fill(1)]) {
    const piece = Buffer.from(all.subarray(at, at + length))
    const judged = sought.in(piece)
    if (judged !== null) return judged
    // Its memory may be another's by the next piece.
    piece.fill(0)
    at += length
  }
  return false
}

it("finds what is there, however it is cut", () => {
  const bytes = (max: number) => fc.array(fc.constantFrom(97, 98), { minLength: 1, maxLength: max }).map((list) => Buffer.from(list))
  fc.assert(
    fc.property(bytes(4), bytes(20), fc.array(fc.nat(6), { maxLength: 6 }), (wanted, all, lengths) => {
      expect(found(wanted, all, lengths)).toBe(all.includes(wanted))
    })
  )
})

it("looks at no more than the bound, and then is done", () => {
  const wanted = Buffer.from("ok")
  const fits = Buffer.alloc(searched + 2)
  fits.write("ok", searched - 2)
  const beyond = Buffer.alloc(searched + 2)
  beyond.write("ok", searched - 1)
  for (const size of [1_000, searched - 1, searched + 2]) {
    const lengths = new Array<number>(Math.ceil(fits.length / size)).fill(size)
    expect([found(wanted, fits, lengths), found(wanted, beyond, lengths)]).toEqual([true, false])
  }
  expect(new Sought(wanted).in(Buffer.alloc(searched))).toBe(false)
  expect(new Sought(wanted).in(Buffer.alloc(searched - 1))).toBeNull()
})
