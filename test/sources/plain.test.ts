// The quick readers say what the whole reader says, or leave it to it.
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { parseDocuments } from "#src/sources/document.ts"
import { readPlain } from "#src/sources/plain.ts"
import { readTree } from "#src/sources/yaml.ts"

const whole = (text: string): unknown => {
  const read = readTree(text)
  return "value" in read ? read.value : read
}

const words = [
  "a",
  "yes",
  "on",
  "null",
  "~",
  "e0",
  "12",
  "0644",
  "1_000",
  "1.5",
  ".5",
  "-x",
  "- x",
  "-",
  "---",
  "x y",
  "a: b",
  "a:",
  "#c",
  "x #c",
  "x#c",
  "12:30"
]
const quoted = [
  "'it''s'",
  '"a: b"',
  "'#'",
  '"x" # c',
  '"\\n"',
  "{}",
  "[]",
  "[] # c",
  "{a: b}",
  "|",
  "&a x",
  "*a",
  "!!str 1",
  "?",
  "<<",
  "/p",
  "a,b",
  "*.x"
]
const scalar = fc.constantFrom(...words, ...quoted)
const key = fc.constantFrom("a", "b", "a.b/c", "on", "<<", "'q'", '"r"', "__proto__", "e0", "12", "a b")
const line = fc
  .tuple(
    fc.integer({ min: 0, max: 3 }),
    fc.constantFrom("", "", "- ", "-  ", "- - "),
    fc.option(key),
    fc.option(scalar),
    fc.constantFrom("", " ", "\r")
  )
  .map(
    ([indent, dash, name, value, end]) =>
      `${"  ".repeat(indent)}${dash}${name === null ? "" : `${name}:${value === null ? "" : " "}`}${value ?? ""}${end}`
  )

const field = fc.constantFrom("kind", "name", "x-y", "app.kubernetes.io/name")
const leaf = fc.oneof(
  fc.constantFrom("a", "yes", "8080", "0644", "'x: y'", '"*.example.com"', "/path#x", "{}", "[]", "1e3"),
  fc.stringMatching(/^[a-z0-9/.:_ -]{1,12}$/)
)
/** Well formed, mostly: nested maps and lists as kubectl writes them. */
const { block } = fc.letrec<{ block: ReadonlyArray<string> }>((tie) => ({
  block: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc
      .uniqueArray(fc.tuple(field, leaf), { minLength: 1, maxLength: 3, selector: ([name]) => name })
      .map((fields) => fields.map(([name, value]) => `${name}: ${value}`)),
    fc.tuple(field, tie("block")).map(([name, below]) => [`${name}:`, ...below.map((text) => `  ${text}`)]),
    fc
      .tuple(field, fc.array(tie("block"), { minLength: 1, maxLength: 3 }), fc.boolean())
      .map(([name, items, indented]) => [
        `${name}:`,
        ...items.flatMap((item) => item.map((text, at) => `${indented ? "  " : ""}${at === 0 ? "- " : "  "}${text}`))
      ])
  )
}))

const agrees = (text: string): boolean => {
  const plain = readPlain(text)
  if (plain === undefined) return false
  assert.deepEqual(plain.value, whole(text), JSON.stringify(text))
  return true
}

