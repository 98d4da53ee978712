// Deltas and versions: patch(a, diff(a, b)) is b, shares what did not change, and a version is of content alone.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { canonical, digest, sumOf, sumSince, versionOf, versionOfSum } from "#src/snapshot/digest.ts"
import type { Rule, VirtualHost } from "#src/snapshot/route.ts"
import type { Material } from "#src/snapshot/secret.ts"
import { protocol, type Snapshot, type Tables, tables } from "#src/snapshot/snapshot.ts"
import { diff, patch } from "#src/snapshot/update.ts"
import { tablesOf } from "./tables.ts"

const gateway = { namespace: "infra", name: "edge" }
const ids = fc.constantFrom("a", "b", "c", "d", "e")

const rule = (value: string): Rule => ({
  source: { kind: "HTTPRoute", namespace: "shop", name: "cart", section: value },
  match: { path: { type: "Prefix", value }, method: null, headers: [], query: [] },
  filters: [],
  deadlines: { request: "Default", backendRequest: "Default" },
  action: { _tag: "Refuse", why: "no_backend" }
})

const host = fc.record({
  hostname: fc.constantFrom("x", "y"),
  rules: fc.array(fc.constantFrom("/1", "/2", "/3").map(rule), { maxLength: 3 })
})
const secret = fc.record({
  source: fc.constant({ kind: "Secret", namespace: "infra", name: "s", section: null }),
  digest: fc.constantFrom("1", "2")
})
const endpoint = fc.constantFrom("192.0.2.1", "192.0.2.2").map((ip) => ({
  at: { _tag: "Address" as const, ip, port: 80 },
  tls: false,
  tier: 0,
  weight: 1,
  zone: null,
  draining: false,
  origin: "Written" as const
}))
const table = <A>(of: fc.Arbitrary<A>) =>
  fc.uniqueArray(fc.tuple(ids, of), { selector: ([id]) => id, maxLength: 5 }).map((entries): ReadonlyMap<string, A> => new Map(entries))

const content: fc.Arbitrary<Tables> = fc.record({
  listeners: fc.constant(new Map()),
  virtualHosts: table(host),
  upstreams: fc.constant(new Map()),
  endpoints: table(fc.array(endpoint, { maxLength: 2 })),
  secrets: table(secret),
  invalidations: fc.constant(new Map())
})

const snapshotOf = (made: Tables): Snapshot => ({ protocol, gateway, version: versionOf({ ...made, gateway }), ...made })
const material = (id: string): Material => ({
  id,
  ref: { source: { kind: "Secret", namespace: "infra", name: "s", section: null }, digest: "1" },
  chain: "",
  key: null,
  names: [],
  expires: ""
})

describe("diff and patch", () => {
  it("patch(a, diff(a, b)) has b's content and version", () => {
    fc.assert(
      fc.property(fc.option(content), content, (from, to) => {
        const a = from === null ? null : snapshotOf(from)
        const b = snapshotOf(to)
        const update = diff(a, b, material)
        if (update === null) expect(a?.version).toBe(b.version)
        else expect(patch(a, update)).toEqual(b)
      })
    )
  })

  it("what b shares with a stays the same object", () => {
    fc.assert(
      fc.property(content, content, ids, (from, other, id) => {
        const a = snapshotOf(from)
        const changed = other.virtualHosts.get(id)
        const virtualHosts = new Map(a.virtualHosts)
        if (changed === undefined) virtualHosts.delete(id)
        else virtualHosts.set(id, changed)
        const b = snapshotOf({ ...from, virtualHosts })
        const update = diff(a, b, material)
        if (update === null) return
        const c = patch(a, update)
        for (const name of tables) if (name !== "virtualHosts") expect(c[name]).toBe(a[name])
        for (const [key, value] of a.virtualHosts) if (key !== id) expect(c.virtualHosts.get(key)).toBe(value)
      })
    )
  })

  it("carries the material of the secrets it sets, and of no others", () => {
    const source = { kind: "Secret", namespace: "infra", name: "s", section: null }
    const none = tablesOf()
    const kept = { source, digest: "1" }
    const a = snapshotOf({ ...none, secrets: new Map([["kept", kept]]) })
    const b = snapshotOf({
      ...none,
      secrets: new Map([
        ["kept", kept],
        ["new", { source, digest: "2" }]
      ])
    })
    expect(diff(a, b, material)!.material.map((one) => one.id)).toEqual(["new"])
  })
})

describe("versions", () => {
  const shuffled = (made: Tables): Tables => ({
    ...made,
    virtualHosts: new Map([...made.virtualHosts].reverse()),
    endpoints: new Map([...made.endpoints].reverse()),
    secrets: new Map(
      [...made.secrets]
        .reverse()
        .map(
          ([id, { source, digest }]) =>
            [
              id,
              { digest, source: { section: source.section, name: source.name, namespace: source.namespace, kind: source.kind } }
            ] as const
        )
    )
  })

  it("are equal for equal content, in whatever order entries and fields were put in", () => {
    fc.assert(
      fc.property(content, (made) => {
        expect(versionOf({ ...shuffled(made), gateway })).toBe(versionOf({ ...made, gateway }))
      })
    )
  })

  it("differ when content does", () => {
    fc.assert(
      fc.property(content, content, (a, b) => {
        const equal = canonical({ ...a }) === canonical({ ...b })
        expect(versionOf({ ...a, gateway }) === versionOf({ ...b, gateway })).toBe(equal)
      })
    )
  })

  it("differ between Gateways of equal content", () => {
    const made = fc.sample(content, 1)[0]!
    expect(versionOf({ ...made, gateway })).not.toBe(versionOf({ ...made, gateway: { namespace: "infra", name: "other" } }))
  })

  it("are kept current by what changed", () => {
    fc.assert(
      fc.property(content, content, (a, b) => {
        const sum = sumSince(sumOf(a), a, b)
        expect(sum).toBe(sumOf(b))
        expect(versionOfSum(gateway, sum)).toBe(versionOf({ ...b, gateway }))
      })
    )
  })

  it("see the order of rules: it is their precedence", () => {
    const [one, two] = [rule("/1"), rule("/2")]
    const of = (...rules: ReadonlyArray<Rule>) => {
      const host: VirtualHost = { hostname: "x", rules }
      return sumOf(tablesOf({ virtualHosts: new Map([["a", host]]) }))
    }
    expect(of(one, two)).not.toBe(of(two, one))
  })
})

describe("the canonical form", () => {
  it("remembers nothing of what it was given: manifests of Secrets pass through it", () => {
    const stringData = { password: "old" }
    canonical({ stringData })
    stringData.password = "new"
    expect(canonical({ stringData })).toBe('{"stringData":{"password":"new"}}')
  })

  it("is JSON with sorted keys", () => {
    expect(canonical({ b: 1, a: [true, null, { d: 'x"\n', c: undefined }] })).toBe('{"a":[true,null,{"d":"x\\"\\n"}],"b":1}')
    expect(
      canonical(
        new Map([
          ["b", 1],
          ["a", 2]
        ])
      )
    ).toBe('{"a":2,"b":1}')
  })

  it("parses back to what went in, and does not depend on the order of keys", () => {
    const reversed = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(reversed)
        : typeof value === "object" && value !== null
          ? Object.fromEntries(
              Object.entries(value)
                .reverse()
                .map(([k, v]) => [k, reversed(v)])
            )
          : value
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        expect(JSON.parse(canonical(value))).toEqual(JSON.parse(JSON.stringify(value)))
        expect(digest(reversed(value))).toBe(digest(value))
      })
    )
  })
})
