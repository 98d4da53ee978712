// Plain scalars mean what they mean to the API server (sigs.k8s.io/yaml: its resolve table and Go's ParseInt and ParseFloat).
import { assert, describe, it } from "vitest"
import { scalarOf } from "#src/sources/scalar.ts"
import { readTree } from "#src/sources/yaml.ts"

const cases: ReadonlyArray<readonly [string, unknown]> = [
  // A number needs a digit: these are names.
  ["e0", "e0"],
  ["E1", "E1"],
  [".e1", ".e1"],
  ["-e1", "-e1"],
  ["_1", "_1"],
  [".", "."],
  ["+", "+"],
  ["1e", "1e"],
  ["0x", "0x"],
  ["1.2.3", "1.2.3"],
  ["10.0.0.1", "10.0.0.1"],
  ["1k", "1k"],
  // Integers: decimal, octal in both spellings, hexadecimal, binary, underscores dropped.
  ["0", 0],
  ["-0", 0],
  ["+12", 12],
  ["1_000", 1000],
  ["0644", 420],
  ["0o17", 15],
  ["0x1F", 31],
  ["-0x1f", -31],
  ["0b101", 5],
  ["089", 89],
  ["99999999999999999999", 1e20],
  ["0xFFFFFFFFFFFFFFFFFF", "0xFFFFFFFFFFFFFFFFFF"],
  // Floats.
  ["1.", 1],
  ["1.5", 1.5],
  [".5", 0.5],
  ["1e3", 1000],
  ["-1.5E-3", -0.0015],
  ["1e999", "1e999"],
  ["._5", "._5"],
  [".inf", Infinity],
  ["-.INF", -Infinity],
  [".iNf", ".iNf"],
  ["inf", "inf"],
  // No base 60, no dates.
  ["12:30", "12:30"],
  ["190:20:30", "190:20:30"],
  ["1:30.5", "1:30.5"],
  ["2024-01-01", "2024-01-01"],
  ["2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"],
  // Booleans and null of YAML 1.1.
  ["y", true],
  ["No", false],
  ["oFF", "oFF"],
  ["TRUE", true],
  ["~", null],
  ["Null", null],
  ["nULL", "nULL"],
  ["=", "="]
]

describe("a plain scalar", () => {
  it.each(cases)("%s is %j", (source, value) => {
    assert.deepEqual(scalarOf(source), value)
    // And so says the whole reader, on which the rest of YAML rests.
    const read = readTree(`[${source}]`)
    assert.deepEqual("value" in read ? read.value : read, [value])
  })

  it("of a lone sign is text", () => {
    assert.strictEqual(scalarOf("-"), "-")
  })

  it("that is no number is NaN only as .nan", () => {
    for (const source of [".nan", ".NaN", ".NAN"]) assert.isNaN(scalarOf(source))
    assert.strictEqual(scalarOf("nan"), "nan")
  })
})
