import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { compileHost } from "#src/routing/compile.ts"
import { compileHosts, findHost } from "#src/routing/hosts.ts"
import { matchRule, type RequestView } from "#src/routing/match.ts"
import type { Match, PathMatch, Rule, ValueMatch } from "#src/snapshot/route.ts"
import { matchHosts } from "../support/hosts.ts"
import { exact, makeRequest, makeRule, prefix, regex } from "./request.ts"

const winner = (rules: ReadonlyArray<Rule>, request: RequestView): string | null =>
  matchRule(compileHost({ hostname: "*", rules }), request)?.rule.source.name ?? null

const matches = (match: Partial<Match>, request: RequestView): boolean => winner([makeRule("it", match)], request) === "it"

describe("path matches (Gateway API v1.6, HTTPRouteRule.matches)", () => {
  it.each([
    ["/abc", "/abc", true],
    ["/abc", "/abc/", true],
    ["/abc", "/abc/def", true],
    ["/abc", "/abcd", false],
    ["/abc", "/ABC", false],
    ["/abc", "/ab", false],
    ["/abc", "/x/abc", false],
    ["/abc", "/", false],
    ["/abc/def", "/abc", false],
    ["/abc/def", "/abc/def/ghi", true],
    ["/", "/", true],
    ["/", "/anything/at/all", true],
    ["/abc", "/abc//def", true],
    ["/abc/def", "/abc//def", false],
    ["/abc", "//abc", false],
    ["/abc/def", "/abc%2fdef", false],
    ["/abc", "/abc%2fdef", false],
    ["/abc/", "/abc", true]
  ] as const)("a prefix counts whole elements: %s, asked %s: %s", (value, path, expected) => {
    assert.strictEqual(matches({ path: prefix(value) }, makeRequest(path)), expected)
  })

  it.each([
    ["/abc", "/abc", true],
    ["/abc", "/abc/", false],
    ["/abc/", "/abc", false],
    ["/abc", "/abc/def", false],
    ["/abc", "/Abc", false],
    ["/a%2fb", "/a%2fb", true],
    ["/a%2fb", "/a/b", false],
    ["/__proto__", "/__proto__", true],
    ["/constructor", "/toString", false]
  ] as const)("exact is exact: %s, asked %s: %s", (value, path, expected) => {
    assert.strictEqual(matches({ path: exact(value) }, makeRequest(path)), expected)
  })

  it.each([
    ["/v[0-9]+/x", "/v1/x", true],
    ["/v[0-9]+/x", "/v1/x/y", false],
    ["/api/v[0-9]+", "/api/v7", true],
    ["/api/?", "/api", true],
    ["/api/users?", "/api/user", true],
    ["/a/b|/c/d", "/c/d", true],
    ["/a/(b|c)/d", "/a/c/d", true],
    ["/a/x[(]b|/c/d", "/c/d", true],
    ["/a/\\Q(\\E|/c/d", "/c/d", true],
    ["^/a/b/c$", "/a/b/c", true],
    ["(?i)/a/b", "/A/B", true],
    ["/a/b{0}", "/a/", true],
    ["/a/?b", "/ab", true],
    ["/a/*b", "/ab", true],
    ["/a/{0,1}b", "/ab", true],
    ["/a/b/*", "/a/b", true],
    [".*", "/what/ever", true],
    ["", "/", false]
  ] as const)("an expression matches the whole path: %s, asked %s: %s", (value, path, expected) => {
    assert.strictEqual(matches({ path: regex(value) }, makeRequest(path)), expected)
  })
})

