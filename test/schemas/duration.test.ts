// GEP-2257 durations.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { formatDuration, parseDuration } from "#schemas/duration.ts"

describe("durations", () => {
  it.each([
    ["0s", 0],
    ["10s", 10_000],
    ["1m30s", 90_000],
    ["500ms", 500],
    ["1h1m1s1ms", 3_661_001],
    ["90s", 90_000],
    ["5m5m", 600_000],
    ["10ms10m", 600_010]
  ])("%s is %i ms", (text, milliseconds) => expect(parseDuration(text)).toBe(milliseconds))

  it.each(["", "1", "1.5s", "-1s", "1d", "1 s", "s", "100000s", "1h1m1s1ms1h", "1S", "1s\n"])("%j is none", (text) =>
    expect(parseDuration(text)).toBeNull()
  )

  it("formatted and read again is the same", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 99_999 * 3_600_000 }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms)
      })
    )
  })

  it("read and formatted is the shortest spelling", () => {
    expect(["90s", "0ms", "1000ms", "60m"].map((text) => formatDuration(parseDuration(text)!))).toEqual(["1m30s", "0s", "1s", "1h"])
  })
})
