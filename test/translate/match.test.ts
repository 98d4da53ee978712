// The order of precedence among matches (Gateway API v1.6, HTTPRouteRule.matches and GRPCRouteRule.matches), and what a match becomes.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { GRPCRouteMatch } from "#schemas/grpcroute.ts"
import type { HTTPRouteMatch } from "#schemas/httproute.ts"
import type { Match } from "#src/snapshot/route.ts"
import { byPrecedence, callMatches, requestMatches, toMatch } from "#src/translate/match.ts"

const match = (over: Partial<HTTPRouteMatch> = {}): HTTPRouteMatch => ({
  path: { type: "PathPrefix", value: "/" },
  headers: [],
  queryParams: [],
  ...over
})
const header = (name: string) => ({ type: "Exact" as const, name, value: "1" })

const ladder: ReadonlyArray<HTTPRouteMatch> = [
  match({ path: { type: "Exact", value: "/a" }, method: "GET" }),
  match({ path: { type: "Exact", value: "/a" } }),
  match({ path: { type: "RegularExpression", value: "/a[0-9]+" } }),
  match({ path: { type: "RegularExpression", value: "/a" } }),
  match({ path: { type: "PathPrefix", value: "/long" } }),
  match({ path: { type: "PathPrefix", value: "/a" }, method: "GET" }),
  match({ path: { type: "PathPrefix", value: "/a" }, headers: [header("x"), header("y")] }),
  match({ path: { type: "PathPrefix", value: "/a" }, headers: [header("x")], queryParams: [header("q"), header("r")] }),
  match({ path: { type: "PathPrefix", value: "/a" }, headers: [header("x")] }),
  match({ path: { type: "PathPrefix", value: "/a" }, queryParams: [header("q")] }),
  match({ path: { type: "PathPrefix", value: "/a" } }),
  match()
]

describe("precedence", () => {
  it("is Exact, regular expression, longest prefix, method, headers, query parameters", () => {
    const rungs = ladder.map(toMatch)
    for (const [i, upper] of rungs.entries())
      for (const [j, lower] of rungs.entries()) expect(Math.sign(byPrecedence(upper, lower))).toBe(Math.sign(i - j))
  })

  it("is an order: antisymmetric and transitive", () => {
    const any: fc.Arbitrary<Match> = fc
      .record({
        type: fc.constantFrom("Exact" as const, "PathPrefix" as const, "RegularExpression" as const),
        value: fc.constantFrom("/", "/a", "/ab", "/abc"),
        method: fc.boolean(),
        headers: fc.nat(2),
        query: fc.nat(2)
      })
      .map(({ type, value, method, headers, query }) =>
        toMatch(
          match({
            path: { type, value },
            ...(method ? { method: "GET" as const } : {}),
            headers: ["x", "y"].slice(0, headers).map(header),
            queryParams: ["q", "r"].slice(0, query).map(header)
          })
        )
      )
    fc.assert(
      fc.property(any, any, any, (a, b, c) => {
        expect(Math.sign(byPrecedence(a, b))).toBe(-Math.sign(byPrecedence(b, a)) + 0)
        if (byPrecedence(a, b) <= 0 && byPrecedence(b, c) <= 0) expect(byPrecedence(a, c)).toBeLessThanOrEqual(0)
      })
    )
  })
})

