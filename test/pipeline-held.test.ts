// Which versions hold an object's generation: against a slow reading of the definition, over random histories.

import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import type { ObjectKey } from "#schemas/meta.ts"
import { makeHeld } from "#src/status/held.ts"
import type { Verdict } from "#src/status/verdict.ts"

const gateways: ReadonlyArray<ObjectKey> = ["Gateway/n/a", "Gateway/n/b"]
const objects: ReadonlyArray<ObjectKey> = ["HTTPRoute/n/x", "HTTPRoute/n/y"]

interface Step {
  readonly current: ReadonlyMap<ObjectKey, string>
  readonly verdicts: ReadonlyMap<ObjectKey, Verdict>
}

const step: fc.Arbitrary<Step> = fc
  .tuple(
    fc.array(fc.tuple(fc.constantFrom(...gateways), fc.constantFrom("v1", "v2", "v3"))),
    fc.array(fc.tuple(fc.constantFrom(...objects), fc.integer({ min: 1, max: 3 }), fc.subarray([...gateways])))
  )
  .map(([versions, said]) => ({
    current: new Map(versions.map(([gateway, version]) => [gateway, `${gateway} ${version}`])),
    verdicts: new Map(
      said.map(([object, generation, parents]): [ObjectKey, Verdict] => [
        object,
        { object, generation, entries: [], upstreams: [], gateways: parents }
      ])
    )
  }))

/** By the definition: every version the Gateway had in the steps since the object's generation (and its tie to that Gateway) began, without a gap. */
const slow = (history: ReadonlyArray<Step>, object: ObjectKey, gateway: ObjectKey): ReadonlySet<string> | null => {
  const last = history.at(-1)!.verdicts.get(object)
  if (last === undefined || !last.gateways.includes(gateway) || !history.at(-1)!.current.has(gateway)) return null
  const held = new Set<string>()
  for (const { verdicts, current } of history.toReversed()) {
    const verdict = verdicts.get(object)
    if (verdict?.generation !== last.generation || !verdict.gateways.includes(gateway) || !current.has(gateway)) break
    held.add(current.get(gateway)!)
  }
  return held
}

describe("held versions", () => {
  it("are those published since the generation began, per Gateway", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        const held = makeHeld()
        steps.forEach(({ verdicts, current }, at) => {
          held.published(verdicts, current)
          for (const object of objects)
            for (const gateway of gateways) {
              const expected = slow(steps.slice(0, at + 1), object, gateway)
              assert.deepEqual(held.of(object).get(gateway) ?? null, expected)
            }
        })
      }),
      { numRuns: 500 }
    )
  })

  it("are a bounded ring: a version of long ago is unknown", () => {
    const held = makeHeld()
    const verdicts = new Map<ObjectKey, Verdict>([
      [objects[0]!, { object: objects[0]!, generation: 1, entries: [], upstreams: [], gateways: [gateways[0]!] }]
    ])
    for (let at = 0; at < 1_000; at++) held.published(verdicts, new Map([[gateways[0]!, `v${at}`]]))
    const versions = held.of(objects[0]!).get(gateways[0]!)!
    assert.isTrue(versions.has("v999"))
    assert.isFalse(versions.has("v0"))
    assert.isAtMost(versions.size, 64)
  })
})
