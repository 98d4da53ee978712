// The cluster's own ranges out of its API, which external names must not lead into.
import { Effect } from "effect"
import fc from "fast-check"
import ipaddr from "ipaddr.js"
import { assert, describe, it } from "vitest"
import { Kube } from "#src/kube/client.ts"
import { clusterRanges, coverOf } from "#src/kube/ranges.ts"
import { unique } from "../cluster/access.ts"
import { onControlPlane } from "../cluster/shared.ts"

describe("what covers the pod ranges", () => {
  it("is the smallest block of each family", () => {
    assert.deepEqual(coverOf(["10.244.0.0/24", "10.244.1.0/24"]), ["10.244.0.0/23"])
    assert.deepEqual(coverOf(["10.244.0.0/24", "10.244.7.0/24", "fd00:10::/64", "fd00:10:0:1::/64"]), ["10.244.0.0/21", "fd00:10::/63"])
    assert.deepEqual(coverOf(["10.244.3.0/24"]), ["10.244.3.0/24"])
    assert.deepEqual(coverOf(["10.0.0.0/8", "10.1.2.0/24"]), ["10.0.0.0/8"])
    assert.deepEqual(coverOf(["nonsense"]), [])
    assert.deepEqual(coverOf([]), [])
  })

  it("is each of them where they are of different blocks", () => {
    assert.deepEqual(coverOf(["10.244.0.0/24", "172.16.0.0/24", "10.244.0.0/24"]), ["10.244.0.0/24", "172.16.0.0/24"])
  })

  it("holds every one of them, and nothing outside the block that they were cut from", () => {
    const node = fc.integer({ min: 0, max: 255 })
    fc.assert(
      fc.property(fc.array(node, { minLength: 1 }), (nodes) => {
        const [cover = "", ...more] = coverOf(nodes.map((at) => `10.244.${at}.0/24`))
        assert.deepEqual(more, [])
        const block = ipaddr.IPv4.parseCIDR(cover)
        for (const at of nodes) assert.isTrue(ipaddr.IPv4.parse(`10.244.${at}.9`).match(block))
        assert.isTrue(block[1] >= 16 && block[0].match(ipaddr.IPv4.parseCIDR("10.244.0.0/16")))
      })
    )
  })
})

const ask = (kubeconfig: string) => Effect.runPromise(clusterRanges.pipe(Effect.provide(Kube.layer({ kubeconfig }))))

await onControlPlane("the ranges of a cluster", (plane) => {
  it("are those of Services and of Nodes", async () => {
    const name = unique("node")
    const node = { apiVersion: "v1", kind: "Node", metadata: { name }, spec: { podCIDR: "10.250.4.0/24", podCIDRs: ["10.250.4.0/24"] } }
    assert.strictEqual((await plane.request("POST", "/api/v1/nodes", { body: node })).status, 201)
    const { cidrs, unread } = await ask(plane.kubeconfig)
    assert.deepEqual(unread, [])
    assert.include(cidrs, "10.96.0.0/16")
    assert.isTrue(cidrs.some((cidr) => ipaddr.IPv4.parse("10.250.4.9").match(ipaddr.IPv4.parseCIDR(cidr))))
    await plane.request("DELETE", `/api/v1/nodes/${name}`)
  })

  it("that may not be read are said to be missing", async () => {
    const namespace = await plane.namespace("ranges")
    await plane.serviceAccount(namespace, "nobody")
    const { cidrs, unread } = await ask(plane.kubeconfigFor(await plane.token(namespace, "nobody")))
    assert.deepEqual(cidrs, [])
    assert.strictEqual(unread.length, 2)
    for (const sentence of unread) assert.include(sentence, "say them with --cluster-cidr")
  })
})

it("of a server that is not there are not taken for none", async () => {
  const access = { server: "http://127.0.0.1:1", namespace: "x", credentials: () => Promise.resolve({ trust: {}, headers: {} }) }
  const error = await Effect.runPromise(Effect.flip(clusterRanges.pipe(Effect.provide(Kube.layerOf(access)))))
  assert.isNull(error.status)
})
