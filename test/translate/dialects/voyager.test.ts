// Voyager's annotations are data: whatever is written there is read or refused with its name, and nothing throws.
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { haproxyTime, readVoyager } from "#src/translate/dialects/voyager.ts"

const read = (annotations: Readonly<Record<string, string>>) =>
  readVoyager(new Map(Object.entries(annotations).map(([key, value]) => [`ingress.appscode.com/${key}`, value])), false)

const keys = [
  ...["use-dns-resolver", "dns-resolver-nameservers", "dns-resolver-check-health", "dns-resolver-retries"],
  ...["dns-resolver-timeout", "dns-resolver-hold", "backend-tls", "dns-resolver-else"]
]

describe("Voyager's annotations", () => {
  it.each([
    ["15s", 15_000],
    ["2000", 2_000],
    [2_000, 2_000],
    ["1500us", 2],
    ["3m", 180_000],
    ["1h", 3_600_000],
    ["2d", 172_800_000],
    ["1m30s", null],
    ["-1s", null],
    ["", null],
    [1.5, null],
    [null, null]
  ])("a time as HAProxy writes it: %s is %s ms", (written, milliseconds) => {
    expect(haproxyTime(written)).toBe(milliseconds)
  })

  it("say nothing where there are none, and of other prefixes nothing is read", () => {
    expect(readVoyager(new Map([["example.com/backend-tls", "x"]]), false)).toEqual({
      probed: false,
      dns: null,
      tls: null,
      redirect: null,
      problems: [],
      notes: []
    })
  })

  it("use-dns-resolver in any spelling of Go asks for what is done anyway, or for a redirect", () => {
    for (const word of ["1", "t", "T", "true", "TRUE", "True"])
      expect(read({ "use-dns-resolver": word })).toEqual({ ...read({}), redirect: false })
    for (const word of ["0", "f", "F", "false", "FALSE", "False"])
      expect(read({ "use-dns-resolver": word })).toEqual({ ...read({}), redirect: true })
  })

  it("dns-resolver-check-health asks for looks or for none", () => {
    for (const [word, probed] of [
      ["1", true],
      ["TRUE", true],
      ["F", false]
    ] as const)
      expect(read({ "dns-resolver-check-health": word })).toEqual({ ...read({}), probed })
    expect(read({ "dns-resolver-nameservers": '["10.9.0.2"]' }).probed).toBe(false)
  })

  it.each(["yes", "", "tRUE", "constructor", "toString", "__proto__"])("%j is neither true nor false", (word) => {
    for (const key of ["use-dns-resolver", "dns-resolver-check-health"])
      expect(read({ [key]: word }).problems[0]).toContain("expected true or false")
  })

  it("`verify none` is said as it is, and the name of sni must be one", () => {
    expect(read({ "backend-tls": "ssl verify none" }).tls).toEqual({ verify: false, sni: null })
    expect(read({ "backend-tls": " ssl  sni str(a.example) " }).tls).toEqual({ verify: true, sni: "a.example" })
    expect(read({ "backend-tls": "verify required" }).problems).toHaveLength(1)
    expect(read({ "backend-tls": "ssl sni str(A B)" }).problems).toHaveLength(1)
    expect(read({ "backend-tls": "ssl sni str(a..example)" }).problems[0]).toContain("no hostname")
  })

  it("a nameserver that is never to be asked is refused in every spelling", () => {
    for (const written of ["127.0.0.1", "127.0.0.1:53", "tcp@[::1]:53", "[::ffff:169.254.169.254]"])
      expect(read({ "dns-resolver-nameservers": JSON.stringify([written]) }).problems, written).toHaveLength(1)
    for (const written of ["010.9.0.2", "2130706433", "10.9.0.2:0", "10.9.0.2:70000", "dns.example", "::1"])
      expect(read({ "dns-resolver-nameservers": JSON.stringify([written]) }).problems[0], written).toContain("a JSON array")
  })

  it("any text whatever is read or refused by the annotation's name", () => {
    const value = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .constantFrom("ssl", "verify", "sni", "none", "str(a)", '{"nx":"1s"}', '["10.0.0.1"]')
        .chain((word) => fc.array(fc.constant(word)).map((all) => all.join(" ")))
    )
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...keys), value), (annotations) => {
        const { problems } = read(annotations)
        for (const problem of problems) expect(keys.some((key) => problem.includes(`ingress.appscode.com/${key}`))).toBe(true)
        if ("dns-resolver-else" in annotations) expect(problems).not.toEqual([])
      }),
      { numRuns: 500 }
    )
  })
})
