import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { EgressAllow, EgressRules } from "#src/snapshot/egress.ts"
import type { AddressPolicy } from "#src/snapshot/upstream.ts"
import { noOwnAddresses, ownAddresses } from "#src/upstream/dial/own.ts"
import { admit, type DialTarget } from "#src/upstream/dial/policy.ts"

const open: AddressPolicy = { cluster: [], allowLoopback: false, egress: null }
const egress = (mode: EgressRules["mode"], allow: ReadonlyArray<Partial<EgressAllow>>, permitPrivate = false): AddressPolicy => ({
  ...open,
  cluster: ["10.96.0.0/12", "fd10::/108"],
  egress: {
    mode,
    allow: allow.map((entry) => ({ hosts: [], ports: [], cidrs: [], ...entry })),
    permitPrivate,
    sources: [{ kind: "EgressPolicy", namespace: "", name: "team", section: null }]
  }
})
const clustered: AddressPolicy = { ...open, cluster: ["10.96.0.0/12", "fd10::/108"] }

const named = (ip: string, name = "api.vendor.example", port = 443): DialTarget => ({ ip, port, name, origin: "Written" })
const literal = (ip: string, origin: DialTarget["origin"] = "Written", port = 443): DialTarget => ({ ip, port, name: null, origin })

const verdict = (target: DialTarget, policy: AddressPolicy = open, own = noOwnAddresses): string => {
  const admission = admit(target, policy, own)
  return admission.allowed ? "yes" : admission.reason
}

const never = [
  "0.0.0.0",
  "::",
  "127.0.0.1",
  "::1",
  "::ffff:127.0.0.1",
  "64:ff9b::7f00:1",
  "2002:7f00:1::",
  "::127.0.0.1",
  "64:ff9b:1::127.0.0.1",
  "2001:0:808:808:0:0:80ff:fffe",
  "169.254.1.1",
  "fe80::1",
  "169.254.169.254",
  "::ffff:169.254.169.254",
  "::ffff:a9fe:a9fe",
  "2002:a9fe:a9fe::",
  "64:ff9b::a9fe:a9fe",
  "fd00:ec2::254",
  "100.100.100.200",
  "168.63.129.16",
  "224.0.0.1",
  "255.255.255.255",
  "ff02::1"
]

describe("classes that nothing opens", () => {
  const everything = egress(
    "Open",
    [
      { cidrs: ["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"] },
      { hosts: ["*.vendor.example"], cidrs: ["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"] }
    ],
    true
  )
  it.each(never)("%s is refused to names, literals, slices and pods, whatever an EgressPolicy lists", (ip) => {
    for (const policy of [open, everything])
      for (const target of [named(ip), literal(ip), literal(ip, "Slice"), literal(ip, "Pod")])
        expect(verdict(target, policy)).toBe("address_denied")
  })

  it("what is no address is refused, not resolved", () => {
    for (const text of ["localhost", "127.1", "0x7f000001", "api.example", "", "1.1.1.1 ", "fe80::1%eth0"])
      expect(verdict(named(text))).toBe("address_denied")
  })

  it("says which class, and why", () => {
    const admission = admit(named("169.254.1.1"), open, noOwnAddresses)
    expect(admission).toEqual({
      allowed: false,
      reason: "address_denied",
      class: "link-local",
      rule: "169.254.1.1 is link-local: never dialled"
    })
    const hidden = admit(named("2002:7f00:1::"), open, noOwnAddresses)
    expect(hidden).toMatchObject({
      class: "loopback",
      rule: expect.stringContaining("2002:7f00:1:: leads to 127.0.0.1: 127.0.0.1 is loopback")
    })
  })
})

