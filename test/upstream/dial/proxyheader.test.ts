// The header of the PROXY protocol, byte for byte as HAProxy's specification has it (sections 2.1 and 2.2).
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { proxyHeader } from "#src/upstream/dial/proxyheader.ts"

const four = { source: "192.168.0.1", sourcePort: 56324, destination: "192.168.0.11", destinationPort: 443 }
const six = { source: "2001:db8::1", sourcePort: 65535, destination: "2001:db8::2", destinationPort: 1 }
const signature = "0d0a0d0a000d0a515549540a"
const hex = (version: "V1" | "V2", client: Parameters<typeof proxyHeader>[1]) => proxyHeader(version, client).toString("hex")

describe("the header of the PROXY protocol", () => {
  it("in version 1", () => {
    const text = (client: Parameters<typeof proxyHeader>[1]) => proxyHeader("V1", client).toString("latin1")
    assert.strictEqual(text(four), "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n")
    assert.strictEqual(text(six), "PROXY TCP6 2001:db8::1 2001:db8::2 65535 1\r\n")
    assert.strictEqual(text({ ...four, destination: "2001:db8::2" }), "PROXY TCP6 ::ffff:c0a8:1 2001:db8::2 56324 443\r\n")
    assert.strictEqual(text(null), "PROXY UNKNOWN\r\n")
  })
  it("in version 2", () => {
    assert.strictEqual(hex("V2", four), `${signature}2111000cc0a80001c0a8000bdc0401bb`)
    assert.strictEqual(
      hex("V2", six),
      `${signature}21210024${"20010db8000000000000000000000001"}${"20010db8000000000000000000000002"}ffff0001`
    )
    assert.strictEqual(hex("V2", { ...six, source: "192.168.0.1" }).slice(32, 64), "00000000000000000000ffffc0a80001")
    assert.strictEqual(hex("V2", null), `${signature}20000000`)
  })
  it("says nothing of a client that nobody knows", () => {
    assert.strictEqual(hex("V2", { ...four, source: "" }), hex("V2", null))
    assert.strictEqual(hex("V1", { ...four, destination: "" }), hex("V1", null))
  })
  it("of version 1 is at most 107 bytes, and one line", () => {
    const address = fc.oneof(fc.ipV4(), fc.ipV6())
    const port = fc.integer({ min: 0, max: 65_535 })
    fc.assert(
      fc.property(address, port, address, port, (source, sourcePort, destination, destinationPort) => {
        const text = proxyHeader("V1", { source, sourcePort, destination, destinationPort }).toString("latin1")
        assert.isAtMost(text.length, 107)
        assert.match(text, /^PROXY (UNKNOWN|TCP[46] [0-9a-f.:]+ [0-9a-f.:]+ [0-9]+ [0-9]+)\r\n$/)
      })
    )
  })
})
