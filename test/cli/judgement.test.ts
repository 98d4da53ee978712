// What of a status is bad news, and what of it refuses.
import { assert, describe, it } from "vitest"
import { isRefused, stateOf } from "#src/cli/judgement.ts"

const condition = (type: string, status: "True" | "False" | "Unknown") => ({
  type,
  status,
  reason: "Any",
  message: "",
  observedGeneration: 1
})

const verdict = (type: string, status: "True" | "False" | "Unknown") => ({
  object: "Gateway.gateway.networking.k8s.io/shop/edge" as const,
  generation: 1,
  entries: [{ parent: null, section: null, port: null, conditions: [condition(type, status)], listener: null }],
  upstreams: [],
  gateways: []
})

describe("a condition", () => {
  it.each([
    ["Accepted", "True", "good", false],
    ["Accepted", "False", "bad", true],
    ["ResolvedRefs", "False", "bad", true],
    ["Programmed", "Unknown", "unknown", false],
    ["Programmed", "False", "bad", false],
    ["Resolved", "False", "bad", false],
    ["Conflicted", "False", "good", false],
    ["Conflicted", "True", "bad", true],
    ["PartiallyInvalid", "True", "bad", true],
    // Absent is good (Gateway API v1.6, condition reasons); what overlaps is served.
    ["OverlappingTLSConfig", "True", "bad", false]
  ] as const)("%s %s is %s, and refuses: %s", (type, status, state, refuses) => {
    assert.strictEqual(stateOf(condition(type, status)), state)
    assert.strictEqual(isRefused(verdict(type, status)), refuses)
  })
})
