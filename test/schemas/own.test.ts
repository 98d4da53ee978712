// The rows of our own kinds, judged by the OpenAPI rules of the CRDs that are generated from their schemas: what we take they take, what we refuse they refuse.
// CEL is the API server's: test/deploy/apiserver.test.ts asks one.
import { Result } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { readsField } from "#schemas/fields.ts"
import { kinds } from "#schemas/kinds.ts"
import { withoutNulls } from "#schemas/nulls.ts"
import { crds } from "../../scripts/deploy/crd.ts"
import { decoded, failures } from "./table/failures.ts"
import { rows } from "./table/own.ts"
import { edited, long, oneChange } from "./table/row.ts"
import { accepts, fieldsOf, pruned, type Structural, withDefaults } from "./upstream/structural.ts"

interface Manifest {
  readonly kind: string
  readonly spec?: unknown
}

const specs = new Map(
  [...crds.values()].map(({ spec }) => {
    const [{ schema }] = spec.versions
    const { properties } = schema.openAPIV3Schema as { readonly properties: { readonly spec: Structural } }
    return [(spec as unknown as { readonly names: { readonly kind: string } }).names.kind, properties.spec]
  })
)

const table = rows.map((row) => ({ ...row, object: row.object as Manifest }))

const schemaOf = (object: Manifest): Structural => specs.get(object.kind)!

const takes = (object: Manifest): boolean =>
  object.spec !== undefined && accepts(schemaOf(object), withDefaults(schemaOf(object), object.spec))

/** Values that are at, or just beyond, some bound of some field. */
const probes: ReadonlyArray<unknown> = [
  ...[
    undefined,
    "",
    "a",
    "A",
    "*.a",
    "a b",
    "a/b",
    "é",
    "/",
    "1d",
    "10s",
    "10.0.0.1",
    "10.0.0.0/8",
    true,
    [],
    {},
    [1],
    ["a"],
    [{}],
    { a: "b" }
  ],
  ...[64, 108, 254, 255, 257, 1025].map((length) => long(length)),
  ...[-1, 0, 1, 1.5, 15, 16, 65_535, 65_536, 1_000_001, 2_147_483_648]
]

describe("generated CRDs", () => {
  it.each(table.map((row) => [`${row.object.kind} ${row.verdict}: ${row.law}`, row] as const))("%s", (_, row) => {
    expect(takes(row.object)).toBe(row.verdict === "Good" || row.rule)
    if (row.rule) expect(JSON.stringify(schemaOf(row.object))).toContain("x-kubernetes-validations")
  })

  it("write the defaults that decoding fills in", () => {
    for (const { object, law } of table.filter(({ verdict }) => verdict === "Good")) {
      const stored = { ...object, spec: withDefaults(schemaOf(object), object.spec) }
      expect(decoded(stored).value, law).toEqual(decoded(object).value)
    }
  })

  it("drop nothing of a good object", () => {
    for (const { object, law } of table.filter(({ verdict }) => verdict === "Good")) {
      expect(pruned(schemaOf(object), object.spec), law).toEqual(object.spec)
    }
  })

  it.each([...specs])("%s: have the fields that are read, and no others", (kind, schema) => {
    const entry = kinds.find((candidate) => candidate.kind === kind && candidate.group === "gateway.sluice.dev")!
    const fields = fieldsOf(schema, ["spec"])
    expect(fields.length).toBeGreaterThan(3)
    expect(fields.filter((path) => !readsField(entry.schema, path)).map((path) => path.join("."))).toEqual([])
  })

  it("refuse no object that we take, and after one more change none that we take", () => {
    const good = table.filter((row) => row.verdict === "Good" && row.object.spec !== undefined)
    fc.assert(
      fc.property(oneChange(good, probes), ([row, place, probe]) => {
        const object = edited(row.object, { [place]: probe }) as Manifest
        const refusals = failures(decoded(object).value)
        const what = `${place} = ${JSON.stringify(probe)}: ${JSON.stringify(refusals)}`
        if (takes(withoutNulls(object) as Manifest)) {
          // Only a rule between fields, or of a field that a rule of CEL judges, may be ours alone here.
          if (refusals.length > 0)
            expect(
              refusals.every(({ message }) => ruled(message)),
              what
            ).toBe(true)
        } else expect(refusals, what).not.toEqual([])
      }),
      { numRuns: 3000 }
    )
  })

  it("state every rule in words that say what to do", () => {
    for (const rule of rulesIn([...specs.values()])) {
      expect(rule.message).not.toBe("")
      expect(rule.rule).toContain("self")
    }
  })
})

interface Validation {
  readonly rule: string
  readonly message: string
}

const rulesIn = (value: unknown): ReadonlyArray<Validation> => {
  if (typeof value !== "object" || value === null) return []
  return Object.entries(value).flatMap(([key, item]) =>
    key === "x-kubernetes-validations" ? (item as ReadonlyArray<Validation>) : rulesIn(item)
  )
}

const words = rulesIn([...specs.values()]).map(({ message }) => message)

/** Is it a rule that the API server is told? The decoder's words may be more exact: they begin as the rule's. */
const ruled = (message: string): boolean => words.some((one) => message.startsWith(one) || one.startsWith(message))

it("a decoder's verdict is a Result", () => {
  expect(Result.isResult(decoded(rows[0]!.object).value)).toBe(true)
})
