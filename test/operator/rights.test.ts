// Statuses of kinds that others have made too, and of our Backend, written to a real API server with the rights of deploy/install.yaml and no others: an Ingress of
// networking.k8s.io has its addresses, one of Voyager keeps its status and is told of by an Event, a policy of Envoy Gateway has an entry of ours beside theirs.
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { withClusterPrograms } from "../cluster/shared.ts"
import { type Installation, openInstallation, system } from "../faults/installation.ts"
import { type OperatorProcess, startOperator, until } from "./operator.ts"

const ours = "sluice.dev/gateway-controller"

/** As theirs in what the operator writes of it: names, scope, a status of its own. */
const crd = (group: string, version: string, kind: string, plural: string) => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${plural}.${group}` },
  spec: {
    group,
    scope: "Namespaced",
    names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
    versions: [
      {
        ...{ name: version, served: true, storage: true, subresources: { status: {} } },
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } }
      }
    ]
  }
})

// biome-ignore lint/suspicious/noExplicitAny: objects of any kind, looked into by tests
type Any = any

await withClusterPrograms("with the operator's own rights", () => {
  let installation: Installation
  let operator: OperatorProcess | null = null
  let namespace = ""
  const at = (api: string, plural: string, name = "") => `/${api}/namespaces/${namespace}/${plural}${name === "" ? "" : `/${name}`}`
  const ingresses = "apis/networking.k8s.io/v1"
  const voyagers = "apis/voyager.appscode.com/v1beta1"
  const envoys = "apis/gateway.envoyproxy.io/v1alpha1"
  const gatewayApi = "apis/gateway.networking.k8s.io/v1"
  const own = "apis/gateway.sluice.dev/v1alpha1"
  const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
  const dialect = join(import.meta.dirname, "..", "..", "deploy", "dialects", "envoy-gateway.yaml")

  const get = async (path: string): Promise<Any> => (await installation.plane.request("GET", path)).body
  const make = async (api: string, plural: string, kind: string, name: string, spec: object, annotations: object = {}) => {
    const body = { apiVersion: api.replace("apis/", ""), kind, metadata: { name, annotations }, spec }
    const answer = await installation.plane.request("POST", at(api, plural), { body })
    expect(answer.status, JSON.stringify(answer.body)).toBe(201)
  }
  const edit = async (path: string, body: object) => {
    const answer = await installation.plane.request("PATCH", path, { body })
    expect(answer.status, JSON.stringify(answer.body)).toBe(200)
  }
  const conditionsOf = (entry: Any) =>
    Object.fromEntries((entry?.conditions ?? []).map((one: Any) => [one.type, `${one.status} ${one.reason}`]))

  const servicesOf = async (): Promise<ReadonlyArray<Any>> =>
    (await get(`${at("api/v1", "services")}?labelSelector=app.kubernetes.io%2Fmanaged-by%3Dsluice`)).items
  /** What a load balancer's controller would say. */
  const addresses = async (ingress: ReadonlyArray<object>) => {
    const [service] = await servicesOf()
    await edit(`${at("api/v1", "services", service.metadata.name)}/status`, { status: { loadBalancer: { ingress } } })
  }
  const gatewayNamed = { "gateway.sluice.dev/gateway": "web" }

  beforeAll(async () => {
    installation = await openInstallation([
      "gatewayclasses",
      "gateways",
      "httproutes",
      "referencegrants",
      "backendtlspolicies",
      "xbackends",
      "xbackendtrafficpolicies"
    ])
    const { plane, way } = installation
    const voyager = crd("voyager.appscode.com", "v1beta1", "Ingress", "ingresses")
    expect((await plane.request("POST", crds, { body: voyager })).status).toBe(201)
    await plane.kubectl(["create", "-f", dialect])
    for (const collection of [`/${voyagers}/ingresses`, `/${envoys}/backends`, `/${envoys}/backendtrafficpolicies`])
      await plane.eventually(`${collection}?limit=1`, (answer) => answer.status === 200, 60_000)
    namespace = await plane.namespace("shop")
    await make(gatewayApi, "gateways", "Gateway", "web", {
      gatewayClassName: "sluice",
      listeners: [{ name: "http", port: 80, protocol: "HTTP" }]
    })
    await make(own, "backends", "Backend", "api", { endpoints: [{ ip: { address: "192.0.2.1", port: 443 } }] })
    await make(gatewayApi, "httproutes", "HTTPRoute", "api", {
      parentRefs: [{ name: "web" }],
      rules: [{ backendRefs: [{ group: "gateway.sluice.dev", kind: "Backend", name: "api" }] }]
    })
    operator = await startOperator({ kubeconfig: way.kubeconfig }, system)
    await until("the Gateway's Service is made", async () => (await servicesOf()).length === 1)
  }, 240_000)
  afterAll(async () => {
    await operator?.kill()
    await installation?.close()
  })

  it("an Ingress is told where its Gateway is reached, follows it, and is left with none when the address goes", async () => {
    await addresses([{ ip: "198.51.100.7" }])
    await make(
      ingresses,
      "ingresses",
      "Ingress",
      "shop",
      { defaultBackend: { service: { name: "none", port: { number: 80 } } } },
      gatewayNamed
    )
    const told = async () => JSON.stringify((await get(at(ingresses, "ingresses", "shop"))).status.loadBalancer)
    await until("it has the address", async () => (await told()) === '{"ingress":[{"ip":"198.51.100.7"}]}')
    await addresses([{ hostname: "lb.example.net" }])
    await until("it has the other", async () => (await told()) === '{"ingress":[{"hostname":"lb.example.net"}]}')
    await addresses([])
    await until("it has none", async () => (await told()) === "{}")
  }, 90_000)

  it("an Ingress of Voyager keeps its status, and what is wrong with it is an Event", async () => {
    const path = at(voyagers, "ingresses", "old")
    await make(voyagers, "ingresses", "Ingress", "old", {}, gatewayNamed)
    const status = { loadBalancer: { ingress: [{ ip: "192.0.2.99" }] } }
    await edit(`${path}/status`, { status })
    await edit(path, { spec: { backend: { serviceName: "none", servicePort: 80 }, rules: [{ tcp: { port: 9 } }] } })
    await until("it is told", async () =>
      (await get(at("apis/events.k8s.io/v1", "events"))).items.some(
        (one: Any) =>
          one.regarding.apiVersion === "voyager.appscode.com/v1beta1" &&
          one.regarding.name === "old" &&
          one.reportingController === ours &&
          String(one.note).includes("spec.rules[0].tcp")
      )
    )
    expect((await get(path)).status).toEqual(status)
  }, 60_000)

  it("a Backend of Envoy Gateway in the short form of its documentation is served, a wrong one is told on its route", async () => {
    const spec = {
      appProtocol: "http",
      endpoints: [
        { fqdn: "quotes.example", port: 7443, protocol: "HTTPS" },
        { ip: "192.0.2.8", port: 7443 }
      ]
    }
    await make(envoys, "backends", "Backend", "quotes", spec)
    expect((await get(at(envoys, "backends", "quotes"))).spec).toEqual(spec)
    await make(gatewayApi, "httproutes", "HTTPRoute", "quotes", {
      parentRefs: [{ name: "web" }],
      rules: [{ backendRefs: [{ group: "gateway.envoyproxy.io", kind: "Backend", name: "quotes" }] }]
    })
    const told = async () => (await get(at(gatewayApi, "httproutes", "quotes"))).status?.parents[0].conditions
    const resolved = async () => conditionsOf({ conditions: await told() })["ResolvedRefs"]
    await until("it is resolved", async () => (await resolved()) === "True ResolvedRefs")
    await edit(at(envoys, "backends", "quotes"), { spec: { endpoints: [{ fqdn: "quotes.example" }] } })
    await until("it is not any more", async () => /^False /.test((await resolved()) ?? ""))
    expect(JSON.stringify(await told())).toContain("spec.endpoints[0].port")
  }, 60_000)

  it("CRDs of another that are there already stay as they are", async () => {
    const { plane } = installation
    const path = `${crds}/backends.gateway.envoyproxy.io`
    const before = (await get(path)).metadata.resourceVersion
    await expect(plane.kubectl(["create", "-f", dialect])).rejects.toThrow("already exists")
    expect((await get(path)).metadata.resourceVersion).toBe(before)
  })

  it("a BackendTrafficPolicy has an entry of ours beside another's, which goes with its target", async () => {
    const path = at(envoys, "backendtrafficpolicies", "api")
    const target = { group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "api" }
    await make(envoys, "backendtrafficpolicies", "BackendTrafficPolicy", "api", { targetRefs: [target], retry: { numRetries: 3 } })
    const ancestors = async (): Promise<ReadonlyArray<Any>> => (await get(path)).status?.ancestors ?? []
    await until("it has ours", async () => (await ancestors()).some((one) => one.controllerName === ours))
    const [entry] = await ancestors()
    expect(entry.ancestorRef).toEqual({ group: "gateway.networking.k8s.io", kind: "Gateway", namespace, name: "web" })
    expect(conditionsOf(entry)).toEqual({ Accepted: "True Accepted" })
    const other = { ...entry, controllerName: "gateway.envoyproxy.io/gatewayclass-controller" }
    await edit(`${path}/status`, { status: { ancestors: [other, entry] } })
    await edit(path, { spec: { rateLimit: { type: "Local" } } })
    await until("ours says what is not served", async () =>
      (await ancestors()).some((one) => one.controllerName === ours && conditionsOf(one)["Accepted"] === "False Invalid")
    )
    expect((await ancestors()).map((one) => one.controllerName)).toEqual([other.controllerName, ours])
    await edit(path, { spec: { targetRefs: [{ ...target, name: "gone" }] } })
    await until("ours is gone", async () => (await ancestors()).length === 1)
    expect((await ancestors())[0]).toEqual(other)
  }, 90_000)

  it("a BackendTrafficPolicy of our own has an entry for the Gateway that it is about, and says what it is refused for", async () => {
    const path = at(own, "backendtrafficpolicies", "defaults")
    const target = { group: "gateway.networking.k8s.io", kind: "Gateway", name: "web" }
    await make(own, "backendtrafficpolicies", "BackendTrafficPolicy", "defaults", { targetRefs: [target], timeouts: { connect: "1s" } })
    const ancestors = async (): Promise<ReadonlyArray<Any>> => (await get(path)).status?.ancestors ?? []
    await until("it has one", async () => (await ancestors()).length === 1)
    const [entry] = await ancestors()
    expect(entry.ancestorRef).toEqual({ group: "gateway.networking.k8s.io", kind: "Gateway", namespace, name: "web" })
    expect([entry.controllerName, conditionsOf(entry)]).toEqual([ours, { Accepted: "True Accepted" }])
    await edit(path, { spec: { dns: { srv: true } } })
    await until("it says what is not a policy's", async () =>
      (await ancestors()).some((one) => conditionsOf(one)["Accepted"] === "False Invalid")
    )
  }, 90_000)

  it("our Backend has an entry for the Gateway that a route leads to it from, as long as it does", async () => {
    const path = at(own, "backends", "api")
    const ancestors = async (): Promise<ReadonlyArray<Any>> => (await get(path)).status?.ancestors ?? []
    await until("it has one", async () => (await ancestors()).length === 1)
    const [entry] = await ancestors()
    expect([entry.controllerName, entry.ancestorRef.name]).toEqual([ours, "web"])
    expect(conditionsOf(entry)).toMatchObject({ Accepted: "True Accepted", ResolvedRefs: "True ResolvedRefs" })
    await installation.plane.request("DELETE", at(gatewayApi, "httproutes", "api"))
    await until("it has none", async () => (await ancestors()).every((one) => one.controllerName !== ours))
  }, 60_000)

  it("an XBackend of pods, and a policy for it, have their statuses, and its pods are watched as long as it is there", async () => {
    const xbackends = "apis/gateway.networking.x-k8s.io/v1alpha1"
    const path = at(xbackends, "xbackends", "tiles")
    const watched = () => operator!.metric("sluice_kube_watch_state", { kind: "Pod", namespace, state: "Watching" })
    expect(await watched()).toBe(0)
    await make(xbackends, "xbackends", "XBackend", "tiles", {
      ...{ type: "EndpointSelector", port: { number: 8080 }, endpointSelector: { matchLabels: { app: "tiles" } } }
    })
    // Written by the API server: what is of its own namespace is dialled without TLS.
    expect((await get(path)).spec.tls).toEqual({ mode: "None" })
    await make(gatewayApi, "httproutes", "HTTPRoute", "tiles", {
      parentRefs: [{ name: "web" }],
      rules: [{ backendRefs: [{ group: "gateway.networking.x-k8s.io", kind: "XBackend", name: "tiles" }] }]
    })
    const ancestors = async (): Promise<ReadonlyArray<Any>> => (await get(path)).status?.ancestors ?? []
    await until("it has an entry", async () => (await ancestors()).length === 1)
    const [entry] = await ancestors()
    expect([entry.controllerName, entry.ancestorRef.name]).toEqual([ours, "web"])
    expect(conditionsOf(entry)).toMatchObject({ Accepted: "True Accepted", ResolvedRefs: "True ResolvedRefs" })
    await until("its pods are watched", async () => (await watched()) === 1)
    await make(xbackends, "xbackendtrafficpolicies", "XBackendTrafficPolicy", "tiles", {
      targetRefs: [{ group: "gateway.networking.x-k8s.io", kind: "XBackend", name: "tiles" }],
      retryConstraint: {}
    })
    const told = async () => (await get(at(xbackends, "xbackendtrafficpolicies", "tiles"))).status?.ancestors?.[0]
    await until("the policy has an entry", async () => (await told()) !== undefined)
    expect((await told()).controllerName).toBe(ours)
    expect(conditionsOf(await told())).toEqual({ Accepted: "True Accepted" })
    await installation.plane.request("DELETE", path)
    await until("they are no more", async () => (await watched()) === 0)
  }, 60_000)

  it("nothing of it was denied", async () => {
    expect(await operator!.metric("sluice_status_writes_total", { result: "denied" })).toBe(0)
    expect(await operator!.metric("sluice_events_total", { result: "failed" })).toBe(0)
    expect(operator!.log()).not.toMatch(/forbidden|may not be written/i)
  })
})