describe("conditions (Gateway API v1.6, HTTPRouteRule.matches)", () => {
  const header = (name: string, value: string, type: "Exact" | "Regex" = "Exact"): ValueMatch => ({ name, type, value })

  it("all conditions of a match must hold", () => {
    const match = { method: "POST", headers: [header("a", "1"), header("b", "2")], query: [header("q", "3")] }
    assert.isTrue(matches(match, makeRequest("/x?q=3", { a: "1", b: "2" }, "POST")))
    assert.isFalse(matches(match, makeRequest("/x?q=3", { a: "1", b: "2" }, "GET")))
    assert.isFalse(matches(match, makeRequest("/x?q=3", { a: "1" }, "POST")))
    assert.isFalse(matches(match, makeRequest("/x?q=4", { a: "1", b: "2" }, "POST")))
    assert.isFalse(matches(match, makeRequest("/x", { a: "1", b: "2" }, "POST")))
  })

  it("methods are case-sensitive and HEAD is not GET", () => {
    assert.isFalse(matches({ method: "GET" }, makeRequest("/", {}, "get")))
    assert.isFalse(matches({ method: "GET" }, makeRequest("/", {}, "HEAD")))
  })

  it("a second entry of a header or parameter name is ignored", () => {
    assert.isTrue(matches({ headers: [header("a", "1"), header("a", "2")] }, makeRequest("/", { a: "1" })))
    assert.isTrue(matches({ query: [header("q", "1"), header("q", "2")] }, makeRequest("/?q=1")))
  })

  it("a header expression matches the whole joined value", () => {
    assert.isTrue(matches({ headers: [header("a", "v[0-9]", "Regex")] }, makeRequest("/", { a: "v1" })))
    assert.isFalse(matches({ headers: [header("a", "v[0-9]", "Regex")] }, makeRequest("/", { a: "v1, v2" })))
  })

  it("a name of Object.prototype is a name like any other", () => {
    assert.isFalse(matches({ headers: [header("constructor", "x")] }, makeRequest("/")))
    assert.isFalse(matches({ headers: [header("__proto__", ".*", "Regex")] }, makeRequest("/")))
  })
})

describe("precedence", () => {
  it("the first rule in the order given wins, whatever the kind of its path", () => {
    const rules = [
      makeRule("regex", { path: regex("/a.*") }),
      makeRule("prefix", { path: prefix("/a") }),
      makeRule("exact", { path: exact("/a") })
    ]
    assert.strictEqual(winner(rules, makeRequest("/a")), "regex")
    assert.strictEqual(winner([...rules].reverse(), makeRequest("/a")), "exact")
    assert.strictEqual(winner([rules[1]!, rules[2]!, rules[0]!], makeRequest("/a")), "prefix")
  })

  it("a rule whose conditions fail leaves the request to the next", () => {
    const rules = [
      makeRule("canary", { path: prefix("/a/b"), headers: [{ name: "canary", type: "Exact", value: "yes" }] }),
      makeRule("plain", { path: prefix("/a") })
    ]
    assert.strictEqual(winner(rules, makeRequest("/a/b", { canary: "yes" })), "canary")
    assert.strictEqual(winner(rules, makeRequest("/a/b")), "plain")
    assert.strictEqual(winner(rules, makeRequest("/c")), null)
  })

  it("a host without a matching rule leaves the request to the next wider host of its listener", () => {
    const hosts = compileHosts([
      compileHost({ hostname: "a.example.com", rules: [makeRule("own", { path: prefix("/own") })] }),
      compileHost({ hostname: "*.example.com", rules: [makeRule("wide", { path: prefix("/wide") })] })
    ])
    const at = (path: string) => matchHosts(findHost(hosts, "a.example.com"), makeRequest(path))?.rule.source.name ?? null
    assert.strictEqual(at("/own/x"), "own")
    assert.strictEqual(at("/wide/x"), "wide")
    assert.strictEqual(at("/none"), null)
  })

  it("one rule that does not compile degrades only itself, and is told (law 1)", () => {
    const host = compileHost({
      hostname: "a.example.com",
      rules: [
        makeRule("bad", { path: regex("(") }),
        makeRule("newer", { path: { type: "Glob", value: "/*" } as unknown as PathMatch }),
        makeRule("good", { path: prefix("/") })
      ]
    })
    assert.strictEqual(matchRule(host, makeRequest("/"))?.rule.source.name, "good")
    assert.strictEqual(matchRule(host, makeRequest("/"))?.rank, 2)
    assert.lengthOf(host.problems, 2)
    assert.match(host.problems[0]!, /^rule 0 of a\.example\.com: not a regular expression/)
  })
})

