// Law 1 at large: whatever others write, in any kind, a tenant's routes are what they were. The strangers are the objects of the golden cases, whole or
// with places of theirs overwritten, thrown together into one cluster.
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { assert, describe, expect, it } from "vitest"
import { parseAllDocuments } from "yaml"
import { parseKey } from "#schemas/meta.ts"
import { versionOf } from "#src/snapshot/digest.ts"
import type { Change } from "#src/state/change.ts"
import { apply, type ClusterState } from "#src/state/state.ts"
import { makeTranslate } from "#src/translate/translate.ts"
import { edited, long, placesOf } from "../schemas/table/row.ts"
import { decoded, externalName, folded, gatewayClass, httpGateway, route, routeKey, upserted } from "./manifests.ts"
import { settings } from "./world.ts"

/** Objects a state, and states: together 100,000 objects. */
const crowd = 20
const rounds = 5_000

const calm = "calm"

type Manifest = { readonly apiVersion: string; readonly kind: string; readonly metadata: { readonly name: string } }

const isManifest = (value: unknown): value is Manifest => {
  const { apiVersion, kind, metadata } = (value ?? {}) as Partial<Manifest>
  return typeof apiVersion === "string" && typeof kind === "string" && typeof metadata?.name === "string"
}

const cases = join(import.meta.dirname, "..", "golden", "cases")

const strangers = readdirSync(cases, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".in.yaml"))
  .sort()
  .flatMap((name) => parseAllDocuments(readFileSync(join(cases, name), "utf8")).map((document): unknown => document.toJS()))
  .filter(isManifest)
  .map((object) => ({ object, places: placesOf(object).filter((place) => !/^(apiVersion|kind|metadata)$/.test(place)) }))

/** Names that meet those of other objects, values at bounds, and what has no business anywhere. */
const values = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    true,
    "",
    "*",
    "a",
    "api",
    "edge",
    "shop",
    "infra",
    calm,
    "Service",
    "Backend",
    "10.0.0.1",
    "*.example.com"
  ),
  fc.constantFrom<unknown>(-1, 0, 1, 1.5, 80, 443, 65_536, 2_147_483_648, "10s", "1d", "(", "/", "__proto__", "constructor", long(300)),
  fc.constantFrom<unknown>([], {}, [{}], ["a"], [null], { a: "b" }, { name: "api" }),
  fc.jsonValue({ maxDepth: 2 })
)

/** As it was where the place is gone by an edit before. */
const over = (object: unknown, place: string, value: unknown): unknown => {
  try {
    return edited(object, { [place]: value })
  } catch {
    return object
  }
}

const stranger = fc
  .constantFrom(...strangers)
  .chain(({ object, places }) => fc.tuple(fc.constant(object), fc.array(fc.tuple(fc.constantFrom(...places), values), { maxLength: 2 })))
  .map(([object, edits]) => edits.reduce<unknown>((now, [place, value]) => over(now, place, value), object) as object)

/** What no source would hand on, having no name, is passed over; and what would be the tenant's own. */
const change = (raw: object): ReadonlyArray<Change> => {
  try {
    const object = decoded(raw)
    const { namespace, name } = parseKey(object.meta.key)
    return namespace === calm || name === calm ? [] : [{ _tag: "Upserted", object }]
  } catch {
    return []
  }
}

const tenant = [
  { ...gatewayClass, metadata: { name: calm } },
  edited(httpGateway(calm, calm, 18_000), { "spec.gatewayClassName": calm }) as object,
  externalName("api", calm),
  {
    apiVersion: "gateway.sluice.dev/v1alpha1",
    kind: "Backend",
    metadata: { name: "api", namespace: calm },
    spec: { endpoints: [{ fqdn: { hostname: "api.vendor.example", port: 443 } }] }
  },
  ...["service", "backend", "redirect"].map((name) =>
    route(
      name,
      {
        parentRefs: [{ name: calm }],
        hostnames: [`${name}.calm.example`],
        rules: [
          name === "redirect"
            ? { filters: [{ type: "RequestRedirect", requestRedirect: { hostname: "there.example" } }] }
            : {
                backendRefs: [
                  name === "service" ? { name: "api", port: 8080 } : { group: "gateway.sluice.dev", kind: "Backend", name: "api" }
                ]
              }
        ]
      },
      calm
    )
  )
]

describe.each(["Standalone", "Cluster"] as const)("100,000 random objects beside a tenant (%s)", (role) => {
  const translate = makeTranslate({ ...settings, role, clusterCidrs: role === "Cluster" ? settings.clusterCidrs : [] })
  const base = folded(tenant.map(upserted))
  const before = translate(base)
  const gateway = `Gateway.gateway.networking.k8s.io/${calm}/${calm}`

  const answered = (state: ClusterState): ClusterState => {
    let now = state
    let translation = translate(now, before)
    for (;;) {
      const asked = now
      for (const key of translation.interest) now = apply(now, { _tag: "Fetched", key, object: null })
      if (now === asked) return now
      translation = translate(now, translation)
    }
  }

  it("nothing fails, and the tenant's routes are as they were", () => {
    assert.sameMembers(
      [...before.gateways.get(gateway)!.snapshot.virtualHosts.keys()].map((key) => key.split("/").at(-1)),
      ["service.calm.example", "backend.calm.example", "redirect.calm.example"]
    )
    fc.assert(
      fc.property(fc.array(stranger, { minLength: crowd, maxLength: crowd }), (objects) => {
        // An EgressPolicy may govern every namespace, and then rightly decides what the tenant's backends may be.
        const governed = objects.some((object) => (object as Manifest).kind === "EgressPolicy")
        const state = answered(folded(objects.flatMap(change), base))
        const after = translate(state)
        for (const { entries } of after.verdicts.values())
          for (const { conditions } of entries) for (const { message } of conditions) expect(message).not.toContain("a defect of ours")
        const { snapshot } = after.gateways.get(gateway)!
        expect(snapshot.version).toBe(versionOf(snapshot))
        for (const name of governed ? ["redirect"] : ["service", "backend", "redirect"]) {
          const host = `${calm}/${calm}/http/${name}.calm.example`
          expect(snapshot.virtualHosts.get(host)).toEqual(before.gateways.get(gateway)!.snapshot.virtualHosts.get(host))
          expect(after.verdicts.get(routeKey(name, calm))).toEqual(before.verdicts.get(routeKey(name, calm)))
        }
      }),
      { numRuns: rounds / 2 }
    )
  }, 300_000)
})
