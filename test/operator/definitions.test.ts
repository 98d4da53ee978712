// What the CRDs of each release tell: their version, and which list of an XBackend's status they have; and that ours is written in that list.
import { assert, describe, it } from "vitest"
import { parseAllDocuments } from "yaml"
import type { ObjectKey } from "#schemas/meta.ts"
import { definitionsOf } from "#src/operator/definitions.ts"
import { knownBundles, supportedFeatures } from "#src/operator/features.ts"
import { desiredStatus } from "#src/operator/status/desired.ts"
import { gatewayClass } from "#src/status/conditions.ts"
import { withClusterPrograms } from "../cluster/shared.ts"
import type { Channel } from "../schemas/table/row.ts"
import { upstreamManifests } from "../schemas/upstream/crds.ts"

const crds = async (channel: Channel) => {
  const all = (await upstreamManifests(channel)).flatMap((text) =>
    parseAllDocuments(text).map((document) => document.toJS() as { readonly metadata?: { readonly name?: string } } | null)
  )
  const of = (name: string) => all.find((one) => one?.metadata?.name === name) ?? null
  return definitionsOf(of("gatewayclasses.gateway.networking.k8s.io"), of("xbackends.gateway.networking.x-k8s.io"))
}

await withClusterPrograms("the definitions of a release", () => {
  it("of release 1.6: parents", async () => {
    const found = await crds("v1.6.3/experimental")
    assert.deepInclude(found, { bundle: "v1.6.3", read: true, xbackend: "parents" })
  })

  it("of release 1.7: ancestors; without XBackend too", async () => {
    assert.deepInclude(await crds("v1.7.0/experimental"), { bundle: "v1.7.0", read: true, xbackend: "ancestors" })
    assert.deepInclude(await crds("v1.7.0/standard"), { bundle: "v1.7.0", read: true, xbackend: "ancestors" })
  })
})

describe("definitions", () => {
  it("that are not there tell nothing", () => assert.deepInclude(definitionsOf(null, null), { bundle: null, read: false }))

  it("make SupportedVersion", () => {
    assert.strictEqual(gatewayClass.version("v1.7.0", knownBundles).status, "True")
    for (const other of ["v1.16.0", "v1.5.1", null]) assert.strictEqual(gatewayClass.version(other, knownBundles).status, "False")
  })
})

it("an XBackend's status is written in the list that its CRD has", () => {
  const key: ObjectKey = "XBackend.gateway.networking.x-k8s.io/shop/pay"
  const verdict = {
    object: key,
    generation: 1,
    entries: [
      {
        parent: "Gateway.gateway.networking.k8s.io/shop/web" as ObjectKey,
        section: null,
        port: null,
        listener: null,
        conditions: [{ type: "Accepted", status: "True" as const, reason: "Accepted", message: "", observedGeneration: 1 }]
      }
    ],
    upstreams: [],
    gateways: []
  }
  const beside = { addresses: [], over: [], unreachable: null, features: [], version: null, live: null }
  for (const [xbackend, ref] of [
    ["parents", "parentRef"],
    ["ancestors", "ancestorRef"]
  ] as const) {
    const status = desiredStatus(key, verdict, undefined, beside, { controller: "c/d", xbackend, now: "2026-11-21T12:00:00Z" })!
    assert.deepEqual(Object.keys(status), [xbackend])
    assert.property((status[xbackend] as ReadonlyArray<object>)[0], ref)
  }
})

it("features are sorted, each once, as many as the CRD admits", () => {
  assert.deepEqual(supportedFeatures, [...new Set(supportedFeatures)].sort())
  assert.isAtMost(supportedFeatures.length, 64)
})
