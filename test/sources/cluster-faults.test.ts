// The API server as a source when it dies, forgets, stalls, or learns kinds late: nothing that was deleted stays, nothing that stayed goes.
import { HashMap } from "effect"
import { afterAll, assert, beforeAll, expect, it } from "vitest"
import { objectKey } from "#schemas/meta.ts"
import { makeObserved } from "#src/operator/observed.ts"
import { objectsOf, synced } from "#src/state/state.ts"
import { type ControlPlane, startControlPlane } from "../cluster/control.ts"
import { installCrds, removeCrds } from "../cluster/crds.ts"
import { withClusterPrograms } from "../cluster/shared.ts"
import { type Followed, followEach, kindsNamed } from "./follow.ts"
import { type Relay, relayTo } from "./relay.ts"

const routeKind = "HTTPRoute.gateway.networking.k8s.io"
const services = "/api/v1/namespaces/default/services"
const routes = "/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes"

const route = (name: string) => ({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "HTTPRoute",
  metadata: { name },
  spec: { rules: [{ matches: [{ path: { type: "PathPrefix", value: "/" } }] }] }
})

const { follow, opened } = followEach()

/** Whole lists that were asked for from the beginning, of one kind. */
const lists = (now: Followed, plural: string): number =>
  now.asked.filter((one) => one.path.endsWith(`/${plural}`) && one.query?.["watch"] === undefined && one.query?.["limit"] === "500").length

