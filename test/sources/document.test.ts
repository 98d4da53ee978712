// What a text of manifests comes to: documents with their lines, and one that does not parse costs itself alone.

import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { parseDocuments } from "#src/sources/document.ts"

const values = (text: string) => parseDocuments("f.yaml", text).documents.map((document) => document.value)
const problems = (text: string) => parseDocuments("f.yaml", text).problems

describe("documents", () => {
  it("are apart by markers, and comments and empty ones are none", () => {
    assert.deepEqual(values("# only a comment\n---\na: 1\n---\n\n---\nb: 2\n...\n# end\n--- {c: 3}\n"), [{ a: 1 }, { b: 2 }, { c: 3 }])
  })

  it("may be JSON, and directives and a byte order mark are passed over", () => {
    assert.deepEqual(values('\uFEFF%YAML 1.1\n---\n{"kind": "A", "x": [1, "2", null]}\n'), [{ kind: "A", x: [1, "2", null] }])
  })

  it("keep a marker that is text of a block scalar only where YAML does: indented", () => {
    assert.deepEqual(values("a: |\n  ---\n  x\nb: 1\n"), [{ a: "---\nx\n", b: 1 }])
  })

  it("are expanded from lists, each item with a line of its own", () => {
    const { documents } = parseDocuments(
      "f.yaml",
      "kind: List\napiVersion: v1\nitems:\n- kind: A\n- kind: B\n  metadata: {name: b}\n---\nkind: HTTPRouteList\nitems: [{kind: C}]\n"
    )
    assert.deepEqual(
      documents.map((document) => [document.value["kind"], document.line]),
      [
        ["A", 4],
        ["B", 5],
        ["C", 9]
      ]
    )
  })

  it("read scalars as the API server's reader does: yes and on are booleans, 0644 is octal, dates and times of day are text", () => {
    assert.deepEqual(values("a: yes\nb: off\ny: n\nc: 0644\nd: 2024-01-01\ne: 12:30\nf: 1_000\ng: '0644'\nh: ~"), [
      { a: true, b: false, true: false, c: 420, d: "2024-01-01", e: "12:30", f: 1000, g: "0644", h: null }
    ])
  })

  it("merge anchors", () => {
    assert.deepEqual(values("base: &b {p: 1, q: 2}\nuse:\n  <<: *b\n  q: 3\n"), [{ base: { p: 1, q: 2 }, use: { p: 1, q: 3 } }])
  })
})

describe("a document that does not parse", () => {
  it("costs itself alone and names its line, and the object where that can be guessed", () => {
    const text = "kind: A\n---\nkind: HTTPRoute\nmetadata:\n  name: cart\n  labels: {a: [1\n---\nkind: B\n"
    assert.deepEqual(values(text), [{ kind: "A" }, { kind: "B" }])
    const [problem, ...more] = problems(text)
    assert.lengthOf(more, 0)
    assert.strictEqual(problem?.object, "HTTPRoute cart")
    assert.isTrue(problem?.line !== null && problem!.line >= 6 && problem!.line <= 7)
  })

  it("is one with a key twice, told at the second", () => {
    const [problem] = problems("kind: A\nspec:\n  x: 1\n  x: 2\n")
    assert.strictEqual(problem?.line, 4)
    assert.match(problem!.message, /twice/)
  })

  it("is one with a key twice at any depth, in braces and in keys too; the first of several is told", () => {
    for (const text of ["a: {b: 1, b: 2}\n", "a:\n- b: 1\n  'b': 2\n", "1: x\n0x1: y\n", "? {a: 1, a: 2}\n: b\n"])
      assert.match(problems(text)[0]?.message ?? "none", /twice/, text)
    assert.equal(problems("a: {c: 1, c: 2}\nb: {d: 1,\n d: 2}\nb: 3\n")[0]!.line, 1)
    assert.deepEqual(problems("a: {b: 1}\nc: {b: 1}\nx: &x {}\ny:\n  <<: *x\n  <<: *x\n"), [])
  })

  it("is read in time that grows with its length, however many keys one object has", () => {
    const flow = (count: number) => `{${Array.from({ length: count }, (_, n) => `k${n}: ${n}`).join(", ")}}\n`
    const took = (count: number) => {
      const from = performance.now()
      assert.equal(parseDocuments("f.yaml", flow(count)).documents.length, 1)
      return performance.now() - from
    }
    took(1_000)
    // Twenty times as many; with each key compared to each other one it was four hundred times as long.
    const few = Math.min(took(1_000), took(1_000), took(1_000))
    assert.isBelow(took(20_000), 100 * few + 500)
  })

  it("is one whose aliases multiply without bound", () => {
    const bomb = [
      "a: &a [x,x,x,x,x,x,x,x,x,x]",
      ..."bcdefgh".split("").map((name, at) => `${name}: &${name} [${Array(10).fill(`*${"abcdefg"[at]}`).join(",")}]`)
    ]
    const began = performance.now()
    const { documents, problems } = parseDocuments("f.yaml", bomb.join("\n"))
    assert.lengthOf(documents, 0)
    assert.match(problems[0]!.message, /alias/i)
    assert.isBelow(performance.now() - began, 2_000)
  })

  it("is one nested deeper than the stack, or not an object", () => {
    for (const text of ["[".repeat(30_000), "- a\n- b\n", "just words\n", "42"]) {
      assert.lengthOf(values(text), 0)
      assert.lengthOf(problems(text), 1, text.slice(0, 10))
    }
  })

  it("never throws, whatever the text", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.constantFrom("---\n", "a: b\n", "- ", "{", "]", "&x ", "*x", "? ", "!!map ", "%TAG\n", "\t"))),
        (parts) => {
          const { documents, problems } = parseDocuments("f.yaml", parts.join(""))
          for (const document of documents) assert.isObject(document.value)
          for (const problem of problems) assert.isTrue(problem.line === null || problem.line >= 1)
        }
      ),
      { numRuns: 300 }
    )
  })
})

describe("the line of a field", () => {
  const [document] = parseDocuments(
    "f.yaml",
    `kind: HTTPRoute
metadata:
  annotations:
    a.b/c: x
spec:
  rules:
  - name: one
  - name: two
    backendRefs:
    - name: cart
`
  ).documents
  const line = (path: string) => document!.lineOf(path)

  it("is where it is written, through lists and keys with dots", () => {
    assert.strictEqual(line("spec.rules[1].backendRefs[0].name"), 10)
    assert.strictEqual(line("spec.rules[0]"), 7)
    assert.strictEqual(line('metadata.annotations["a.b/c"]'), 4)
  })

  it("is that of the nearest that is written, when it is missing", () => {
    assert.strictEqual(line("spec.rules[1].matches[0].path"), 8)
    assert.strictEqual(line("spec.parentRefs"), 5)
    assert.strictEqual(line(""), 1)
  })
})
