// Hostnames of listeners and routes: what two stand for together, and which is the more specific.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { bySpecificity, intersection } from "#src/translate/intersection.ts"
import { coversHost } from "../support/hosts.ts"

const label = fc.constantFrom("a", "b", "example", "com")
const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."))
const hostname = fc.oneof(
  name,
  name.map((one) => `*.${one}`),
  fc.constant("*")
)

describe("intersection", () => {
  it.each([
    ["*", "a.example.com", "a.example.com"],
    ["*.example.com", "a.example.com", "a.example.com"],
    ["*.example.com", "a.b.example.com", "a.b.example.com"],
    ["*.example.com", "example.com", null],
    ["*.example.com", "*.com", "*.example.com"],
    ["*.example.com", "*.example.net", null],
    ["*.ample.com", "a.example.com", null],
    ["a.example.com", "b.example.com", null]
  ])("of %s and %s is %s", (a, b, expected) => {
    expect(intersection(a, b)).toBe(expected)
    expect(intersection(b, a)).toBe(expected)
  })

  it("stands for a host when both do, by the matcher of the proxy", () => {
    fc.assert(
      fc.property(hostname, hostname, name, (a, b, host) => {
        const met = intersection(a, b)
        expect(met !== null && coversHost(met, host)).toBe(coversHost(a, host) && coversHost(b, host))
      }),
      { numRuns: 2000 }
    )
  })
})

describe("specificity", () => {
  it("puts names before wildcards, longer before shorter, and a route without hostnames last", () => {
    const sorted = ["*", "*.com", "b.co", "*.example.com", "a.example.com"].sort(bySpecificity)
    expect(sorted).toEqual(["a.example.com", "b.co", "*.example.com", "*.com", "*"])
  })
})
