// Which transitions become Events: each once, with the status that was written, and no more than people want to know.
import { assert, describe, it } from "vitest"
import { makeServiceTransitions } from "#src/operator/resolution.ts"
import { eventsOf, makeTransitions, resolutionTold } from "#src/operator/transitions.ts"

const ours = "sluice.dev/gateway-controller"
const condition = (type: string, status: string, reason: string, message = "because") => ({ type, status, reason, message })
const programmed = (before: readonly [string, string] | null, after: readonly [string, string]) =>
  eventsOf(
    {
      key: "Gateway.gateway.networking.k8s.io/infra/edge",
      apiVersion: "gateway.networking.k8s.io/v1",
      uid: "u",
      before: { conditions: before === null ? [] : [condition("Programmed", ...before)] },
      after: { conditions: [condition("Programmed", ...after)] }
    },
    ours
  ).map((one) => `${one.type} ${one.reason}`)
const resolved = (before: string | null, after: string, controllerName = ours) => {
  const parents = (reason: string | null) => [
    { controllerName: "example.com/other", conditions: [condition("Resolved", "False", "Failed")] },
    { controllerName, conditions: reason === null ? [] : [condition("Resolved", "x", reason)] }
  ]
  return eventsOf(
    {
      key: "HTTPRoute.gateway.networking.k8s.io/shop/cart",
      apiVersion: "gateway.networking.k8s.io/v1",
      uid: "u",
      before: { parents: parents(before) },
      after: { parents: parents(after) }
    },
    ours
  ).map((one) => `${one.regarding.kind} ${one.type} ${one.reason}`)
}

