import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { compilePattern, maxPatternLength } from "#src/routing/pattern.ts"

const tests = (source: string, text: string): boolean => Result.getOrThrow(compilePattern(source)).test(text)
const refusal = (source: string): string => {
  const result = compilePattern(source)
  return Result.isFailure(result) ? result.failure : "served"
}

describe("pattern", () => {
  it("an expression matches the whole text, not a part of it", () => {
    assert.isTrue(tests("/foo", "/foo"))
    assert.isFalse(tests("/foo", "/foo/bar"))
    assert.isFalse(tests("foo", "/foo"))
    assert.isFalse(tests("a|ab", "abc"))
    assert.isTrue(tests("a|ab", "ab"))
    assert.isTrue(tests("^/v[0-9]+/.*$", "/v12/x"))
  })

  it("what RE2 leaves out is refused with its reason, not approximated", () => {
    for (const source of ["(", "a**", "(?<=a)b", "(a)\\1", "[z-a]", "a{1001}"]) {
      assert.match(refusal(source), /^not a regular expression of RE2 syntax: /, source)
    }
  })

  it("sources and programs are bounded", () => {
    assert.match(refusal("a".repeat(maxPatternLength + 1)), /4097 characters, at most 4096/)
    assert.match(refusal("(a{10}){100}[a-z]{20}"), /instructions, at most 1000/)
    assert.strictEqual(refusal("a".repeat(500)), "served")
  })

  it("is compiled once while someone holds it", () => {
    const held = Result.getOrThrow(compilePattern("/held/[a-z]+"))
    assert.strictEqual(Result.getOrThrow(compilePattern("/held/[a-z]+")), held)
  })

  it("time is linear: the expression that hangs a backtracking engine answers", () => {
    const start = performance.now()
    assert.isFalse(tests("(a+)+b", "a".repeat(20_000)))
    // A backtracking engine needs 2^20000 steps; the bound is far from both.
    assert.isBelow(performance.now() - start, 5_000)
  })
})
