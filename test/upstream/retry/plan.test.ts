// What may be tried again and when: law 8 as data.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { failures } from "#src/proxy/response.ts"
import { growth } from "#src/snapshot/retry.ts"
import type { UpstreamFailure } from "#src/upstream/attempt.ts"
import { backoff, repeatable, retryAfter } from "#src/upstream/retry/plan.ts"

const reasons = Object.keys(failures) as ReadonlyArray<UpstreamFailure["reason"]>

describe("what a rule repeats of itself", () => {
  it("is nothing that the failure table calls unsafe", () => {
    for (const reason of reasons) {
      for (const sent of ["None", "Some"] as const) {
        for (const idempotent of [true, false]) {
          if (!repeatable({ reason, sent }, idempotent)) continue
          const { retry } = failures[reason]
          expect([reason, retry]).not.toEqual([reason, "Never"])
          // Where the table asks for an idempotent method, only one is taken, or a request that never left.
          if (retry === "Idempotent") expect([reason, sent, idempotent]).toSatisfy(() => idempotent || sent === "None")
        }
      }
    }
  })

  it("is every failed connect and handshake of whatever method, and silence only of methods that may be repeated", () => {
    for (const reason of reasons.filter((reason) => /^(connect|tls)_|^proxy_refused$/.test(reason)))
      expect([reason, repeatable({ reason, sent: "None" }, false)]).toEqual([reason, true])
    for (const reason of ["upstream_reset", "first_byte_timeout", "backend_timeout"] as const) {
      expect(repeatable({ reason, sent: "Some" }, true)).toBe(true)
      expect(repeatable({ reason, sent: "Some" }, false)).toBe(false)
    }
    expect(repeatable({ reason: "backend_timeout", sent: "None" }, false)).toBe(true)
  })

  it("is not a handshake that broke after the request had left, but for those methods", () => {
    expect(repeatable({ reason: "tls_client_rejected", sent: "Some" }, false)).toBe(false)
    expect(repeatable({ reason: "tls_client_rejected", sent: "Some" }, true)).toBe(true)
  })
})

describe("the wait", () => {
  it("is the base at least, doubles, and stays below fifteen times the base", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 100_000 }),
        fc.integer({ min: 1, max: 1000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (base, tries, chance) => {
          const wait = backoff({ backoff: base, longest: base * growth }, tries, chance)
          expect(wait).toBeGreaterThanOrEqual(base)
          expect(wait).toBeLessThanOrEqual(base * 15)
        }
      )
    )
    expect([1, 2, 3, 4, 5].map((tries) => backoff({ backoff: 10, longest: 100 }, tries, 0))).toEqual([10, 20, 40, 80, 100])
    expect(backoff({ backoff: 10, longest: 100 }, 1, 0.5)).toBe(12.5)
    expect([1, 2, 3, 4].map((tries) => backoff({ backoff: 10, longest: 25 }, tries, 0))).toEqual([10, 20, 25, 25])
  })

  it("is one that a timer can wait", () => {
    expect(backoff({ backoff: 2_147_483_647, longest: 2_147_483_647 }, 5, 0.9)).toBe(2_147_483_647)
  })
})

describe("Retry-After", () => {
  const now = Date.UTC(2026, 10, 21, 12)
  it("is seconds or a date, in any case of its name", () => {
    expect(retryAfter(["Server", "x", "Retry-After", "3"], now)).toBe(3000)
    expect(retryAfter(["retry-after", " 0 "], now)).toBe(0)
    expect(retryAfter(["RETRY-AFTER", new Date(now + 7000).toUTCString()], now)).toBe(7000)
  })
  it("that is past, absent or no such thing asks for nothing", () => {
    for (const value of [new Date(now - 7000).toUTCString(), "soon", "-1", "1.5", "", "1e3"])
      expect(retryAfter(["retry-after", value], now)).toBe(0)
    expect(retryAfter([], now)).toBe(0)
  })
})
