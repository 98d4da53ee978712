import { Result } from "effect"
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { externalName, type NameRules } from "#src/translate/hostname.ts"

const rules: NameRules = { clusterDomains: ["corp.cluster"], allowLoopback: false }
const open: NameRules = { ...rules, allowLoopback: true }

const name = (raw: string, given = rules): string | null => Result.getOrElse(externalName(raw, given), () => null)
const why = (raw: string): string => {
  const judged = externalName(raw, rules)
  return Result.isFailure(judged) ? judged.failure : ""
}

describe("names that are looked up", () => {
  it("are lower case, without the root dot", () => {
    assert.strictEqual(name("Api.Example.COM."), "api.example.com")
  })
  it("are punycode", () => {
    assert.strictEqual(name("bücher.example"), "xn--bcher-kva.example")
    assert.strictEqual(name("api。example．com"), "api.example.com")
  })
  it("may end in .internal: their addresses are judged, not their names", () => {
    assert.strictEqual(name("ledger.corp.internal"), "ledger.corp.internal")
  })
  it("may hold numbers anywhere but alone at the end", () => {
    assert.strictEqual(name("10.0.0.1.nip.io"), "10.0.0.1.nip.io")
    assert.strictEqual(name("1.example.c0m"), "1.example.c0m")
  })
})

describe("names that are refused", () => {
  it.each(["10.0.0.1", "127.1", "0x7f.1", "0x7f000001", "017700000001", "2130706433", "1.2.3.4.", "0", "0X7F.0.0.1", "1.2.3.0x"])(
    "%s is a spelling of an address",
    (raw) => {
      assert.include(why(raw), "IP address")
      assert.isNull(name(raw, open))
    }
  )
  it.each(["[::1]", "::1", "fe80::1", "api.example.com:443"])("%s is an address or holds a port", (raw) =>
    assert.include(why(raw), "address or holds a port")
  )
  it.each(["localhost", "LOCALHOST.", "localhost.localdomain", "localhost6", "app.localhost", "ⓛocalhost", "local\u00adhost"])(
    "%s means this machine",
    (raw) => assert.isNull(name(raw))
  )
  it.each([
    "kubernetes.default.svc",
    "a.b.svc.cluster.local",
    "cluster.local.",
    "a.corp.cluster",
    "corp.cluster",
    "x.svc",
    "ＫＵＢＥ.default.SVC"
  ])("%s lies in the cluster", (raw) => {
    assert.isNull(name(raw))
    assert.isNull(name(raw, open))
  })
  it.each(["metadata.google.internal", "metadata", "METADATA.example.com.", "metadata。google。internal"])(
    "%s is a metadata service",
    (raw) => {
      assert.include(why(raw), "metadata")
      assert.isNull(name(raw, open))
    }
  )
  it.each(["a..example.com", "example.com..", ".example.com", "."])("%s has an empty label", (raw) => assert.isNull(name(raw)))
  it.each([
    "",
    "*.example.com",
    "_https._tcp.example.com",
    "foo_bar.example",
    "a b.example",
    "a/b.example",
    "user@example.com",
    "a%2eexample.com",
    "-a.example",
    "a-.example"
  ])("%s is no DNS name", (raw) => assert.isNull(name(raw)))
  it("a label of 64 characters and a name of 254 are too long", () => {
    assert.isNull(name(`${"a".repeat(64)}.example`))
    assert.isNull(name(`${"abcdefg.".repeat(31)}example`))
    assert.isNotNull(name(`${"a".repeat(63)}.example`))
  })
  it("a single label is refused unless loopback is allowed", () => {
    assert.include(why("intranet"), "single label")
    assert.strictEqual(name("intranet", open), "intranet")
    assert.strictEqual(name("localhost", open), "localhost")
    assert.strictEqual(name("app.localhost", open), "app.localhost")
  })
})

it("judging a judged name again changes nothing", () => {
  fc.assert(
    fc.property(fc.oneof(fc.domain(), fc.string({ unit: "grapheme", maxLength: 40 })), (raw) => {
      const once = name(raw)
      if (once !== null) assert.strictEqual(name(once), once)
    })
  )
})

it("a trailing dot and upper case never change the judgement", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("metadata.google.internal", "a.svc", "x.cluster.local", "127.1", "localhost", "api.example.com"),
      fc.nat(),
      (raw, seed) => {
        const mixed = [...raw].map((letter, at) => ((seed >> (at % 16)) & 1 ? letter.toUpperCase() : letter)).join("")
        assert.strictEqual(name(`${mixed}.`), name(raw))
      }
    )
  )
})
