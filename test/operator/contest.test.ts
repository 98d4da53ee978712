// What the operator makes, among people and controllers who want it otherwise: nothing of theirs is taken, and nobody is fought at the speed of the API server.
import { afterAll, beforeAll, expect, it } from "vitest"
import { resourceName } from "#src/operator/render/name.ts"
import type { Access } from "../cluster/access.ts"
import { onControlPlane } from "../cluster/shared.ts"
import { type OperatorProcess, startOperator, until } from "./operator.ts"

const api = "/apis/gateway.networking.k8s.io/v1"

// biome-ignore lint/suspicious/noExplicitAny: objects of any kind, looked into by tests
type Any = any

await onControlPlane("the operator among others", (plane: Access) => {
  let namespace = ""
  let gatewayClass = ""
  let operator: OperatorProcess
  const get = async (path: string): Promise<Any> => (await plane.request("GET", path)).body
  const services = () => `/api/v1/namespaces/${namespace}/services`
  const configMaps = () => `/api/v1/namespaces/${namespace}/configmaps`
  const made = (gateway: string) => resourceName(gateway, gatewayClass)
  const gateway = async (name: string) => {
    const listeners = [{ name: "http", port: 80, protocol: "HTTP" }]
    const body = {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "Gateway",
      metadata: { name },
      spec: { gatewayClassName: gatewayClass, listeners }
    }
    const answer = await plane.request("POST", `${api}/namespaces/${namespace}/gateways`, { body })
    expect(answer.status, JSON.stringify(answer.body)).toBe(201)
  }
  const programmed = async (name: string): Promise<Any> =>
    (await get(`${api}/namespaces/${namespace}/gateways/${name}`)).status?.conditions.find((one: Any) => one.type === "Programmed")

  beforeAll(async () => {
    const system = await plane.namespace("system")
    namespace = await plane.namespace("contest")
    gatewayClass = `sluice-${namespace}`
    await plane.request("POST", `${api}/gatewayclasses`, {
      body: {
        apiVersion: "gateway.networking.k8s.io/v1",
        kind: "GatewayClass",
        metadata: { name: gatewayClass },
        spec: { controllerName: "sluice.dev/gateway-controller" }
      }
    })
    operator = await startOperator(plane, system, { flags: [`--watch-namespace=${namespace}`] })
  }, 90_000)

  afterAll(async () => {
    await operator?.kill()
    await plane.request("DELETE", `${api}/gatewayclasses/${gatewayClass}`)
  })

  it("tells of a ConfigMap that has the name of its authority, for as long as it is there, and takes no Service for its label", async () => {
    await plane.request("POST", configMaps(), { body: { metadata: { name: "sluice-ca" }, data: { "ca.crt": "theirs" } } })
    const labels = { "app.kubernetes.io/managed-by": "sluice" }
    await plane.request("POST", services(), {
      body: { metadata: { name: made("labelled"), labels }, spec: { ports: [{ name: "theirs", port: 1 }] } }
    })
    await gateway("web")
    await gateway("labelled")
    await until(
      "the Deployment",
      async () => (await get(`/apis/apps/v1/namespaces/${namespace}/deployments/${made("web")}`)).spec !== undefined
    )
    await until("it is told of the ConfigMap", async () => (await programmed("web"))?.message.includes(`ConfigMap ${namespace}/sluice-ca`))
    const said = new Set<string>()
    const end = performance.now() + 1_500
    while (performance.now() < end) said.add((await programmed("web")).reason)
    expect([...said]).toEqual(["Invalid"])
    expect((await get(`${configMaps()}/sluice-ca`)).data["ca.crt"]).toBe("theirs")

    const labelled = `Service ${namespace}/${made("labelled")}`
    await until("it is told of the Service", async () => (await programmed("labelled"))?.message.includes(labelled))
    expect((await get(`${services()}/${made("labelled")}`)).spec.ports).toMatchObject([{ port: 1 }])
    await plane.request("DELETE", `${api}/namespaces/${namespace}/gateways/labelled`)

    await plane.request("DELETE", `${configMaps()}/sluice-ca`)
    // Looked at again with whatever happens to the Gateway; by itself within a minute.
    await plane.request("PATCH", `${api}/namespaces/${namespace}/gateways/web`, { body: { metadata: { annotations: { a: "b" } } } })
    await until("the ConfigMap is made", async () => (await get(`${configMaps()}/sluice-ca`)).data?.["ca.crt"].includes("CERTIFICATE"))
    await until("it is told no longer", async () => (await programmed("web")).reason === "Pending")
  }, 60_000)

  it("takes no Service that has the name of its own", async () => {
    const taken = made("api")
    await plane.request("POST", services(), { body: { metadata: { name: taken }, spec: { ports: [{ port: 1 }] } } })
    await gateway("api")
    await until("it is told", async () => (await programmed("api")).reason === "Invalid")
    expect((await programmed("api")).message).toContain(`Service ${namespace}/${taken}`)
    expect((await get(`${services()}/${taken}`)).spec.ports[0].port).toBe(1)
    await plane.request("DELETE", `${api}/namespaces/${namespace}/gateways/api`)
  })

  it("finds what it made though somebody took the label off", async () => {
    const path = `${services()}/${made("web")}`
    const { uid } = (await get(path)).metadata
    await plane.request("PATCH", path, { body: { metadata: { labels: { "app.kubernetes.io/managed-by": null } } } })
    await until("the label is there again", async () => (await get(path)).metadata.labels["app.kubernetes.io/managed-by"] === "sluice")
    expect((await get(path)).metadata.uid).toBe(uid)
  })

  it("brings back what another controller changes each time, ever more slowly", async () => {
    const path = `${services()}/${made("web")}`
    const writes = () => operator.metric("sluice_provision_writes_total", { kind: "Service" })
    const before = await writes()
    let rival = 0
    const end = performance.now() + 3_000
    while (performance.now() < end) {
      const { spec } = await get(path)
      if (spec?.ports?.[0]?.targetPort !== 9) {
        rival++
        await plane.request("PATCH", path, { body: { spec: { ports: [{ name: "tcp-80", port: 80, targetPort: 9 }] } } })
      }
    }
    expect(rival).toBeGreaterThanOrEqual(2)
    expect((await writes()) - before).toBeLessThan(6)
    await until("ours stands when it gives up", async () => (await get(path)).spec.ports[0].targetPort === 10080)
    // And one that deletes it.
    const deleted = await writes()
    const stop = performance.now() + 2_000
    while (performance.now() < stop) await plane.request("DELETE", path)
    expect((await writes()) - deleted).toBeLessThan(5)
  }, 60_000)

  it("writes a status that another controller overwrites each time ever more slowly", async () => {
    const route = { parentRefs: [{ name: "web" }] }
    const path = `${api}/namespaces/${namespace}/httproutes/cart`
    await plane.request("POST", `${api}/namespaces/${namespace}/httproutes`, {
      body: { apiVersion: "gateway.networking.k8s.io/v1", kind: "HTTPRoute", metadata: { name: "cart" }, spec: route }
    })
    await until("its status", async () => (await get(path)).status?.parents.length === 1)
    const writes = () => operator.metric("sluice_status_writes_total", { kind: "HTTPRoute" })
    const before = await writes()
    const end = performance.now() + 3_000
    while (performance.now() < end)
      if ((await get(path)).status.parents.length > 0) await plane.request("PATCH", `${path}/status`, { body: { status: { parents: [] } } })
    expect((await writes()) - before).toBeLessThan(6)
    await until("ours stands when it gives up", async () => (await get(path)).status.parents.length === 1)
  }, 60_000)
})
