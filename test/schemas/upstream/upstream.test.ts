// The same table, judged by the OpenAPI rules of the upstream CRDs: what they take we take, what they refuse we refuse, nothing is dropped.
import { Result } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { readsField } from "#schemas/fields.ts"
import { kinds } from "#schemas/kinds.ts"
import { withoutNulls } from "#schemas/nulls.ts"
import { rows } from "../table/all.ts"
import { decoded, failures } from "../table/failures.ts"
import { type Channel, edited, everywhere, long, oneChange, type Row } from "../table/row.ts"
import { loadUpstream, type Specs } from "./crds.ts"
import { accepts, fieldsOf, pruned, type Structural, withDefaults } from "./structural.ts"

const upstream = await loadUpstream()

type Manifest = { readonly kind: string; readonly spec?: unknown }

const manifest = (row: Row): Manifest => row.object as Manifest

/** Values that are at, or just beyond, some bound of some field. */
const probes: ReadonlyArray<unknown> = [
  ...[undefined, "", "a", "A", "*.a", "a b", "a/b", "é", "/", "1d", "10.0.0.1", true, [], {}, [1], ["a"], [{}], { a: "b" }],
  ...[64, 254, 257, 1025, 4097].map((length) => long(length)),
  ...[-1, 0, 1, 1.5, 65_535, 65_536, 101, 399, 600, 302, 304, 1_000_001]
]

/** Does the CRD take the object, before CEL? */
const takes = (schema: Structural, object: Manifest): boolean =>
  object.spec !== undefined && accepts(schema, withDefaults(schema, object.spec))

const judged = (specs: Specs, channel: Channel) => rows.filter((row) => row.known.includes(channel) && specs.has(manifest(row).kind))

if (upstream._tag === "Absent") {
  if (process.env["CI"] === "true") {
    it("has the upstream CRDs", () => expect.fail(upstream.reason))
  } else {
    process.stderr.write(`upstream CRDs: skipped, ${upstream.reason}\n`)
    it.skip(`judges the table by the upstream CRDs: skipped, ${upstream.reason}`, () => {})
  }
} else {
  describe.each([...upstream.specs])("%s", (channel, specs) => {
    const table = judged(specs, channel)
    it.each(table.map((row) => [`${manifest(row).kind} ${row.verdict}: ${row.law}`, row] as const))("%s", (_, row) => {
      const schema = specs.get(manifest(row).kind)!
      if (row.verdict === "Bad" && row.differs !== "") return // judged over all channels below
      const refused = row.verdict === "Good" ? row.refusedBy.includes(channel) : !row.cel.includes(channel)
      expect(takes(schema, manifest(row))).toBe(!refused)
      if (row.cel.includes(channel)) expect(JSON.stringify(schema)).toContain("x-kubernetes-validations")
    })

    it("our defaults are the CRD's", () => {
      for (const row of table.filter(({ verdict, cel, refusedBy }) => verdict === "Good" && cel.length + refusedBy.length === 0)) {
        const schema = specs.get(manifest(row).kind)!
        const object = withoutNulls(pruned({ properties: { spec: schema } }, { spec: manifest(row).spec })) as { spec: unknown }
        const stored = { ...manifest(row), spec: withDefaults(schema, object.spec) }
        const ours = decoded({ ...manifest(row), ...object })
        // The v1.7 CRD writes tls {mode: None} where the user wrote nothing; that stays visible (schemas/xbackend.ts).
        const theirs = decoded(
          manifest(row).kind === "XBackend"
            ? { ...stored, spec: { ...(stored.spec as object), tls: (object.spec as { tls?: unknown }).tls } }
            : stored
        )
        expect(theirs.value, `${row.law}: ${JSON.stringify(row.object)}`).toEqual(ours.value)
      }
    })

    it.each([...specs])("%s: every field of the CRD is read", (kind, schema) => {
      const entry = kinds.find((candidate) => candidate.kind === kind && candidate.group.startsWith("gateway.networking"))!
      const fields = fieldsOf(schema, ["spec"])
      expect(fields.length).toBeGreaterThan(3)
      expect(fields.filter((path) => !readsField(entry.schema, path)).map((path) => path.join("."))).toEqual([])
    })
  })

  it.each(rows.filter((row) => row.known.length > 0).map((row) => [`${manifest(row).kind}: ${row.law}`, row] as const))(
    "%s agrees with a CRD, or says why not",
    (_, row) => {
      const known = row.known.filter((channel) => upstream.specs.get(channel)?.has(manifest(row).kind))
      expect(known).not.toEqual([])
      const takenBy = known.filter(
        (channel) => takes(upstream.specs.get(channel)!.get(manifest(row).kind)!, manifest(row)) && !row.cel.includes(channel)
      )
      if (row.differs !== "") expect(takenBy.length > 0, "the stated difference is real").toBe(row.verdict === "Bad")
      else expect(takenBy.length > 0).toBe(row.verdict === "Good")
    }
  )

  it("what every CRD set refuses after one more change, we refuse", () => {
    const good = rows.filter((row) => row.verdict === "Good" && row.known.length > 0 && manifest(row).spec !== undefined)
    fc.assert(
      fc.property(oneChange(good, probes), ([row, place, probe]) => {
        const object = edited(row.object, { [place]: probe }) as Manifest
        const takenBy = row.known.filter((channel) => {
          const schema = upstream.specs.get(channel)?.get(object.kind)
          return schema !== undefined && takes(schema, withoutNulls(object) as Manifest)
        })
        if (takenBy.length === 0) expect(failures(decoded(object).value), `${place} = ${JSON.stringify(probe)}`).not.toEqual([])
      }),
      { numRuns: 1500 }
    )
  })

  it("all four CRD sets were read", () => {
    expect([...upstream.specs.keys()].toSorted()).toEqual([...everywhere].toSorted())
    for (const [channel, specs] of upstream.specs) expect(specs.size).toBe(channel.endsWith("experimental") ? 12 : 10)
  })
}

it("a decoder's verdict is a Result", () => {
  expect(Result.isResult(decoded(rows[0]!.object).value)).toBe(true)
})
