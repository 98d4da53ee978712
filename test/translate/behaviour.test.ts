import { assert, describe, it } from "vitest"
import { defaultBehaviour } from "#src/snapshot/behaviour.ts"
import { mergeBehaviour, nearestByBlock } from "#src/translate/behaviour.ts"
import { behaviourOf } from "#src/translate/dialects/backendbehaviour.ts"

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

describe("blocks", () => {
  const merged = (whole: boolean, ...parts: ReadonlyArray<ReturnType<typeof behaviourOf>>) =>
    mergeBehaviour(nearestByBlock(parts.map((part) => ({ source: policy, part, ...(whole ? { whole } : {}) })))).behaviour
  const keptAlive = behaviourOf({ connections: { keepAliveIdle: 60_000, tcpKeepalive: { idleTime: 9_000 } } })

  it("that lie together and are told apart leave each other alone", () => {
    const written = behaviourOf({ connections: { maxConnections: 10 }, circuitBreaker: { maxParallelRequests: 50 } })
    const { limits, timeouts, tcpKeepalive } = merged(false, written, keptAlive)
    assert.deepInclude(limits, { maxConnections: 10, maxRequests: 50 })
    assert.strictEqual(timeouts.keepAliveIdle, 60_000)
    assert.strictEqual(tcpKeepalive?.idle, 9_000)
    assert.deepEqual(behaviourOf({ connections: {}, circuitBreaker: {}, failover: { statusCodes: [] } }), {})
  })

  it("of Envoy's words are whole: the nearest that has one counts alone", () => {
    const [far, near] = [{ limits: { maxConnections: 1 } }, { limits: { maxRequests: 50 } }]
    assert.deepEqual(merged(true, far, near).limits, { ...defaultBehaviour.limits, maxRequests: 50 })
    assert.deepInclude(merged(false, far, near).limits, { maxConnections: 1, maxRequests: 50 })
  })
})