describe("matches", () => {
  it("have header names in lower case, each once, and query names as written", () => {
    const made = toMatch(match({ headers: [header("X-A"), { ...header("x-a"), value: "2" }], queryParams: [header("Q"), header("q")] }))
    expect(made.headers.map(({ name, value }) => [name, value])).toEqual([["x-a", "1"]])
    expect(made.query.map(({ name }) => name)).toEqual(["Q", "q"])
  })

  it("take /a/ and /a for one prefix, and leave Exact paths alone", () => {
    expect(toMatch(match({ path: { type: "PathPrefix", value: "/a/" } })).path.value).toBe("/a")
    expect(toMatch(match({ path: { type: "PathPrefix", value: "/" } })).path.value).toBe("/")
    expect(toMatch(match({ path: { type: "Exact", value: "/a/" } })).path.value).toBe("/a/")
  })

  it("are refused for expressions that RE2 does not have, with the field", () => {
    const bad = match({
      path: { type: "RegularExpression", value: "(" },
      headers: [{ type: "RegularExpression", name: "x", value: "(?=a)" }]
    })
    const good = match({ path: { type: "RegularExpression", value: "/a[0-9]+" } })
    const { matches, problems } = requestMatches([good, bad], "spec.rules[0]")
    expect(problems.map((problem) => problem.slice(0, problem.indexOf(": ")))).toEqual([
      "spec.rules[0].matches[1].path.value",
      "spec.rules[0].matches[1].headers[0].value"
    ])
    expect(matches).toEqual([toMatch(good)])
  })

  it("are every request where there is none", () => {
    expect(requestMatches([], "r").matches).toEqual([toMatch(match())])
    expect(callMatches([], "r").matches).toEqual([{ ...toMatch(match()), grpc: { service: 0, method: 0 } }])
  })
})

const call = (service: string, method: string, over: Partial<GRPCRouteMatch> = {}, type: "Exact" | "RegularExpression" = "Exact") => {
  const said = { type, ...(service === "" ? {} : { service }), ...(method === "" ? {} : { method }) }
  return callMatches([{ method: said, headers: [], ...over }], "r").matches[0]!
}

describe("matches of calls", () => {
  it("are of the path that a call has", () => {
    expect(call("shop.Cart", "Add").path).toEqual({ type: "Exact", value: "/shop.Cart/Add" })
    expect(call("shop.Cart", "").path).toEqual({ type: "Prefix", value: "/shop.Cart" })
    expect(call("", "Add").path).toEqual({ type: "Regex", value: "/[^/]+/(?:Add)" })
    expect(call("shop|mail", "Get.*", {}, "RegularExpression").path).toEqual({ type: "Regex", value: "/(?:shop|mail)/(?:Get.*)" })
    expect(call("shop", "", {}, "RegularExpression").path).toEqual({ type: "Regex", value: "/(?:shop)/[^/]+" })
    expect(callMatches([{ headers: [] }], "r").matches[0]!.path).toEqual({ type: "Prefix", value: "/" })
  })

  it("are refused for expressions that RE2 does not have, with the field; an exact name is none", () => {
    const written: GRPCRouteMatch = {
      method: { type: "RegularExpression", service: "(", method: "(?=a)" },
      headers: [{ type: "RegularExpression", name: "x", value: "(" }]
    }
    const { matches, problems } = callMatches([written], "spec.rules[0]")
    expect(matches).toEqual([])
    expect(problems.map((problem) => problem.slice(0, problem.indexOf(": ")))).toEqual([
      "spec.rules[0].matches[0].method.service",
      "spec.rules[0].matches[0].method.method",
      "spec.rules[0].matches[0].headers[0].value"
    ])
  })

  it("go by the longest service, then the longest method, then the most headers; and before those of requests", () => {
    const two = callMatches([{ headers: [header("a"), header("b")] }], "r").matches[0]!
    const order = [
      call("shop.v1.Cart", ""),
      call("shop.Cart", "Add", { headers: [header("a")] }),
      call("shop.Cart", "Add"),
      call("shop.Cart", ""),
      call("", "LongMethodName"),
      call("", "Add"),
      two,
      callMatches([], "r").matches[0]!,
      toMatch(match({ path: { type: "Exact", value: "/shop.Cart/Add" } })),
      toMatch(match())
    ]
    for (const [i, a] of order.entries()) for (const [j, b] of order.entries()) expect(Math.sign(byPrecedence(a, b))).toBe(Math.sign(i - j))
  })
})
