// The operator in front of a real API server: what `kubectl` would show, with a proxy as a process, a second controller, and people who edit what is not theirs.
import type { ChildProcess } from "node:child_process"
import { afterAll, beforeAll, expect, it } from "vitest"
import { parseAllDocuments } from "yaml"
import type { Access } from "../cluster/access.ts"
import { onControlPlane } from "../cluster/shared.ts"
import { freePorts } from "../support/port.ts"
import { type OperatorProcess, startOperator, until } from "./operator.ts"
import { startProxy } from "./proxy.ts"

const ours = "sluice.dev/gateway-controller"
const api = "/apis/gateway.networking.k8s.io/v1"

// biome-ignore lint/suspicious/noExplicitAny: objects of any kind, looked into by tests
type Any = any

await onControlPlane("the operator", (plane: Access) => {
  let namespace = ""
  let system = ""
  let gatewayClass = ""
  let admin = 0
  let operator: OperatorProcess
  const others: Array<OperatorProcess | ChildProcess> = []

  const gatewayPath = () => `${api}/namespaces/${namespace}/gateways/web`
  const routePath = (name = "cart") => `${api}/namespaces/${namespace}/httproutes/${name}`
  const deploymentPath = () => `/apis/apps/v1/namespaces/${namespace}/deployments/${made()}`
  const servicePath = () => `/api/v1/namespaces/${namespace}/services/${made()}`
  /** What is made is found by its label: its name is the operator's business. */
  let name = ""
  const made = () => name
  const get = async (path: string): Promise<Any> => (await plane.request("GET", path)).body
  /** Server-side apply of each document, as kubectl would, without its process. */
  const apply = async (text: string) => {
    for (const document of parseAllDocuments(text)) {
      const object = document.toJS() as Any
      const plural = `${object.kind.toLowerCase()}${/s$/.test(object.kind) ? (object.kind === "GatewayClass" ? "es" : "") : "s"}`
      const where = object.kind === "GatewayClass" ? "" : `/namespaces/${namespace}`
      const path = `/apis/${object.apiVersion}${where}/${plural}/${object.metadata.name}?fieldManager=test&force=true`
      const answer = await plane.request("PATCH", path, { contentType: "application/apply-patch+yaml", body: object })
      expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300)
    }
  }
  const conditions = (list: ReadonlyArray<Any> | undefined) =>
    Object.fromEntries((list ?? []).map((one) => [one.type, `${one.status} ${one.reason}`]))
  const parentsOf = async (route = "cart"): Promise<ReadonlyArray<Any>> => (await get(routePath(route))).status?.parents ?? []
  const gateway = (listeners: string, more = "") => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: ${gatewayClass}
  listeners: [${listeners}]
${more}`
  const http = "{name: http, port: 80, protocol: HTTP}"
  /** Of the kinds that are made here alone: cluster-scoped objects of other tests have statuses of this operator, too. */
  const statusWrites = async () => {
    const kinds = ["Gateway", "HTTPRoute", "Backend"].map((kind) => operator.metric("sluice_status_writes_total", { kind }))
    return (await Promise.all(kinds)).reduce((sum, one) => sum + one)
  }

  beforeAll(async () => {
    system = await plane.namespace("system")
    namespace = await plane.namespace("shop")
    gatewayClass = `sluice-${namespace}`
    ;[admin = 0] = await freePorts(1)
    operator = await startOperator(plane, system, { flags: [`--watch-namespace=${namespace}`, `--admin-address=127.0.0.1:${admin}`] })
    await apply(`
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: ${gatewayClass}}
spec: {controllerName: ${ours}}
---${gateway(http)}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart}
spec:
  parentRefs: [{name: web, sectionName: http}]
  rules: [{backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: pay}]}]
