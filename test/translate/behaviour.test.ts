import { assert, describe, it } from "vitest"
import { defaultBehaviour } from "#src/snapshot/behaviour.ts"
import { mergeBehaviour } from "#src/translate/behaviour.ts"

const backend = { kind: "Backend", namespace: "shop", name: "api", section: null }
const policy = { kind: "Policy", namespace: "shop", name: "p", section: null }

describe("layers of behaviour", () => {
  it("without layers are the defaults, and nobody set them", () => {
    assert.deepEqual(mergeBehaviour([]), { behaviour: defaultBehaviour, provenance: {} })
  })
  it("set only what they name, at any depth", () => {
    const { behaviour, provenance } = mergeBehaviour([
      { source: backend, part: { timeouts: { connect: 1 }, dns: { hold: { timeout: 2 } } } }
    ])
    assert.deepEqual(behaviour.timeouts, { ...defaultBehaviour.timeouts, connect: 1 })
    assert.deepEqual(behaviour.dns.hold, { ...defaultBehaviour.dns.hold, timeout: 2 })
    assert.strictEqual(behaviour.limits, defaultBehaviour.limits)
    assert.deepEqual(provenance, { "timeouts.connect": backend, "dns.hold.timeout": backend })
  })
  it("later ones win field by field, and are remembered", () => {
    const { behaviour, provenance } = mergeBehaviour([
      { source: backend, part: { timeouts: { connect: 1, firstByte: 9 } } },
      { source: policy, part: { timeouts: { connect: 2 }, dns: { nameservers: ["10.0.0.1:53"] } } }
    ])
    assert.strictEqual(behaviour.timeouts.connect, 2)
    assert.strictEqual(behaviour.timeouts.firstByte, 9)
    assert.deepEqual(provenance, { "timeouts.connect": policy, "timeouts.firstByte": backend, "dns.nameservers": policy })
  })
  it("saying the default is saying it: provenance tells, the value is the same", () => {
    const { behaviour, provenance } = mergeBehaviour([{ source: backend, part: { timeouts: { connect: 5_000 } } }])
    assert.strictEqual(behaviour, defaultBehaviour)
    assert.deepEqual(provenance, { "timeouts.connect": backend })
  })
  it("bring no field of their own into the vocabulary", () => {
    const part = JSON.parse('{"timeouts": {"constructor": 1, "__proto__": {"connect": 7}, "other": 2}}') as object
    assert.deepEqual(mergeBehaviour([{ source: backend, part }]).behaviour, defaultBehaviour)
  })
})