await withClusterPrograms("the cluster source", () => {
  let plane: ControlPlane
  beforeAll(async () => {
    plane = await startControlPlane()
    await installCrds(plane, "v1.6.3/standard")
  })
  afterAll(async () => {
    await plane?.stop()
  })

  // Of a built-in kind: of a CustomResourceDefinition's, one that was installed just now may end the watch once more, and a list follows.
  const make = async (name: string): Promise<void> => {
    const body = { apiVersion: "v1", kind: "Service", metadata: { name }, spec: { type: "ExternalName", externalName: "example.com" } }
    const answer = await plane.request("POST", services, { body })
    expect(answer.status, JSON.stringify(answer.body)).toBe(201)
  }
  const drop = (name: string) => plane.request("DELETE", `${services}/${name}`)
  const has = (name: string) => (now: Followed) => now.names("Service").includes(`default/${name}`)
  const own = kindsNamed("Service", "EndpointSlice.discovery.k8s.io")
  const relay = async (): Promise<Relay> => {
    const made = await relayTo(plane)
    opened(made.close)
    return made
  }

  it("goes on where it stood when its connections are cut: no list, nothing missed", async () => {
    const through = await relay()
    await make("cut-before")
    const followed = await follow(through.kubeconfig, { kinds: own })
    await make("cut-watched")
    await followed.until("it is watched", (now) => synced(now.state(), own) && has("cut-watched")(now))
    through.shut()
    await drop("cut-before")
    await make("cut-after")
    through.open()
    await followed.until("both are known", (now) => has("cut-after")(now) && !has("cut-before")(now))
    assert.strictEqual(lists(followed, "services"), 1)
    assert.strictEqual(lists(followed, "endpointslices"), 1)
  })

  it("notices a connection that stands open and says nothing", async () => {
    const through = await relay()
    const followed = await follow(through.kubeconfig, { kinds: own, timings: { silence: 1500 } })
    await followed.until("listed", (now) => synced(now.state(), own))
    await make("stall-before")
    await followed.until("it is watched", has("stall-before"))
    through.stall()
    const stalled = performance.now()
    await make("stalled")
    await followed.until("the route made meanwhile is known", has("stalled"))
    assert.isAbove(performance.now() - stalled, 1000)
    assert.strictEqual(lists(followed, "services"), 1)
  })

  it("outlives the API server; of a place that was compacted away it takes one list, and what was deleted meanwhile is gone", async () => {
    const through = await relay()
    await make("compact-stays")
    await make("compact-goes")
    // What stands in the server, as the writer of statuses is told.
    const standing = makeObserved(new Set(["Service"]))
    const followed = await follow(through.kubeconfig, { kinds: own, standing })
    await followed.until("synced", (now) => synced(now.state(), own))
    through.shut()
    await drop("compact-goes")
    await make("compact-comes")
    // Another kind moves on, so that the old place of this one is before all that is remembered.
    await plane.request("POST", "/api/v1/namespaces", { body: { metadata: { name: "compaction" } } })
    await plane.compact()
    await plane.apiServer.kill()
    await followed.until("told as broken", (now) => now.collections().every((one) => one.state === "Broken" && one.listed))
    assert.isTrue(has("compact-stays")(followed))
    await plane.apiServer.restart()
    through.open()
    await followed.until(
      "all three are right",
      (now) => has("compact-comes")(now) && has("compact-stays")(now) && !has("compact-goes")(now)
    )
    await followed.until("well again", (now) => now.collections().every((one) => one.state === "Watching"))
    assert.strictEqual(lists(followed, "services"), 2)
    const replaced = followed.arrays.flat().filter((change) => change._tag === "Replaced" && change.kind === "Service")
    assert.strictEqual(replaced.length, 2)
    assert.includeMembers([...standing.keys()], ["Service/default/compact-stays", "Service/default/compact-comes"])
    assert.notInclude([...standing.keys()], "Service/default/compact-goes")
  })

  it("waits for an API server that is down at the start", async () => {
    const through = await relay()
    through.shut()
    const followed = await follow(through.kubeconfig, { kinds: own })
    await followed.until("it says what it waits for", (now) =>
      now.collections().every((one) => one.state === "Waiting" && one.detail !== "")
    )
    assert.isFalse(synced(followed.state(), own))
    through.open()
    await followed.until("synced", (now) => synced(now.state(), own))
  })

  it("runs without the kinds that are absent, and serves them when they come; what was served and goes, stays", async () => {
    const some = kindsNamed(routeKind, "XBackend.gateway.networking.x-k8s.io", "BackendTLSPolicy.gateway.networking.k8s.io")
    const [xbackend = "", policy = ""] = ["XBackend.gateway.networking.x-k8s.io", "BackendTLSPolicy.gateway.networking.k8s.io"]
    const followed = await follow(plane.kubeconfig, { kinds: some })
    await followed.until(
      "synced without XBackend",
      (now) => synced(now.state(), some) && objectsOf(now.state(), xbackend).sync === "Unserved"
    )
    assert.strictEqual(objectsOf(followed.state(), policy).sync, "Synced")

    await installCrds(plane, "v1.7.0/experimental", ["xbackends"])
    await followed.until("served", (now) => objectsOf(now.state(), xbackend).sync === "Synced")
    const made = await plane.request("POST", "/apis/gateway.networking.x-k8s.io/v1alpha1/namespaces/default/xbackends", {
      body: {
        apiVersion: "gateway.networking.x-k8s.io/v1alpha1",
        kind: "XBackend",
        metadata: { name: "api" },
        spec: { type: "ExternalHostname", port: { number: 80 }, externalHostname: { hostname: "api.example.com" }, protocol: "HTTP" }
      }
    })
    assert.strictEqual(made.status, 201, JSON.stringify(made.body))
    const key = objectKey(xbackend, "default", "api")
    await followed.until("its object too", (now) => HashMap.has(objectsOf(now.state(), xbackend).byKey, key))

    await removeCrds(plane, ["xbackends.gateway.networking.x-k8s.io"])
    await followed.until("told as unserved", (now) => now.collections().some((one) => one.kind === xbackend && one.state === "Unserved"))
    assert.strictEqual(objectsOf(followed.state(), xbackend).sync, "Synced")
  })

  it("reads the objects anew when their CustomResourceDefinition is upgraded: they may differ at the version they had", async () => {
    const some = kindsNamed(routeKind)
    const path = `${routes}/upgraded`
    await installCrds(plane, "v1.6.3/experimental", ["httproutes"])
    // retry.attempts has a default from v1.7.0 on, and no object is written for it.
    const body = { ...route("upgraded"), spec: { rules: [{ retry: { codes: [503] } }] } }
    const post = () => plane.request("POST", `${routes}?fieldValidation=Strict`, { body })
    let made = await post()
    // A definition that was put in place of another is not in force at once: the one before knows no such field.
    while (made.status === 400) made = await post()
    assert.strictEqual(made.status, 201, JSON.stringify(made.body))
    const followed = await follow(plane.kubeconfig, { kinds: some })
    await followed.until("synced", (now) => synced(now.state(), some))
    const before = (await plane.request("GET", path)).body
    await installCrds(plane, "v1.7.0/experimental", ["httproutes"])
    const after = (await plane.eventually(path, ({ body }) => body.spec.rules[0].retry.attempts === 1)).body
    assert.strictEqual(after.metadata.resourceVersion, before.metadata.resourceVersion)
    const attempts = (now: Followed): unknown =>
      JSON.stringify(HashMap.getUnsafe(objectsOf(now.state(), routeKind).byKey, objectKey(routeKind, "default", "upgraded")).value)
    await followed.until("the default is seen", (now) => String(attempts(now)).includes('"attempts":1'))
  })

  it("lists ten thousand objects in pages of five hundred, told as one", async () => {
    const total = 10_000
    const nameOf = (at: number): string => `slice-${String(at).padStart(5, "0")}`
    const path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    const first = await plane.request("POST", path, {
      body: {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: { name: nameOf(0), labels: { "kubernetes.io/service-name": "many" } },
        addressType: "IPv4",
        ports: [{ port: 8080 }],
        endpoints: [{ addresses: ["10.0.0.1"] }]
      }
    })
    assert.strictEqual(first.status, 201, JSON.stringify(first.body))
    // The others are copies of the stored one with a name as long: made one by one they would take a minute.
    const key = (name: string) => Buffer.from(`/registry/endpointslices/default/${name}`).toString("base64")
    const stored = Buffer.from((await plane.etcdCall("/v3/kv/range", { key: key(nameOf(0)) })).kvs![0]!.value, "base64").toString("latin1")
    const copy = (name: string) => Buffer.from(stored.replaceAll(nameOf(0), name), "latin1").toString("base64")
    for (let at = 1; at < total; at += 100) {
      const names = Array.from({ length: Math.min(100, total - at) }, (_, more) => nameOf(at + more))
      await plane.etcdCall("/v3/kv/txn", { success: names.map((name) => ({ requestPut: { key: key(name), value: copy(name) } })) })
    }
    const some = kindsNamed("EndpointSlice.discovery.k8s.io")
    const followed = await follow(plane.kubeconfig, { kinds: some })
    await followed.until("synced", (now) => synced(now.state(), some))
    assert.strictEqual(followed.names("EndpointSlice.discovery.k8s.io").length, total)
    const replaced = followed.arrays.flat().filter((change) => change._tag === "Replaced")
    assert.deepEqual(
      replaced.map((change) => change.objects.length),
      [total]
    )
    assert.strictEqual(followed.asked.filter((one) => one.query?.["limit"] === "500").length, total / 500)
  })
})