describe("Events", () => {
  it("tell when a Gateway is programmed, and when it is no more", () => {
    assert.deepEqual(programmed(["Unknown", "Pending"], ["True", "Programmed"]), ["Normal Programmed"])
    assert.deepEqual(programmed(["True", "Programmed"], ["False", "Pending"]), ["Warning NotProgrammed"])
    assert.deepEqual(programmed(["False", "Pending"], ["False", "AddressNotAssigned"]), ["Warning NotProgrammed"])
  })

  it("do not tell what has not changed, nor that a new Gateway is not ready yet", () => {
    assert.deepEqual(programmed(["True", "Programmed"], ["True", "Programmed"]), [])
    assert.deepEqual(programmed(null, ["Unknown", "Pending"]), [])
  })

  it("tell when names stop resolving, are refused, and are back; by our entries alone", () => {
    assert.deepEqual(resolved("Fresh", "Failed"), ["HTTPRoute Warning ResolutionFailed"])
    assert.deepEqual(resolved("Pending", "Refused"), ["HTTPRoute Warning ResolutionRefused"])
    assert.deepEqual(resolved("Failed", "Fresh"), ["HTTPRoute Normal ResolutionRecovered"])
    assert.deepEqual(resolved("Failed", "Failed"), [])
    assert.deepEqual(resolved("Fresh", "Failed", "example.com/third"), [])
  })

  it("tell that a name is back also where it was looked up anew meanwhile, as when a policy opens its address", () => {
    const tell = makeTransitions(ours)
    const ancestors = (reason: string | null) => ({
      ancestors: [{ controllerName: ours, conditions: reason === null ? [] : [condition("Resolved", "x", reason)] }]
    })
    const step = (before: string | null, after: string | null) =>
      tell({
        ...{ key: "Backend.gateway.sluice.dev/shop/intranet", apiVersion: "gateway.sluice.dev/v1alpha1", uid: "u" },
        ...{ before: ancestors(before), after: ancestors(after) }
      }).map(({ reason }) => reason)
    assert.deepEqual(step(null, "Refused"), ["ResolutionRefused"])
    assert.deepEqual(step("Refused", null), [])
    assert.deepEqual(step(null, "Pending"), [])
    assert.deepEqual(step("Pending", "Fresh"), ["ResolutionRecovered"])
    assert.deepEqual(step("Fresh", "Pending"), [])
    assert.deepEqual(step("Pending", "Fresh"), [])
    assert.deepEqual([...step("Fresh", "Failed"), ...step("Failed", "Pending"), ...step("Pending", "Failed")], ["ResolutionFailed"])
  })

  it("the same of an ExternalName Service", () => {
    const gateway = "Gateway.gateway.networking.k8s.io/infra/edge"
    const services = makeServiceTransitions()
    const step = (state: "Fresh" | "Pending" | "Failed") =>
      services.note(gateway, new Map([["Service/shop/api" as const, { state, detail: "" }]])).map(([, { reason }]) => reason)
    assert.deepEqual(
      [...step("Failed"), ...step("Pending"), ...step("Fresh"), ...step("Pending"), ...step("Fresh")],
      [...["ResolutionFailed", "ResolutionRecovered"]]
    )
  })

  it("tell when every address of a backend is out, and when one is back; not that all is well from the start", () => {
    const ancestors = (reason: string | null) => ({
      ancestors: [
        { controllerName: "example.com/other", conditions: [condition("Healthy", "False", "Unhealthy")] },
        { controllerName: ours, conditions: [condition("Healthy", "x", "Healthy")] },
        { controllerName: ours, conditions: reason === null ? [] : [condition("Healthy", "x", reason, "3 errors")] }
      ]
    })
    const step = (before: string | null, after: string | null) =>
      eventsOf(
        {
          ...{ key: "Backend.gateway.sluice.dev/shop/search", apiVersion: "gateway.sluice.dev/v1alpha1", uid: "u" },
          ...{ before: ancestors(before), after: ancestors(after) }
        },
        ours
      ).map(({ type, reason, note }) => `${type} ${reason}: ${note}`)
    assert.deepEqual(step("Healthy", "Unhealthy"), ["Warning Unhealthy: 3 errors"])
    assert.deepEqual(step(null, "Unhealthy"), ["Warning Unhealthy: 3 errors"])
    assert.deepEqual(step("Unhealthy", "Healthy"), ["Normal HealthRecovered: because"])
    assert.deepEqual([...step(null, "Healthy"), ...step("Unhealthy", "Unhealthy")], [])
  })

  it("tell that mode Report would refuse, once however the entries grow, and that it would nothing more", () => {
    const status = (reason: string | null) => ({
      conditions: reason === null ? [] : [condition("WouldRefuse", "x", reason, `${reason}!`)]
    })
    const step = (before: string | null, after: string | null) =>
      eventsOf(
        {
          ...{ key: "EgressPolicy.gateway.sluice.dev//vendors", apiVersion: "gateway.sluice.dev/v1alpha1", uid: "u" },
          ...{ before: status(before), after: status(after) }
        },
        ours
      ).map(({ regarding, type, reason, action, note }) => `${regarding.kind} ${regarding.name} ${action} ${type} ${reason}: ${note}`)
    assert.deepEqual(step(null, "NotListed"), ["EgressPolicy vendors Judge Warning WouldRefuse: NotListed!"])
    assert.deepEqual(step("AllListed", "NotListed"), ["EgressPolicy vendors Judge Warning WouldRefuse: NotListed!"])
    assert.deepEqual(step("NotListed", "AllListed"), ["EgressPolicy vendors Judge Normal AllListed: AllListed!"])
    // In mode Enforce nothing is tried any more: what is refused then, Accepted counts.
    assert.deepEqual([...step("NotListed", "NotListed"), ...step(null, "AllListed"), ...step("NotListed", null)], [])
  })

  it("tell which tier takes a backend's requests when that changes, and what none can", () => {
    const status = (live: object | null) => ({
      ancestors: [{ controllerName: ours, conditions: [condition("Resolved", "True", "Fresh")] }],
      ...(live === null ? {} : { live })
    })
    const step = (before: object | null, after: object) =>
      eventsOf(
        {
          ...{ key: "Backend.gateway.sluice.dev/shop/search", apiVersion: "gateway.sluice.dev/v1alpha1", uid: "u" },
          ...{ before: status(before), after: status(after) }
        },
        ours
      ).map(({ type, reason, note }) => `${type} ${reason}: ${note}`)
    assert.deepEqual(step({ tier: 0 }, { tier: 2, lastFailure: "connect_refused" }), [
      "Warning FailedOver: tier 2 takes the requests that tier 0 cannot serve (last failure: connect_refused)"
    ])
    assert.deepEqual(step(null, { tier: 1 }), ["Warning FailedOver: tier 1 takes the requests that tier 0 cannot serve"])
    assert.deepEqual(step({ tier: 1 }, { tier: 0, passedOver: true }), [
      "Warning FailedOver: no tier can serve: requests go to what stands behind it, if anything does"
    ])
    assert.deepEqual(step({ tier: 0, passedOver: true }, { tier: 1 }), ["Normal FailedBack: tier 1 takes the requests again"])
    assert.deepEqual(step({ tier: 1 }, { tier: 0, lastFailure: "tls_expired" }), ["Normal FailedBack: tier 0 takes the requests again"])
    const quiet = [step(null, { tier: 0 }), step({ tier: 1, healthy: 2 }, { tier: 1, healthy: 1 }), step({ tier: 0 }, { tier: 0 })]
    assert.deepEqual(quiet.flat(), [])
  })

  it("tell that a tier has its requests back also where no proxy told of the backend meanwhile", () => {
    const tell = makeTransitions(ours)
    const status = (live: object | null, reached = true) => ({
      ancestors: reached ? [{ controllerName: ours, conditions: [condition("Resolved", "True", "Fresh")] }] : [],
      ...(live === null ? {} : { live })
    })
    const step = (before: ReturnType<typeof status>, after: ReturnType<typeof status>) =>
      tell({
        ...{ key: "Backend.gateway.sluice.dev/shop/search", apiVersion: "gateway.sluice.dev/v1alpha1", uid: "u" },
        ...{ before, after }
      }).map(({ reason, note }) => `${reason}: ${note}`)
    const [out, gap, back] = [status({ tier: 1 }), status(null), status({ tier: 0 })]
    assert.deepEqual(step(out, gap), [])
    assert.deepEqual(step(gap, gap), [])
    assert.deepEqual(step(gap, back), ["FailedBack: tier 0 takes the requests again"])
    // Once.
    assert.deepEqual([...step(back, gap), ...step(gap, back)], [])
    // It is still out: nothing has changed.
    assert.deepEqual([...step(out, gap), ...step(gap, out)], [])
    // Nobody reaches it any more: what comes later begins anew.
    assert.deepEqual([...step(out, gap), ...step(gap, status(null, false)), ...step(gap, back)], [])
  })

  it("a first good answer is no news", () => {
    assert.isNull(resolutionTold(null, { state: "Fresh", detail: "" }))
    assert.isNull(resolutionTold("Pending", { state: "Fresh", detail: "" }))
    assert.strictEqual(resolutionTold(null, { state: "Failed", detail: "NXDOMAIN" })?.note, "NXDOMAIN")
  })
})
