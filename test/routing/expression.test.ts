// The plain part of RE2 and its automaton: whatever they take, they tell of any text what the full engine tells.
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { RE2JS } from "re2js"
import { automatonOf } from "#src/routing/automaton.ts"
import { literalsOf, readExpression } from "#src/routing/expression.ts"
import { compilePattern } from "#src/routing/pattern.ts"

const compiled = (source: string) => {
  const expression = readExpression(source)
  return expression === null ? null : automatonOf(expression)
}

/** Expressions of the plain part and of its edges, mostly valid. */
const piece: fc.Arbitrary<string> = fc.letrec<{ alternatives: string; sequence: string; item: string; atom: string }>((tie) => ({
  alternatives: fc.array(tie("sequence"), { minLength: 1, maxLength: 3 }).map((all) => all.join("|")),
  sequence: fc.array(tie("item"), { maxLength: 4 }).map((all) => all.join("")),
  item: fc.tuple(tie("atom"), fc.constantFrom("", "", "", "*", "+", "?", "*?", "+?", "??")).map((both) => both.join("")),
  atom: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(
      "a",
      "b",
      "-",
      "/",
      ".",
      "\\.",
      "\\d",
      "\\w",
      "[ab]",
      "[^a]",
      "[^/]",
      "[a-c]",
      "[0-9]",
      "[\\d.]",
      "[-b]",
      "[b-]",
      "[.*]"
    ),
    fc.constantFrom(
      "ab",
      "/a",
      "é",
      "$",
      "^",
      "[",
      "]",
      "{2}",
      "{",
      "\\",
      "(?i)",
      "[a-\\d]",
      "[b-a]",
      "[A-z]",
      "[]a]",
      "[[:alpha:]]",
      "\\s"
    ),
    tie("alternatives").map((inner) => `(${inner})`),
    tie("alternatives").map((inner) => `(?:${inner})`)
  )
})).alternatives
const source = fc.tuple(fc.constantFrom("", "", "^"), piece, fc.constantFrom("", "", "$")).map((all) => all.join(""))
const text = fc.array(fc.constantFrom("a", "b", "c", "d", "-", "/", ".", "0", "9", "_", "A", "\n", "é", "\u0100", "😀", "\ud800"), {
  maxLength: 8
})

describe("a plain expression", () => {
  it("property: what is taken compiles in the full engine, and matches the same texts", () => {
    let taken = 0
    fc.assert(
      fc.property(source, fc.array(text, { minLength: 5, maxLength: 20 }), (expression, texts) => {
        const test = compiled(expression)
        if (test === null) return
        taken++
        const full = RE2JS.compile(expression)
        for (const parts of texts) {
          const asked = parts.join("")
          const told = test(asked)
          if (told === null) assert.match(asked, /[\ud800-\udfff]/)
          else assert.strictEqual(told, full.testExact(asked), `${expression} of ${JSON.stringify(asked)}`)
        }
      }),
      { numRuns: 2_000 }
    )
    assert.isAbove(taken, 200)
  })

  it("property: compiles or is refused as by the full engine, and matches the same, whoever serves it", () => {
    fc.assert(
      fc.property(source, fc.array(text, { minLength: 1, maxLength: 5 }), (expression, texts) => {
        const pattern = compilePattern(expression)
        let full: RE2JS | null = null
        try {
          full = RE2JS.compile(expression)
        } catch {
          assert.strictEqual(pattern._tag, "Failure", expression)
          return
        }
        if (pattern._tag === "Failure") throw new Error(`${expression}: ${pattern.failure}`)
        for (const parts of texts) {
          const asked = parts.join("")
          const holds = full.testExact(asked)
          assert.strictEqual(pattern.success.test(asked), holds, `${expression} of ${JSON.stringify(asked)}`)
          if (holds) for (const literal of pattern.success.required) assert.include(asked, literal, expression)
        }
      }),
      { numRuns: 2_000 }
    )
  })

  it.each([
    ["/team-7/v[0-9]+/.*", "/team-7/v", ["/team-7/v", "/"]],
    ["/a(b/c)d", "/ab/cd", ["/ab/cd"]],
    ["/a?b", "/", ["/", "b"]],
    [".*\\.json$", "", [".json"]],
    ["/a|/b", "", []],
    ["(a|b)/x", "", ["/x"]],
    ["(ab)+c", "", ["c"]]
  ] as const)("%s begins with %j and wants %j", (expression, first, all) => {
    assert.deepEqual(literalsOf(readExpression(expression)!), { first, all })
  })

  it.each(["/team-7/v[0-9]+/.*", "^/api/[^/]+/users$", ".*\\.(png|jpe?g)", "/x(/.*)?", "/x(/|$)(.*)", "/(?:a|b)/\\d+", "/[\\w.-]+/"])(
    "%s needs no full engine",
    (expression) => assert.isNotNull(compiled(expression))
  )

  it.each(["(?i)/a", "/a{2}", "a$*", "/a(^|/)", "\\bx", "[[:alpha:]]", "(?P<n>a)", "é", "a**", "(", "[z-a]", `/${"[ab]".repeat(32)}`])(
    "%s is left to it",
    (expression) => assert.isNull(compiled(expression))
  )

  it("takes linear time where alternatives overlap", () => {
    const test = compiled("(a+)+(a|a?)*b")!
    const start = performance.now()
    assert.isFalse(test("a".repeat(20_000)))
    assert.isBelow(performance.now() - start, 2_000)
  })
})
