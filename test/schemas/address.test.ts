// IP literals and CIDRs: the same verdict as node:net, which has no part in the code.
import { isIPv4 as nodeIPv4, isIPv6 as nodeIPv6 } from "node:net"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { isCIDR, isIP, isIPv4, isIPv6 } from "#schemas/address.ts"

const edgy = [
  "::",
  "::1",
  "1::",
  "1:2:3:4:5:6:7:8",
  "1:2:3:4:5:6:7::",
  "::2:3:4:5:6:7:8",
  "1::3::5",
  ":::",
  ":1",
  "1:",
  "::ffff:1.2.3.4",
  "1.2.3.4::",
  "::1.2.3",
  "1:2:3:4:5:6:7:1.2.3.4",
  "1:2:3:4:5:6:1.2.3.4",
  "::1.2.3.4:5",
  "g::",
  "12345::",
  "",
  "1.2.3.4",
  "01.2.3.4",
  "1.2.3",
  "256.1.1.1",
  "1.2.3.4.5",
  " 1.2.3.4",
  "1.2.3.4\n",
  "1:2:3:4:5:6:7:8::",
  "::1:2:3:4:5:6:7:8"
]

describe("addresses", () => {
  it.each(edgy)("%j", (text) => {
    expect([isIPv4(text), isIPv6(text)]).toEqual([nodeIPv4(text), nodeIPv6(text)])
  })

  it("agrees on generated literals and on what they become when one character goes", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(40), (text, at) => {
        for (const candidate of [text, text.slice(0, at) + text.slice(at + 1)]) {
          expect(isIP(candidate)).toBe(nodeIPv4(candidate) || nodeIPv6(candidate))
        }
      }),
      { numRuns: 2000 }
    )
  })

  it("has no zones", () => expect(isIP("fe80::1%eth0")).toBe(false))

  it.each([
    ["10.0.0.0/8", true],
    ["0.0.0.0/0", true],
    ["::/0", true],
    ["2001:db8::/128", true],
    ["10.0.0.0/33", false],
    ["2001:db8::/129", false],
    ["10.0.0.0", false],
    ["10.0.0.0/", false],
    ["10.0.0.0/+8", false],
    ["10.0.0.0/8/8", false]
  ])("CIDR %s: %s", (text, verdict) => expect(isCIDR(text)).toBe(verdict))
})
