import { assert, describe, it } from "vitest"
import { selectorProblem, selects } from "#src/translate/selector.ts"

const labels = new Map([
  ["team", "pay"],
  ["env", "prod"]
])
const selector = (
  matchLabels: Readonly<Record<string, string>>,
  ...matchExpressions: ReadonlyArray<readonly [string, string, ...ReadonlyArray<string>]>
) => ({
  matchLabels: new Map(Object.entries(matchLabels)),
  matchExpressions: matchExpressions.map(([key, operator, ...values]) => ({ key, operator, values }))
})

describe("selects", () => {
  it("everything when empty", () => assert.isTrue(selects(selector({}), new Map())))
  it("by all labels and all expressions together", () => {
    assert.isTrue(selects(selector({ team: "pay" }, ["env", "In", "prod", "test"]), labels))
    assert.isFalse(selects(selector({ team: "pay" }, ["env", "In", "test"]), labels))
    assert.isFalse(selects(selector({ team: "pay", env: "test" }), labels))
  })
  it("an absent label is NotIn and DoesNotExist, and never In or Exists", () => {
    assert.isTrue(selects(selector({}, ["zone", "NotIn", "a"], ["zone", "DoesNotExist"]), labels))
    assert.isFalse(selects(selector({}, ["zone", "In", "a"]), labels))
    assert.isFalse(selects(selector({}, ["zone", "Exists"]), labels))
  })
  it("a label that is there by its value", () => {
    assert.isFalse(selects(selector({}, ["env", "NotIn", "prod"]), labels))
    assert.isTrue(selects(selector({}, ["env", "NotIn", "test"], ["env", "Exists"]), labels))
    assert.isFalse(selects(selector({}, ["env", "DoesNotExist"]), labels))
  })
})

describe("a selector with a problem selects nothing, and says what", () => {
  it.each([
    [["env", "Matches", "p.*"], "Matches"],
    [["env", "In"], "needs values"],
    [["env", "Exists", "x"], "takes no values"]
  ] as const)("%j", (expression, told) => {
    const bad = selector({}, expression)
    assert.include(selectorProblem(bad) ?? "", told)
    assert.isFalse(selects(bad, labels))
  })
})
