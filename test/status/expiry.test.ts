// A certificate that is over is said to be over, by time alone, and nothing else of the verdict changes.
import { describe, expect, it } from "vitest"
import { listener, listenerNote, observed } from "#src/status/conditions.ts"
import { nextExpiry, verdictAt } from "#src/status/expiry.ts"
import type { Verdict } from "#src/status/verdict.ts"

const certificates = [
  { of: "Secret infra/$&", expires: "2026-03-01T00:00:00Z" },
  { of: "Secret infra/b", expires: "2026-04-01T00:00:00Z" }
]
const said = [
  observed(3, listener.accepted),
  observed(3, listener.resolvedRefsWith(certificates.map(({ of, expires }) => listenerNote.certificate.expires(of, expires))))
]
const entry = { parent: null, port: null } as const
const verdict: Verdict = {
  object: "Gateway.gateway.networking.k8s.io/infra/edge",
  generation: 3,
  entries: [
    { ...entry, section: null, conditions: [said[0]!], listener: null },
    { ...entry, section: "https", conditions: said, listener: { attachedRoutes: 0, supportedKinds: [], served: true, certificates } }
  ],
  upstreams: [],
  gateways: []
}
const [march, april] = certificates.map(({ expires }) => Date.parse(expires)) as [number, number]
const messageAt = (now: number): string | undefined => verdictAt(verdict, now).entries[1]!.conditions[1]?.message

describe("expiry", () => {
  it("changes nothing while every certificate is valid", () => expect(verdictAt(verdict, march - 1)).toBe(verdict))

  it("says of each that is over when that was and what to do, and leaves the others", () => {
    expect(messageAt(march)).toBe(
      "All references resolve. The certificate of Secret infra/$& expired at 2026-03-01T00:00:00Z: clients refuse it, renew it. The certificate of Secret infra/b is valid until 2026-04-01T00:00:00Z"
    )
    expect(messageAt(april)).not.toContain("valid until")
    expect(verdictAt(verdict, april).entries[1]!.conditions.map(({ status, reason }) => `${status} ${reason}`)).toEqual([
      "True Accepted",
      "True ResolvedRefs"
    ])
    expect(verdictAt(verdict, april).entries[0]).toBe(verdict.entries[0])
  })

  it("knows when the next one is", () => {
    expect([march - 1, march, april].map((now) => nextExpiry(verdict, now))).toEqual([march, april, Number.POSITIVE_INFINITY])
  })
})