describe("the columns of the table", () => {
  const rows: ReadonlyArray<readonly [string, string, string, string, string]> = [
    // address, resolved name, Backend ip, hand-written slice, pod
    ["10.97.0.1", "address_denied", "address_denied", "yes", "yes"],
    ["fd10::5", "address_denied", "address_denied", "yes", "yes"],
    ["10.1.2.3", "address_denied", "yes", "yes", "yes"],
    ["192.168.1.1", "address_denied", "yes", "yes", "yes"],
    ["100.64.0.1", "address_denied", "yes", "yes", "yes"],
    ["fd12::1", "address_denied", "yes", "yes", "yes"],
    ["198.18.0.1", "address_denied", "address_denied", "address_denied", "yes"],
    ["240.0.0.1", "address_denied", "address_denied", "address_denied", "yes"],
    ["192.0.2.1", "address_denied", "yes", "yes", "yes"],
    ["2001:db8::1", "address_denied", "yes", "yes", "yes"],
    ["8.8.8.8", "yes", "yes", "yes", "yes"],
    ["2606:4700::1", "yes", "yes", "yes", "yes"],
    ["2002:808:808::1", "yes", "yes", "yes", "yes"],
    ["64:ff9b::808:808", "yes", "yes", "yes", "yes"],
    ["64:ff9b::a01:203", "address_denied", "yes", "yes", "yes"]
  ]
  it.each(rows)("%s: name %s, Backend ip %s, slice %s, pod %s", (ip, name, backend, slice, pod) => {
    expect([
      verdict(named(ip), clustered),
      verdict(literal(ip), clustered),
      verdict(literal(ip, "Slice"), clustered),
      verdict(literal(ip, "Pod"), clustered)
    ]).toEqual([name, backend, slice, pod])
  })

  it("a name is judged as a name even where a slice wrote it", () => {
    expect(verdict({ ip: "10.1.2.3", port: 443, name: "a.example", origin: "Slice" }, clustered)).toBe("address_denied")
  })
})

describe("an EgressPolicy opens by CIDR", () => {
  it("a listed private block is open to the host that lists it, on its ports", () => {
    const policy = egress("Open", [{ hosts: ["api.vendor.example"], ports: [443], cidrs: ["10.1.0.0/16"] }])
    expect(verdict(named("10.1.2.3"), policy)).toBe("yes")
    expect(verdict(named("10.2.2.3"), policy)).toBe("address_denied")
    expect(verdict(named("10.1.2.3", "other.example"), policy)).toBe("address_denied")
    expect(verdict(named("10.1.2.3", "api.vendor.example", 80), policy)).toBe("address_denied")
    expect(verdict(named("10.1.2.3", "API.Vendor.Example."), policy)).toBe("yes")
  })

  it("an entry without hosts speaks of literals only", () => {
    const policy = egress("Open", [{ cidrs: ["198.18.0.0/15", "10.96.0.0/12", "10.1.0.0/16"] }])
    expect(verdict(literal("198.18.0.1"), policy)).toBe("yes")
    expect(verdict(literal("10.97.0.1"), policy)).toBe("yes")
    expect(verdict(named("10.1.2.3"), policy)).toBe("address_denied")
  })

  it("a cluster address stays closed to names whatever is listed", () => {
    expect(verdict(named("10.97.0.1"), egress("Open", [{ hosts: ["api.vendor.example"], cidrs: ["10.0.0.0/8"] }], true))).toBe(
      "address_denied"
    )
  })

  it("/0 means anywhere public: it opens nothing", () => {
    const policy = egress("Enforce", [{ hosts: ["api.vendor.example"], cidrs: ["0.0.0.0/0", "::/0"] }])
    expect(verdict(named("10.1.2.3"), policy)).toBe("address_denied")
    expect(verdict(named("8.8.8.8"), policy)).toBe("yes")
    expect(verdict(named("2606:4700::1"), policy)).toBe("yes")
  })

  it("the permit PrivateAddresses opens private, nothing else", () => {
    const policy = egress("Open", [], true)
    expect(verdict(named("10.1.2.3"), policy)).toBe("yes")
    expect(verdict(named("198.18.0.1"), policy)).toBe("address_denied")
    expect(verdict(named("10.97.0.1"), policy)).toBe("address_denied")
  })

  it("the address hidden inside must be open too", () => {
    const both = egress("Open", [{ hosts: ["api.vendor.example"], cidrs: ["10.1.0.0/16"] }])
    expect(verdict(named("2002:a01:203::1"), both)).toBe("yes")
    expect(verdict(named("2002:a02:203::1"), both)).toBe("address_denied")
  })
})

