// A ListenerSet's status in front of a real API server: no controllerName stands in it, so whose word it is only managedFields tell.
import { afterAll, beforeAll, expect, it } from "vitest"
import type { Access } from "../cluster/access.ts"
import { onControlPlane } from "../cluster/shared.ts"
import { type OperatorProcess, startOperator, until } from "./operator.ts"
import { startProxy } from "./proxy.ts"

const api = "/apis/gateway.networking.k8s.io/v1"

// biome-ignore lint/suspicious/noExplicitAny: objects of any kind, looked into by tests
type Any = any

await onControlPlane("a ListenerSet", (plane: Access) => {
  let namespace = ""
  let system = ""
  let gatewayClass = ""
  const operators: Array<OperatorProcess> = []

  const start = async () => {
    const operator = await startOperator(plane, system, { flags: [`--watch-namespace=${namespace}`] })
    operators.push(operator)
    return operator
  }
  const path = (plural: string, name: string) => `${api}/namespaces/${namespace}/${plural}/${name}`
  const apply = async (plural: string, object: Any) => {
    const body = { apiVersion: "gateway.networking.k8s.io/v1", ...object }
    const where = plural === "gatewayclasses" ? `${api}/gatewayclasses/${object.metadata.name}` : path(plural, object.metadata.name)
    const answer = await plane.request("PATCH", `${where}?fieldManager=test&force=true`, {
      contentType: "application/apply-patch+yaml",
      body
    })
    expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300)
  }
  const statusOf = async (name: string): Promise<Any> => (await plane.request("GET", path("listenersets", name))).body as Any
  const conditions = async (name: string) =>
    Object.fromEntries(((await statusOf(name)).status?.conditions ?? []).map((one: Any) => [one.type, `${one.status} ${one.reason}`]))
  const listenersOf = async (name: string): Promise<ReadonlyArray<Any>> => (await statusOf(name)).status?.listeners ?? []
  const gateway = (name: string) =>
    apply("gateways", {
      kind: "Gateway",
      metadata: { name },
      spec: {
        gatewayClassName: gatewayClass,
        allowedListeners: { namespaces: { from: "Same" } },
        listeners: [{ name: "http", port: 80, protocol: "HTTP" }]
      }
    })
  const set = (name: string, parent: string) =>
    apply("listenersets", {
      kind: "ListenerSet",
      metadata: { name },
      spec: { parentRef: { name: parent }, listeners: [{ name: "http", port: 8080, protocol: "HTTP" }] }
    })
  const accepted = (name: string) =>
    until(`${name} is accepted`, async () => (await conditions(name))["Accepted"] === "True Accepted", 60_000)
  const pending = { Accepted: "Unknown Pending", Programmed: "Unknown Pending" }
  /** Nothing is on the agenda any more: what is written after this was asked for by what comes after this. */
  const settled = () => until("nothing waits", async () => (await operators[0]!.metric("sluice_status_waiting")) === 0, 120_000)
  const takenBack = (name: string) =>
    until(
      `what is said of ${name} is taken back`,
      async () => (await conditions(name))["Accepted"] === pending.Accepted && (await listenersOf(name)).length === 0,
      60_000
    )

  beforeAll(async () => {
    system = await plane.namespace("system")
    namespace = await plane.namespace("sets")
    gatewayClass = `sluice-${namespace}`
    await apply("gatewayclasses", {
      kind: "GatewayClass",
      metadata: { name: gatewayClass },
      spec: { controllerName: "sluice.dev/gateway-controller" }
    })
    for (const name of ["here", "absent", "foreign"]) {
      await gateway(name)
      await set(name, name)
    }
    await start()
    for (const name of ["here", "absent", "foreign"]) await accepted(name)
  }, 180_000)
  afterAll(async () => {
    for (const operator of operators) await operator.stop()
  }, 60_000)

  it("is programmed when its Gateway can be reached: with an address, and pods that take what comes", async () => {
    const selector = "labelSelector=gateway.networking.k8s.io/gateway-name=here"
    const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments?${selector}`
    let made = ""
    await until(
      "the Deployment",
      async () => {
        made = ((await plane.request("GET", deployments)).body as Any).items[0]?.metadata.name ?? ""
        return made !== ""
      },
      60_000
    )
    const { child } = await startProxy(plane, { namespace, name: "here", made }, operators[0]!.linkPort)
    try {
      const programmed = async () => (await conditions("here"))["Programmed"]
      await until("the Gateway has no address", async () => (await programmed()) === "False ParentNotProgrammed", 60_000)
      await settled()
      const said = (await statusOf("here")).status.conditions.find((one: Any) => one.type === "Programmed").message
      expect(said).toBe(`Gateway ${namespace}/here is not programmed (AddressNotAssigned); see its conditions`)
      const address = { loadBalancer: { ingress: [{ ip: "198.51.100.8" }] } }
      await plane.request("PATCH", `/api/v1/namespaces/${namespace}/services/${made}/status`, { body: { status: address } })
      await until("nobody gets through yet", async () => (await programmed()) === "False Pending", 60_000)
      await settled()
      const slice = {
        metadata: {
          name: `${made}-test`,
          labels: { "kubernetes.io/service-name": made, "endpointslice.kubernetes.io/managed-by": "test" }
        },
        addressType: "IPv4",
        ports: [{ name: "tcp-80", port: 10080 }],
        endpoints: [{ addresses: ["10.244.0.9"], conditions: { ready: true } }]
      }
      const slices = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`
      expect((await plane.request("POST", slices, { body: slice })).status).toBe(201)
      await until("it is programmed", async () => (await programmed()) === "True Programmed", 60_000)
      await until(
        "its listener is",
        async () => (await listenersOf("here"))[0].conditions.some((one: Any) => one.type === "Programmed" && one.status === "True"),
        60_000
      )
    } finally {
      child.kill("SIGKILL")
    }
  }, 360_000)

  it("is as if nobody had judged it when its Gateway has gone, while the operator runs", async () => {
    expect((await listenersOf("here"))[0]).toMatchObject({ name: "http", attachedRoutes: 0 })
    await plane.request("DELETE", path("gateways", "here"))
    await takenBack("here")
    expect(await conditions("here")).toEqual(pending)
    await gateway("here")
    await accepted("here")
  }, 150_000)

  it("is so too when the Gateway went while no operator ran; what another controller wrote meanwhile is left alone", async () => {
    await operators.pop()!.stop()
    await plane.request("DELETE", path("gateways", "absent"))
    await plane.request("DELETE", path("gateways", "foreign"))
    const theirs = {
      type: "Accepted",
      status: "False",
      reason: "NotMine",
      message: "",
      observedGeneration: 1,
      lastTransitionTime: "2026-01-01T00:00:00Z"
    }
    await plane.request("PATCH", `${path("listenersets", "foreign")}/status?fieldManager=other`, {
      body: { status: { conditions: [theirs] } }
    })
    await start()
    await takenBack("absent")
    // Looked at before: in the order of the watch, both before anything is written of "here", which is written anew.
    await plane.request("PATCH", path("gateways", "here"), {
      body: { spec: { listeners: [{ name: "http", port: 81, protocol: "HTTP" }] } }
    })
    await until(
      "the operator writes on",
      async () => {
        const { status } = (await plane.request("GET", path("gateways", "here"))).body as Any
        return status?.conditions?.every((one: Any) => one.observedGeneration === 2) === true
      },
      60_000
    )
    expect((await statusOf("foreign")).status.conditions).toEqual([theirs])
  }, 240_000)
})
