// What a user does first: `kubectl apply -f deploy/install.yaml`, a Gateway, a route to an HTTPS host outside; then takes it all away again.
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { makeAuthority } from "../support/certificates.ts"
import type { DnsServer } from "../support/dns.ts"
import { type Origin, startOrigin } from "../support/origin.ts"
import { curl, install, installManifest, loadBalancerAddress, outside, podsOf, rolledOut, startNames, theNode } from "./harness.ts"

const node = theNode()
const namespace = "shop"
const system = "sluice-system"
const gateways = `/apis/gateway.networking.k8s.io/v1/namespaces/${namespace}/gateways`
const proxies = "gateway.networking.k8s.io/gateway-name=edge"

const gatewayApi = { apiVersion: "gateway.networking.k8s.io/v1" }
const manifests = (ca: string) => ({
  apiVersion: "v1",
  kind: "List",
  items: [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "partner-ca", namespace }, data: { "ca.crt": ca } },
    {
      ...{ ...gatewayApi, kind: "Gateway", metadata: { name: "edge", namespace } },
      spec: { gatewayClassName: "sluice", listeners: [{ name: "http", protocol: "HTTP", port: 80 }] }
    },
    {
      ...{ apiVersion: "gateway.sluice.dev/v1alpha1", kind: "Backend", metadata: { name: "partner", namespace } },
      spec: {
        endpoints: [{ fqdn: { hostname: "partner.test", port: 443 } }],
        tls: { mode: "ServerOnly", caCertificateRefs: [{ group: "", kind: "ConfigMap", name: "partner-ca" }] }
      }
    },
    {
      ...{ ...gatewayApi, kind: "HTTPRoute", metadata: { name: "partner", namespace } },
      spec: {
        parentRefs: [{ name: "edge" }],
        rules: [{ backendRefs: [{ group: "gateway.sluice.dev", kind: "Backend", name: "partner" }] }]
      }
    }
  ]
})

interface Condition {
  readonly type: string
  readonly status: string
}

const holds = (conditions: ReadonlyArray<Condition> | undefined, wanted: string) =>
  conditions?.some(({ type, status }) => type === wanted && status === "True") ?? false

describe.skipIf(installManifest === null)("deploy/install.yaml", () => {
  let names: DnsServer
  let origin: Origin
  beforeAll(async () => {
    names = await startNames()
    names.host("partner.test", [outside.public[0]], 5)
    const authority = await makeAuthority()
    const leaf = await authority.leaf({ dns: ["partner.test"] })
    origin = await startOrigin({ host: outside.public[0], port: 443, tls: { cert: leaf.chain, key: leaf.key } })
    origin.script = ({ request, reply }) => reply({ body: `${request.servername} ${request.header("host")} ${request.target}` })
    await install(node)
    await node.kubectl(["apply", "-f", "-"], JSON.stringify(manifests(authority.certificate)))
  })
  afterAll(async () => {
    await names.close()
    await origin.close()
  })

  it("brings an operator that takes its class", async () => {
    await rolledOut(node, system, "sluice-operator")
    const path = "/apis/gateway.networking.k8s.io/v1/gatewayclasses/sluice"
    await node.eventually(path, ({ body }) => holds(body.status?.conditions, "Accepted"))
  })

  it("serves a host outside the cluster through the Gateway's address", async () => {
    const { body } = await node.eventually(`${gateways}/edge`, (answer) => holds(answer.body.status?.conditions, "Programmed"), 60_000)
    const address = body.status.addresses[0].value as string
    // The proxies have it; that their pods are ready is the kubelet's to find, and kube-proxy's to follow.
    await rolledOut(node, namespace, "edge-sluice")
    const expected = { status: 200, body: "partner.test partner.test /hello" }
    await expect.poll(() => curl(`http://${address}/hello`), { timeout: 5_000 }).toMatchObject(expected)
    const services = (await node.request("GET", `/api/v1/namespaces/${namespace}/services`)).body.items
    expect(await loadBalancerAddress(node, namespace, services[0].metadata.name)).toBe(address)
  })

  it("tells in kubectl describe what the proxies see", async () => {
    const path = `/apis/gateway.sluice.dev/v1alpha1/namespaces/${namespace}/backends/partner`
    await node.eventually(path, ({ body }) => JSON.stringify(body.status ?? {}).includes(outside.public[0]), 60_000)
    expect(await node.kubectl(["-n", namespace, "describe", "backend", "partner"])).toContain(outside.public[0])
  })

  it("takes its pods away with the Gateway, and with itself all it brought", async () => {
    expect(await podsOf(node, namespace, proxies)).not.toEqual([])
    await node.request("DELETE", `${gateways}/edge`)
    await expect.poll(() => podsOf(node, namespace, proxies), { timeout: 60_000, interval: 250 }).toEqual([])
    for (const kind of ["services", "serviceaccounts"]) {
      const left = (await node.request("GET", `/api/v1/namespaces/${namespace}/${kind}?labelSelector=${encodeURIComponent(proxies)}`)).body
        .items
      expect(left).toEqual([])
    }
    await node.kubectl(["delete", "-f", installManifest ?? ""])
    await node.eventually(`/api/v1/namespaces/${system}`, ({ status }) => status === 404, 60_000)
    const cluster = await node.kubectl(["get", "clusterroles,clusterrolebindings,gatewayclasses,crds", "-o", "name"])
    expect(cluster.split("\n").filter((name) => name.includes("sluice"))).toEqual([])
    await node.request("DELETE", `/api/v1/namespaces/${namespace}`)
    await node.eventually(`/api/v1/namespaces/${namespace}`, ({ status }) => status === 404, 60_000)
  })
})
