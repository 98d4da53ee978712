// What counts as drift: our fields only, whoever adds others; the API server's own way of writing a value is none. And names, and patches.

import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { drifted } from "#src/operator/render/drift.ts"
import { labelsOf } from "#src/operator/render/metadata.ts"
import { labelValue, resourceName } from "#src/operator/render/name.ts"
import { PatchProblem, strategicMerge } from "#src/operator/render/patch.ts"
import type { Wanted } from "#src/operator/render/site.ts"
import { ownLabels } from "#src/translate/labels.ts"

const rendered = {
  metadata: { labels: { a: "1" }, ownerReferences: [{ name: "web", uid: "u" }] },
  spec: {
    ports: [
      { name: "tcp-80", port: 80 },
      { name: "tcp-443", port: 443 }
    ],
    resources: { cpu: "1000m" }
  }
}
const observed = {
  metadata: { labels: { a: "1", theirs: "2" }, ownerReferences: [{ name: "web", uid: "u" }], uid: "x" },
  spec: {
    ports: [
      { name: "tcp-443", port: 443, nodePort: 30443 },
      { name: "tcp-80", port: 80, nodePort: 30080 }
    ],
    resources: { cpu: "1000m" },
    clusterIP: "10.0.0.1"
  },
  status: {}
}

describe("drift", () => {
  it("is none while our fields stand, whatever others add or reorder", () => assert.isFalse(drifted(observed, rendered, null)))

  it("is an edit or a removal of a field of ours", () => {
    assert.isTrue(drifted({ ...observed, metadata: { ...observed.metadata, labels: { a: "2" } } }, rendered, null))
    assert.isTrue(drifted({ ...observed, spec: { ...observed.spec, ports: [observed.spec.ports[0]] } }, rendered, null))
  })

  it("is not the API server's own way to write a value, once that is known", () => {
    const written = { ...observed, spec: { ...observed.spec, resources: { cpu: "1" } } }
    assert.isTrue(drifted(written, rendered, null))
    assert.isFalse(drifted(written, rendered, written))
    assert.isTrue(drifted({ ...written, spec: { ...written.spec, resources: { cpu: "2" } } }, rendered, written))
  })
})

describe("names", () => {
  const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,100}[a-z0-9])?$/)

  it("are such as a Service may have, whatever the Gateway and its class are called", () => {
    fc.assert(
      fc.property(name, name, (gateway, gatewayClass) => {
        assert.match(resourceName(gateway, gatewayClass), /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/)
        assert.match(labelValue(gateway), /^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/)
      })
    )
  })

  it("of different Gateways differ", () => {
    const short = fc.stringMatching(/^[a-c]([-a-c.]{0,4}[a-c])?$/)
    fc.assert(
      fc.property(short, short, short, short, (a, b, c, d) => {
        if (a !== c || b !== d) assert.notStrictEqual(resourceName(a, b), resourceName(c, d))
      }),
      { numRuns: 1_000 }
    )
    assert.strictEqual(resourceName("web", "sluice"), "web-sluice")
  })
})

describe("a strategic merge patch", () => {
  const base = { spec: { a: 1, containers: [{ name: "proxy", env: [{ name: "A", value: "1" }] }], tolerations: [{ key: "x" }] } }

  it("merges lists by their key, replaces those without, takes away what is null", () => {
    assert.deepEqual(
      strategicMerge(base, {
        spec: {
          a: null,
          b: 2,
          containers: [{ name: "proxy", env: [{ name: "B", value: "2" }] }, { name: "side" }],
          tolerations: [{ key: "y" }]
        }
      }),
      {
        spec: {
          b: 2,
          containers: [
            {
              name: "proxy",
              env: [
                { name: "A", value: "1" },
                { name: "B", value: "2" }
              ]
            },
            { name: "side" }
          ],
          tolerations: [{ key: "y" }]
        }
      }
    )
  })

  it("knows the directives delete and replace", () => {
    assert.deepEqual(strategicMerge(base, { spec: { containers: [{ name: "proxy", $patch: "delete" }] } })["spec"], {
      ...base.spec,
      containers: []
    })
    assert.deepEqual(strategicMerge(base, { spec: { $patch: "replace", b: 1 } })["spec"], { b: 1 })
  })

  it("is refused with its place when it cannot be merged, whatever it is", () => {
    for (const bad of [
      7,
      "x",
      [],
      { spec: { containers: "x" } },
      { spec: { containers: [7] } },
      { spec: { containers: [{ image: "x" }] } }
    ])
      assert.throws(() => strategicMerge(base, bad), PatchProblem)
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (patch) => {
        try {
          strategicMerge(base, { spec: patch })
        } catch (error) {
          assert.instanceOf(error, PatchProblem)
        }
      })
    )
  })
})

describe("labels of our own", () => {
  it("are those that a Gateway is told of where it writes them, and stay whatever it writes", () => {
    const written = new Map([["team", "shop"], ...ownLabels.map((name) => [name, "theirs"] as const)])
    const infrastructure = { gatewayClass: "sluice", labels: written } as unknown as Wanted["infrastructure"]
    const labels = labelsOf({ name: "edge", infrastructure } as Wanted)
    assert.deepEqual(
      Object.keys(labels).filter((name) => labels[name] !== written.get(name)),
      [...ownLabels]
    )
    assert.deepEqual(
      Object.keys(labels).filter((name) => name !== "team"),
      [...ownLabels]
    )
  })
})
