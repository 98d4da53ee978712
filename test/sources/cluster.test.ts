// The API server as a source, against a real one: what is listed, watched and fetched, and what a missing right costs.
import { HashMap, Result } from "effect"
import { assert, expect, it } from "vitest"
import { kinds } from "#schemas/kinds.ts"
import { type ObjectKey, objectKey } from "#schemas/meta.ts"
import type { Secret } from "#schemas/secret.ts"
import type { Sealed } from "#src/snapshot/secret.ts"
import { seal } from "#src/snapshot/secret.ts"
import { objectsOf, synced } from "#src/state/state.ts"
import type { Access, PolicyRule } from "../cluster/access.ts"
import { onControlPlane } from "../cluster/shared.ts"
import { digestKey, type Followed, followEach, kindsNamed } from "./follow.ts"

const { follow } = followEach()

const isSynced = (now: Followed): boolean => synced(now.state(), kinds)

const routeKind = "HTTPRoute.gateway.networking.k8s.io"
const routes = (namespace: string) => `/apis/gateway.networking.k8s.io/v1/namespaces/${namespace}/httproutes`

const route = (name: string, path = "/") => ({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "HTTPRoute",
  metadata: { name },
  spec: { rules: [{ matches: [{ path: { type: "PathPrefix", value: path } }] }] }
})

const secret = (name: string, password: string) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name },
  data: { password: Buffer.from(password).toString("base64") }
})

const digestOf = (now: Followed, key: ObjectKey): string | null | undefined => {
  const found = HashMap.get(now.state().fetched, key)
  if (found._tag === "None") return undefined
  const value = found.value?.value
  return value === undefined ? null : Result.isSuccess(value) ? (value.success as Secret<Sealed>).data.get("password")!.digest : null
}

const sealedDigest = (password: string): string => seal(digestKey, Buffer.from(password)).digest

const has = (namespace: string, name: string) => (now: Followed) => now.names(routeKind).includes(`${namespace}/${name}`)

const made = async (plane: Access, path: string, body: unknown): Promise<void> => {
  const answer = await plane.request("POST", path, { body })
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300)
}

