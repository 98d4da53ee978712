import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { compileHost } from "#src/routing/compile.ts"
import { compileFilters, filterProblem } from "#src/routing/filters.ts"
import { applyEdits, headerEdits, joinedValue } from "#src/routing/headers.ts"
import { type RedirectRequest, redirectLocation, rewritePath, withQuery } from "#src/routing/rewrite.ts"
import { pickWeighted } from "#src/routing/share.ts"
import type { Filter, HeaderEdit, PathRewrite, Redirect } from "#src/snapshot/route.ts"
import { exact, headersFilter, makeRule, prefix } from "./request.ts"

const edited = (headers: ReadonlyArray<string>, ...edits: ReadonlyArray<HeaderEdit>): ReadonlyArray<string> => {
  const list = [...headers]
  applyEdits(list, headerEdits(edits))
  return list
}

describe("header edits (Gateway API v1.6, HTTPRouteFilter)", () => {
  it("set replaces every line of the name in the place of the first, whatever the case", () => {
    assert.deepEqual(edited(["a", "1", "X-A", "2", "b", "3", "x-a", "4"], { _tag: "Set", name: "X-a", value: "new" }), [
      "a",
      "1",
      "X-a",
      "new",
      "b",
      "3"
    ])
    assert.deepEqual(edited(["a", "1"], { _tag: "Set", name: "b", value: "2" }), ["a", "1", "b", "2"])
  })

  it("add appends `,value` to what is there, and is a line of its own where nothing is", () => {
    assert.deepEqual(edited(["X-A", "1", "x-a", "2"], { _tag: "Add", name: "x-A", value: "3" }), ["X-A", "1", "x-a", "2,3"])
    assert.deepEqual(edited([], { _tag: "Add", name: "x-a", value: "3" }), ["x-a", "3"])
  })

  it("Set-Cookie lines are never joined (RFC 6265 3), Cookie is joined by its own separator (RFC 6265 5.4)", () => {
    const line = "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT"
    assert.deepEqual(edited(["Set-Cookie", line], { _tag: "Add", name: "set-cookie", value: "b=2" }), [
      "Set-Cookie",
      line,
      "set-cookie",
      "b=2"
    ])
    assert.deepEqual(edited(["Cookie", "a=1"], { _tag: "Add", name: "Cookie", value: "b=2" }), ["Cookie", "a=1; b=2"])
  })

  it("remove takes every line of the name, whatever the case, and no other", () => {
    assert.deepEqual(edited(["A", "1", "b", "2", "a", "3", "aa", "4"], { _tag: "Remove", name: "a" }), ["b", "2", "aa", "4"])
    assert.deepEqual(edited(["a", "1"], { _tag: "Remove", name: "b" }), ["a", "1"])
  })

  it("names of Object.prototype are names like any other", () => {
    assert.deepEqual(
      edited(["__proto__", "1"], { _tag: "Add", name: "__proto__", value: "2" }, { _tag: "Set", name: "constructor", value: "3" }),
      ["__proto__", "1,2", "constructor", "3"]
    )
  })

  it("property: an edit changes its own name alone, and what it leaves is what the specification says", () => {
    const name = fc.constantFrom("a", "A", "b", "B", "Set-Cookie", "set-cookie", "x-long-name")
    const value = fc.constantFrom("1", "2", "3, 4", "")
    const list = fc.array(fc.tuple(name, value), { maxLength: 8 }).map((pairs) => pairs.flat())
    const edit: fc.Arbitrary<HeaderEdit> = fc.oneof(
      fc.record({ _tag: fc.constantFrom("Set" as const, "Add" as const), name, value }),
      fc.record({ _tag: fc.constant("Remove" as const), name })
    )
    const lines = (headers: ReadonlyArray<string>, keep: (key: string) => boolean): ReadonlyArray<string> =>
      headers.flatMap((_, at) => (at % 2 === 0 && keep(headers[at]!.toLowerCase()) ? [`${headers[at]}: ${headers[at + 1]}`] : []))
    fc.assert(
      fc.property(list, edit, (headers, one) => {
        const key = one.name.toLowerCase()
        const after = edited(headers, one)
        assert.deepEqual(
          lines(after, (other) => other !== key),
          lines(headers, (other) => other !== key)
        )
        const before = joinedValue(headers, key)
        const joined = joinedValue(after, key)
        if (one._tag === "Set") assert.strictEqual(joined, one.value)
        else if (one._tag === "Remove") assert.isNull(joined)
        else if (before === null) assert.strictEqual(joined, one.value)
        else assert.strictEqual(joined, key === "set-cookie" ? `${before}, ${one.value}` : `${before},${one.value}`)
      })
    )
  })
})

