// A patch comes from outside and is no schema's: a key that is no field of anything is refused by name, in every depth.
import { assert, it } from "@effect/vitest"
import { PatchProblem, strategicMerge } from "#src/operator/render/patch.ts"

it("refuses __proto__ as a field, and pollutes nothing", () => {
  const container = '{"spec":{"containers":[{"name":"proxy","env":[{"name":"A","__proto__":{"value":"x"}}]}]}}'
  for (const [patch, at] of [
    ['{"__proto__":{"spec":{}}}', "spec.pod.patch.__proto__"],
    [container, "spec.pod.patch.spec.containers[0].env[0].__proto__"]
  ] as const) {
    let told: unknown
    try {
      strategicMerge({ spec: { containers: [{ name: "proxy" }] } }, JSON.parse(patch))
    } catch (error) {
      told = error
    }
    assert.instanceOf(told, PatchProblem)
    assert.strictEqual((told as PatchProblem).message, `${at}: no field has this name`)
  }
})
