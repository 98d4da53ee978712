// Ready endpoints of Services, followed through the state: as many as a count of all slices would find, and told when a Service begins or ceases to be reachable.
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { type ObjectKey, objectKey } from "#schemas/meta.ts"
import { makeReadyEndpoints } from "#src/operator/endpoints.ts"
import type { Change } from "#src/state/change.ts"
import { apply, empty } from "#src/state/state.ts"
import { decoded } from "../translate/manifests.ts"

const slice = (name: string, service: string | null, ready: ReadonlyArray<boolean | undefined>) =>
  decoded({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name, namespace: "shop", labels: service === null ? {} : { "kubernetes.io/service-name": service } },
    addressType: "IPv4",
    endpoints: ready.map((one, i) => ({ addresses: [`10.0.0.${i + 1}`], conditions: one === undefined ? {} : { ready: one } })),
    ports: [{ port: 80 }]
  })
const service = (name: string): ObjectKey => objectKey("Service", "shop", name)

const anySlice = fc.tuple(
  fc.constantFrom("s1", "s2", "s3"),
  fc.constantFrom("a", "b", null),
  fc.array(fc.constantFrom(true, false, undefined), { maxLength: 3 })
)
const anyChange = fc.oneof(
  anySlice.map(([name, of, ready]): Change => ({ _tag: "Upserted", object: slice(name, of, ready) })),
  fc
    .constantFrom("s1", "s2", "s3")
    .map((name): Change => ({ _tag: "Deleted", key: objectKey("EndpointSlice.discovery.k8s.io", "shop", name) })),
  fc.uniqueArray(anySlice, { selector: ([name]) => name, maxLength: 3 }).map(
    (all): Change => ({
      _tag: "Replaced",
      kind: "EndpointSlice.discovery.k8s.io",
      objects: all.map(([name, of, ready]) => slice(name, of, ready))
    })
  )
)

describe("ready endpoints", () => {
  it("ready absent means ready; a slice of no Service counts for none", () => {
    const counted = makeReadyEndpoints()
    const state = [slice("s1", "a", [true, false, undefined]), slice("s2", null, [true])].reduce(
      (state, object) => apply(state, { _tag: "Upserted", object }),
      empty
    )
    assert.deepEqual(counted.follow(state), [service("a")])
    assert.strictEqual(counted.of(service("a")), 2)
    assert.strictEqual(counted.of(service("b")), 0)
  })

  it("followed through any changes, they are those that one look at the end finds; each that turns is told", () => {
    fc.assert(
      fc.property(fc.array(fc.array(anyChange, { maxLength: 3 }), { maxLength: 8 }), (rounds) => {
        const counted = makeReadyEndpoints()
        let state = empty
        const reachable = new Set<ObjectKey>()
        for (const changes of rounds) {
          state = changes.reduce(apply, state)
          for (const turned of counted.follow(state)) if (!reachable.delete(turned)) reachable.add(turned)
        }
        const anew = makeReadyEndpoints()
        anew.follow(state)
        for (const name of ["a", "b"]) {
          assert.strictEqual(counted.of(service(name)), anew.of(service(name)))
          assert.strictEqual(reachable.has(service(name)), anew.of(service(name)) > 0)
        }
      })
    )
  })
})
