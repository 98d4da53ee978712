// Law 4: Programmed is what ready proxies acknowledged, and names are spoken of only when a proxy has seen them.
import { describe, expect, it } from "vitest"
import type { Condition, ObjectKey } from "#schemas/meta.ts"
import type { Ack, Report, ResolutionState } from "#src/report/report.ts"
import { settle } from "#src/status/settle.ts"
import type { Verdict } from "#src/status/verdict.ts"

const edge: ObjectKey = "Gateway.gateway.networking.k8s.io/infra/edge"

const condition = (type: string, status: Condition["status"], reason: string): Condition => ({
  type,
  status,
  reason,
  message: "as judged",
  observedGeneration: 3
})

const listener = (section: string, served = true, accepted = condition("Accepted", "True", "Accepted")): Verdict["entries"][number] => ({
  parent: null,
  section,
  port: null,
  conditions: [accepted, condition("ResolvedRefs", "True", "ResolvedRefs")],
  listener: { attachedRoutes: 1, supportedKinds: [], served, certificates: [] }
})

const gateway = (...listeners: ReadonlyArray<Verdict["entries"][number]>): Verdict => ({
  object: edge,
  generation: 3,
  entries: [
    { parent: null, section: null, port: null, conditions: [condition("Accepted", "True", "Accepted")], listener: null },
    ...listeners
  ],
  upstreams: [],
  gateways: [edge]
})

const held = new Set(["v3", "v4"])
const ack = (proxy: string, version: string, ready = true, refused: Ack["refused"] = []): Ack => ({
  proxy,
  version,
  sequence: 1,
  ready,
  refused
})

const programmed = (verdict: Verdict, section: string | null = null): string => {
  const found = verdict.entries.find((entry) => entry.section === section)?.conditions.find((one) => one.type === "Programmed")
  return found === undefined ? "absent" : `${found.status}/${found.reason}`
}

describe("Programmed", () => {
  const verdict = gateway(listener("http"))
  const settled = (...acks: ReadonlyArray<Ack>) => settle(verdict, held, acks, [])

  it("is Unknown/Pending while no proxy has reported: check, and the first moment", () => {
    expect(programmed(settled())).toBe("Unknown/Pending")
    expect(programmed(settled(), "http")).toBe("Unknown/Pending")
  })

  it("is True when every ready proxy has acknowledged a version that holds the generation", () => {
    expect(programmed(settled(ack("a", "v3"), ack("b", "v4")))).toBe("True/Programmed")
    expect(programmed(settled(ack("a", "v3"), ack("b", "v4")), "http")).toBe("True/Programmed")
  })

  it("waits for the last ready proxy, and says how many there are", () => {
    const waiting = settled(ack("a", "v3"), ack("b", "v2"))
    expect(programmed(waiting)).toBe("False/Pending")
    expect(waiting.entries[0]!.conditions.at(-1)!.message).toContain("1 of 2")
  })

  it("does not count proxies that are not ready, nor take them for enough", () => {
    expect(programmed(settled(ack("a", "v3"), ack("b", "v2", false)))).toBe("True/Programmed")
    expect(programmed(settled(ack("b", "v3", false)))).toBe("False/Pending")
  })

  it("takes an acknowledgement of an unknown version for none", () =>
    expect(programmed(settled(ack("a", "unheard")))).toBe("False/Pending"))

  it("of one process that serves several Gateways, the acknowledgement of this one counts", () => {
    expect(programmed(settled(ack("a", "of-another"), ack("a", "v4")))).toBe("True/Programmed")
  })

  it("is False on a listener the proxy could not open, and not on its neighbour", () => {
    const two = gateway(listener("http"), listener("other"))
    const refused = [
      { table: "listeners" as const, id: "infra/edge/http", reason: "0.0.0.0:80: EADDRINUSE, another process listens there" }
    ]
    const after = settle(two, held, [ack("a", "v4", true, refused)], [])
    expect(programmed(after, "http")).toBe("False/PortUnavailable")
    expect(programmed(after, "other")).toBe("True/Programmed")
    expect(programmed(after)).toBe("True/Programmed")
  })

  it("is False on the Gateway when no listener could be opened", () => {
    const refused = [{ table: "listeners" as const, id: "infra/edge/http", reason: "the key is not one OpenSSL takes" }]
    const after = settled(ack("a", "v4", true, refused))
    expect(programmed(after)).toBe("False/Invalid")
    expect(programmed(after, "http")).toBe("False/Invalid")
  })

  it("forgets a refusal of an older version", () => {
    const refused = [{ table: "listeners" as const, id: "infra/edge/http", reason: "EADDRINUSE" }]
    expect(programmed(settle(verdict, new Set(["v4"]), [ack("a", "v3", true, refused)], []), "http")).toBe("False/Pending")
  })

  it("is False on listeners that intent refuses, whoever acknowledges, with the reason of the conflict", () => {
    const after = settle(
      gateway(listener("http"), listener("lost", false, condition("Accepted", "False", "HostnameConflict")), listener("unresolved", false)),
      held,
      [ack("a", "v4")],
      []
    )
    expect(programmed(after, "lost")).toBe("False/HostnameConflict")
    expect(programmed(after, "unresolved")).toBe("False/Invalid")
    expect(programmed(after)).toBe("True/Programmed")
  })

  it("is False/Invalid on a Gateway that is refused, or serves no listener", () => {
    expect(programmed(settle(gateway(listener("http", false)), held, [ack("a", "v4")], []))).toBe("False/Invalid")
  })

  it("carries the generation that was judged", () => {
    for (const entry of settled(ack("a", "v4")).entries) expect(entry.conditions.at(-1)!.observedGeneration).toBe(3)
  })
})

