import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { announcedBy, compileCors, corsProblem, preflightFields, shareAnswer } from "#src/routing/cors.ts"
import { answerPreflight, compileFilters, editAnswer } from "#src/routing/filters.ts"
import { joinedValue } from "#src/routing/headers.ts"
import type { Cors, Filter } from "#src/snapshot/route.ts"
import { headersFilter, prefix } from "./request.ts"

const cors = (more: Partial<Cors> = {}): Cors => ({
  _tag: "Cors",
  origins: ["https://www.foo.com", "https://*.bar.com"],
  credentials: false,
  methods: [],
  headers: [],
  expose: [],
  maxAge: 5,
  ...more
})

/** The answer to a question with these fields. */
const asked = (spec: Cors, headers: ReadonlyArray<string>): ReadonlyArray<string> =>
  preflightFields(compileCors(spec), { header: (name) => joinedValue(headers, name) })

/** What an answer with these fields says to an origin. */
const answered = (spec: Cors, origin: string | null, fields: ReadonlyArray<string> = []): ReadonlyArray<string> => {
  const list = [...fields]
  shareAnswer(list, compileCors(spec), origin)
  return list
}

const allowed = (spec: Cors, origin: string): string | null => joinedValue(answered(spec, origin), "access-control-allow-origin")

const question = ["Origin", "https://www.foo.com", "Access-Control-Request-Method", "PUT"]

describe("origins (Gateway API v1.6, HTTPCORSFilter.allowOrigins)", () => {
  const rows: ReadonlyArray<readonly [written: string, origin: string, allowed: boolean]> = [
    ["https://www.foo.com", "https://www.foo.com", true],
    ["https://www.foo.com", "https://WWW.foo.com", true],
    ["https://www.foo.com", "http://www.foo.com", false],
    ["https://www.foo.com", "https://www.foo.com.evil.example", false],
    ["https://www.foo.com", "https://www.foo.com:443", true],
    ["https://www.foo.com", "https://www.foo.com:8443", false],
    ["http://www.foo.com:80", "http://www.foo.com", true],
    ["https://www.foo.com:8443", "https://www.foo.com:8443", true],
    ["https://*.bar.com", "https://a.bar.com", true],
    ["https://*.bar.com", "https://a.b.bar.com", true],
    ["https://*.bar.com", "https://bar.com", false],
    ["https://*.bar.com", "https://.bar.com", false],
    ["https://*.bar.com", "https://foobar.com", false],
    ["https://*.bar.com", "http://a.bar.com", false],
    ["https://*.bar.com", "https://a.bar.com:8443", false],
    ["https://*.bar.com:8443", "https://a.bar.com:8443", true],
    ["https://*", "https://anything.example", true],
    ["https://*", "http://anything.example", false],
    ["https://*", "null", false],
    ["*", "https://anything.example:12345", true],
    ["*", "null", true],
    ["*", "https://a.example, https://b.example", false]
  ]
  for (const [written, origin, expected] of rows)
    it(`${written} ${expected ? "admits" : "does not admit"} ${origin}`, () => {
      assert.strictEqual(allowed(cors({ origins: [written], credentials: true }), origin), expected ? origin : null)
    })

  it("none admits nobody", () => assert.strictEqual(allowed(cors({ origins: [] }), "https://www.foo.com"), null))

  it("a port that is none is a problem that names the origin", () => {
    assert.match(corsProblem(cors({ origins: ["https://a.example:99999"] }))!, /https:\/\/a\.example:99999/)
    assert.isNull(corsProblem(cors({ origins: ["*"] })))
    assert.isNull(corsProblem(cors()))
  })

  it("property: what is admitted ends in what was written, and begins with more", () => {
    const label = fc.stringMatching(/^[a-z0-9]{1,5}$/)
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 4 }), fc.array(label, { minLength: 1, maxLength: 3 }), (left, right) => {
        const host = [...left, ...right].join(".")
        const spec = cors({ origins: [`https://*.${right.join(".")}`], credentials: true })
        assert.strictEqual(allowed(spec, `https://${host}`), `https://${host}`)
        assert.isNull(allowed(spec, `https://${right.join(".")}`))
        assert.isNull(allowed(spec, `https://${left.join("")}${right.join(".")}`.replaceAll(/\.(?=.*\.)/g, "")))
      })
    )
  })
})

