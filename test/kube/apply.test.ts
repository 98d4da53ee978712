// Writes against a real API server: what they change, what they leave alone, and what they refuse to overwrite.
import { Effect } from "effect"
import { assert, it } from "vitest"
import { apply, create, type ObjectPlace, patchStatus, read, remove, replace } from "#src/kube/apply.ts"
import { Kube, type KubeError } from "#src/kube/client.ts"
import { makeEvents, type Regarding } from "#src/kube/event.ts"
import type { Access } from "../cluster/access.ts"
import { onControlPlane } from "../cluster/shared.ts"

const run = <A, E>(plane: Access, f: (kube: Kube["Service"]) => Effect.Effect<A, E>): Promise<A> =>
  Effect.runPromise(Kube.pipe(Effect.flatMap(f), Effect.provide(Kube.layer({ kubeconfig: plane.kubeconfig }))))

const refusal = (plane: Access, f: (kube: Kube["Service"]) => Effect.Effect<unknown, KubeError>): Promise<KubeError> =>
  run(plane, (kube) => Effect.flip(f(kube)))

const configMaps = (namespace: string, name = "settings"): ObjectPlace => ({
  group: "",
  version: "v1",
  plural: "configmaps",
  namespace,
  name
})

const configMap = (namespace: string, data: Readonly<Record<string, string>>, more = {}) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "settings", namespace, ...more },
  data
})

const routes = (namespace: string): ObjectPlace => ({
  group: "gateway.networking.k8s.io",
  version: "v1",
  plural: "httproutes",
  namespace,
  name: "cart"
})

const accepted = { type: "Accepted", status: "True", reason: "Accepted", message: "", lastTransitionTime: "2026-01-01T00:00:00Z" }
const entry = (controllerName: string) => ({ controllerName, parentRef: { name: "edge" }, conditions: [accepted] })

await onControlPlane("writes", (plane) => {
  it("apply: what is left out goes, what others wrote stays, and what others hold is taken", async () => {
    const namespace = await plane.namespace("apply")
    const place = configMaps(namespace)
    await run(plane, (kube) => apply(kube, place, configMap(namespace, { ours: "1", dropped: "1" })))
    await plane.request("PATCH", `/api/v1/namespaces/${namespace}/configmaps/settings`, { body: { data: { theirs: "2", ours: "2" } } })
    const conflict = await refusal(plane, (kube) => apply(kube, place, configMap(namespace, { ours: "3" }), { force: false }))
    assert.deepEqual([conflict.status, conflict.reason], [409, "Conflict"])
    const stored = await run(plane, (kube) => apply(kube, place, configMap(namespace, { ours: "3" })))
    assert.deepEqual(stored["data"], { ours: "3", theirs: "2" })
  })

  it("the status of what was read, and of nothing newer; other entries and the spec stay", async () => {
    const namespace = await plane.namespace("status")
    const made = await run(plane, (kube) =>
      create(kube, routes(namespace), {
        apiVersion: "gateway.networking.k8s.io/v1",
        kind: "HTTPRoute",
        metadata: { name: "cart", namespace },
        spec: { parentRefs: [{ name: "edge" }] }
      })
    )
    const version = made.metadata.resourceVersion
    const parents = [entry("example.com/other"), entry("sluice.dev/gateway-controller")]
    const written = await run(plane, (kube) => patchStatus(kube, routes(namespace), version, { parents }))
    assert.deepEqual(
      (written["status"] as { parents: ReadonlyArray<{ controllerName: string }> }).parents.map((one) => one.controllerName),
      ["example.com/other", "sluice.dev/gateway-controller"]
    )
    assert.strictEqual(written.metadata.generation, 1)
    const late = await refusal(plane, (kube) => patchStatus(kube, routes(namespace), version, { parents: [] }))
    assert.deepEqual([late.status, late.reason], [409, "Conflict"])
  })

  it("create, read, replace and remove just what was meant", async () => {
    const namespace = await plane.namespace("write")
    const place = configMaps(namespace)
    assert.isNull(await run(plane, (kube) => read(kube, place)))
    const made = await run(plane, (kube) => create(kube, place, configMap(namespace, { a: "1" })))
    const again = await refusal(plane, (kube) => create(kube, place, configMap(namespace, {})))
    assert.deepEqual([again.status, again.reason], [409, "AlreadyExists"])
    const { resourceVersion, uid } = made.metadata
    const next = await run(plane, (kube) => replace(kube, place, configMap(namespace, { b: "2" }, { resourceVersion })))
    assert.deepEqual(next["data"], { b: "2" })
    assert.strictEqual((await refusal(plane, (kube) => replace(kube, place, configMap(namespace, {}, { resourceVersion })))).status, 409)
    assert.strictEqual((await refusal(plane, (kube) => remove(kube, place, { uid: "another" }))).status, 409)
    assert.isTrue(await run(plane, (kube) => remove(kube, place, { uid })))
    assert.isFalse(await run(plane, (kube) => remove(kube, place, {})))
  })

  it("Events: the same thing again is one more of a series, another thing another Event", async () => {
    const namespace = await plane.namespace("event")
    const { body } = await plane.request("POST", `/api/v1/namespaces/${namespace}/configmaps`, { body: configMap(namespace, {}) })
    const regarding: Regarding = { apiVersion: "v1", kind: "ConfigMap", namespace, name: "settings", uid: body.metadata.uid }
    const said = { regarding, type: "Warning", reason: "ResolutionFailed", action: "Resolve", note: `${"ü".repeat(600)}` } as const
    await run(plane, (kube) => {
      const events = makeEvents(kube, { controller: "sluice.dev/gateway-controller", instance: "operator-0" })
      return Effect.all([events.say(said), events.say(said), events.say(said), events.say({ ...said, note: "other" })], { discard: true })
    })
    const { items } = (await plane.request("GET", `/apis/events.k8s.io/v1/namespaces/${namespace}/events`)).body
    assert.strictEqual(items.length, 2)
    const series = items.find((one: { readonly series?: unknown }) => one.series !== undefined)
    assert.strictEqual(series.series.count, 3)
    assert.match(series.note, /^ü+…$/)
    // And people see it where they look.
    assert.include(await plane.kubectl(["describe", "configmap", "settings", "--namespace", namespace]), "ResolutionFailed")
  })

  it("an Event of what has no namespace stands in default", async () => {
    const { body } = await plane.request("GET", "/api/v1/namespaces/default")
    const regarding: Regarding = { apiVersion: "v1", kind: "Namespace", namespace: "", name: "default", uid: body.metadata.uid }
    const reason = `Seen${Date.now()}`
    await run(plane, (kube) =>
      makeEvents(kube, { controller: "sluice.dev/x", instance: "a" }).say({
        regarding,
        type: "Normal",
        reason,
        action: "See",
        note: "seen"
      })
    )
    const { items } = (await plane.request("GET", "/apis/events.k8s.io/v1/namespaces/default/events")).body
    assert.isTrue(items.some((one: { readonly reason: string }) => one.reason === reason))
  })
})