describe("Enforce", () => {
  const policy = egress("Enforce", [
    { hosts: ["api.vendor.example"], ports: [443] },
    { hosts: ["*.cdn.example"] },
    { hosts: ["db.example"], cidrs: ["10.1.0.0/16"] },
    { ports: [8443], cidrs: ["8.8.8.0/24"] }
  ])
  it.each([
    [named("8.8.8.8"), "yes"],
    [named("8.8.8.8", "api.vendor.example", 80), "egress_denied"],
    [named("8.8.8.8", "other.example"), "egress_denied"],
    [named("8.8.8.8", "a.cdn.example"), "yes"],
    [named("8.8.8.8", "a.b.cdn.example"), "yes"],
    [named("8.8.8.8", "cdn.example"), "egress_denied"],
    [named("8.8.8.8", "evilcdn.example"), "egress_denied"],
    [named("8.8.8.8", "a.cdn.example.evil.example"), "egress_denied"],
    [named("10.1.2.3", "db.example"), "yes"],
    [named("8.8.8.8", "db.example"), "egress_denied"],
    [literal("8.8.8.8"), "egress_denied"],
    [literal("8.8.8.8", "Written", 8443), "yes"],
    [literal("8.8.4.4", "Written", 8443), "egress_denied"],
    [literal("8.8.8.8", "Slice"), "egress_denied"],
    [literal("10.97.0.1", "Pod"), "yes"]
  ] as ReadonlyArray<readonly [DialTarget, string]>)("%j: %s", (target, expected) => {
    expect(verdict(target, policy)).toBe(expected)
  })

  it("an entry whose cidrs cannot be read allows nothing", () => {
    expect(verdict(named("8.8.8.8"), egress("Enforce", [{ hosts: ["api.vendor.example"], cidrs: ["nonsense"] }]))).toBe("egress_denied")
  })

  it("names the policy and the remedy", () => {
    const admission = admit(named("8.8.8.8", "other.example"), policy, noOwnAddresses)
    expect(admission).toMatchObject({
      rule: "other.example on port 443 is not allowed by EgressPolicy team (mode Enforce): add it to spec.allow"
    })
  })
})

describe("ourselves", () => {
  const own = ownAddresses(
    [
      { address: "0.0.0.0", port: 8080 },
      { address: "8.8.8.8", port: 9000 }
    ],
    ["203.0.113.9", "10.0.0.9"],
    ["8.8.4.4"]
  )
  const loose = { ...open, allowLoopback: true }
  it("a listener's own address and port is refused, also with --allow-loopback", () => {
    expect(admit(literal("127.0.0.1", "Written", 8080), loose, own)).toMatchObject({ allowed: false, class: "own" })
    expect(admit(literal("127.9.9.9", "Written", 8080), loose, own)).toMatchObject({ allowed: false, class: "own" })
    expect(admit(literal("::1", "Written", 8080), loose, own)).toMatchObject({ allowed: false, class: "own" })
    expect(admit(literal("10.0.0.9", "Pod", 8080), loose, own)).toMatchObject({ allowed: false, class: "own" })
    expect(admit(named("8.8.8.8", "self.example", 9000), loose, own)).toMatchObject({ allowed: false, class: "own" })
    expect(admit(named("64:ff9b::808:808", "self.example", 9000), loose, own)).toMatchObject({ allowed: false, class: "own" })
  })
  it("other ports of this machine are not ours; a reserved address is ours on every port", () => {
    expect(verdict(literal("10.0.0.9", "Written", 8081), open, own)).toBe("yes")
    expect(verdict(named("8.8.8.8", "self.example", 9001), open, own)).toBe("yes")
    expect(verdict(named("8.8.4.4", "self.example", 12), open, own)).toBe("address_denied")
  })
})

describe("--allow-loopback", () => {
  const loose = { ...open, allowLoopback: true }
  it("lifts loopback and nothing else", () => {
    for (const ip of ["127.0.0.1", "::1", "::ffff:127.0.0.1"]) expect(verdict(named(ip), loose)).toBe("yes")
    for (const ip of never.filter((ip) => !/127\.|^::1$|7f00|80ff/.test(ip))) expect(verdict(named(ip), loose)).toBe("address_denied")
    expect(verdict(named("10.0.0.1"), loose)).toBe("address_denied")
  })
})

describe("properties", () => {
  it("an IPv4 address and its mapped form have one verdict", () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.constantFrom("Written", "Slice", "Pod"), fc.boolean(), (ip, origin, asName) => {
        const target = (text: string): DialTarget => ({ ip: text, port: 443, name: asName ? "a.example" : null, origin })
        expect(verdict(target(`::ffff:${ip}`), clustered)).toBe(verdict(target(ip), clustered))
      })
    )
  })

  it("no 6to4, NAT64 or compatible wrapping lets through what is refused bare", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.constantFrom("127.0.0.1", "169.254.169.254", "10.1.1.1", "10.97.0.1")), (ip) => {
        if (verdict(named(ip), clustered) === "yes" || ip.startsWith("0.")) return
        const [a, b, c, d] = ip.split(".").map(Number) as [number, number, number, number]
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
        for (const wrapped of [`2002:${hex}::1`, `64:ff9b::${hex}`, `64:ff9b:1::${hex}`, `::${hex}`])
          expect(verdict(named(wrapped), clustered)).not.toBe("yes")
      })
    )
  })
})
