// An update as JSON and back: nothing is lost, a changed rule costs a rule, and what is not understood fails closed (law 15).

import { isDeepStrictEqual } from "node:util"
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { compileHost } from "#src/routing/compile.ts"
import { defaultDns, defaultLimits, defaultTimeouts } from "#src/snapshot/behaviour.ts"
import { encodeParts, makeDecoder, type UpdateHead } from "#src/snapshot/codec.ts"
import type { Listener } from "#src/snapshot/listener.ts"
import { Unreadable } from "#src/snapshot/reading.ts"
import type { Rule } from "#src/snapshot/route.ts"
import { type Material, seal } from "#src/snapshot/secret.ts"
import { protocol, type Snapshot, type Tables } from "#src/snapshot/snapshot.ts"
import { diff, patch, type Update } from "#src/snapshot/update.ts"
import type { Endpoint, Upstream } from "#src/snapshot/upstream.ts"
import { everything } from "./everything.ts"
import { tablesOf } from "./tables.ts"

const gateway = { namespace: "shop", name: "edge" }
const head: UpdateHead = { protocol, base: null, version: "v", gateway }
const snapshotOf = (tables: Partial<Tables>, version = "v"): Snapshot => ({ protocol, version, gateway, ...tablesOf(tables) })
const material = (id: string): Material => ({
  id,
  ref: everything.secrets.get(id)!,
  chain: "chain",
  key: seal(new Uint8Array(32), Buffer.from([0, 255, 1, 254])),
  names: [],
  expires: ""
})

const through = (update: Update, from: Snapshot | null, bytes: number) => {
  const { protocol, base, version, gateway } = update
  const decoder = makeDecoder({ protocol, base, version, gateway }, from, isDeepStrictEqual)
  const parts = [...encodeParts(update, from, bytes)]
  for (const part of parts) decoder.add(JSON.parse(part))
  return { ...decoder.finish(), parts }
}

const read = (part: unknown, from: Snapshot | null = null, base: string | null = null) => {
  const decoder = makeDecoder({ ...head, base }, from, isDeepStrictEqual)
  decoder.add(JSON.parse(JSON.stringify(part)))
  return decoder.finish()
}

const rules = (count: number): ReadonlyArray<Rule> =>
  Array.from({ length: count }, (_, at) => ({
    source: { kind: "HTTPRoute", namespace: "shop", name: `r${at}`, section: null },
    match: { path: { type: "Prefix", value: `/${at}` }, method: null, headers: [], query: [] },
    filters: [],
    deadlines: { request: "Default", backendRequest: 5 },
    action: { _tag: "Refuse", why: "no_backend" }
  }))