/** A ServiceAccount that may read everything but what `except` says, cluster-wide; returns its kubeconfig and how its binding is taken and given. */
const reader = async (plane: Access, namespace: string, rules: ReadonlyArray<PolicyRule>) => {
  const name = `reader-${namespace}`
  await plane.serviceAccount(namespace, name)
  const group = "/apis/rbac.authorization.k8s.io/v1"
  await made(plane, `${group}/clusterroles`, { metadata: { name }, rules })
  await made(plane, `${group}/clusterrolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
    subjects: [{ kind: "ServiceAccount", name, namespace }]
  })
  return plane.kubeconfigFor(await plane.token(namespace, name), namespace)
}

const read = ["get", "list", "watch"]

await onControlPlane("the cluster source", (plane) => {
  it("tells each kind whole and once at the start, then what changes", async () => {
    const namespace = await plane.namespace("source")
    await made(plane, routes(namespace), route("before"))
    const followed = await follow(plane.kubeconfig)
    await followed.until("synced", isSynced)
    const replaced = followed.arrays.flat().filter((change) => change._tag === "Replaced")
    assert.strictEqual(new Set(replaced.map((change) => change.kind)).size, replaced.length)
    assert.include(followed.names(routeKind), `${namespace}/before`)
    assert.include(followed.names("Namespace"), `/${namespace}`)

    await made(plane, routes(namespace), route("after"))
    await followed.until("added", has(namespace, "after"))
    await plane.request("PATCH", `${routes(namespace)}/after`, { body: { spec: route("", "/new").spec } })
    const key = objectKey(routeKind, namespace, "after")
    await followed.until("edited", (now) => HashMap.getUnsafe(objectsOf(now.state(), routeKind).byKey, key).meta.generation === 2)
    await plane.request("DELETE", `${routes(namespace)}/after`)
    await followed.until("deleted", (now) => !has(namespace, "after")(now))
    // Envoy Gateway's CRDs are not here.
    assert.deepEqual(
      followed
        .collections()
        .filter((one) => one.state !== "Watching")
        .map(({ kind, state }) => `${kind} ${state}`),
      [
        "Backend.gateway.envoyproxy.io Unserved",
        "BackendTrafficPolicy.gateway.envoyproxy.io Unserved",
        "Ingress.voyager.appscode.com Unserved"
      ]
    )
  })

  it("fetches what interest names and nothing else, again when it changes", async () => {
    const namespace = await plane.namespace("interest")
    const secrets = `/api/v1/namespaces/${namespace}/secrets`
    await made(plane, secrets, secret("named", "one"))
    await made(plane, secrets, secret("other", "canary"))
    const followed = await follow(plane.kubeconfig, { kinds: kindsNamed("Secret", "ConfigMap") })
    const named = objectKey("Secret", namespace, "named")
    const later = objectKey("Secret", namespace, "later")
    await followed.want(named, later)
    await followed.until("answered", (now) => digestOf(now, named) === sealedDigest("one") && digestOf(now, later) === null)

    await plane.request("PATCH", `${secrets}/named`, { body: secret("named", "two") })
    await followed.until("rotated", (now) => digestOf(now, named) === sealedDigest("two"))
    await made(plane, secrets, secret("later", "three"))
    await followed.until("made", (now) => digestOf(now, later) === sealedDigest("three"))
    await plane.request("DELETE", `${secrets}/named`)
    await followed.until("deleted", (now) => digestOf(now, named) === null)

    const gets = followed.asked.filter((one) => one.path.startsWith(`${secrets}/`)).map((one) => one.path)
    assert.deepEqual([...new Set(gets)].sort(), [`${secrets}/later`, `${secrets}/named`])
    // Whatever else was asked of Secrets was asked for metadata alone.
    assert.isTrue(
      followed.asked
        .filter((one) => one.path === "/api/v1/secrets")
        .every((one) => one.accept?.includes("PartialObjectMetadata") ?? one.query?.["limit"] === "1")
    )
    assert.notInclude(JSON.stringify(followed.arrays), "canary")
  })

  it("answers again what was let go and is named again", async () => {
    const namespace = await plane.namespace("again")
    await made(plane, `/api/v1/namespaces/${namespace}/secrets`, secret("a", "one"))
    const followed = await follow(plane.kubeconfig, { kinds: kindsNamed("Secret") })
    const key = objectKey("Secret", namespace, "a")
    const answers = () => followed.arrays.flat().filter((change) => change._tag === "Fetched" && change.key === key).length
    await followed.want(key)
    await followed.until("answered", () => answers() === 1)
    await followed.want()
    await followed.want(key)
    await followed.until("answered again", () => answers() >= 2)
  })

  it("takes only the watched namespaces, and what is elsewhere for absent", async () => {
    const [a, b] = [await plane.namespace("a"), await plane.namespace("b")]
    await made(plane, routes(a), route("mine"))
    await made(plane, routes(b), route("foreign"))
    await made(plane, `/api/v1/namespaces/${b}/secrets`, secret("foreign", "canary"))
    const followed = await follow(plane.kubeconfig, { namespaces: new Set([a]) })
    await followed.want(objectKey("Secret", b, "foreign"))
    await followed.until("synced", isSynced)
    assert.deepEqual(followed.names(routeKind), [`${a}/mine`])
    assert.deepEqual(followed.names("Namespace"), [`/${a}`])
    await followed.until("answered", (now) => digestOf(now, objectKey("Secret", b, "foreign")) === null)
    assert.isFalse(followed.asked.some((one) => one.path.includes(`/namespaces/${b}`)))
  })

  it("loses one namespace's right and nothing else: what was read there stays, and is read again when the right is back", async () => {
    const [a, b, home] = [await plane.namespace("a"), await plane.namespace("b"), await plane.namespace("home")]
    for (const namespace of [a, b]) await made(plane, routes(namespace), route("r"))
    await made(plane, `/api/v1/namespaces/${b}/secrets`, secret("s", "one"))
    const kubeconfig = await reader(plane, home, [{ apiGroups: [""], resources: ["namespaces"], verbs: read }])
    const account = { kind: "ServiceAccount", name: `reader-${home}`, namespace: home }
    const all = [
      { apiGroups: [""], resources: ["secrets"], verbs: read },
      { apiGroups: ["gateway.networking.k8s.io"], resources: ["httproutes"], verbs: read }
    ]
    const rbac = (namespace: string) => `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`
    const grant = async (namespace: string) => {
      await plane.request("DELETE", `${rbac(namespace)}/rolebindings/reader`)
      await made(plane, `${rbac(namespace)}/rolebindings`, {
        metadata: { name: "reader" },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" },
        subjects: [account]
      })
    }
    for (const namespace of [a, b]) await made(plane, `${rbac(namespace)}/roles`, { metadata: { name: "reader" }, rules: all })
    await grant(a)

    const own = kindsNamed("Namespace", routeKind, "Secret")
    const key = objectKey("Secret", b, "s")
    // Watches that end soon: a watch that was permitted once goes on until then.
    const followed = await follow(kubeconfig, { kinds: own, namespaces: new Set([a, b]), timings: { timeout: [1, 2] } })
    await followed.want(key)
    const stateOf = (kind: string, namespace: string) =>
      followed.collections().find((one) => one.kind === kind && one.namespace === namespace)?.state
    await followed.until("a is served, b is denied", (now) => synced(now.state(), own) && stateOf(routeKind, b) === "Denied")
    assert.deepEqual(followed.names(routeKind), [`${a}/r`])
    await followed.until("the Secret of b is answered all the same", (now) => digestOf(now, key) === null)
    assert.isTrue(followed.arrays.flat().some((change) => change._tag === "Denied" && change.kind === "Secret" && change.namespace === b))
    assert.strictEqual(stateOf(routeKind, a), "Watching")

    await grant(b)
    await followed.until("b is served", (now) => has(b, "r")(now) && stateOf(routeKind, b) === "Watching")
    await followed.until("its Secret too", (now) => digestOf(now, key) === sealedDigest("one"))

    await plane.request("DELETE", `${rbac(b)}/rolebindings/reader`)
    await followed.until("b is denied again", () => stateOf(routeKind, b) === "Denied" && stateOf("Secret", b) === "Denied")
    assert.deepEqual(followed.names(routeKind), [`${a}/r`, `${b}/r`].sort())
    assert.strictEqual(digestOf(followed, key), sealedDigest("one"))

    await plane.request("DELETE", `${routes(b)}/r`)
    await made(plane, routes(a), route("new"))
    await followed.until("a goes on", has(a, "new"))
    await grant(b)
    await followed.until("what was deleted in b meanwhile is gone", (now) => !has(b, "r")(now))
    assert.isTrue(has(a, "new")(followed))
  })

  it("is denied a whole kind: told so, probed, and served when the right comes", async () => {
    const home = await plane.namespace("kind")
    const kubeconfig = await reader(plane, home, [{ apiGroups: [""], resources: ["services"], verbs: read }])
    const followed = await follow(kubeconfig, { kinds: kindsNamed("Service", "Endpoints") })
    await followed.until(
      "told",
      (now) => objectsOf(now.state(), "Endpoints").sync === "Denied" && objectsOf(now.state(), "Service").sync === "Synced"
    )
    await plane.request("PATCH", `/apis/rbac.authorization.k8s.io/v1/clusterroles/reader-${home}`, {
      body: { rules: [{ apiGroups: [""], resources: ["services", "endpoints"], verbs: read }] }
    })
    await followed.until("served", (now) => objectsOf(now.state(), "Endpoints").sync === "Synced")
  })
})