describe("Resolved", () => {
  const route: Verdict = {
    object: "HTTPRoute.gateway.networking.k8s.io/shop/cart",
    generation: 2,
    entries: [{ parent: edge, section: null, port: null, conditions: [condition("Accepted", "True", "Accepted")], listener: null }],
    upstreams: ["u1", "u2"],
    gateways: [edge]
  }
  const report = (proxy: string, states: Readonly<Record<string, ResolutionState>>): Report => ({
    proxy,
    upstreams: new Map(
      Object.entries(states).map(([id, resolution]) => [
        id,
        {
          resolution,
          detail: resolution === "Fresh" ? "" : `${resolution} for ${id}`,
          addresses: 0,
          healthy: 0,
          tier: 0,
          certificateExpires: null,
          lastFailure: null
        }
      ])
    ),
    invalidated: new Map()
  })
  const resolved = (...reports: ReadonlyArray<Report>) => {
    const found = settle(route, held, [], reports).entries[0]!.conditions.find((one) => one.type === "Resolved")
    return found === undefined ? "absent" : `${found.status}/${found.reason}: ${found.message}`
  }

  it("is not spoken of before a proxy has seen the names", () => {
    expect(resolved()).toBe("absent")
    expect(resolved(report("a", { other: "Failed" }))).toBe("absent")
    expect(settle(route, held, [], [])).toBe(route)
  })

  it("is not spoken of where there is no name to resolve", () => expect(resolved(report("a", { u1: "NotNeeded" }))).toBe("absent"))

  it("is the worst over upstreams and proxies, with the causes of that", () => {
    expect(resolved(report("a", { u1: "Fresh", u2: "Fresh" }))).toMatch(/^True\/Fresh/)
    expect(resolved(report("a", { u1: "Fresh", u2: "Stale" }))).toBe("False/Stale: Stale for u2")
    expect(resolved(report("a", { u1: "Stale" }), report("b", { u2: "Failed" }))).toBe("False/Failed: Failed for u2")
    expect(resolved(report("a", { u1: "Refused" }), report("b", { u1: "Refused", u2: "Failed" }))).toBe("False/Refused: Refused for u1")
  })

  it("says of names that resolve what the pod that fares worst sees", () => {
    const seen = (addresses: number, healthy: number, lastFailure: string | null): Report => ({
      proxy: `p${addresses}`,
      upstreams: new Map([
        ["u1", { resolution: "Fresh", detail: "", addresses, healthy, tier: 0, certificateExpires: "2026-12-21T00:00:00Z", lastFailure }]
      ]),
      invalidated: new Map()
    })
    expect(resolved(seen(3, 3, null), seen(2, 1, "connect_refused"))).toBe(
      "True/Fresh: Names resolve to 2 addresses that may be dialled; 1 healthy; certificate valid until 2026-12-21T00:00:00Z; the last connection failed (connect_refused). Nothing listens there: check the port of the backend and that the service runs"
    )
  })

  it("of a name that awaits its first answer is Unknown", () => {
    expect(resolved(report("a", { u1: "Pending" }))).toBe("Unknown/Pending: Pending for u1")
  })

  it("does not add Programmed to what is no Gateway", () => {
    expect(settle(route, held, [ack("a", "v4")], [report("a", { u1: "Fresh" })]).entries[0]!.conditions.map((one) => one.type)).toEqual([
      "Accepted",
      "Resolved"
    ])
  })
})