describe("an update as JSON", () => {
  it("comes back as it was, whatever the size of its parts", () => {
    const update = diff(null, snapshotOf(everything), material)!
    for (const bytes of [1, 300, 2_000, 1_000_000]) {
      const { update: back, unread, parts } = through(update, null, bytes)
      assert.deepEqual(unread, [])
      assert.deepEqual(back, update)
      assert.deepEqual(
        back.material.map(({ key }) => key!.use((bytes) => [...bytes])),
        update.material.map(({ key }) => key!.use((bytes) => [...bytes]))
      )
      if (bytes === 1_000_000) assert.strictEqual(parts.length, 1)
      else assert.isAbove(parts.length, 2)
    }
  })

  it("patches to the same snapshot, between any two", () => {
    const pool = rules(6)
    const plain = { noNullPrototype: true } as const
    const host = fc.record({ hostname: fc.constantFrom("a", "b"), rules: fc.array(fc.constantFrom(...pool), { maxLength: 6 }) }, plain)
    const tables = fc.record({
      virtualHosts: fc
        .uniqueArray(fc.tuple(fc.constantFrom("1", "2", "3", "__proto__"), host), { selector: ([id]) => id })
        .map((all) => new Map(all)),
      endpoints: fc
        .uniqueArray(fc.tuple(fc.constantFrom("1", "2"), fc.constantFrom([...everything.endpoints.values()][0]!, [])), {
          selector: ([id]) => id
        })
        .map((all) => new Map(all))
    })
    fc.assert(
      fc.property(tables, tables, fc.constantFrom(1, 200, 100_000), (a, b, bytes) => {
        const from = snapshotOf(a, "a")
        const to = snapshotOf(b, "b")
        const { update, unread } = through(diff(from, to, material)!, from, bytes)
        assert.deepEqual(unread, [])
        const next = patch(from, update)
        assert.deepEqual(next, to)
        // What is shared stays the same object, rule by rule.
        for (const [id, { rules }] of to.virtualHosts) {
          const known = new Set(from.virtualHosts.get(id)?.rules)
          rules.forEach((rule, at) => {
            if (known.has(rule)) assert.isTrue(known.has(next.virtualHosts.get(id)!.rules[at]!))
          })
        }
      })
    )
  })

  it("says one rule when one of thousands changed, and shares the others", () => {
    const before = rules(3_000)
    const from = snapshotOf({ virtualHosts: new Map([["h", { hostname: "*", rules: before }]]) }, "a")
    const changed = { ...before[7]!, filters: [{ _tag: "Unknown", name: "x" } as const] }
    const to = snapshotOf({ virtualHosts: new Map([["h", { hostname: "*", rules: before.with(7, changed) }]]) }, "b")
    const { update, parts } = through(diff(from, to, material)!, from, 1_000_000)
    assert.isBelow(parts.join("").length, 600)
    const after = update.set.virtualHosts!.get("h")!.rules
    assert.strictEqual(after.filter((rule, at) => rule === before[at]).length, 2_999)
    assert.deepEqual(after[7], changed)
  })

  it("keeps what is equal when it is whole", () => {
    const from = snapshotOf({ ...everything }, "a")
    const { update } = through(diff(null, snapshotOf(structuredClone(everything), "b"), material)!, from, 500)
    const next = patch(from, update)
    for (const table of ["listeners", "virtualHosts", "upstreams", "endpoints", "secrets"] as const)
      for (const [id, resource] of next[table]) assert.strictEqual(resource, from[table].get(id), `${table} ${id}`)
  })

  it("is read from anything without another fault than that it is unreadable", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        for (const part of [
          value,
          { set: value },
          { drop: value },
          { set: { virtualHosts: value, listeners: value } },
          { set: { virtualHosts: { a: value }, endpoints: { a: value }, upstreams: { a: value } }, material: [value] }
        ]) {
          try {
            read(part)
          } catch (error) {
            assert.instanceOf(error, Unreadable)
          }
        }
      }),
      { numRuns: 300 }
    )
  })
})

