// docs/faults.md names tests: each is there, and each test of a fault is named.
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "vitest"

const root = join(import.meta.dirname, "..", "..")

interface Row {
  readonly fault: string
  readonly file: string
  readonly words: string
  readonly result: string
}

const rows: ReadonlyArray<Row> = readFileSync(join(root, "docs/faults.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("|") && line.includes(".test.ts`"))
  .map((line) => {
    const [, fault = "", , test = "", result = ""] = line.split("|").map((cell) => cell.trim())
    const [, file = "", words = ""] = /^`(.+?)`: (.+)$/.exec(test) ?? []
    return { fault, file, words, result }
  })

const titlesOf = (file: string): ReadonlyArray<string> =>
  [...readFileSync(join(root, file), "utf8").matchAll(/^\s+it\("(.+?)", /gm)].map((match) => match[1] ?? "")

it("every row names a test that is there, and says how it went", () => {
  assert.isAbove(rows.length, 15)
  for (const { fault, file, words, result } of rows) {
    assert.lengthOf(
      titlesOf(file).filter((title) => title.includes(words)),
      1,
      `${fault}: ${file} has one test "${words}"`
    )
    assert.match(result, /^0 of \d+|^long form|^no traffic|^the same run/, fault)
  }
})

it("every fault of one to fifteen has a row, and every test of a fault is in one", () => {
  const numbers = new Set(rows.map(({ fault }) => Number.parseInt(fault, 10)).filter((number) => !Number.isNaN(number)))
  assert.deepEqual(
    [...numbers].sort((a, b) => a - b),
    Array.from({ length: 15 }, (_, at) => at + 1)
  )
  const files = readdirSync(join(root, "test/faults"))
    .filter((name) => name.endsWith(".test.ts") && name !== "page.test.ts")
    .map((name) => `test/faults/${name}`)
  for (const file of files)
    for (const title of titlesOf(file))
      assert.isTrue(
        rows.some((row) => row.file === file && title.includes(row.words)),
        `${file}: ${title}`
      )
})