describe("the answer to a browser's question", () => {
  it("says who, what and for how long", () => {
    const spec = cors({ methods: ["GET", "OPTIONS"], headers: ["x-1", "x-2"], expose: ["x-3"], credentials: true, maxAge: 3600 })
    assert.deepEqual(asked(spec, [...question, "Access-Control-Request-Headers", "x-1"]), [
      ...["Access-Control-Allow-Origin", "https://www.foo.com", "Access-Control-Allow-Credentials", "true"],
      ...[
        "Access-Control-Expose-Headers",
        "x-3",
        "Access-Control-Allow-Methods",
        "GET, OPTIONS",
        "Access-Control-Allow-Headers",
        "x-1, x-2"
      ],
      ...["Access-Control-Max-Age", "3600", "Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"]
    ])
  })

  it("an origin that is not allowed is told nothing", () => {
    assert.deepEqual(asked(cors({ methods: ["PUT"] }), ["Origin", "https://evil.example", "Access-Control-Request-Method", "PUT"]), [
      "Vary",
      "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
    ])
  })

  it("* is said without credentials, and never with them: then what was asked for is", () => {
    const more = ["Access-Control-Request-Headers", "x-1, x-2"]
    const all = { origins: ["*"], methods: ["*"], headers: ["*"], expose: ["*", "x-3"] }
    const open = asked(cors(all), [...question, ...more])
    for (const name of ["origin", "methods", "headers"]) assert.strictEqual(joinedValue(open, `access-control-allow-${name}`), "*")
    assert.strictEqual(joinedValue(open, "access-control-expose-headers"), "*, x-3")
    assert.isNull(joinedValue(open, "access-control-allow-credentials"))
    assert.isNull(joinedValue(open, "vary"))
    const closed = asked(cors({ ...all, credentials: true }), [...question, ...more])
    assert.notInclude(closed.join("\n"), "*")
    assert.strictEqual(joinedValue(closed, "access-control-allow-origin"), "https://www.foo.com")
    assert.strictEqual(joinedValue(closed, "access-control-allow-methods"), "PUT")
    assert.strictEqual(joinedValue(closed, "access-control-allow-headers"), "x-1, x-2")
    assert.strictEqual(joinedValue(closed, "access-control-expose-headers"), "x-3")
  })

  it("what was not asked for is not said", () => {
    assert.isNull(joinedValue(asked(cors({ headers: ["*"], credentials: true }), question), "access-control-allow-headers"))
    assert.isNull(joinedValue(asked(cors({ headers: ["x-1"] }), question), "access-control-allow-headers"))
    assert.isNull(joinedValue(asked(cors(), question), "access-control-allow-methods"))
  })

  it("what is no name of a field is not said after the client", () => {
    const fields = asked(cors({ headers: ["*"], credentials: true }), [...question, "Access-Control-Request-Headers", "x-1\u00e9;<b>"])
    assert.isNull(joinedValue(fields, "access-control-allow-headers"))
  })

  it("only OPTIONS with Origin and a method asked for is a question", () => {
    const of = (method: string, headers: ReadonlyArray<string>) =>
      announcedBy({ method, path: "/a", query: "q", header: (name) => joinedValue(headers, name) })
    assert.deepInclude(of("OPTIONS", question), { method: "PUT", path: "/a", query: "q" })
    assert.isNull(of("GET", question))
    assert.isNull(of("OPTIONS", question.slice(0, 2)))
    assert.isNull(of("OPTIONS", question.slice(2)))
  })
})

describe("the answer of a backend", () => {
  it("says what the filter says in place of what the backend says of it, and keeps the rest", () => {
    const from = ["A", "1", "access-control-allow-origin", "*", "B", "2", "Access-Control-Allow-Credentials", "true"]
    assert.deepEqual(answered(cors({ expose: ["x-3"] }), "https://www.foo.com", from), [
      ...["A", "1", "B", "2", "Access-Control-Allow-Origin", "https://www.foo.com", "Access-Control-Expose-Headers", "x-3"],
      ...["Vary", "Origin"]
    ])
    assert.deepEqual(answered(cors(), "https://evil.example", from), ["A", "1", "B", "2", "Vary", "Origin"])
    assert.deepEqual(answered(cors(), null, from), ["A", "1", "B", "2", "Vary", "Origin"])
  })

  it("is the same for all where the filter says so, and is not said to differ twice", () => {
    assert.deepEqual(answered(cors({ origins: ["*"] }), "https://a.example"), ["Access-Control-Allow-Origin", "*"])
    for (const vary of ["Origin", "Accept, origin", "*"])
      assert.deepEqual(answered(cors(), null, ["Vary", vary]), ["Vary", vary], "said already")
    assert.deepEqual(answered(cors(), null, ["Vary", "X-Origin"]), ["Vary", "X-Origin", "Vary", "Origin"])
  })
})

describe("CORS among other filters", () => {
  const set = (name: string, value: string): Filter => headersFilter("Response", { _tag: "Set", name, value })
  const edited = (filters: ReadonlyArray<Filter>, name = "access-control-allow-origin") => {
    const fields: Array<string> = []
    editAnswer(fields, compileFilters(filters, prefix("/")), ["Origin", "https://www.foo.com"])
    return joinedValue(fields, name)
  }

  it("edits listed before it give way to it, edits listed after it have the last word", () => {
    const edit = set("Access-Control-Allow-Origin", "https://edit.example")
    assert.strictEqual(edited([edit, cors()]), "https://www.foo.com")
    assert.strictEqual(edited([cors(), edit]), "https://edit.example")
    assert.strictEqual(edited([set("A", "1"), cors()], "a"), "1")
    assert.strictEqual(
      edited([set("A", "1"), cors(), headersFilter("Request", { _tag: "Remove", name: "b" }), edit]),
      "https://edit.example"
    )
  })

  it("that of a share says another than its rule's", () => {
    assert.strictEqual(edited([cors({ origins: [] }), cors()]), "https://www.foo.com")
    assert.isNull(edited([cors(), cors({ origins: [] })]))
  })

  it("edits hold for the answer to a question too", () => {
    const filters = compileFilters([cors(), set("X-By", "edge")], prefix("/"))
    const fields = answerPreflight(filters, { header: (name) => joinedValue(question, name) })!
    assert.strictEqual(joinedValue(fields, "x-by"), "edge")
    assert.isNull(answerPreflight(compileFilters([set("X-By", "edge")], prefix("/")), { header: () => null }))
  })

  it("one that cannot be applied makes the rule answer 500", () => {
    const { unknown, cors: made } = compileFilters([cors({ origins: ["https://a:0"] })], prefix("/"))
    assert.match(unknown!, /https:\/\/a:0/)
    assert.isNull(made)
  })
})