---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: pay}
spec: {protocol: HTTP, endpoints: [{fqdn: {hostname: pay.invalid, port: 8080}}]}`)
  }, 90_000)

  afterAll(async () => {
    if (operator !== undefined && !(await operator.ready().catch(() => false))) process.stderr.write(operator.log())
    for (const one of others) one.kill("SIGKILL" as never)
    await operator?.kill()
    await plane.request("DELETE", `${api}/gatewayclasses/${gatewayClass}`)
  })

  it("says what the specification wants of class, Gateway, listener and route", async () => {
    await until("the Gateway has its status", async () => (await get(gatewayPath())).status?.listeners?.[0]?.attachedRoutes === 1)
    const { status } = await get(gatewayPath())
    expect(conditions(status.conditions)).toEqual({ Accepted: "True Accepted", Programmed: "Unknown Pending" })
    expect(status.listeners).toMatchObject([
      {
        name: "http",
        attachedRoutes: 1,
        supportedKinds: ["HTTPRoute", "GRPCRoute"].map((kind) => ({ group: "gateway.networking.k8s.io", kind }))
      }
    ])
    expect(conditions(status.listeners[0].conditions)).toEqual({
      Accepted: "True Accepted",
      ResolvedRefs: "True ResolvedRefs",
      Conflicted: "False NoConflicts",
      Programmed: "Unknown Pending"
    })
    await until("the route has its status", async () => (await parentsOf()).length === 1)
    expect(await parentsOf()).toMatchObject([
      {
        controllerName: ours,
        parentRef: { group: "gateway.networking.k8s.io", kind: "Gateway", namespace, name: "web", sectionName: "http" }
      }
    ])
    expect(conditions((await parentsOf())[0].conditions)).toEqual({ Accepted: "True Accepted", ResolvedRefs: "True ResolvedRefs" })
    const classStatus = async () => (await get(`${api}/gatewayclasses/${gatewayClass}`)).status
    // The CRDs that it tells of are read first.
    await until("the class has its version", async () => "SupportedVersion" in conditions((await classStatus())?.conditions ?? []))
    const seen = await classStatus()
    expect(conditions(seen.conditions)).toEqual({ Accepted: "True Accepted", SupportedVersion: "True SupportedVersion" })
    const features = seen.supportedFeatures.map((one: Any) => one.name)
    expect(features).toEqual([...features].sort())
  })

  it("makes pods and what goes with them, owned by the Gateway", async () => {
    const selector = `labelSelector=gateway.networking.k8s.io/gateway-name=web`
    await until("the Deployment", async () => {
      name = (await get(`/apis/apps/v1/namespaces/${namespace}/deployments?${selector}`)).items[0]?.metadata.name ?? ""
      return name !== ""
    })
    const { uid } = (await get(gatewayPath())).metadata
    for (const [path, kind] of [
      ["/api/v1", "serviceaccounts"],
      ["/api/v1", "services"],
      ["/apis/apps/v1", "deployments"],
      ["/apis/policy/v1", "poddisruptionbudgets"],
      ["/apis/networking.k8s.io/v1", "networkpolicies"]
    ]) {
      const items = (await get(`${path}/namespaces/${namespace}/${kind}?${selector}`)).items
      expect(items, kind).toHaveLength(1)
      expect(items[0].metadata.ownerReferences).toMatchObject([{ kind: "Gateway", name: "web", uid, controller: true }])
    }
    expect((await get(`/api/v1/namespaces/${namespace}/serviceaccounts/${made()}`)).automountServiceAccountToken).toBe(false)
    expect((await get(`/api/v1/namespaces/${namespace}/configmaps/sluice-ca`)).data["ca.crt"]).toContain("BEGIN CERTIFICATE")
  })

  it("is Programmed when a proxy has taken it up and there is an address, and tells what that proxy sees", async () => {
    const { child } = await startProxy(plane, { namespace, name: "web", made: made() }, operator.linkPort)
    others.push(child)
    const programmed = async () => (await get(gatewayPath())).status.conditions.find((one: Any) => one.type === "Programmed")
    await until("the proxy has acknowledged", async () => (await programmed()).reason === "AddressNotAssigned", 30_000)
    expect((await programmed()).status).toBe("False")
    const address = { loadBalancer: { ingress: [{ ip: "198.51.100.7" }] } }
    await plane.request("PATCH", `${servicePath()}/status`, { body: { status: address } })
    await until("nobody gets through yet", async () => /no ready endpoint/.test((await programmed()).message))
    expect(await programmed()).toMatchObject({ status: "False", reason: "Pending" })
    // No kubelet makes a pod ready here: its word in the slice, as the controller would write it.
    const slice = {
      metadata: {
        name: `${made()}-test`,
        labels: { "kubernetes.io/service-name": made(), "endpointslice.kubernetes.io/managed-by": "test" }
      },
      addressType: "IPv4",
      ports: [{ name: "tcp-80", port: 10080 }],
      endpoints: [{ addresses: ["10.244.0.9"], conditions: { ready: false } }]
    }
    const slices = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`
    expect((await plane.request("POST", slices, { body: slice })).status).toBe(201)
    const ready = { endpoints: [{ addresses: ["10.244.0.9"], conditions: { ready: true } }] }
    await plane.request("PATCH", `${slices}/${slice.metadata.name}`, { body: ready })
    expect(await operator.metric("sluice_link_proxies", { gateway: `${namespace}/web` })).toBe(1)
    await until(
      "it has the newest",
      async () => (await operator.metric("sluice_link_proxies_behind", { gateway: `${namespace}/web` })) === 0
    )
    await until("the Gateway is programmed", async () => (await programmed()).status === "True")
    expect(conditions((await get(gatewayPath())).status.listeners[0].conditions)).toMatchObject({ Programmed: "True Programmed" })
    expect((await get(gatewayPath())).status.addresses).toEqual([{ type: "IPAddress", value: "198.51.100.7" }])

    const backend = async () => (await get(`/apis/gateway.sluice.dev/v1alpha1/namespaces/${namespace}/backends/pay`)).status
    await until("the name does not resolve, and says so", async () => (await backend()).live?.resolution === "Failed", 30_000)
    expect((await backend()).endpoints).toMatchObject([{ name: "pay.invalid:8080", resolution: "Failed", addresses: { count: 0 } }])
    expect(conditions((await backend()).conditions)).toMatchObject({ Accepted: "True Accepted", Resolved: "False Failed" })
    const events = async (kind: string) =>
      (await get(`/apis/events.k8s.io/v1/namespaces/${namespace}/events`)).items
        .filter((one: Any) => one.regarding.kind === kind && one.reportingController === ours)
        .map((one: Any) => one.reason)
    await until("Events tell it", async () => (await events("Gateway")).includes("Programmed") && (await events("HTTPRoute")).length > 0)
    expect(await events("HTTPRoute")).toEqual(["ResolutionFailed"])
  }, 90_000)

  it("shows at its admin port what each Gateway is given", async () => {
    const answer = await fetch(`http://127.0.0.1:${admin}/snapshot`)
    const [given, ...more] = (await answer.json()) as ReadonlyArray<Any>
    expect(more).toEqual([])
    expect(given).toMatchObject({ gateway: `${namespace}/web`, ready: true, snapshot: { gateway: { namespace, name: "web" } } })
    expect(given.snapshot.version).toBe(given.version)
    expect(JSON.stringify(given.snapshot.listeners)).toContain('"port":80')
  })

  it("leaves the entries of another controller alone, while both write", async () => {
    const foreign = {
      parentRef: { name: "web" },
      controllerName: "example.com/other",
      conditions: [
        {
          type: "Accepted",
          status: "False",
          reason: "NotMine",
          message: "",
          observedGeneration: 1,
          lastTransitionTime: "2026-01-01T00:00:00Z"
        }
      ]
    }
    // As a careless controller would: the whole list, without ours.
    for (let round = 0; round < 3; round++) {
      await plane.request("PATCH", `${routePath()}/status`, { body: { status: { parents: [foreign] } } })
      await until("ours is there again", async () => (await parentsOf()).some((one) => one.controllerName === ours))
    }
    const parents = await parentsOf()
    expect(parents.map((one) => one.controllerName)).toEqual(["example.com/other", ours])
    expect(parents[0]).toMatchObject(foreign)
    // Our entry goes with the parentRef, theirs stays.
    await plane.request("PATCH", routePath(), { body: { spec: { parentRefs: [{ name: "elsewhere" }] } } })
    await until("ours is gone", async () => !(await parentsOf()).some((one) => one.controllerName === ours))
    expect((await parentsOf()).map((one) => one.controllerName)).toEqual(["example.com/other"])
    await plane.request("PATCH", routePath(), { body: { spec: { parentRefs: [{ name: "web", sectionName: "http" }] } } })
    await until("ours is back", async () => (await parentsOf()).some((one) => one.controllerName === ours))
  })

  it("moves no pod for a listener or a route; the Service follows", async () => {
    const before = (await get(deploymentPath())).spec.template
    const { generation } = (await get(deploymentPath())).metadata
    await apply(gateway(`${http}, {name: alt, port: 8080, protocol: HTTP, hostname: a.example}`))
    await until("the Service has the port", async () => (await get(servicePath())).spec.ports.length === 2)
    expect((await get(servicePath())).spec.ports.map((one: Any) => [one.port, one.targetPort])).toEqual([
      [80, 10080],
      [8080, 8080]
    ])
    await apply(gateway(http))
    await until("the Service lost it", async () => (await get(servicePath())).spec.ports.length === 1)
    await plane.request("PATCH", routePath(), { body: { spec: { hostnames: ["b.example"] } } })
    await until("the route was seen", async () => {
      const { metadata } = await get(routePath())
      return (await parentsOf()).some((one) => one.controllerName === ours && one.conditions[0].observedGeneration === metadata.generation)
    })
    expect((await get(deploymentPath())).spec.template).toEqual(before)
    expect((await get(deploymentPath())).metadata.generation).toBe(generation)
  })

  it("brings back what somebody edited or deleted", async () => {
    await plane.request("PATCH", deploymentPath(), { body: { spec: { replicas: 7 } } })
    await until("the replicas are ours again", async () => (await get(deploymentPath())).spec.replicas === 2)
    const { uid } = (await get(servicePath())).metadata
    await plane.request("DELETE", servicePath())
    await until("there is another Service", async () => {
      const found = await get(servicePath())
      return found.metadata?.uid !== undefined && found.metadata.uid !== uid
    })
  })

  it("reads parameters; what is no longer wanted goes; what is refused is told and changes nothing", async () => {
    const budgets = async () => (await get(`/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`)).items.length
    const scalers = async () => (await get(`/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers`)).items.length
    const parameters = (spec: string) => `
apiVersion: gateway.sluice.dev/v1alpha1
kind: GatewayParameters
metadata: {name: size}
spec: ${spec}
---${gateway(http, "  infrastructure: {labels: {team: shop}, parametersRef: {group: gateway.sluice.dev, kind: GatewayParameters, name: size}}")}`
    const written = () => operator.metric("sluice_provision_writes_total", { kind: "Deployment" })
    const begun = await written()
    await apply(parameters("{autoscaling: {minReplicas: 2, maxReplicas: 4}, service: {type: ClusterIP}}"))
    await until("there is an autoscaler", async () => (await scalers()) === 1)
    await until("the Service is of the type", async () => (await get(servicePath())).spec.type === "ClusterIP")
    expect((await get(servicePath())).metadata.labels).toMatchObject({ team: "shop" })
    await until("the address is its own", async () => {
      const { clusterIP } = (await get(servicePath())).spec
      return (await get(gatewayPath())).status.addresses[0]?.value === clusterIP
    })
    await until("the Deployment is as the parameters say", async () => (await get(deploymentPath())).metadata.labels.team === "shop")
    // As the autoscaler would.
    await until("its write is counted", async () => (await written()) > begun)
    const applied = await written()
    await plane.request("PATCH", `${deploymentPath()}/scale`, { body: { spec: { replicas: 4 } } })
    await until("it is scaled", async () => {
      const { metadata, spec, status } = await get(deploymentPath())
      return spec.replicas === 4 && status.observedGeneration === metadata.generation
    })
    expect(await written()).toBe(applied)
    await apply(parameters("{replicas: 1, service: {type: ClusterIP}}"))
    await until("neither autoscaler nor budget is left", async () => (await scalers()) + (await budgets()) === 0)
    await until("one replica", async () => (await get(deploymentPath())).spec.replicas === 1)

    const accepted = async () => (await get(gatewayPath())).status.conditions.find((one: Any) => one.type === "Accepted")
    await apply(parameters("{replicas: 3, pod: {patch: {spec: {containers: [{image: other}]}}}}"))
    await until("the patch is refused", async () => (await accepted()).reason === "InvalidParameters")
    expect((await accepted()).message).toContain("spec.pod.patch.spec.containers[0].name")
    expect((await get(deploymentPath())).spec.replicas).toBe(1)
    await apply(parameters("{replicas: 1, service: {type: ClusterIP}}"))
    await until("it is accepted again", async () => (await accepted()).status === "True")
    await apply(parameters('{replicas: 1, service: {type: ClusterIP}, pod: {resources: {requests: {cpu: "much"}}}}'))
    await until("the API server refuses", async () => /Deployment .* is refused/.test((await accepted()).message))
    await apply(parameters("{replicas: 1, service: {type: ClusterIP}}"))
    await until("it is accepted again", async () => (await accepted()).status === "True")
  }, 60_000)

  it("counts attached routes right with few writes, and writes nothing while nothing changes", async () => {
    const routes = 150
    const writes = () => operator.metric("sluice_status_writes_total", { kind: "Gateway" })
    const before = await writes()
    const attached = async () => (await get(gatewayPath())).status.listeners[0].attachedRoutes
    await Promise.all(
      Array.from({ length: routes }, (_, i) =>
        plane.request("POST", `${api}/namespaces/${namespace}/httproutes`, {
          body: {
            apiVersion: "gateway.networking.k8s.io/v1",
            kind: "HTTPRoute",
            metadata: { name: `r${i}` },
            spec: { parentRefs: [{ name: "web" }] }
          }
        })
      )
    )
    await until("all are counted", async () => (await attached()) === routes + 1, 30_000)
    await Promise.all(Array.from({ length: routes }, (_, i) => plane.request("DELETE", routePath(`r${i}`))))
    await until("none is counted", async () => (await attached()) === 1, 30_000)
    expect((await writes()) - before).toBeLessThan(30)

    await until("all is written", async () => (await operator.metric("sluice_status_overdue")) === 0)
    const all = async () => (await statusWrites()) + (await operator.metric("sluice_provision_writes_total"))
    const still = await all()
    // Every object anew, as a list brings it.
    for (const path of [gatewayPath(), routePath(), deploymentPath()])
      await plane.request("PATCH", path, { body: { metadata: { annotations: { "example.com/touched": "yes" } } } })
    await until("it was seen", async () => (await operator.metric("sluice_status_overdue")) === 0)
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    expect(await all()).toBe(still)
  }, 90_000)

  it("begins again without a write, and takes nothing back before it knows what is", async () => {
    const before = [await get(gatewayPath()), await get(routePath())].map((one) => one.metadata.resourceVersion)
    expect(await operator.stop()).toBe(0)
    operator = await startOperator(plane, system, { flags: [`--watch-namespace=${namespace}`], linkPort: operator.linkPort })
    await until("it leads", async () => (await operator.metric("sluice_operator_leader")) === 1)
    await until("the proxy is back", async () => (await operator.metric("sluice_link_proxies")) === 1)
    await until("all was looked at", async () => (await operator.metric("sluice_status_overdue")) === 0)
    expect(await statusWrites()).toBe(0)
    expect(await operator.metric("sluice_provision_writes_total")).toBe(0)
    expect([await get(gatewayPath()), await get(routePath())].map((one) => one.metadata.resourceVersion)).toEqual(before)
  }, 60_000)

  it("another replica writes when the leader is killed", async () => {
    const second = await startOperator(plane, system, { flags: [`--watch-namespace=${namespace}`] })
    others.push(second.child)
    expect(await second.metric("sluice_operator_leader")).toBe(0)
    expect(await second.metric("sluice_status_writes_total")).toBe(0)
    await operator.kill()
    await apply(`
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: late}
spec: {parentRefs: [{name: web, sectionName: missing}]}`)
    await until(
      "the second has written",
      async () => (await parentsOf("late")).some((one) => conditions(one.conditions)["Accepted"] === "False NoMatchingParent"),
      40_000
    )
    // What it found by a list is what the first had made.
    await until(
      "its proxies are told its own address",
      async () => (await second.metric("sluice_provision_writes_total", { kind: "Deployment" })) === 1
    )
    for (const kind of ["Service", "ServiceAccount", "NetworkPolicy", "ConfigMap"])
      expect(await second.metric("sluice_provision_writes_total", { kind }), kind).toBe(0)
    expect(await second.stop()).toBe(0)
  }, 90_000)
})
