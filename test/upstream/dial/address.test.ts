import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type AddressClass, classify, embedded, formatAddress, inCidr, parseAddress, parseCidr } from "#src/upstream/dial/address.ts"

const classOf = (text: string): AddressClass => classify(parseAddress(text)!)

describe("an address is read strictly", () => {
  it.each([
    "0177.0.0.1",
    "0x7f.0.0.1",
    "127.1",
    "2130706433",
    "127.0.0.1.",
    " 127.0.0.1",
    "1.2.3.256",
    "1.2.3",
    "[::1]",
    "::1%lo",
    "fe80::1%eth0",
    ":::1",
    "1::2::3",
    "12345::",
    "localhost",
    "",
    "１２７.0.0.1"
  ])("%j is not an address", (text) => {
    expect(parseAddress(text)).toBeNull()
  })

  it("every spelling of one IPv6 address is one text", () => {
    for (const text of ["2001:DB8:0:0:0:0:0:1", "2001:db8::1", "2001:0db8::0:1", "2001:db8::0.0.0.1"])
      expect(formatAddress(parseAddress(text)!)).toBe("2001:db8::1")
    expect(formatAddress(parseAddress("::")!)).toBe("::")
    expect(formatAddress(parseAddress("1:0:0:2:0:0:0:3")!)).toBe("1:0:0:2::3")
    expect(formatAddress(parseAddress("1:0:2:3:4:5:6:7")!)).toBe("1:0:2:3:4:5:6:7")
    expect(formatAddress(parseAddress("::ffff:10.1.2.3")!)).toBe("10.1.2.3")
    expect(formatAddress(parseAddress("::ffff:a01:203")!)).toBe("10.1.2.3")
  })

  it("reading what was written gives the same address", () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const address = parseAddress(text)!
        const again = parseAddress(formatAddress(address))!
        expect([...again.bytes]).toEqual([...address.bytes])
      })
    )
    fc.assert(fc.property(fc.ipV4(), (text) => formatAddress(parseAddress(text)!) === text))
  })
})

describe("a block holds what its prefix says", () => {
  it.each([
    ["10.0.0.0/8", "10.255.255.255", true],
    ["10.0.0.0/8", "11.0.0.0", false],
    ["10.0.0.0/9", "10.128.0.0", false],
    ["10.1.2.3", "10.1.2.3", true],
    ["0.0.0.0/0", "8.8.8.8", true],
    ["0.0.0.0/0", "::1", false],
    ["fd00::/8", "fdff::1", true],
    ["2001:db8::/33", "2001:db8:8000::", false],
    ["::ffff:10.0.0.0/104", "10.9.9.9", true]
  ])("%s holds %s: %s", (cidr, ip, expected) => {
    expect(inCidr(parseAddress(ip)!, parseCidr(cidr)!)).toBe(expected)
  })

  it.each(["10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/", "x/8", "::ffff:10.0.0.0/8"])("%s is no block", (text) => {
    expect(parseCidr(text)).toBeNull()
  })
})

describe("the table of sorts", () => {
  const rows: ReadonlyArray<readonly [AddressClass, ReadonlyArray<string>]> = [
    ["unspecified", ["0.0.0.0", "0.255.255.255", "::"]],
    ["loopback", ["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"]],
    ["link-local", ["169.254.0.1", "169.254.255.255", "fe80::1", "febf::1", "fec0::1"]],
    ["metadata", ["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "fd00:ec2::254", "::ffff:169.254.169.254"]],
    ["multicast", ["224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1"]],
    ["private", ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255", "fc00::1", "fd12::1"]],
    ["special", ["192.0.0.1", "198.18.0.1", "198.19.255.255", "192.88.99.1", "240.0.0.1", "100::1", "2001::1", "2001:1ff::1", "5f00::1"]],
    ["special", ["4000::1", "::2", "64:ff9b:1::1", "1::1"]],
    ["documentation", ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff:fff::1"]],
    ["public", ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "192.0.1.1", "2606:4700::1111", "2001:200::1", "2002:808:808::1"]]
  ]
  it.each(rows.flatMap(([kind, ips]) => ips.map((ip) => [ip, kind] as const)))("%s is %s", (ip, kind) => {
    expect(classOf(ip)).toBe(kind)
  })
})

describe("IPv4 hidden in IPv6", () => {
  it.each([
    ["64:ff9b::7f00:1", ["127.0.0.1"]],
    ["2002:7f00:1::", ["127.0.0.1"]],
    ["2002:a9fe:a9fe::1", ["169.254.169.254"]],
    ["::7f00:1", ["127.0.0.1"]],
    ["::10.0.0.1", ["10.0.0.1"]],
    ["2001:0:7f00:1::f5ff:fffe", ["127.0.0.1", "10.0.0.1"]],
    ["::1", []],
    ["::", []],
    ["2606:4700::1111", []],
    ["10.0.0.1", []]
  ])("%s holds %j", (text, inside) => {
    expect(embedded(parseAddress(text)!).map(formatAddress)).toEqual(inside)
  })

  it("local NAT64 is read at every prefix length of RFC 6052", () => {
    for (const text of ["64:ff9b:1::127.0.0.1", "64:ff9b:1:7f00:0:100::", "64:ff9b:1:ab7f:0:1::", "64:ff9b:1:abcd:7f:0:100::"])
      expect(embedded(parseAddress(text)!).map(formatAddress)).toContain("127.0.0.1")
  })
})
