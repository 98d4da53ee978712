import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { queryValue } from "#src/routing/query.ts"

describe("query parameters (Gateway API v1.6, HTTPRouteRule.matches)", () => {
  it.each([
    ["animal=whale", "animal", "whale"],
    ["color=blue&animal=whale", "animal", "whale"],
    ["animal=whale&animal=dolphin", "animal", "whale"],
    ["ANIMAL=whale", "animal", null],
    ["animal=Whale", "animal", "Whale"],
    ["animals=whale", "animal", null],
    ["xanimal=whale", "animal", null],
    ["animal", "animal", ""],
    ["animal=", "animal", ""],
    ["animal&color=blue", "animal", ""],
    ["animal=a=b", "animal", "a=b"],
    ["&&animal=whale", "animal", "whale"],
    ["a=1;animal=whale", "animal", null],
    ["x=animal=whale", "animal", null],
    ["animal=blue%20whale", "animal", "blue whale"],
    ["animal=blue+whale", "animal", "blue whale"],
    ["animal=a%2Bb", "animal", "a+b"],
    ["animal=caf%C3%A9", "animal", "caf\u00e9"],
    ["%61nimal=whale", "animal", "whale"],
    ["%61nimal=whale&animal=dolphin", "animal", "whale"],
    ["animal=100%", "animal", "100%"],
    ["animal=%zz", "animal", "%zz"],
    ["a+b=1", "a b", "1"],
    ["a+b=1", "a+b", null],
    ["a%2Bb=1", "a+b", "1"],
    ["", "animal", null],
    ["=x", "animal", null],
    ["__proto__=1", "__proto__", "1"],
    ["a=1", "__proto__", null]
  ] as const)("of %j, %s is %j", (query, name, value) => {
    assert.strictEqual(queryValue(query, name), value)
  })

  it("property: agrees with the URL standard on the first value of a well-formed query", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", " ", "+", "%", "&", "=", "\u00e9", "/"), minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { maxLength: 5 }), text, (pairs, name) => {
        const parameters = new URLSearchParams(pairs as Array<[string, string]>)
        assert.strictEqual(queryValue(parameters.toString(), name), parameters.get(name))
        const escaped = pairs.map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`).join("&")
        assert.strictEqual(queryValue(escaped, name), parameters.get(name))
      })
    )
  })
})
