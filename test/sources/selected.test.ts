// Pods by selectors, from a real API server: watched where interest names them and nowhere else, told as far as somebody selects them, gone when nobody does.
import { inspect } from "node:util"
import { HashMap, Result } from "effect"
import { assert, expect, it } from "vitest"
import type { ObjectKey } from "#schemas/meta.ts"
import type { Pod } from "#schemas/pod.ts"
import { podSelection } from "#schemas/podselection.ts"
import { objectsOf } from "#src/state/state.ts"
import type { Access } from "../cluster/access.ts"
import { onControlPlane } from "../cluster/shared.ts"
import { type Followed, followEach, kindsNamed } from "./follow.ts"

const { follow } = followEach()

const path = (namespace: string, name = "") => `/api/v1/namespaces/${namespace}/pods${name === "" ? "" : `/${name}`}`

const make = async (
  plane: Access,
  namespace: string,
  name: string,
  labels: Readonly<Record<string, string>>,
  finalizers: ReadonlyArray<string> = []
) => {
  const body = {
    metadata: { name, labels, annotations: { marmoset: "x" }, finalizers },
    spec: { containers: [{ name: "main", image: "none", env: [{ name: "PASSWORD", value: "of-a-marmoset" }] }] }
  }
  // The namespace's ServiceAccount is its controller's to make.
  await plane.eventually(`/api/v1/namespaces/${namespace}/serviceaccounts/default`, ({ status }) => status === 200)
  const answer = await plane.request("POST", path(namespace), { body })
  expect(answer.status, JSON.stringify(answer.body)).toBe(201)
}

const told = async (plane: Access, namespace: string, name: string, ready: boolean, ...ips: ReadonlyArray<string>) => {
  const status = { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })), conditions: [{ type: "Ready", status: ready ? "True" : "False" }] }
  const answer = await plane.request("PATCH", `${path(namespace, name)}/status`, { body: { status } })
  expect(answer.status, JSON.stringify(answer.body)).toBe(200)
}

const podOf = (now: Followed, namespace: string, name: string): Pod | null => {
  const found = HashMap.get(objectsOf(now.state(), "Pod").byKey, `Pod/${namespace}/${name}` as ObjectKey)
  return found._tag === "None" ? null : (Result.getOrThrow(found.value.value) as Pod)
}

const answered = (now: Followed, key: ObjectKey): string | null => {
  const found = HashMap.get(now.state().fetched, key)
  if (found._tag === "None") return null
  if (found.value === null) return "told"
  return Result.isFailure(found.value.value) ? found.value.value.failure[0]!.message : "?"
}

const podsAsked = (now: Followed) => [...new Set(now.asked.map((one) => one.path).filter((one) => one.endsWith("/pods")))]
const rows = (now: Followed) => now.collections().filter((one) => one.kind === "Pod")

await onControlPlane("selected pods", (plane) => {
  it("are watched in the namespaces that are named while they are, and of them those are told that are selected", async () => {
    const namespace = await plane.namespace("pods")
    await make(plane, namespace, "a", { app: "tiles", tier: "web" })
    await make(plane, namespace, "b", { app: "other" })
    const followed = await follow(plane.kubeconfig, { kinds: kindsNamed("Namespace") })
    await followed.until("it runs", (now) => now.names("Namespace").includes(`/${namespace}`))
    assert.deepEqual(podsAsked(followed), [])

    const tiles = podSelection(namespace, new Map([["app", "tiles"]]))
    await followed.want(tiles)
    await followed.until("answered", (now) => answered(now, tiles) === "told")
    assert.deepEqual(followed.names("Pod"), [`${namespace}/a`])
    assert.deepEqual(podOf(followed, namespace, "a"), { addresses: [], readiness: "No" })
    assert.deepEqual(podsAsked(followed), [path(namespace)])
    assert.deepEqual(
      rows(followed).map((one) => one.namespace),
      [namespace]
    )

    await told(plane, namespace, "a", true, "10.8.0.1", "fd00::1")
    await followed.until("ready", (now) => podOf(now, namespace, "a")?.readiness === "Ready")
    assert.deepEqual(podOf(followed, namespace, "a")?.addresses, ["10.8.0.1", "fd00::1"])
    await make(plane, namespace, "c", { app: "tiles" }, ["example.com/hold"])
    await told(plane, namespace, "c", true, "10.8.0.2")
    await followed.until("another", (now) => podOf(now, namespace, "c")?.readiness === "Ready")
    await plane.request("DELETE", path(namespace, "c"))
    await followed.until("leaving", (now) => podOf(now, namespace, "c")?.readiness === "Leaving")
    await plane.request("PATCH", path(namespace, "c"), { body: { metadata: { finalizers: null } } })
    await followed.until("gone", (now) => podOf(now, namespace, "c") === null)
    await plane.request("PATCH", path(namespace, "a"), { body: { metadata: { labels: { app: "moved" } } } })
    await followed.until("selected no more", (now) => podOf(now, namespace, "a") === null)

    // What nobody had selected before is there for who selects it now; what is let go is not.
    const others = podSelection(namespace, new Map([["app", "other"]]))
    await followed.want(tiles, others)
    await followed.until("answered too", (now) => answered(now, others) === "told")
    assert.deepEqual(followed.names("Pod"), [`${namespace}/b`])
    await followed.want(tiles)
    await followed.until("let go", (now) => now.names("Pod").length === 0)
    assert.strictEqual(rows(followed).length, 1)
    await followed.want()
    await followed.until("watched no more", (now) => rows(now).length === 0)
    assert.notMatch(inspect(followed.arrays, { depth: 20, maxArrayLength: null }), /marmoset/)
  })

  it("that may not be read are answered with the reason, and told when they may", async () => {
    const namespace = await plane.namespace("pods")
    await make(plane, namespace, "a", { app: "tiles" })
    await plane.serviceAccount(namespace, "blind", [{ apiGroups: [""], resources: ["configmaps"], verbs: ["list"] }])
    const kubeconfig = plane.kubeconfigFor(await plane.token(namespace, "blind"), namespace)
    const followed = await follow(kubeconfig, { kinds: [], namespaces: new Set([namespace]) })
    const tiles = podSelection(namespace, new Map([["app", "tiles"]]))
    const elsewhere = podSelection("elsewhere", new Map([["app", "tiles"]]))
    await followed.want(tiles, elsewhere)
    await followed.until("answered", (now) => answered(now, tiles) !== null && answered(now, elsewhere) !== null)
    assert.include(answered(followed, tiles), `the pods of namespace ${namespace} may not be read`)
    assert.include(answered(followed, elsewhere), "namespace elsewhere is not watched")
    const group = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`
    const rules = [{ apiGroups: [""], resources: ["pods"], verbs: ["list", "watch"] }]
    expect((await plane.request("POST", `${group}/roles`, { body: { metadata: { name: "pods" }, rules } })).status).toBe(201)
    const binding = {
      metadata: { name: "pods" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "pods" },
      subjects: [{ kind: "ServiceAccount", name: "blind", namespace }]
    }
    expect((await plane.request("POST", `${group}/rolebindings`, { body: binding })).status).toBe(201)
    await followed.until("told", (now) => answered(now, tiles) === "told")
    assert.deepEqual(followed.names("Pod"), [`${namespace}/a`])
    assert.deepEqual(podsAsked(followed), [path(namespace)])
  })
})
