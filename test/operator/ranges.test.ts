// The cluster's own ranges: replicas that start at different times go by the same ones, which only widen; what may not be read or kept is told.
import { Effect, Exit, Scope, Stream } from "effect"
import ipaddr from "ipaddr.js"
import { afterEach, assert, describe, expect, it } from "vitest"
import { Kube } from "#src/kube/client.ts"
import { makeRanges, type Ranges, rangesName, widened } from "#src/operator/ranges.ts"
import { unique } from "../cluster/access.ts"
import { onControlPlane } from "../cluster/shared.ts"

const holds = (cidrs: ReadonlyArray<string>, address: string): boolean =>
  cidrs.some((cidr) => {
    const ip = ipaddr.parse(address)
    const [base, prefix] = ipaddr.parseCIDR(cidr)
    return ip.kind() === base.kind() && (ip as ipaddr.IPv4).match(base as ipaddr.IPv4, prefix)
  })

describe("ranges put together", () => {
  it("hold both, whichever was first, and putting them together again changes nothing", () => {
    const a = { services: ["10.96.0.0/16"], pods: ["10.244.0.0/24"] }
    const b = { services: ["fd00::/108"], pods: ["10.244.3.0/24"] }
    const both = { services: ["10.96.0.0/16", "fd00::/108"], pods: ["10.244.0.0/22"] }
    assert.deepEqual(widened(a, b), both)
    assert.deepEqual(widened(b, a), both)
    assert.deepEqual(widened(both, a), both)
  })
})

await onControlPlane("the ranges of replicas", (plane) => {
  const scopes: Array<Scope.Closeable> = []
  const nodes: Array<string> = []
  afterEach(async () => {
    await Promise.all(scopes.splice(0).map((scope) => Effect.runPromise(Scope.close(scope, Exit.void))))
    await Promise.all(nodes.splice(0).map((name) => plane.request("DELETE", `/api/v1/nodes/${name}`)))
  })
  const addNode = async (podCIDR: string) => {
    const name = unique("node")
    nodes.push(name)
    const body = { apiVersion: "v1", kind: "Node", metadata: { name }, spec: { podCIDR, podCIDRs: [podCIDR] } }
    expect((await plane.request("POST", "/api/v1/nodes", { body })).status).toBe(201)
  }
  /** A replica that runs. */
  const replica = async (namespace: string, kubeconfig = plane.kubeconfig) => {
    const problems: Array<string> = []
    const scope = await Effect.runPromise(Scope.make())
    scopes.push(scope)
    const ranges: Ranges = await Effect.runPromise(
      Effect.gen(function* () {
        const kube = yield* Kube
        const made = yield* makeRanges({ kube, namespace, onProblem: (one) => problems.push(one), every: 50 })
        yield* Effect.forkIn(made.run, scope)
        return made
      }).pipe(Effect.provide(Kube.layer({ kubeconfig })))
    )
    return { ranges, problems }
  }
  const nextHolding = (ranges: Ranges, address: string) =>
    Effect.runPromise(
      ranges.changes.pipe(
        Stream.filter((cidrs) => holds(cidrs, address)),
        Stream.runHead,
        Effect.timeout("10 seconds")
      )
    )

  it("are the same, though a Node came between their starts, and stay when it goes", async () => {
    const namespace = await plane.namespace("ranges")
    await addNode("10.251.0.0/24")
    const first = await replica(namespace)
    assert.isTrue(holds(first.ranges.current(), "10.251.0.9"))
    assert.isTrue(holds(first.ranges.current(), "10.96.0.1"))
    await addNode("10.251.0.0/20")
    const second = await replica(namespace)
    assert.isTrue(holds(second.ranges.current(), "10.251.15.9"))
    await nextHolding(first.ranges, "10.251.15.9")
    assert.deepEqual(first.ranges.current(), second.ranges.current())
    await Promise.all(nodes.splice(0).map((name) => plane.request("DELETE", `/api/v1/nodes/${name}`)))
    const third = await replica(namespace)
    assert.deepEqual(third.ranges.current(), second.ranges.current())
    assert.deepEqual([first.problems, second.problems, third.problems], [[], [], []])
  })

  it("that may not be read, nor kept, are told with the remedy", async () => {
    const namespace = await plane.namespace("ranges")
    await plane.serviceAccount(namespace, "nobody")
    const { ranges, problems } = await replica(namespace, plane.kubeconfigFor(await plane.token(namespace, "nobody")))
    assert.deepEqual(ranges.current(), [])
    assert.include(problems[0], "say them with --cluster-cidr")
    assert.include(problems[1], `ConfigMap ${namespace}/${rangesName}`)
  })
})
