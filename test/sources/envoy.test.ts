// Envoy Gateway's Backend from an API server: served once its CRD is there, kept apart from ours of the same name, and never written to.
import { Result } from "effect"
import { afterAll, assert, beforeAll, it } from "vitest"
import type { EnvoyBackend } from "#schemas/dialects/envoybackend.ts"
import { kinds } from "#schemas/kinds.ts"
import { objectsOf } from "#src/state/state.ts"
import { type ControlPlane, startControlPlane } from "../cluster/control.ts"
import { installCrds } from "../cluster/crds.ts"
import { withClusterPrograms } from "../cluster/shared.ts"
import { followEach, kindsNamed } from "./follow.ts"

const theirs = "Backend.gateway.envoyproxy.io"
const ours = "Backend.gateway.sluice.dev"

/** As theirs in what a source sees of it: names, scope, a status of its own. */
const crd = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "backends.gateway.envoyproxy.io" },
  spec: {
    group: "gateway.envoyproxy.io",
    scope: "Namespaced",
    names: { kind: "Backend", plural: "backends", singular: "backend", listKind: "BackendList" },
    versions: [
      {
        name: "v1alpha1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
        subresources: { status: {} }
      }
    ]
  }
}

const object = (group: string, hostname: string) => ({
  apiVersion: `${group}/v1alpha1`,
  kind: "Backend",
  metadata: { name: "api" },
  spec: { endpoints: [{ fqdn: { hostname, port: 443 } }] }
})
const path = (group: string) => `/apis/${group}/v1alpha1/namespaces/default/backends`

const { follow } = followEach()

await withClusterPrograms("Envoy Gateway's Backend in a cluster", () => {
  let plane: ControlPlane
  beforeAll(async () => {
    plane = await startControlPlane()
    await installCrds(plane, "own", ["backends"])
  })
  afterAll(async () => {
    await plane?.stop()
  })

  it("is read when its CRD comes, beside ours of the same name", async () => {
    const followed = await follow(plane.kubeconfig, { kinds: kindsNamed(theirs, ours) })
    await followed.until("it is not served", (now) => objectsOf(now.state(), theirs).sync === "Unserved")
    const made = await plane.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", { body: crd })
    assert.strictEqual(made.status, 201)
    await plane.eventually("/apis/gateway.envoyproxy.io/v1alpha1/backends?limit=1", ({ status }) => status === 200, 60_000)
    for (const [group, name] of [
      ["gateway.envoyproxy.io", "theirs.example.com"],
      ["gateway.sluice.dev", "ours.example.com"]
    ] as const) {
      const { status, body } = await plane.request("POST", path(group), { body: object(group, name) })
      assert.strictEqual(status, 201, JSON.stringify(body))
    }
    await followed.until("both are known", (now) => now.names(theirs).length === 1 && now.names(ours).length === 1)
    for (const [kind, name] of [
      [theirs, "theirs.example.com"],
      [ours, "ours.example.com"]
    ] as const) {
      const [one] = [...objectsOf(followed.state(), kind).byKey].map(([, decoded]) => decoded.value)
      const { spec } = Result.getOrThrow(one as Result.Result<EnvoyBackend, never>)
      assert.strictEqual(Result.getOrThrow(spec.endpoints[0]!).fqdn?.hostname, name)
    }
  }, 60_000)

  it("has no status of ours: its conditions name no controller", () => {
    assert.isFalse(kinds.find((kind) => kind.groupKind === theirs)!.status)
  })
})