describe("Healthy", () => {
  const route: Verdict = {
    object: "HTTPRoute.gateway.networking.k8s.io/shop/cart",
    generation: 3,
    entries: [{ parent: edge, section: null, port: null, conditions: [condition("Accepted", "True", "Accepted")], listener: null }],
    upstreams: ["a", "b"],
    gateways: [edge]
  }
  const seen = (proxy: string, upstreams: Readonly<Record<string, readonly [addresses: number, out: number | null]>>): Report => ({
    proxy,
    invalidated: new Map(),
    upstreams: new Map(
      Object.entries(upstreams).map(([id, [addresses, out]]) => [
        id,
        {
          ...{ resolution: "NotNeeded", detail: "", addresses, healthy: addresses, tier: 0, certificateExpires: null, lastFailure: null },
          ...(out === null ? {} : { health: { out, why: out === 0 ? "" : "too many errors in a row" } })
        }
      ])
    )
  })
  const healthy = (...reports: ReadonlyArray<Report>) => {
    const found = settle(route, held, [], reports).entries[0]!.conditions.find((one) => one.type === "Healthy")
    return found === undefined ? null : `${found.status} ${found.reason}: ${found.message}`
  }

  it("is not spoken of where nothing judges, nothing was seen or nothing can be dialled", () => {
    expect(healthy()).toBeNull()
    expect(healthy(seen("p", { a: [2, null], c: [1, 1] }))).toBeNull()
    expect(healthy(seen("p", { a: [0, 0] }))).toBeNull()
  })

  it("is True while an address is in, and says how many are out", () => {
    expect(healthy(seen("p", { a: [2, 0] }))).toBe("True Healthy: 2 addresses, none is out")
    expect(healthy(seen("p", { a: [2, 0], b: [3, 2] }))).toBe("True Healthy: 2 of 3 addresses out for a while: too many errors in a row")
  })

  it("is False where the pod or the backend that fares worst has all out", () => {
    const message =
      "False Unhealthy: Every address is out (2): too many errors in a row. Requests go to them all the same unless panicThreshold is 0"
    expect(healthy(seen("p", { a: [3, 2], b: [2, 2] }), seen("q", { a: [3, 0], b: [2, 0] }))).toBe(message)
    expect(healthy(seen("q", { a: [3, 0], b: [2, 0] }), seen("p", { a: [3, 2], b: [2, 2] }))).toBe(message)
  })
})