describe("a plain document", () => {
  it("has the value that the whole reader finds, whatever its lines are", () => {
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 6 }), (lines) => {
        agrees(lines.join("\n"))
      }),
      { numRuns: 3_000 }
    )
  })

  it("is read quickly where it is written as kubectl writes it", () => {
    let quick = 0
    fc.assert(
      fc.property(block, (lines) => {
        if (agrees(`${lines.join("\n")}\n`)) quick++
      }),
      { numRuns: 500 }
    )
    assert.isAbove(quick, 250)
  })

  it("is one with comments, markers, Windows line ends, quotes and empty collections", () => {
    const text = "--- \r\n# c\r\nkind: A # c\r\nspec:\r\n- name: 'it''s'\r\n  on.off: \"yes\"\r\n  empty: []\r\n\r\n- x\r\nlast:\r\n"
    assert.isTrue(agrees(text))
    assert.deepEqual(readPlain(text)?.value, { kind: "A", spec: [{ name: "it's", "on.off": "yes", empty: [] }, "x"], last: null })
  })

  it("is none where a scalar goes on in the next line, a key is written twice, or an anchor, tag or block scalar stands", () => {
    for (const text of [
      "a: b\n  c\n",
      "a: 1\na: 2\n",
      "a: &x 1\n",
      "a: !!str 1\n",
      "a: |\n  x\n",
      "a: {b: c}\n",
      "on: 1\n",
      "a: 'x\n  y'\n",
      "a:\tb\n"
    ])
      assert.isUndefined(readPlain(text), text)
  })
})

describe("JSON", () => {
  const values = (text: string) => {
    const { documents, problems } = parseDocuments("f.json", text)
    return { objects: documents.map((document): readonly unknown[] => [document.value, document.line]), problems }
  }

  it("has the values that JSON.parse finds, whatever the object", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(0, 1, 4), (object, spaces) => {
        assert.deepEqual(values(JSON.stringify(object, null, spaces)).objects, [[JSON.parse(JSON.stringify(object)), 1]])
      }),
      { numRuns: 300 }
    )
  })

  it("as a List is read item by item, each with its line", () => {
    const items = [{ kind: "A", text: 'a "}]\\' }, { kind: "B", metadata: { name: "b" } }, null]
    const { objects, problems } = values(`\n${JSON.stringify({ kind: "List", items, apiVersion: "v1" }, null, 2)}\n`)
    assert.deepEqual(objects, [
      [items[0], 5],
      [items[1], 9]
    ])
    assert.lengthOf(problems, 0)
  })

  it("names the line of a field inside an item", () => {
    const { documents } = parseDocuments("f.json", '{"kind": "List", "items": [\n{"kind": "A"},\n{"kind": "B",\n "spec": {\n  "x": 1}}]}')
    assert.strictEqual(documents[1]!.lineOf("spec.x"), 5)
    assert.strictEqual(documents[1]!.lineOf("spec.y"), 4)
  })

  it("with a key twice in one item costs that item, named and with its line", () => {
    const { objects, problems } = values(
      '{"kind": "List", "items": [\n{"kind": "A"},\n{"kind": "B", "metadata": {"name": "b"},\n "spec": {"x": 1,\n "x": 2}}]}'
    )
    assert.deepEqual(objects, [[{ kind: "A" }, 2]])
    assert.lengthOf(problems, 1)
    assert.strictEqual(problems[0]!.line, 5)
    assert.strictEqual(problems[0]!.object, "B b")
    assert.match(problems[0]!.message, /twice/)
  })

  it("with a key twice in the object or in the List itself is refused", () => {
    for (const text of [
      '{"kind": "A", "kind": "B"}',
      '{"kind": "List", "items": [], "kind": "List"}',
      '{"kind": "List", "items": [], "items": []}'
    ]) {
      const { objects, problems } = values(text)
      assert.lengthOf(objects, 0)
      assert.match(problems[0]!.message, /twice/, text)
    }
  })

  it("that only YAML can read is read as YAML", () => {
    assert.deepEqual(values('{"kind": "List", items: [{kind: A,}, # c\n{"kind": "B"}]}').objects, [
      [{ kind: "A" }, 1],
      [{ kind: "B" }, 2]
    ])
  })

  it("with an item that is no object names the item", () => {
    const { objects, problems } = values('{"kind": "List", "items": [{"kind": "A"}, 3, [1]]}')
    assert.lengthOf(objects, 1)
    assert.deepEqual(
      problems.map((problem) => problem.message),
      ["item 1 of this List is a plain value, not an object", "item 2 of this List is a list, not an object"]
    )
  })
})
