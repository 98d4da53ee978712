// Law 21: a manifest means the same from a file and from the API server. Golden cases are applied to a real one, and what is translated of it is
// compared with what is translated of the file, verdicts and snapshots alike.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { HashMap } from "effect"
import { afterAll, assert, beforeAll, it } from "vitest"
import { parseAllDocuments } from "yaml"
import { kinds } from "#schemas/kinds.ts"
import { groupKind, type ObjectKey, objectKey } from "#schemas/meta.ts"
import { kubePath } from "#src/kube/path.ts"
import { evaluate } from "#src/pipeline.ts"
import { assemble, changesBetween } from "#src/sources/assembly.ts"
import { type ClusterState, objectsOf, synced } from "#src/state/state.ts"
import { controllerName, type TranslateSettings } from "#src/translate/settings.ts"
import { makeTranslate, type Translation } from "#src/translate/translate.ts"
import { type ControlPlane, startControlPlane } from "../cluster/control.ts"
import { installCrds } from "../cluster/crds.ts"
import { withClusterPrograms } from "../cluster/shared.ts"
import { printed } from "../golden/print.ts"
import { digestKey, type Followed, followCluster } from "./follow.ts"

/** One of each family of objects and fields; each is accepted by the API server as it is written. */
const cases: ReadonlyArray<string> = [
  "attachment/selector-labels",
  "attachment/hostname-intersection",
  "backends/backend-mixed",
  "backends/backend-settings",
  "backends/backend-tls-policy",
  "backends/egress-enforce",
  "backends/externalname-protocols",
  "backends/service-readiness",
  "backends/service-protocols",
  "backends/tls-policy-conflict",
  "backends/tls-policy-invalid",
  "backends/weights-external-and-cluster",
  "backends/xbackend-plaintext",
  "certificate/served",
  "certificate/granted",
  "filter/cors",
  "filter/rewrite",
  "listenerset/allowed",
  "gateway/parameters-switches",
  "listener/several-on-a-port",
  "match/age",
  "match/kinds",
  "rule/retry",
  "rule/timeouts"
]

const settings: TranslateSettings = {
  controllerName,
  role: "Cluster",
  listenAddress: "0.0.0.0",
  clusterDomain: "cluster.local",
  clusterCidrs: [],
  allowLoopback: false,
  unixDirectories: []
}

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly resourceVersion?: string }
  readonly items?: ReadonlyArray<Manifest>
}

const manifestsIn = (text: string): ReadonlyArray<Manifest> =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((object) => object !== null)
    .flatMap((object) => object.items ?? [object])

const rowOf = ({ apiVersion, kind }: Manifest) => {
  const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : ""
  const row = kinds.find((one) => one.groupKind === groupKind(group, kind))
  return row === undefined ? null : { ...row, version: apiVersion.slice(apiVersion.indexOf("/") + 1) }
}

const placeOf = (object: Manifest) => {
  const row = rowOf(object)!
  const { group, version, plural, scope } = row
  const namespace = scope === "Cluster" ? "" : (object.metadata.namespace ?? "default")
  return { row, place: { group, version, plural, namespace }, key: objectKey(row.groupKind, namespace, object.metadata.name) }
}

/** What the file implies: its class and its namespaces. */
const implied = (objects: ReadonlyArray<Manifest>): ReadonlyArray<Manifest> => {
  const namespaces = new Set(objects.map((one) => placeOf(one).place.namespace).filter((name) => name !== ""))
  return [
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "GatewayClass",
      metadata: { name: "sluice" },
      spec: { controllerName }
    } as Manifest,
    ...[...namespaces].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } }))
  ].filter((one) => !objects.some((other) => placeOf(other).key === placeOf(one).key))
}

/** Namespaces first; then by namespace and name, so that age, which a file does not have, decides as the file's order of names does. */
const inOrder = (objects: ReadonlyArray<Manifest>): ReadonlyArray<Manifest> =>
  [...objects].sort((a, b) => {
    const rank = (one: Manifest) => `${one.kind === "Namespace" ? 0 : 1}${one.metadata.namespace ?? "default"}/${one.metadata.name}`
    return rank(a) < rank(b) ? -1 : 1
  })

const ofFile = (text: string): Translation => {
  const assembly = assemble({ files: new Map([["case.yaml", text]]), faults: [], folders: new Map() }, digestKey, null)
  return evaluate(makeTranslate(settings), changesBetween(null, assembly, new Set()), (key) => assembly.demanded.get(key) ?? null)
    .translation
}

const versionIn = (state: ClusterState, key: ObjectKey, kind: string): string | undefined => {
  const found = HashMap.get(objectsOf(state, kind).byKey, key)
  return found._tag === "Some" ? found.value.meta.resourceVersion : undefined
}

await withClusterPrograms("law 21", () => {
  let plane: ControlPlane
  let followed: Followed
  beforeAll(async () => {
    plane = await startControlPlane()
    await installCrds(plane, "v1.7.0/experimental")
    await installCrds(plane, "own")
    followed = await followCluster(plane.kubeconfig)
    await followed.until("synced", (now) => synced(now.state(), kinds))
  })
  afterAll(async () => {
    await followed?.close()
    await plane?.stop()
  })

  const ofCluster = async (objects: ReadonlyArray<Manifest>): Promise<Translation> => {
    for (const object of inOrder([...implied(objects), ...objects])) {
      const { row, place, key } = placeOf(object)
      let answer = await plane.request("POST", kubePath(place), { body: object })
      // Of another case: without its controller a Namespace never goes.
      if (answer.status === 409 && row.kind === "Namespace") {
        answer = await plane.request("PUT", kubePath({ ...place, name: object.metadata.name }), { body: object })
        assert.strictEqual(answer.status, 200, `${key}: ${answer.body.message}`)
        answer = { ...answer, status: 201 }
      }
      assert.strictEqual(answer.status, 201, `${key}: ${answer.body.message}`)
      if (row.need !== "Demanded")
        await followed.until(`${key} is seen`, (now) => versionIn(now.state(), key, row.groupKind) === answer.body.metadata.resourceVersion)
    }
    let interest: ReadonlySet<ObjectKey> = new Set()
    for (;;) {
      const translation = makeTranslate(settings)(followed.state())
      if ([...translation.interest].every((key) => interest.has(key))) return translation
      interest = translation.interest
      // Not what was said of the same name in another case.
      const told = followed.arrays.length
      const answers = () =>
        new Set(followed.arrays.slice(told).flatMap((changes) => changes.map((one) => (one._tag === "Fetched" ? one.key : null))))
      await followed.want(...interest)
      await followed.until("interest is answered", () => [...interest].every((key) => answers().has(key)))
    }
  }

  const remove = async (objects: ReadonlyArray<Manifest>): Promise<void> => {
    const gone = [...implied(objects), ...objects].filter((one) => one.kind !== "Namespace").map(placeOf)
    for (const { place, key } of gone) await plane.request("DELETE", kubePath({ ...place, name: key.slice(key.lastIndexOf("/") + 1) }))
    await followed.until("all are gone", (now) =>
      gone.every(({ row, key }) => row.need === "Demanded" || versionIn(now.state(), key, row.groupKind) === undefined)
    )
    await followed.want()
  }

  it.each(cases)("%s", async (name) => {
    const text = readFileSync(join(import.meta.dirname, "..", "golden", "cases", `${name}.in.yaml`), "utf8")
    const objects = manifestsIn(text).filter((one) => rowOf(one) !== null)
    try {
      assert.strictEqual(printed(await ofCluster(objects), []), printed(ofFile(text), []))
    } finally {
      await remove(objects)
    }
  })
})