describe("the matcher and the specification", () => {
  // The specification written down as plainly as it goes: every rule is asked, the first that holds wins.
  const values = (conditions: ReadonlyArray<ValueMatch>, read: (name: string) => string | null): boolean => {
    const seen = new Set<string>()
    return conditions.every((condition) => {
      if (seen.has(condition.name)) return true
      seen.add(condition.name)
      const value = read(condition.name)
      return value !== null && (condition.type === "Exact" ? value === condition.value : new RegExp(`^(?:${condition.value})$`).test(value))
    })
  }
  const pathHolds = (match: PathMatch, path: string): boolean => {
    if (match.type === "Exact") return path === match.value
    if (match.type === "Regex") return new RegExp(`^(?:${match.value})$`).test(path)
    const bare = match.value.replace(/\/$/, "")
    return path === bare || path.startsWith(`${bare}/`)
  }
  const slow = (rules: ReadonlyArray<Rule>, request: RequestView): number =>
    rules.findIndex(
      ({ match }) =>
        pathHolds(match.path, request.path) &&
        (match.method === null || match.method === request.method) &&
        values(match.headers, request.header) &&
        values(match.query, (name) => new URLSearchParams(request.query).get(name))
    )

  const element = fc.constantFrom("a", "b", "ab", "", "a%2fb", "__proto__")
  const path = fc.array(element, { minLength: 1, maxLength: 4 }).map((elements) => `/${elements.join("/")}`)
  const expression = fc.oneof(
    path.map((literal) => `${literal}.*`),
    path.map((literal) => `${literal}?`),
    path.map((literal) => `${literal}+`),
    path.map((literal) => `${literal}{0,2}`),
    fc.tuple(path, path).map(([a, b]) => `${a}|${b}`),
    fc.tuple(path, path).map(([a, b]) => `${a}(${b}|/a)`),
    fc.tuple(path, path).map(([a, b]) => `${a}[/(]|${b}`),
    path.map((literal) => `^${literal}`),
    fc.constant("/[ab]+/b")
  )
  const pathMatch: fc.Arbitrary<PathMatch> = fc.oneof(path.map(exact), path.map(prefix), fc.constant(prefix("/")), expression.map(regex))
  const condition: fc.Arbitrary<ValueMatch> = fc.oneof(
    fc.record({ name: fc.constantFrom("x", "y"), type: fc.constant("Exact" as const), value: fc.constantFrom("1", "2", "3") }),
    fc.record({ name: fc.constantFrom("x", "y"), type: fc.constant("Regex" as const), value: fc.constantFrom("[12]", ".*", "3?") })
  )
  const few = <A>(of: fc.Arbitrary<A>) => fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(of, { minLength: 1, maxLength: 2 }))
  const rule = fc
    .record({ path: pathMatch, method: fc.constantFrom(null, null, "GET", "POST"), headers: few(condition), query: few(condition) })
    .map((match) => makeRule("r", match))
  const text = fc.constantFrom("1", "2", "3", "4")
  const request = fc
    .tuple(path, fc.dictionary(fc.constantFrom("x", "y"), text), fc.array(fc.tuple(fc.constantFrom("x", "y"), text), { maxLength: 3 }))
    .chain(([url, headers, query]) =>
      fc
        .constantFrom("GET", "POST")
        .map((method) => makeRequest(`${url}?${query.map(([name, value]) => `${name}=${value}`).join("&")}`, headers, method))
    )

  it("property: agree on the winner for any rules and requests", () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 40 }), fc.array(request, { minLength: 1, maxLength: 10 }), (rules, requests) => {
        const host = compileHost({ hostname: "*", rules })
        assert.deepEqual(host.problems, [])
        for (const asked of requests) {
          assert.strictEqual(matchRule(host, asked)?.rank ?? -1, slow(rules, asked), `${asked.method} ${asked.path}?${asked.query}`)
        }
      }),
      { numRuns: 400 }
    )
  })

  it("property: agree where many rules share one path and differ by values", () => {
    const crowded = fc
      .record({ method: fc.constantFrom(null, "GET"), headers: few(condition), query: few(condition) })
      .map((match) => makeRule("r", { ...match, path: prefix("/a") }))
    fc.assert(
      fc.property(
        fc.array(crowded, { minLength: 8, maxLength: 60 }),
        fc.array(request, { minLength: 1, maxLength: 10 }),
        (rules, requests) => {
          const host = compileHost({ hostname: "*", rules })
          for (const asked of requests) assert.strictEqual(matchRule(host, asked)?.rank ?? -1, slow(rules, asked))
        }
      ),
      { numRuns: 300 }
    )
  })

  it("property: agree where many expressions share one path and differ by what they want in it", () => {
    const name = fc.constantFrom("alpha", "alphabet", "beta", "gamma", "delta-1", "delta-12", "ab")
    const wanting = fc.oneof(
      name.map((text) => `.*/${text}/.*`),
      name.map((text) => `/${text}-[a-z]+`),
      name.map((text) => `.*${text}`),
      name.map((text) => `/(x|y)?${text}.*`),
      fc.tuple(name, name).map(([a, b]) => `/.*${a}.*${b}.*`),
      fc.tuple(name, name).map(([a, b]) => `.*${a}|.*${b}`),
      fc.constant("/[a-z]+.*")
    )
    const crowded = fc
      .record({ path: wanting.map(regex), method: fc.constantFrom(null, null, "GET"), headers: few(condition) })
      .map((match) => makeRule("r", match))
    const asking = fc
      .tuple(
        fc.array(fc.oneof(name, fc.constantFrom("x", "alpha-b", "beta-c", "yalpha")), { minLength: 1, maxLength: 4 }),
        fc.constantFrom("", "/")
      )
      .map(([elements, end]) => makeRequest(`/${elements.join("/")}${end}`, { x: "1" }, "GET"))
    fc.assert(
      fc.property(
        fc.array(crowded, { minLength: 8, maxLength: 60 }),
        fc.array(asking, { minLength: 1, maxLength: 10 }),
        (rules, requests) => {
          const host = compileHost({ hostname: "*", rules })
          for (const asked of requests) assert.strictEqual(matchRule(host, asked)?.rank ?? -1, slow(rules, asked), asked.path)
        }
      ),
      { numRuns: 200 }
    )
  })

  it("a lookup among 10,000 rules tries a handful of them, whatever they differ by", () => {
    const kinds: ReadonlyArray<readonly [(at: number) => Partial<Match>, string, Readonly<Record<string, string>>]> = [
      [(at) => ({ path: exact(`/x/${at}`) }), "/x/9999", {}],
      [(at) => ({ path: prefix(`/x/${at}`) }), "/x/9999/y", {}],
      [(at) => ({ path: regex(`/x/${at}/[a-z]+`) }), "/x/9999/y", {}],
      [(at) => ({ path: regex(`/team-${at}-[a-z]+`) }), "/team-9999-y", {}],
      [(at) => ({ path: regex(`.*/tenant-${at}/.*`) }), "/eu/tenant-9999/y", {}],
      [(at) => ({ headers: [{ name: "tenant", type: "Exact", value: `${at}` }] }), "/", { tenant: "9999" }],
      [(at) => ({ query: [{ name: "tenant", type: "Exact", value: `${at}` }] }), "/?tenant=9999", {}]
    ]
    for (const [match, url, headers] of kinds) {
      let reads = 0
      // The method is the first thing a rule that is tried asks for.
      const host = compileHost({
        hostname: "*",
        rules: Array.from({ length: 10_000 }, (_, at) => makeRule("r", { method: "GET", ...match(at) }))
      })
      const asked = makeRequest(url, headers)
      const counted: RequestView = {
        path: asked.path,
        query: asked.query,
        header: asked.header,
        get method() {
          reads++
          return asked.method
        }
      }
      assert.strictEqual(matchRule(host, counted)?.rank, 9_999, url)
      assert.isAtMost(reads, 5, url)
    }
  })
})
