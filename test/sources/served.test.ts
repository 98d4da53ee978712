// An object of the API server as it enters: decoded as a manifest would be, without what is kept of it for kubectl alone.
import { Result } from "effect"
import { assert, describe, it } from "vitest"
import { kindOf } from "#schemas/kinds.ts"
import type { Secret } from "#schemas/secret.ts"
import { type Sealed, seal } from "#src/snapshot/secret.ts"
import { decodeServed, sightedOf } from "#src/sources/served.ts"
import { digestKey } from "./follow.ts"

const entry = kindOf("Secret")!
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"
// Items of a list do not say what they are.
const raw = (annotations: object) => ({
  metadata: { name: "tls", namespace: "shop", resourceVersion: "7", annotations },
  data: { a: Buffer.from("hunter2").toString("base64") }
})

describe("an object of the API server", () => {
  it("is kept without what kubectl remembers in it: it is as long as the object, and of a Secret its bytes", () => {
    const { meta } = decodeServed(entry, "v1", digestKey, raw({ [lastApplied]: "hunter2", mine: "yes" }))!
    assert.deepEqual([...meta.annotations], [["mine", "yes"]])
    assert.deepEqual([...decodeServed(entry, "v1", digestKey, raw({ mine: "yes" }))!.meta.annotations], [["mine", "yes"]])
  })

  it("that is a Secret enters sealed", () => {
    const { value } = decodeServed(entry, "v1", digestKey, raw({}))!
    const { data } = Result.getOrThrow(value) as Secret<Sealed>
    assert.strictEqual(data.get("a")!.digest, seal(digestKey, Buffer.from("hunter2")).digest)
  })

  it("without a name is none, and neither is what is no object", () => {
    for (const one of [null, "x", {}, { metadata: {} }]) {
      assert.isNull(decodeServed(entry, "v1", digestKey, one))
      assert.isNull(sightedOf(entry, one))
    }
  })
})
