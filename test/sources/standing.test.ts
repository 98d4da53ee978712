// What a watch keeps of a status: who accepted an object stands in managedFields alone, where several managers may have a part each.
import { assert, it } from "vitest"
import type { GroupKind } from "#schemas/meta.ts"
import { standingOf } from "#src/sources/standing.ts"

const kind: GroupKind = "ListenerSet.gateway.networking.k8s.io"
const whole = { ".": {}, "f:status": {}, "f:reason": {}, "f:message": {}, "f:observedGeneration": {}, "f:type": {} }
const fields = (types: ReadonlyArray<string>, condition: object = whole) => ({
  "f:status": { "f:conditions": Object.fromEntries(types.map((type) => [`k:{"type":"${type}"}`, condition])) }
})
const standing = (metadata: object) =>
  standingOf(kind, "gateway.networking.k8s.io/v1", { metadata: { name: "team", namespace: "shop", ...metadata }, status: {} })?.standing

it("names whoever wrote the condition Accepted, and nobody else", () => {
  const managedFields = [
    { manager: "kubectl", operation: "Apply", fieldsV1: { "f:spec": { "f:listeners": {} } } },
    { manager: "other", operation: "Update", subresource: "status", fieldsV1: fields(["Programmed"]) },
    { manager: "sluice", operation: "Update", subresource: "status", fieldsV1: fields(["Programmed", "Accepted"]) }
  ]
  assert.deepEqual(standing({ generation: 3, managedFields })?.accepters, ["sluice"])
  assert.strictEqual(standing({ generation: 3, managedFields })?.generation, 3)
})

it("names nobody whose words another has written over, though parts of it were the same and are still the former one's", () => {
  const managedFields = [
    { manager: "sluice", fieldsV1: fields(["Accepted"], { ".": {}, "f:observedGeneration": {}, "f:type": {}, "f:status": {} }) },
    { manager: "other", fieldsV1: fields(["Accepted"], { "f:reason": {}, "f:message": {}, "f:lastTransitionTime": {} }) }
  ]
  assert.deepEqual(standing({ managedFields })?.accepters, [])
})

it("names nobody where there is nothing to read", () => {
  for (const managedFields of [
    undefined,
    null,
    "x",
    [],
    [null],
    [{ manager: "sluice" }],
    [{ manager: "sluice", fieldsV1: { "f:status": null } }]
  ])
    assert.deepEqual(standing({ managedFields })?.accepters, [])
})
