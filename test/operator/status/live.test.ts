// Live facts: the worst of all pods is told, numbers of addresses wait, rotating addresses never make a write, and what went is taken away.

import { Result, Schema } from "effect"
import { assert, describe, it } from "vitest"
import { BackendStatus } from "#schemas/backendstatus.ts"
import type { ObjectKey } from "#schemas/meta.ts"
import { desiredStatus } from "#src/operator/status/desired.ts"
import { liveFacts } from "#src/operator/status/live.ts"
import { statusPatch } from "#src/operator/status/patch.ts"
import type { EndpointFacts, Report, UpstreamFacts } from "#src/report/report.ts"
import type { Verdict } from "#src/status/verdict.ts"

const decodeStatus: (status: unknown) => Result.Result<unknown, { readonly message: string }> = Schema.decodeUnknownResult(BackendStatus)
const now = Date.parse("2026-11-21T12:00:00Z")
const key: ObjectKey = "Backend.gateway.sluice.dev/shop/payments"
const gateway: ObjectKey = "Gateway.gateway.networking.k8s.io/infra/edge"

const endpoint = (over: Partial<EndpointFacts> = {}): EndpointFacts => ({
  name: "api.example:443",
  resolution: "Fresh",
  detail: "",
  addresses: 2,
  healthy: 2,
  tier: 0,
  certificate: { subject: "CN=api.example", expires: "2026-12-21T18:00:00Z" },
  sample: ["192.0.2.1", "192.0.2.2"],
  ...over
})
const facts = (over: Partial<UpstreamFacts> = {}, endpoints: ReadonlyArray<EndpointFacts> = [endpoint()]): UpstreamFacts => ({
  resolution: "Fresh",
  detail: "",
  addresses: 2,
  healthy: 2,
  tier: 0,
  certificateExpires: "2026-12-21T18:00:00Z",
  lastFailure: null,
  endpoints,
  ...over
})
const report = (proxy: string, one: UpstreamFacts): Report => ({ proxy, upstreams: new Map([["u", one]]), invalidated: new Map() })

const verdict: Verdict = {
  object: key,
  generation: 1,
  entries: [
    {
      parent: gateway,
      section: null,
      port: null,
      listener: null,
      conditions: [{ type: "Accepted", status: "True", reason: "Accepted", message: "", observedGeneration: 1 }]
    }
  ],
  upstreams: ["u"],
  gateways: [gateway]
}
const desired = (reports: ReadonlyArray<Report>, status: unknown, at = now) =>
  desiredStatus(
    key,
    verdict,
    status,
    { addresses: [], over: [], unreachable: null, features: [], version: null, live: liveFacts(["u"], reports, at) },
    { controller: "sluice.dev/gateway-controller", xbackend: "ancestors", now: new Date(at).toISOString().replace(".000", "") }
  )!
const standing = JSON.parse(JSON.stringify(desired([report("a", facts())], undefined))) as Record<string, unknown>
const worth = (reports: ReadonlyArray<Report>, at = now) => statusPatch(standing, desired(reports, standing, at))?.difference ?? "None"

describe("live facts of a Backend", () => {
  it("have the form that the CRD admits", () => {
    const decoded = decodeStatus(standing)
    assert.isTrue(Result.isSuccess(decoded), JSON.stringify(Result.isFailure(decoded) ? decoded.failure.message : ""))
    assert.deepInclude(standing["live"] as object, { proxies: 1, resolution: "Fresh", addresses: 2, healthy: 2, tier: 0 })
    assert.deepInclude((standing["live"] as { certificate: object }).certificate, { subject: "CN=api.example", daysLeft: 30 })
  })

  it("are those of the pod that fares worst", () => {
    const failed = facts(
      { resolution: "Failed", detail: "NXDOMAIN for api.example", addresses: 0, healthy: 0, lastFailure: "dns_failed" },
      [endpoint({ resolution: "Failed", detail: "NXDOMAIN for api.example", addresses: 0, healthy: 0, certificate: null, sample: [] })]
    )
    const { live, endpoints } = liveFacts(["u"], [report("a", facts()), report("b", failed)], now) as {
      live: object
      endpoints: ReadonlyArray<{ addresses: object }>
    }
    assert.deepInclude(live, {
      proxies: 2,
      resolution: "Failed",
      reason: "NXDOMAIN for api.example",
      addresses: 0,
      lastFailure: "dns_failed"
    })
    assert.notProperty(live, "passedOver")
    const passed = liveFacts(["u"], [report("a", facts({ tier: 1 })), report("b", facts({ passedOver: true }))], now)!
    assert.deepInclude(passed["live"], { tier: 1, passedOver: true })
    assert.deepInclude(endpoints[0]!.addresses, { count: 0, first: ["192.0.2.1", "192.0.2.2"] })
  })

  it("say nothing when nobody reported", () => {
    assert.isNull(liveFacts(["u"], [], now))
    assert.isNull(liveFacts(["other"], [report("a", facts())], now))
  })

  it("rotation is no write, a number can wait, a state cannot", () => {
    assert.strictEqual(worth([report("a", facts({}, [endpoint({ sample: ["198.51.100.7"] })]))]), "None")
    assert.strictEqual(worth([report("a", facts())], now + 3_600_000), "None")
    assert.strictEqual(worth([report("a", facts({ addresses: 3 }, [endpoint({ addresses: 3 })]))]), "Facts")
    assert.strictEqual(worth([report("a", facts({ addresses: 0, healthy: 0 }, [endpoint({ addresses: 0, healthy: 0 })]))]), "State")
    assert.strictEqual(worth([report("a", facts({ resolution: "Stale", detail: "SERVFAIL" }))]), "State")
    assert.strictEqual(worth([report("a", facts({ lastFailure: "connect_refused" }))]), "State")
    assert.strictEqual(worth([report("a", facts({ passedOver: true }))]), "State")
    assert.strictEqual(worth([report("a", facts())], now + 2 * 86_400_000), "Message")
  })

  it("that are over are named in the patch: a merge patch forgets nothing by itself", () => {
    const before = JSON.parse(JSON.stringify(desired([report("a", facts({ lastFailure: "connect_refused" }))], undefined))) as object
    const patch = statusPatch(before, desired([report("a", facts())], before))!
    assert.strictEqual((patch.status["live"] as Record<string, unknown>)["lastFailure"], null)
    assert.deepInclude(statusPatch(before, desired([], before))!.status, { live: null, endpoints: null })
  })
})
