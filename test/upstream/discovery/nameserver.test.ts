import { describe, expect, it } from "vitest"
import { isDnsName } from "#src/upstream/discovery/name.ts"
import { describeNameserver, parseNameserver } from "#src/upstream/discovery/nameserver.ts"
import { orderAddresses } from "#src/upstream/discovery/order.ts"
import { parseResolvConf, readResolvConf } from "#src/upstream/discovery/resolvconf.ts"

describe("a nameserver is written", () => {
  it.each([
    ["10.0.0.53", "10.0.0.53:53"],
    ["10.0.0.53:5353", "10.0.0.53:5353"],
    ["tcp@10.0.0.53", "tcp@10.0.0.53:53"],
    ["udp@10.0.0.53:54", "10.0.0.53:54"],
    ["2001:db8::53", "[2001:db8::53]:53"],
    ["[2001:db8::53]:5353", "[2001:db8::53]:5353"],
    ["tcp@[2001:db8::53]", "tcp@[2001:db8::53]:53"],
    ["tls@10.0.0.53", "tls@10.0.0.53:853"],
    ["tls@[2001:db8::53]:8853#DNS.example", "tls@[2001:db8::53]:8853#dns.example"]
  ])("%s", (text, expected) => {
    expect(describeNameserver(parseNameserver(text)!)).toBe(expected)
  })
  it.each([
    "dns.example",
    "10.0.0.53:0",
    "10.0.0.53:65536",
    "10.0.0:53",
    "tls@dns.example",
    "10.0.0.53#dns.example",
    "tcp@10.0.0.53#dns.example",
    "tls@10.0.0.53#",
    "tls@10.0.0.53#10.0.0.53",
    "tls@10.0.0.53#a#b",
    "",
    "10.0.0.53:x",
    "[2001:db8::53",
    "fe80::1%eth0"
  ])("not %j", (text) => {
    expect(parseNameserver(text)).toBeNull()
  })
})

describe("resolv.conf", () => {
  it("gives three nameservers at most; search lists and comments are passed over", () => {
    const text =
      "# nameserver 9.9.9.9\nsearch a.example\nnameserver 10.0.0.1\n nameserver\t2001:db8::1  # x\noptions ndots:5\nnameserver fe80::1%eth0\nnameserver bad\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n"
    expect(parseResolvConf(text).map(describeNameserver)).toEqual(["10.0.0.1:53", "[2001:db8::1]:53", "10.0.0.2:53"])
  })
  it("missing: none", async () => {
    expect(await readResolvConf("/nonexistent/resolv.conf")).toEqual([])
  })
})

describe("a DNS name", () => {
  it.each(["a.example", "a.example.", "_svc._tcp.a.example", "xn--bcher-kva.example", "a-b.c1", `${"a".repeat(63)}.example`])(
    "%s is one",
    (name) => {
      expect(isDnsName(name)).toBe(true)
    }
  )
  it.each([
    "",
    ".",
    "a..b",
    "127.0.0.1",
    "127.1",
    "0x7f.1",
    "2130706433",
    "1.2.3.0x4",
    "a b.example",
    "-a.example",
    "a-.example",
    "bücher.example",
    `${"a".repeat(64)}.example`,
    `${"abcdefg.".repeat(40)}example`,
    "a.example\u0000",
    "::1"
  ])("%j is none", (name) => {
    expect(isDnsName(name)).toBe(false)
  })
})

describe("the order of addresses", () => {
  it("families take turns, the preferred one first", () => {
    expect(orderAddresses(["1.1.1.1", "2.2.2.2", "3.3.3.3"], ["2606::1", "2606::2"], true)).toEqual([
      "2606::1",
      "1.1.1.1",
      "2606::2",
      "2.2.2.2",
      "3.3.3.3"
    ])
  })
  it("IPv4 is preferred to 6to4, Teredo and unique local addresses (RFC 6724)", () => {
    expect(orderAddresses(["1.1.1.1"], ["fd00::1"], true)).toEqual(["1.1.1.1", "fd00::1"])
    expect(orderAddresses(["1.1.1.1"], ["2002::1"], true)).toEqual(["1.1.1.1", "2002::1"])
    expect(orderAddresses(["1.1.1.1"], ["fd00::1", "2606::1"], true)).toEqual(["2606::1", "1.1.1.1", "fd00::1"])
  })
  it("without IPv6 its addresses come last", () => {
    expect(orderAddresses(["1.1.1.1", "2.2.2.2"], ["2606::1"], false)).toEqual(["1.1.1.1", "2.2.2.2", "2606::1"])
  })
  it("one family alone is the whole", () => {
    expect(orderAddresses([], ["2606::1"], true)).toEqual(["2606::1"])
    expect(orderAddresses(["1.1.1.1"], [], false)).toEqual(["1.1.1.1"])
  })
})
