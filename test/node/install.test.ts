// What a user does first: `kubectl apply -f deploy/install.yaml`, a Gateway, a route to an HTTPS host outside; then takes it all away again.
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { loadBalancerAddress, outside, podsOf, rolledOut, system, theNode, uninstall } from "./harness.ts"
import { deployment, gateway, holds, namespace, openShop, proxies, type Shop } from "./shop.ts"

const node = theNode()

describe("deploy/install.yaml", () => {
  let shop: Shop
  beforeAll(async () => {
    shop = await openShop(node)
  })
  afterAll(() => shop.close())

  it("brings an operator that takes its class", async () => {
    await rolledOut(node, system, "sluice-operator")
    const path = "/apis/gateway.networking.k8s.io/v1/gatewayclasses/sluice"
    await node.eventually(path, ({ body }) => holds(body.status?.conditions, "Accepted"))
  })

  it("serves a host outside the cluster through the Gateway's address, which is its Service's", async () => {
    expect(await loadBalancerAddress(node, namespace, deployment)).toBe(await shop.serving())
  })

  it("tells in kubectl describe what the proxies see", async () => {
    const path = `/apis/gateway.sluice.dev/v1alpha1/namespaces/${namespace}/backends/partner`
    await node.eventually(path, ({ body }) => JSON.stringify(body.status ?? {}).includes(outside.public[0]), 120_000)
    expect(await node.kubectl(["-n", namespace, "describe", "backend", "partner"])).toContain(outside.public[0])
  })

  it("takes its pods away with the Gateway, and with itself all it brought", async () => {
    expect(await podsOf(node, namespace, proxies)).not.toEqual([])
    await node.request("DELETE", gateway)
    await expect.poll(() => podsOf(node, namespace, proxies), { timeout: 120_000, interval: 250 }).toEqual([])
    // The garbage collector's, with nobody of ours to wait for.
    const kinds = "deployments,replicasets,services,serviceaccounts,poddisruptionbudgets,networkpolicies,endpointslices,configmaps"
    const left = async () =>
      (await node.kubectl(["-n", namespace, "get", kinds, "-o", "name"]))
        .split("\n")
        .filter((name) => !["", "serviceaccount/default", "configmap/kube-root-ca.crt", "configmap/partner-ca"].includes(name))
    await expect.poll(left, { timeout: 120_000, interval: 250 }).toEqual([])
    await uninstall(node)
    const cluster = await node.kubectl(["get", "clusterroles,clusterrolebindings,gatewayclasses,crds", "-o", "name"])
    expect(cluster.split("\n").filter((name) => name.includes("sluice"))).toEqual([])
    await node.request("DELETE", `/api/v1/namespaces/${namespace}`)
    await node.eventually(`/api/v1/namespaces/${namespace}`, ({ status }) => status === 404, 120_000)
  })
})
