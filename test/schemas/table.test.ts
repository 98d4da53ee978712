// What our decoders say of the table of good and bad objects.
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { type DecodedObject, decodeObject } from "#schemas/decode.ts"
import type { Element } from "#schemas/meta.ts"
import { rows } from "./table/all.ts"
import { failures } from "./table/failures.ts"

/** Lists whose elements fail alone (law 1). */
const lists = ["spec.rules", "spec.tls", "spec.listeners", "spec.endpoints", "endpoints", "spec.allow"]

/** Fields that fail alone: whom the object is about stays readable. */
const parts = ["spec.validation"]

const decoded = (object: unknown): DecodedObject => {
  const result = decodeObject(object)
  if (result._tag !== "Decoded") throw new Error(`${result._tag}: ${JSON.stringify(result)}`)
  return result
}

const valueAt = (value: unknown, path: string): unknown => path.split(".").reduce((at, key) => (at as Record<string, unknown>)[key], value)

const kindOf = (object: unknown): string => (object as { kind: string }).kind

describe.each([...new Set(rows.map((row) => kindOf(row.object)))])("%s", (kind) => {
  const own = rows.filter((row) => kindOf(row.object) === kind)
  it.each(own.filter((row) => row.verdict === "Good").map((row) => [row.law, row] as const))("takes: %s", (_, row) => {
    expect(failures(decoded(row.object).value)).toEqual([])
  })
  it.each(own.filter((row) => row.verdict === "Bad").map((row) => [row.law, row] as const))("refuses: %s", (_, row) => {
    const { value } = decoded(row.object)
    const issues = failures(value)
    expect(issues.map((issue) => issue.path)).toContain(row.at)
    for (const issue of issues) expect(issue.message).not.toBe("")
    const part = parts.find((name) => row.at === name || row.at.startsWith(`${name}.`))
    if (part !== undefined) {
      expect(Result.isFailure(valueAt(Result.getOrThrow(value), part) as Element<unknown>), "the field alone is lost").toBe(true)
      return
    }
    const list = lists.find((name) => row.at.startsWith(`${name}[`))
    if (list === undefined) {
      expect(Result.isFailure(value), "the object is lost").toBe(true)
      return
    }
    const elements = valueAt(Result.getOrThrow(value), list) as ReadonlyArray<Element<unknown>>
    const index = Number(/\[(\d+)\]/u.exec(row.at)?.[1])
    for (const [position, element] of elements.entries()) {
      if (position === index) expect(Result.isFailure(element), "the element is lost").toBe(true)
      else if (!issues.some((issue) => issue.path.startsWith(`${list}[${position}]`))) expect(Result.isSuccess(element)).toBe(true)
    }
  })
})

it("the table is as large as the promise", () => {
  expect(rows.length).toBeGreaterThanOrEqual(150)
  const laws = rows.map((row) => `${kindOf(row.object)} ${row.verdict} ${row.law} ${JSON.stringify(row.object)}`)
  expect(new Set(laws).size).toBe(laws.length)
})
