// Which versions hold a Gateway's generation: against a slow reading of the definition, over random histories.

import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import type { ObjectKey } from "#schemas/meta.ts"
import { makeHeld, type Publication } from "#src/status/held.ts"

const gateways: ReadonlyArray<ObjectKey> = ["Gateway/n/a", "Gateway/n/b"]
const generations = [1, 2, 3]

type Step = ReadonlyMap<ObjectKey, Publication>

const step: fc.Arbitrary<Step> = fc
  .array(fc.tuple(fc.constantFrom(...gateways), fc.constantFrom("v1", "v2", "v3"), fc.constantFrom(...generations)))
  .map((said) => new Map(said.map(([gateway, version, generation]) => [gateway, { version, generation }])))

/** By the definition: every version the Gateway had in the steps since its generation began, without a gap. */
const slow = (history: ReadonlyArray<Step>, gateway: ObjectKey, generation: number): ReadonlySet<string> => {
  const held = new Set<string>()
  for (const published of history.toReversed()) {
    const one = published.get(gateway)
    if (one?.generation !== generation) break
    held.add(one.version)
  }
  return held
}

describe("held versions", () => {
  it("are those published since the generation began, and none of a generation that was not published", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        const held = makeHeld()
        steps.forEach((published, at) => {
          held.published(published)
          for (const gateway of gateways)
            for (const generation of generations)
              assert.deepEqual(held.of(gateway, generation), slow(steps.slice(0, at + 1), gateway, generation))
        })
      }),
      { numRuns: 500 }
    )
  })

  it("are bounded: a version of long ago is unknown, unless it came again", () => {
    const held = makeHeld()
    const publish = (version: string) => held.published(new Map([[gateways[0]!, { version, generation: 1 }]]))
    for (let at = 0; at < 1_000; at++) publish(`v${at}`)
    publish("v950")
    for (let at = 1_000; at < 1_063; at++) publish(`v${at}`)
    const versions = held.of(gateways[0]!, 1)
    assert.isTrue(versions.has("v1062"))
    assert.isTrue(versions.has("v950"))
    assert.isFalse(versions.has("v0"))
    assert.isFalse(versions.has("v999"))
    assert.strictEqual(versions.size, 64)
  })
})
