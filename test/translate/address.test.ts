import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { canonicalAddress, neverClass, refusedClass } from "#src/translate/address.ts"
import { classify, embedded, parseAddress } from "#src/upstream/dial/address.ts"
import { noOwnAddresses } from "#src/upstream/dial/own.ts"
import { admit } from "#src/upstream/dial/policy.ts"

describe("reading", () => {
  it.each(["010.0.0.1", "0x7f.0.0.1", "127.1", "2130706433", "fe80::1%eth0", "[::1]", "1::2::3", "1.2.3", "1.2.3.4/32", ""])(
    "%s is not an address",
    (text) => assert.isNull(canonicalAddress(text))
  )
  it("one address has one spelling", () => {
    assert.strictEqual(canonicalAddress("2001:DB8:0:0::1"), "2001:db8::1")
    assert.strictEqual(canonicalAddress("::ffff:192.0.2.1"), "192.0.2.1")
    assert.strictEqual(canonicalAddress("64:ff9b::192.0.2.1"), "64:ff9b::c000:201")
  })
})

describe("never dialled", () => {
  it.each([
    ["0.1.2.3", "unspecified"],
    ["::", "unspecified"],
    ["127.8.8.8", "loopback"],
    ["::1", "loopback"],
    ["::ffff:127.0.0.1", "loopback"],
    ["64:ff9b::7f00:1", "loopback"],
    ["2002:7f00:1::", "loopback"],
    ["2001:0:7f00:1::", "loopback"],
    ["64:ff9b:1:7f00:0:100::", "loopback"],
    ["169.254.1.1", "link-local"],
    ["fe80::1", "link-local"],
    ["169.254.169.254", "metadata"],
    ["100.100.100.200", "metadata"],
    ["168.63.129.16", "metadata"],
    ["fd00:ec2::254", "metadata"],
    ["::ffff:169.254.170.2", "metadata"],
    ["224.0.0.1", "multicast"],
    ["255.255.255.255", "multicast"],
    ["ff02::1", "multicast"]
  ])("%s is %s", (text, kind) => assert.strictEqual(neverClass(canonicalAddress(text)!), kind))
  it.each(["192.0.2.1", "10.0.0.1", "100.64.0.1", "8.8.8.8", "2606:4700::1111", "fc00::1", "2001:db8::1"])(
    "%s is left to the dialler",
    (text) => assert.isNull(neverClass(canonicalAddress(text)!))
  )
  it("only loopback passes when loopback is allowed", () => {
    assert.isNull(refusedClass("127.0.0.1", true))
    assert.strictEqual(refusedClass("169.254.169.254", true), "a metadata service's address")
  })
})

describe("what a status says of such an address", () => {
  it.each(["0.1.2.3", "127.8.8.8", "169.254.1.1", "169.254.169.254", "224.0.0.1", "fd00:ec2::254"])(
    "is what the dialler says of %s",
    (ip) => {
      const admission = admit(
        { ip, port: 80, name: null, origin: "Written" },
        { cluster: [], allowLoopback: false, egress: null },
        noOwnAddresses
      )
      assert.isFalse(admission.allowed)
      if (!admission.allowed) assert.include(admission.rule, `${ip} is ${refusedClass(ip, false)}: never dialled`)
    }
  )
})

const never = new Set(["unspecified", "loopback", "link-local", "metadata", "multicast"])

it("what is refused here is what the dialler never dials", () => {
  const v4 = fc.oneof(fc.ipV4(), fc.constantFrom("127.0.0.1", "169.254.169.254", "169.254.0.9", "100.100.100.200", "239.1.2.3", "0.0.0.0"))
  const bytes = fc
    .array(fc.nat(65_535), { minLength: 8, maxLength: 8 })
    .map((groups) => groups.map((group) => group.toString(16)).join(":"))
  const carried = v4.map((text) => {
    const [a, b, c, d] = text.split(".").map(Number)
    return [((a! << 8) | b!).toString(16), ((c! << 8) | d!).toString(16)] as const
  })
  const v6 = fc.oneof(
    bytes,
    carried.map(([high, low]) => `64:ff9b::${high}:${low}`),
    carried.map(([high, low]) => `2002:${high}:${low}::1`),
    carried.map(([high, low]) => `::ffff:${high}:${low}`),
    carried.map(([high, low]) => `::${high}:${low}`),
    fc.constantFrom("::", "::1", "fe80::1", "fec0::1", "ff00::", "fd00:ec2::1")
  )
  fc.assert(
    fc.property(fc.oneof(v4, v6), (text) => {
      const address = parseAddress(text)!
      const dialled = [address, ...embedded(address)].map(classify).some((kind) => never.has(kind))
      assert.strictEqual(neverClass(canonicalAddress(text)!) !== null, dialled, text)
    }),
    { numRuns: 2_000 }
  )
})
