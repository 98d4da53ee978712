// A Gateway that goes from one class of ours to another: what serves goes when what comes serves, never before.
import { afterAll, assert, beforeAll, describe, expect, it } from "vitest"
import { resourceName } from "#src/operator/render/name.ts"
import { succeeds } from "#src/operator/succession.ts"
import type { Access } from "../cluster/access.ts"
import { onControlPlane } from "../cluster/shared.ts"
import { type OperatorProcess, startOperator, until } from "./operator.ts"

const deployment = (generation: number, observedGeneration: number, availableReplicas: number, replicas = 2) => ({
  metadata: { generation },
  spec: { replicas },
  status: { observedGeneration, availableReplicas }
})
const balancer = (...ips: ReadonlyArray<string>) => ({
  spec: { type: "LoadBalancer" },
  status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } }
})

describe("what comes", () => {
  it("succeeds when all its pods can serve, by a word about the Deployment as it is written", () => {
    const comes = (of: object | null) => succeeds({ deployment: of as never, service: null }, null, [])
    assert.isFalse(comes(null))
    assert.isFalse(comes({ metadata: { generation: 1 }, spec: { replicas: 2 } }))
    assert.isFalse(comes(deployment(1, 1, 1)))
    assert.isFalse(comes(deployment(2, 1, 2)))
    assert.isTrue(comes(deployment(2, 2, 2)))
    assert.isTrue(comes(deployment(1, 1, 0, 0)))
  })

  it("has an address for clients where they had one, unless it asks for just that one", () => {
    const ready = deployment(1, 1, 2)
    const comes = (service: object | null, goes: object | null, asked: ReadonlyArray<string> = []) =>
      succeeds({ deployment: ready, service: service as never }, goes as never, asked)
    assert.isFalse(comes(balancer(), balancer("192.0.2.1")))
    assert.isTrue(comes(balancer("192.0.2.2"), balancer("192.0.2.1")))
    // Nobody gives addresses here.
    assert.isTrue(comes(balancer(), balancer()))
    assert.isTrue(comes(balancer(), balancer("192.0.2.1"), ["192.0.2.1"]))
  })
})

const api = "/apis/gateway.networking.k8s.io/v1"

await onControlPlane("a Gateway between two classes", (plane: Access) => {
  let namespace = ""
  let operator: OperatorProcess
  const classOf = (color: string) => `sluice-${color}-${namespace}`
  const place = (color: string, kind = "apps/v1/deployments") => {
    const [path, plural] = kind === "services" ? ["/api/v1", kind] : ["/apis/apps/v1", "deployments"]
    return `${path}/namespaces/${namespace}/${plural}/${resourceName("web", classOf(color))}`
  }
  const stands = async (color: string) => {
    const answers = await Promise.all([plane.request("GET", place(color)), plane.request("GET", place(color, "services"))])
    return answers.map(({ status }) => status).join(" ")
  }
  /** No kubelet is here: its word about so many pods of that class. */
  const ready = async (color: string, count: number) => {
    const selector = `labelSelector=gateway.networking.k8s.io/gateway-class-name=${classOf(color)}`
    const pods = async () => (await plane.request("GET", `/api/v1/namespaces/${namespace}/pods?${selector}`)).body.items
    await until("its pods are made", async () => (await pods()).length === 2)
    const status = { phase: "Running", conditions: [{ type: "Ready", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" }] }
    for (const pod of (await pods()).slice(0, count))
      await plane.request("PATCH", `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}/status`, { body: { status } })
    await until("the Deployment says so", async () => (await plane.request("GET", place(color))).body.status.availableReplicas === count)
  }
  const address = (color: string, ip: string) =>
    plane.request("PATCH", `${place(color, "services")}/status`, { body: { status: { loadBalancer: { ingress: [{ ip }] } } } })

  beforeAll(async () => {
    const system = await plane.namespace("system")
    namespace = await plane.namespace("succession")
    for (const color of ["blue", "green"])
      await plane.request("POST", `${api}/gatewayclasses`, {
        body: {
          apiVersion: "gateway.networking.k8s.io/v1",
          kind: "GatewayClass",
          metadata: { name: classOf(color) },
          spec: { controllerName: "sluice.dev/gateway-controller" }
        }
      })
    operator = await startOperator(plane, system, { flags: [`--watch-namespace=${namespace}`] })
  }, 90_000)

  afterAll(async () => {
    await operator?.kill()
    for (const color of ["blue", "green"]) await plane.request("DELETE", `${api}/gatewayclasses/${classOf(color)}`)
  })

  const gatewayOf = (name: string, color: string) =>
    plane.request("POST", `${api}/namespaces/${namespace}/gateways`, {
      body: {
        apiVersion: "gateway.networking.k8s.io/v1",
        kind: "Gateway",
        metadata: { name },
        spec: { gatewayClassName: classOf(color), listeners: [{ name: "http", port: 80, protocol: "HTTP" }] }
      }
    })
  const turn = (name: string, gatewayClassName: string) =>
    plane.request("PATCH", `${api}/namespaces/${namespace}/gateways/${name}`, { body: { spec: { gatewayClassName } } })

  it("keeps the pods and the address of the class it was of until those of the class it is of serve", async () => {
    const made = await gatewayOf("web", "blue")
    expect(made.status, JSON.stringify(made.body)).toBe(201)
    await until("blue stands", async () => (await stands("blue")) === "200 200")
    await address("blue", "198.51.100.1")
    await turn("web", classOf("green"))
    await until("green stands", async () => (await stands("green")) === "200 200")

    const listen = async (...ports: ReadonlyArray<number>) => {
      const listeners = ports.map((port) => ({ name: `p${port}`, port, protocol: "HTTP" }))
      await plane.request("PATCH", `${api}/namespaces/${namespace}/gateways/web`, { body: { spec: { listeners } } })
      await until(`the Service has ${ports}`, async () => {
        const { body } = await plane.request("GET", place("green", "services"))
        return body.spec.ports.length === ports.length
      })
    }
    /** Two turns of the operator over the Gateway later: what the first was to take is gone when the second has begun. */
    const seen = async (what: string) => {
      await listen(80, 8080)
      await listen(80)
      expect(await stands("blue"), what).toBe("200 200")
    }
    await seen("no pod is ready")
    await ready("green", 1)
    await seen("one of two pods is ready")
    await ready("green", 2)
    await seen("all pods are ready, and have no address")
    await address("green", "198.51.100.2")
    await until("blue is gone", async () => (await stands("blue")) === "404 404")
    expect(await stands("green")).toBe("200 200")
  }, 60_000)

  it("gives up at once what it made for a Gateway that names somebody else's class", async () => {
    const selector = "labelSelector=gateway.networking.k8s.io/gateway-name=other"
    const services = async () => (await plane.request("GET", `/api/v1/namespaces/${namespace}/services?${selector}`)).body.items.length
    await gatewayOf("other", "blue")
    await until("its Service", async () => (await services()) === 1)
    await turn("other", "somebody-elses")
    await until("it is gone", async () => (await services()) === 0)
  })
})