describe("what is not understood", () => {
  const rule = rules(1)[0]!
  const hostOf = (...given: ReadonlyArray<unknown>) => ({ set: { virtualHosts: { h: { hostname: "*", rules: given } } } })
  const ruleOf = (given: unknown) => {
    const { update, unread } = read(hostOf(given))
    return { rule: update.set.virtualHosts!.get("h")!.rules[0]!, unread }
  }
  /** 500 for what the rule matches: compiled, it says that it cannot be done. */
  const failsClosed = (made: Rule) => {
    const compiled = compileHost({ hostname: "*", rules: [made] })
    assert.deepEqual(compiled.problems, [])
    assert.isNotNull(compiled.rules[0]!.unknown)
  }

  it("is never skipped: a filter answers 500", () => {
    for (const filter of [{ _tag: "RateLimit", perSecond: 1 }, { _tag: "Headers", on: "Trailer", edits: [] }, 5, null]) {
      const { rule: made } = ruleOf({ ...rule, filters: [filter], action: { _tag: "Refuse", why: "no_backend" } })
      assert.strictEqual(made.filters[0]?._tag, "Unknown")
      failsClosed(made)
    }
    const share = { weight: 1, upstream: "u", why: null, filters: [{ _tag: "RateLimit" }], source: rule.source }
    const { rule: made } = ruleOf({ ...rule, action: { _tag: "Forward", retry: "Default", cache: null, to: [share] } })
    assert.isNotNull(compileHost({ hostname: "*", rules: [made] }).rules[0]!.shares.items[0]!.filters.unknown)
  })

  it("makes its rule answer 500 for every request that it might have meant, and is told", () => {
    const match = {
      path: { type: "Prefix", value: "/admin" },
      method: "GET",
      headers: [{ name: "a", type: "Exact", value: "b" }],
      query: []
    }
    const cases: ReadonlyArray<readonly [given: unknown, match: unknown]> = [
      [{ ...rule, match, action: { _tag: "Teleport" } }, match],
      [{ ...rule, match, deadlines: "soon" }, match],
      [{ ...rule, match: { ...match, headers: [...match.headers, { name: "c", type: "Fuzzy", value: "d" }] } }, match],
      [
        { ...rule, match: { ...match, path: { type: "Glob", value: "/a*" } } },
        { ...match, path: { type: "Prefix", value: "/" } }
      ],
      [
        { ...rule, match: { ...match, method: 5, query: "all" } },
        { ...match, method: null }
      ],
      ["a rule", { path: { type: "Prefix", value: "/" }, method: null, headers: [], query: [] }]
    ]
    for (const [given, widened] of cases) {
      const { rule: made, unread } = ruleOf(given)
      assert.deepEqual(made.match, widened)
      assert.strictEqual(unread[0]?.table, "virtualHosts")
      failsClosed(made)
    }
    // A host without rules that can be read answers 500 as a whole.
    const { update } = read({ set: { virtualHosts: { h: { hostname: "*", rules: "all" } } } })
    failsClosed(update.set.virtualHosts!.get("h")!.rules[0]!)
    // A label without a row in the failure table is one that has a row.
    assert.deepEqual(ruleOf({ ...rule, action: { _tag: "Refuse", why: "moon_phase" } }).rule.action, {
      _tag: "Refuse",
      why: "invalid_filter"
    })
  })

  it("is refused by name and is not there: not as it is said, not as it was", () => {
    const [id, listener] = [...everything.listeners][0]!
    const from = snapshotOf({ listeners: new Map([[id, listener]]) }, "a")
    const { update, unread } = read({ set: { listeners: { [id]: { ...listener, mode: { _tag: "Quic" } } } } }, from, "a")
    // It keeps its hostname, for which nobody else may answer; the proxy refuses it by the problem.
    const mode = { _tag: "Unknown", tls: null, problem: "mode is not one of Http, Tls, Stream, Refused" }
    assert.deepEqual([patch(from, update).listeners.get(id) as unknown, unread], [{ ...listener, mode }, []])
    const refused = { ...listener, mode: { _tag: "Refused", tls: null, problem: "its operator does not serve it" } } as const
    assert.deepEqual(patch(from, read({ set: { listeners: { [id]: refused } } }, from, "a").update).listeners.get(id), refused)
    const placeless = read({ set: { listeners: { [id]: { ...listener, hostname: 7 } } } }, from, "a")
    assert.strictEqual(patch(from, placeless.update).listeners.size, 0)
    assert.deepEqual(placeless.unread, [{ table: "listeners", id, reason: "hostname is not a text" }])
    const upstream = [...everything.upstreams.values()][0]!
    const broken = read({ set: { upstreams: { u: { ...upstream, dns: { ...upstream.dns, family: "IPv9" } } } } })
    assert.strictEqual(broken.unread[0]?.reason, "dns.family is not one of Both, IPv4, IPv6, IPv4Preferred, IPv6Preferred")
    const table = read({ set: { rateLimits: { a: {} }, listeners: { [id]: listener } } })
    assert.deepEqual(table.unread, [{ table: "rateLimits" as never, id: "*", reason: "the table is not known to this proxy" }])
    assert.strictEqual(table.update.set.listeners?.size, 1)
  })

  it("is left out alone where its siblings can be served: an endpoint", () => {
    const [good] = [...everything.endpoints.values()][0]! as ReadonlyArray<Endpoint>
    const { update, unread } = read({ set: { endpoints: { u: [good, { ...good, at: { _tag: "Satellite" } }] } } })
    assert.deepEqual(update.set.endpoints?.get("u"), [good!])
    assert.match(unread[0]!.reason, /endpoint 1: at is not one of Name, Address, Unix/)
  })

  it("is handed on where the data plane judges it: what it would not serve answers 500", () => {
    const upstream: Upstream = {
      ...[...everything.upstreams.values()][0]!,
      dns: defaultDns,
      limits: defaultLimits,
      timeouts: defaultTimeouts
    }
    const given = { ...upstream, protocol: "h3", balance: { _tag: "Maglev" } }
    const { update, unread } = read({ set: { upstreams: { u: given } } })
    assert.deepEqual(unread, [])
    assert.deepEqual(update.set.upstreams?.get("u") as unknown, given)
  })

  it("of balancing keeps its upstream from being spread by something else: the key that is not understood is handed on as such", () => {
    const upstream = { ...[...everything.upstreams.values()][0]!, dns: defaultDns, limits: defaultLimits, timeouts: defaultTimeouts }
    for (const by of [{ _tag: "Moon" }, { _tag: "Headers", names: [1] }, undefined, "Source"]) {
      const { update, unread } = read({ set: { upstreams: { u: { ...upstream, balance: { _tag: "ConsistentHash", by } } } } })
      assert.deepEqual(unread, [])
      const { balance } = update.set.upstreams!.get("u")!
      assert.isTrue(balance._tag === "ConsistentHash" && balance.by._tag === "Unknown")
    }
    assert.match(read({ set: { upstreams: { u: { ...upstream, balance: {} } } } }).unread[0]!.reason, /balance is not a way of balancing/)
  })

  it("of a redirect answers 500: one that is understood comes through as it is", () => {
    const rule = (path: object): unknown => ({
      source: { kind: "HTTPRoute", namespace: "shop", name: "a", section: null },
      match: { path: { type: "Prefix", value: "/" }, method: null, headers: [], query: [] },
      filters: [],
      deadlines: { request: "Default", backendRequest: "Default" },
      action: { _tag: "Redirect", status: 301, to: { scheme: null, hostname: "c.example", port: 8443, path } }
    })
    const actions = [{ _tag: "OriginAlone" }, { _tag: "PathAlone", value: "/a" }, { _tag: "Moonwards" }].map(
      (path) =>
        read({ set: { virtualHosts: { h: { hostname: "*", rules: [rule(path)] } } } }).update.set.virtualHosts?.get("h")?.rules[0]?.action
    )
    assert.deepEqual(actions, [
      { _tag: "Redirect", status: 301, to: { scheme: null, hostname: "c.example", port: 8443, path: { _tag: "OriginAlone" } } },
      { _tag: "Redirect", status: 301, to: { scheme: null, hostname: "c.example", port: 8443, path: { _tag: "PathAlone", value: "/a" } } },
      { _tag: "Refuse", why: "invalid_filter" }
    ])
  })

  it("that names rules nobody here has ends the update: nothing of it can be trusted to fit", () => {
    assert.throws(() => read({ set: { virtualHosts: { h: { hostname: "*", rules: [[0, 1]] } } } }), /a span of the 0 rules that are known/)
  })

  it("that an older operator does not know is as if nobody had said it", () => {
    const { retry: _, ...upstream } = [...everything.upstreams.values()][0]!
    const { maxRequests: _requests, maxRetries: _retries, ...limits } = upstream.limits
    const host = { hostname: "*", rules: [...everything.virtualHosts.values()][0]!.rules.slice(0, 1) }
    const old = JSON.parse(JSON.stringify(host).replace(',"longest":250,"perTry":"Default"', ""))
    const { update, unread } = read({ set: { upstreams: { u: { ...upstream, limits } }, virtualHosts: { h: old } } })
    assert.deepEqual(unread, [])
    assert.deepEqual(update.set.upstreams?.get("u"), [...everything.upstreams.values()][0]!)
    assert.notDeepEqual(old, JSON.parse(JSON.stringify(host)))
    assert.deepEqual(update.set.virtualHosts?.get("h"), host)
  })

  it("besides the fields that are known is ignored", () => {
    const [id, listener] = [...everything.listeners][0]! as readonly [string, Listener]
    const { update } = read({ set: { listeners: { [id]: { ...listener, colour: "blue", constructor: 1 } } } })
    assert.deepEqual(update.set.listeners?.get(id), listener)
  })
})