describe("what no filter may do is told, and its rule answers 500 (law 15)", () => {
  it.each([
    [headersFilter("Request", { _tag: "Set", name: "Host", value: "a" }), /use URLRewrite with a hostname/],
    [headersFilter("Request", { _tag: "Remove", name: "transfer-encoding" }), /belongs to the connection/],
    [headersFilter("Response", { _tag: "Add", name: "Content-Length", value: "1" }), /belongs to the connection/],
    [headersFilter("Request", { _tag: "Set", name: "a b", value: "1" }), /"a b" is not a header name/],
    [headersFilter("Response", { _tag: "Set", name: "a", value: "1\r\nx: 2" }), /characters that no header may have/],
    [headersFilter("Response", { _tag: "Set", name: "a", value: "\u20ac" }), /characters that no header may have/],
    [{ _tag: "Unknown", name: "RateLimit" }, /RateLimit is not known/],
    [{ _tag: "Newer" } as unknown as Filter, /Newer is not known/],
    [{ _tag: "Rewrite", hostname: null, path: { _tag: "ReplacePrefixMatch", value: "/x" } }, /needs a PathPrefix match/],
    [{ _tag: "Rewrite", hostname: null, path: { _tag: "ReplaceFullPath", value: "x" } }, /does not start with \//],
    [{ _tag: "Rewrite", hostname: null, path: { _tag: "ReplaceFullPath", value: "/a b" } }, /characters that no request target/]
  ] as ReadonlyArray<readonly [Filter, RegExp]>)("%j", (filter, message) => {
    assert.match(filterProblem(filter, exact("/a")) ?? "", message)
    assert.match(compileFilters([filter], exact("/a")).unknown ?? "", message)
    const rule = compileHost({ hostname: "*", rules: [makeRule("r", { path: exact("/a") }, { filters: [filter] })] }).rules[0]!
    assert.match(rule.unknown ?? "", message)
  })

  it("a filter that cannot be applied to one share leaves the rule and the other shares alone", () => {
    const share = (filters: ReadonlyArray<Filter>) => ({ weight: 1, upstream: "u", why: null, filters, source: makeRule("s").source })
    const rule = compileHost({
      hostname: "*",
      rules: [
        makeRule(
          "r",
          {},
          {
            action: { _tag: "Forward", retry: "Default", cache: null, to: [share([{ _tag: "Unknown", name: "Newer" }]), share([])] }
          }
        )
      ]
    }).rules[0]!
    assert.isNull(rule.unknown)
    assert.isNotNull(pickWeighted(rule.shares, 0)!.filters.unknown)
    assert.isNull(pickWeighted(rule.shares, 0.9)!.filters.unknown)
  })
})

describe("filters of rule and share", () => {
  it("the share's follow the rule's, and its rewrite wins field by field", () => {
    const compiled = compileFilters(
      [
        headersFilter("Request", { _tag: "Set", name: "a", value: "rule" }),
        { _tag: "Rewrite", hostname: "rule.example.com", path: { _tag: "ReplaceFullPath", value: "/rule" } },
        { _tag: "Mirror", to: "m", fraction: 0.5 },
        headersFilter("Request", { _tag: "Add", name: "a", value: "share" }),
        headersFilter("Response", { _tag: "Remove", name: "server" }),
        { _tag: "Rewrite", hostname: "share.example.com", path: null }
      ],
      prefix("/")
    )
    const headers: Array<string> = []
    applyEdits(headers, compiled.request)
    assert.deepEqual(headers, ["a", "rule,share"])
    assert.deepEqual(compiled.response, [{ _tag: "Remove", name: "server", key: "server", value: "" }])
    assert.strictEqual(compiled.hostname, "share.example.com")
    assert.strictEqual(rewritePath(compiled.path!, "/x"), "/rule")
    assert.deepEqual(compiled.mirrors, [{ to: "m", fraction: 0.5 }])
    assert.isNull(compiled.unknown)
  })
})

const rewritten = (rewrite: PathRewrite, matched: string, path: string): string =>
  rewritePath(compileFilters([{ _tag: "Rewrite", hostname: null, path: rewrite }], prefix(matched)).path!, path)

describe("path rewrites (the examples of HTTPPathModifier in Gateway API v1.6)", () => {
  it.each([
    ["/foo/bar", "/foo", "/xyz", "/xyz/bar"],
    ["/foo/bar", "/foo", "/xyz/", "/xyz/bar"],
    ["/foo/bar", "/foo/", "/xyz", "/xyz/bar"],
    ["/foo/bar", "/foo/", "/xyz/", "/xyz/bar"],
    ["/foo", "/foo", "/xyz", "/xyz"],
    ["/foo/", "/foo", "/xyz", "/xyz/"],
    ["/foo/bar", "/foo", "", "/bar"],
    ["/foo/bar", "/foo", "/", "/bar"],
    ["/foo/", "/foo", "", "/"],
    ["/foo", "/foo", "", "/"],
    ["/foo/", "/foo", "/", "/"],
    ["/foo", "/foo", "/", "/"],
    ["/bar", "/", "/xyz", "/xyz/bar"],
    ["/foo//bar", "/foo", "/xyz", "/xyz//bar"],
    ["/foo/a%2fb", "/foo", "/xyz", "/xyz/a%2fb"]
  ])("%s under prefix %s replaced by %j is %s", (path, matched, value, expected) => {
    assert.strictEqual(rewritten({ _tag: "ReplacePrefixMatch", value }, matched, path), expected)
  })

  it("a full path replaces the path and keeps the query", () => {
    assert.strictEqual(rewritten({ _tag: "ReplaceFullPath", value: "/new" }, "/", "/old/path"), "/new")
    assert.strictEqual(rewritten({ _tag: "ReplaceFullPath", value: "" }, "/", "/old/path"), "/")
    assert.strictEqual(withQuery("/new", "a=1"), "/new?a=1")
    assert.strictEqual(withQuery("/new", ""), "/new")
    assert.strictEqual(withQuery("/new?key=x", "a=1"), "/new?key=x&a=1")
  })

  it("property: a prefix rewrite keeps everything after the prefix and always starts with one path", () => {
    const element = fc.constantFrom("a", "b", "", "%2f")
    const tail = fc.array(element, { maxLength: 3 }).map((elements) => elements.map((element) => `/${element}`).join(""))
    fc.assert(
      fc.property(fc.constantFrom("/foo", "/foo/bar"), tail, fc.constantFrom("", "/", "/x", "/x/y/"), (matched, rest, value) => {
        const result = rewritten({ _tag: "ReplacePrefixMatch", value }, matched, matched + rest)
        assert.isTrue(result.startsWith("/"))
        assert.isTrue(result.endsWith(rest))
        assert.isTrue(result.startsWith(value.replace(/\/$/, "")))
      })
    )
  })
})

describe("redirects (Gateway API v1.6, HTTPRouteFilter)", () => {
  const request: RedirectRequest = {
    scheme: "http",
    host: "example.com",
    listenerPort: 80,
    path: "/foo/bar",
    query: "",
    matchedPrefix: "/foo"
  }
  const plain: Redirect = { scheme: null, hostname: null, port: null, path: null }
  it.each([
    ["nothing set keeps all", {}, {}, "http://example.com/foo/bar"],
    ["the hostname of the filter", { hostname: "example.org" }, {}, "http://example.org/foo/bar"],
    ["the listener's port when neither port nor scheme is set", {}, { listenerPort: 8080 }, "http://example.com:8080/foo/bar"],
    ["a scheme brings its own port, whatever the listener's", { scheme: "https" }, { listenerPort: 8080 }, "https://example.com/foo/bar"],
    ["the same scheme written out also does", { scheme: "http" }, { listenerPort: 8080 }, "http://example.com/foo/bar"],
    ["the port of the filter beats all", { scheme: "https", port: 8443 }, {}, "https://example.com:8443/foo/bar"],
    ["port 80 is left out for http", { port: 80 }, { listenerPort: 8080 }, "http://example.com/foo/bar"],
    ["port 443 is left out for https", { port: 443 }, { scheme: "https", listenerPort: 8443 }, "https://example.com/foo/bar"],
    ["port 443 stays for http", { port: 443 }, {}, "http://example.com:443/foo/bar"],
    ["port 80 stays for https", { scheme: "https", port: 80 }, {}, "https://example.com:80/foo/bar"],
    ["an https listener on 443 shows none", {}, { scheme: "https", listenerPort: 443 }, "https://example.com/foo/bar"],
    ["an https listener on 8443 shows it", {}, { scheme: "https", listenerPort: 8443 }, "https://example.com:8443/foo/bar"],
    ["the query stays", { hostname: "example.org" }, { query: "a=1&b" }, "http://example.org/foo/bar?a=1&b"],
    ["a full path", { path: { _tag: "ReplaceFullPath", value: "/new" } }, { query: "a=1" }, "http://example.com/new?a=1"],
    ["a prefix", { path: { _tag: "ReplacePrefixMatch", value: "/new" } }, {}, "http://example.com/new/bar"],
    ["an empty prefix", { path: { _tag: "ReplacePrefixMatch", value: "" } }, { path: "/foo" }, "http://example.com/"],
    [
      "the origin alone, with its port always, and nothing that was asked for",
      { hostname: "c.example", port: 443, path: { _tag: "OriginAlone" } },
      { scheme: "https", query: "a=1" },
      "https://c.example:443"
    ],
    [
      "the origin alone, by the scheme the client came with",
      { hostname: "c.example", port: 8443, path: { _tag: "OriginAlone" } },
      {},
      "http://c.example:8443"
    ],
    [
      "a path alone, with its own query and not the one that was asked for",
      { scheme: "https", hostname: "c.example", path: { _tag: "PathAlone", value: "/new?a=2" } },
      { query: "a=1" },
      "https://c.example/new?a=2"
    ],
    ["an IPv6 host keeps its brackets", {}, { host: "[2001:db8::1]", listenerPort: 8080 }, "http://[2001:db8::1]:8080/foo/bar"]
  ] as ReadonlyArray<readonly [string, Partial<Redirect>, Partial<RedirectRequest>, string]>)("%s", (_, redirect, asked, location) => {
    assert.strictEqual(redirectLocation({ ...plain, ...redirect }, { ...request, ...asked }), location)
  })

  it("a prefix to replace without a prefix match is told", () => {
    const to: Redirect = { ...plain, path: { _tag: "ReplacePrefixMatch", value: "/x" } }
    const rule = makeRule("r", { path: exact("/a") }, { action: { _tag: "Redirect", status: 302, to } })
    assert.match(compileHost({ hostname: "*", rules: [rule] }).rules[0]!.unknown ?? "", /needs a PathPrefix match/)
  })
})
