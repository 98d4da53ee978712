// Law 14 with the real thing: tokens of a real API server, reviewed by it, for pods that it knows.
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { assert, it } from "vitest"
import { findAccess } from "#src/kube/access.ts"
import { Kube } from "#src/kube/client.ts"
import type { Caller, Review } from "#src/link/caller.ts"
import { audience, gatewayNameLabel } from "#src/link/mount.ts"
import { allowanceLimits } from "#src/operator/allowance.ts"
import { makeReview } from "#src/operator/caller.ts"
import type { Access } from "../cluster/access.ts"
import { onControlPlane } from "../cluster/shared.ts"

/** What the operator may do of this, and nothing else. */
const operatorRules = [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }]

const kubeOf = async (kubeconfig: string) => {
  const scope = Scope.makeUnsafe()
  const access = await Effect.runPromise(findAccess({ kubeconfig }).pipe(Scope.provide(scope)) as Effect.Effect<never>)
  const context = await Effect.runPromise(Layer.build(Kube.layerOf(access)).pipe(Scope.provide(scope)))
  const { get } = await import("effect/Context")
  return { kube: get(context, Kube), [Symbol.asyncDispose]: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}

const pod = async (plane: Access, namespace: string, name: string, serviceAccount: string, labels: object): Promise<string> => {
  const made = await plane.request("POST", `/api/v1/namespaces/${namespace}/pods`, {
    body: {
      metadata: { name, labels },
      spec: { serviceAccountName: serviceAccount, containers: [{ name: "proxy", image: "none" }] }
    }
  })
  assert.strictEqual(made.status, 201, JSON.stringify(made.body))
  return made.body.metadata.uid as string
}

const judged = (review: Review, token: string, from = "192.0.2.1"): Promise<Caller | string> =>
  Effect.runPromise(
    review(token, from).pipe(
      Effect.match({ onSuccess: (caller): Caller | string => caller, onFailure: (error) => `${error._tag}: ${error.message}` })
    )
  )

await onControlPlane("a caller of the link", (plane) => {
  const scene = async () => {
    const namespace = await plane.namespace("link")
    await plane.serviceAccount(namespace, "edge-sluice")
    await plane.serviceAccount(namespace, "somebody")
    const find = (of: string, label: string) =>
      of === namespace && label === "edge" ? { name: "edge", serviceAccount: "edge-sluice" } : null
    return { namespace, find, label: { [gatewayNameLabel]: "edge" } }
  }
  // The token of the administrator stands for the operator's: what it may do is tested with the manifests of the installation.
  const admin = () => kubeOf(plane.kubeconfig)

  it("is its pod's Gateway, by a token of our audience, and until the token ends", async () => {
    const { namespace, find, label } = await scene()
    await using api = await admin()
    const uid = await pod(plane, namespace, "edge-1", "edge-sluice", label)
    const token = await plane.token(namespace, "edge-sluice", { audiences: [audience], pod: { name: "edge-1", uid }, seconds: 1_200 })
    const caller = await judged(makeReview({ kube: api.kube, find }), token)
    assert.isObject(caller)
    const { gateway, pod: name, expires } = caller as Caller
    assert.deepEqual({ gateway, name }, { gateway: { namespace, name: "edge" }, name: "edge-1" })
    assert.closeTo(expires ?? 0, Date.now() + 1_200_000, 60_000)
  })

  it("is nobody with a token of the API server's audience, of no pod, or made up", async () => {
    const { namespace, find, label } = await scene()
    await using api = await admin()
    const review = makeReview({ kube: api.kube, find })
    const uid = await pod(plane, namespace, "edge-1", "edge-sluice", label)
    const own = await plane.token(namespace, "edge-sluice", { pod: { name: "edge-1", uid } })
    assert.match(String(await judged(review, own)), /^CallerRefused: the token is not good/)
    const unbound = await plane.token(namespace, "edge-sluice", { audiences: [audience] })
    assert.match(String(await judged(review, unbound)), /^CallerRefused: the token is bound to no pod/)
    assert.match(String(await judged(review, "a.b.c")), /^CallerRefused: the token is not good/)
    const good = await plane.token(namespace, "edge-sluice", { audiences: [audience], pod: { name: "edge-1", uid } })
    assert.match(String(await judged(review, `${good.slice(0, -6)}AAAAAA`)), /^CallerRefused: the token is not good/)
    assert.isObject(await judged(review, good))
  })

  it("is nobody as a pod of no Gateway, of another ServiceAccount, or of another namespace", async () => {
    const { namespace, find, label } = await scene()
    const other = await plane.namespace("link")
    await plane.serviceAccount(other, "edge-sluice")
    await using api = await admin()
    const review = makeReview({ kube: api.kube, find })
    const tokenOf = async (of: string, name: string, account: string, labels: object) =>
      plane.token(of, account, { audiences: [audience], pod: { name, uid: await pod(plane, of, name, account, labels) } })
    assert.match(String(await judged(review, await tokenOf(namespace, "plain", "edge-sluice", {}))), /^CallerRefused: .* has no label/)
    assert.match(
      String(await judged(review, await tokenOf(namespace, "thief", "somebody", label))),
      /^CallerRefused: .* does not run as edge-sluice/
    )
    // But for what was made for the Gateway when it was of another class, until its pods have gone.
    const earlier = makeReview({
      kube: api.kube,
      find,
      madeFor: (gateway, account) => gateway.namespace === namespace && gateway.name === "edge" && account === "somebody"
    })
    assert.isObject(await judged(earlier, await tokenOf(namespace, "earlier", "somebody", label)))
    assert.match(
      String(await judged(review, await tokenOf(other, "edge-1", "edge-sluice", label))),
      /^CallerUnknown: .* is not served here yet/
    )
    assert.match(
      String(await judged(review, await tokenOf(namespace, "late", "edge-sluice", { [gatewayNameLabel]: "later" }))),
      /^CallerUnknown: .*later is not served here yet/
    )
  })

  it("is nobody when its pod is gone, and is believed for a minute without being asked about again", async () => {
    const { namespace, find, label } = await scene()
    await using api = await admin()
    const uid = await pod(plane, namespace, "edge-1", "edge-sluice", label)
    const token = await plane.token(namespace, "edge-sluice", { audiences: [audience], pod: { name: "edge-1", uid } })
    const before = makeReview({ kube: api.kube, find })
    assert.isObject(await judged(before, token))
    await plane.request("DELETE", `/api/v1/namespaces/${namespace}/pods/edge-1?gracePeriodSeconds=0`)
    await plane.eventually(`/api/v1/namespaces/${namespace}/pods/edge-1`, ({ status }) => status === 404)
    assert.isObject(await judged(before, token))
    assert.match(String(await judged(makeReview({ kube: api.kube, find }), token)), /^CallerRefused/)
  })

  it("that is nobody, or that leaves before the answer, has the API server asked a few times and then ever so often", async () => {
    const { namespace, find, label } = await scene()
    await using api = await admin()
    let asked = 0
    const counting = {
      ...api.kube,
      request: (request: Parameters<typeof api.kube.request>[0]) => {
        asked++
        return api.kube.request(request)
      }
    }
    const results: Array<string> = []
    const review = makeReview({ kube: counting, find, onJudged: (result) => results.push(result) })
    const uid = await pod(plane, namespace, "edge-1", "edge-sluice", label)
    const good = await plane.token(namespace, "edge-sluice", { audiences: [audience], pod: { name: "edge-1", uid } })
    // One that is known is not held up by what others of his address do.
    assert.isObject(await judged(review, good, "192.0.2.9"))

    const began = performance.now()
    const { most, every } = allowanceLimits
    const answers = await Promise.all(Array.from({ length: 5 * most }, (_, at) => judged(review, `made.up.${at}`, "192.0.2.9")))
    const allowed = most + Math.ceil((performance.now() - began) / every)
    assert.isAtMost(answers.filter((one) => /the token is not good/.test(String(one))).length, allowed)
    assert.isAtMost(asked, allowed + 2)
    assert.isAbove(asked, most)
    assert.match(String(answers.at(-1)), /^CallerUnknown: too many callers of 192.0.2.9/)
    assert.isAbove(results.filter((result) => result === "limited").length, 0)
    assert.isObject(await judged(review, good, "192.0.2.9"))

    // The question is asked before it is known how long he stays.
    const before = asked
    const since = performance.now()
    for (let times = 0; times < 3 * most; times++) {
      const fiber = Effect.runFork(Effect.ignore(review(`gone.${times}`, "192.0.2.8")))
      await new Promise((resolve) => setImmediate(resolve))
      await Effect.runPromise(Fiber.interrupt(fiber))
    }
    assert.isAtMost(asked - before, most + Math.ceil((performance.now() - since) / every))
    assert.isAtLeast(asked - before, most)
    // Who is ours costs nothing: as many as there are come from one address.
    const many = await Promise.all(
      Array.from({ length: 2 * most }, () => plane.token(namespace, "edge-sluice", { audiences: [audience], pod: { name: "edge-1", uid } }))
    )
    for (const token of many) assert.isObject(await judged(review, token, "192.0.2.6"))
    // Of another address somebody new is asked about at once.
    const other = await pod(plane, namespace, "edge-2", "edge-sluice", label)
    const newcomer = await plane.token(namespace, "edge-sluice", { audiences: [audience], pod: { name: "edge-2", uid: other } })
    assert.isObject(await judged(review, newcomer, "192.0.2.7"))
  })

  it("cannot be judged by an operator without the right to, and that is not the caller's fault", async () => {
    const { namespace, find, label } = await scene()
    const uid = await pod(plane, namespace, "edge-1", "edge-sluice", label)
    const token = await plane.token(namespace, "edge-sluice", { audiences: [audience], pod: { name: "edge-1", uid } })
    await plane.serviceAccount(namespace, "operator", operatorRules)
    await using weak = await kubeOf(plane.kubeconfigFor(await plane.token(namespace, "operator"), namespace))
    assert.match(String(await judged(makeReview({ kube: weak.kube, find }), token)), /^CallerUnknown: the operator may not review tokens/)
  })
})
