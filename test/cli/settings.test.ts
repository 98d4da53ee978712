// One precedence for every setting, and a sentence for whatever does not read.
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { formatHostPort, parseHostPort } from "#src/config/hostport.ts"
import { resolveSettings } from "#src/config/resolve.ts"
import { settingsMarkdown, settingsTable } from "#src/config/table.ts"
import { parseNameserver } from "#src/upstream/discovery/nameserver.ts"

const flags = (entries: Readonly<Record<string, ReadonlyArray<string>>> = {}) => new Map(Object.entries(entries))
const file = (value: unknown) => ({ path: "sluice.yaml", value })

describe("settings", () => {
  it("are taken from the flag before the environment, before the file, before the default", () => {
    const all = (...given: Parameters<typeof resolveSettings>) => resolveSettings(...given).settings.drainDeadline
    const env = { SLUICE_DRAIN_DEADLINE: "2s" }
    assert.strictEqual(all(flags({ "drain-deadline": ["1s"] }), env, file({ "drain-deadline": "3s" })), 1_000)
    assert.strictEqual(all(flags(), env, file({ "drain-deadline": "3s" })), 2_000)
    assert.strictEqual(all(flags(), { SLUICE_DRAIN_DEADLINE: "" }, file({ "drain-deadline": "3s" })), 3_000)
    assert.strictEqual(all(flags(), {}, file(null)), 25_000)
  })

  it("that repeat are lists: flags again and again, commas in the environment, a list in the file", () => {
    const expected = ["10.0.0.1:53", "tcp@[fd00::1]:53"]
    const read = (...given: Parameters<typeof resolveSettings>) => resolveSettings(...given).settings.nameservers
    assert.deepEqual(read(flags({ nameserver: ["10.0.0.1", "tcp@[fd00::1]"] }), {}, null), expected)
    assert.deepEqual(read(flags(), { SLUICE_NAMESERVER: "10.0.0.1:53, tcp@fd00::1" }, null), expected)
    assert.deepEqual(read(flags(), {}, file({ nameserver: ["10.0.0.1", "tcp@[fd00::1]:53"] })), expected)
  })

  it("of a nameserver over TLS: port 853 unless given, and a name for its certificate that is a name", () => {
    const read = (word: string) => resolveSettings(flags({ nameserver: [word] }), {}, null)
    for (const [word, whole] of [
      ["tls@10.0.0.1", "tls@10.0.0.1:853"],
      ["tls@[fd00::1]#DNS.example", "tls@[fd00::1]:853#DNS.example"],
      ["tls@10.0.0.1:8853#dns.example", "tls@10.0.0.1:8853#dns.example"]
    ] as const) {
      const { settings, problems } = read(word)
      assert.deepEqual([settings.nameservers, problems], [[whole], []])
      assert.isNotNull(parseNameserver(whole))
    }
    for (const word of ["10.0.0.1#dns.example", "tls@10.0.0.1#", "tls@10.0.0.1#10.0.0.1", "tls@10.0.0.1#-a.example", "tls@dns.example"])
      assert.lengthOf(read(word).problems, 1)
  })

  it("take no nameserver that the resolver cannot read: it would be left out, and resolv.conf asked in plain in its place", () => {
    const read = (word: string) => resolveSettings(flags({ nameserver: [word] }), {}, null)
    for (const word of ["TLS@10.0.0.1", "Tls@10.0.0.1:853", "TCP@10.0.0.1", "tls@fe80::1%eth0", "[fe80::1%eth0]:53"])
      assert.lengthOf(read(word).problems, 1, word)
    const part = fc.constantFrom("tcp@", "tls@", "TLS@", "10.0.0.1", "fd00::1", "[", "]", "%1", "::", ":", "53", "#", "a.example", "-", ".")
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        const { settings, problems } = read(parts.join(""))
        if (problems.length === 0) assert.notInclude(settings.nameservers.map(parseNameserver), null, parts.join(""))
      }),
      { numRuns: 2_000 }
    )
  })

  it("know no zone where nobody says one", () => {
    const read = (...given: Parameters<typeof resolveSettings>) => resolveSettings(...given).settings.zone
    assert.deepEqual(
      [read(flags(), {}, null), read(flags(), { SLUICE_ZONE: "" }, null), read(flags(), { SLUICE_ZONE: "eu-1" }, null)],
      [null, null, "eu-1"]
    )
  })

  it("have a default that reads without a complaint", () => {
    const { settings, problems } = resolveSettings(flags(), {}, null)
    assert.deepEqual(problems, [])
    assert.deepEqual(settings.admin, { host: "127.0.0.1", port: 19000 })
    assert.deepEqual(settings.health, { host: "0.0.0.0", port: 19001 })
    assert.strictEqual(settings.allowLoopback, false)
    assert.strictEqual(settings.accessLog, "on")
  })

  it("name where a bad value was written and what was expected", () => {
    const { problems } = resolveSettings(
      flags({ "admin-address": ["nowhere"] }),
      { SLUICE_LOG_LEVEL: "loud" },
      file({ "drain-delay": "5", "cluster-cidr": ["10.0.0.0/33"], "unix-directory": { a: 1 }, "listen-address": ["::"] })
    )
    const all = problems.join("\n")
    for (const expected of [
      /--admin-address: "nowhere" is not ADDRESS:PORT/,
      /SLUICE_LOG_LEVEL: "loud" is not one of debug, info, warning, error/,
      /sluice\.yaml: drain-delay: "5" is not a duration/,
      /sluice\.yaml: cluster-cidr: "10\.0\.0\.0\/33" is not a range/,
      /sluice\.yaml: unix-directory: write plain values/,
      /sluice\.yaml: listen-address: write one value/
    ])
      assert.match(all, expected)
    assert.lengthOf(problems, 6)
  })

  it("that are unknown are told with what was probably meant, but a Service's variables in a pod are not", () => {
    const { problems } = resolveSettings(
      flags(),
      {
        SLUICE_NAMESERVERS: "x",
        SLUICE_SERVICE_HOST: "10.0.0.1",
        SLUICE_PORT_80_TCP: "tcp://…",
        SLUICE_EDGE_PORT: "tcp://…",
        SLUICE_NODE: "node"
      },
      file({ nameservers: "x", colour: "never", "zzz-zzz-zzz": 1 })
    )
    assert.deepEqual(problems, [
      "sluice.yaml: unknown setting nameservers: did you mean nameserver?",
      "sluice.yaml: unknown setting colour: did you mean color?",
      "sluice.yaml: unknown setting zzz-zzz-zzz",
      "environment: unknown variable SLUICE_NAMESERVERS: did you mean SLUICE_NAMESERVER?"
    ])
  })

  it("of a file that is no list of names are refused as a whole", () => {
    assert.lengthOf(resolveSettings(flags(), {}, file(["a"])).problems, 1)
  })

  it("are all in the table of the docs", () => {
    for (const row of settingsTable) {
      assert.include(settingsMarkdown(), `--${row.name}`)
      assert.include(settingsMarkdown(), row.env)
    }
  })
})

describe("an address and port", () => {
  it("reads IPv4, IPv6 in brackets, localhost and every address, and is written back", () => {
    for (const [text, host] of [
      ["127.0.0.1:1", "127.0.0.1"],
      ["[::1]:1", "::1"],
      ["localhost:1", "localhost"]
    ] as const) {
      assert.deepEqual(parseHostPort(text), { host, port: 1 })
      assert.strictEqual(formatHostPort(parseHostPort(text)!), text)
    }
    assert.deepEqual(parseHostPort(":0"), { host: "0.0.0.0", port: 0 })
    for (const bad of ["", "1", "::1:1", "[127.0.0.1]:1", "host.example:1", "1.2.3.4:65536", "1.2.3.4:", "1.2.3.4:-1"])
      assert.isNull(parseHostPort(bad), bad)
  })
})