describe("a ListenerSet", () => {
  const set = (accepted: Condition, ...listeners: ReadonlyArray<Verdict["entries"][number]>): Verdict => ({
    ...gateway(...listeners),
    object: "ListenerSet.gateway.networking.k8s.io/shop/first",
    entries: [{ parent: null, section: null, port: null, conditions: [accepted], listener: null }, ...listeners]
  })
  const yes = condition("Accepted", "True", "Accepted")

  it("is programmed by what proxies have of its Gateway, and its listeners by what they refuse of those", () => {
    const refused: Ack["refused"] = [
      { table: "listeners", id: "infra/edge/[shop/first]bad", reason: "EADDRINUSE" },
      { table: "listeners", id: "infra/edge/good", reason: "the Gateway's own of that name" }
    ]
    const settled = settle(set(yes, listener("good"), listener("bad")), held, [ack("a", "v3", true, refused)], [])
    expect([programmed(settled), programmed(settled, "good"), programmed(settled, "bad")]).toEqual([
      "True/Programmed",
      "True/Programmed",
      "False/PortUnavailable"
    ])
    expect(programmed(settle(set(yes), held, [ack("a", "v2")], []))).toBe("False/Pending")
    expect(programmed(settle(set(yes), held, [], []))).toBe("Unknown/Pending")
  })

  it("that is not accepted is not programmed, for the reason that says so", () => {
    const of = (reason: string) => programmed(settle(set(condition("Accepted", "False", reason)), held, [ack("a", "v3")], []))
    expect(["NotAllowed", "ListenersNotValid", "ParentNotAccepted"].map(of)).toEqual([
      "False/NotAllowed",
      "False/ListenersNotValid",
      "False/ParentNotProgrammed"
    ])
  })

  it("has no port where all its listeners have none, whoever says so; where none can be opened for other causes it is Invalid", () => {
    const lost = listener("lost", false, condition("Accepted", "False", "PortUnavailable"))
    const refuse = (...reasons: ReadonlyArray<readonly [string, string]>) => [
      ack(
        "a",
        "v3",
        true,
        reasons.map(([name, reason]) => ({ table: "listeners" as const, id: `infra/edge/[shop/first]${name}`, reason }))
      )
    ]
    const of = (judged: Verdict, acks: ReadonlyArray<Ack>) => programmed(settle(judged, held, acks, []))
    expect(of(set(yes, listener("a"), listener("b")), refuse(["a", "EADDRINUSE"], ["b", "EACCES"]))).toBe("False/PortUnavailable")
    expect(of(set(yes, listener("a"), lost), refuse(["a", "EADDRINUSE"]))).toBe("False/PortUnavailable")
    expect(of(set(condition("Accepted", "False", "ListenersNotValid"), lost), refuse())).toBe("False/PortUnavailable")
    expect(of(set(yes, listener("a"), listener("b")), refuse(["a", "EADDRINUSE"], ["b", "the key is not one OpenSSL takes"]))).toBe(
      "False/Invalid"
    )
    expect(of(set(yes, listener("a"), listener("b")), refuse(["a", "EADDRINUSE"]))).toBe("True/Programmed")
  })

  it("that serves keeps its Gateway programmed though no listener of the Gateway's own does", () => {
    const own = gateway(listener("http", false))
    const brought = ["infra/edge/[shop/first]a", "infra/edge/[shop/first]b"]
    const of = (...refused: ReadonlyArray<string>) => {
      const reasons = refused.map((id) => ({ table: "listeners" as const, id, reason: "EADDRINUSE" }))
      return settle({ ...own, attachedSets: 1, brought }, held, [ack("a", "v3", true, reasons)], [])
    }
    expect([programmed(of()), programmed(of(), "http")]).toEqual(["True/Programmed", "False/Invalid"])
    expect(programmed(of(brought[0]!))).toBe("True/Programmed")
    expect(of(...brought).entries[0]!.conditions.at(-1)).toMatchObject({
      status: "False",
      reason: "Invalid",
      message: "No listener could be opened: those of its ListenerSets; see the conditions of each"
    })
    expect(programmed(settle({ ...own, attachedSets: 1, brought: [] }, held, [ack("a", "v3")], []))).toBe("False/Invalid")
  })
})
