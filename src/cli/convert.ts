// `sluice convert`: manifests of other dialects as Gateway API and Sluice's own kinds, printed where they stood. What is not converted is printed as it was given.
import { decodeObject } from "#schemas/decode.ts"
import { convert } from "../convert/convert.ts"
import { convertNote, lost, type Note } from "../convert/note.ts"
import { chunks, type Document, describeDocument, parseChunk } from "../sources/document.ts"
import { judgeKind } from "../sources/known.ts"
import { describeProblem } from "../sources/problem.ts"
import { evaluatePaths } from "./evaluation.ts"
import { exitCodes, type Invocation } from "./grammar.ts"
import { print } from "./print.ts"
import { settingsOf } from "./session.ts"
import { translateSettings } from "./translation.ts"

/** Objects that were written together, and their text. */
interface Piece {
  /** null: not all of it can be printed. */
  readonly text: string | null
  readonly documents: ReadonlyArray<Document>
}

/** One object with what stands in its place. */
interface Printed {
  readonly place: string
  readonly values: ReadonlyArray<unknown>
  readonly same: boolean
  readonly notes: ReadonlyArray<Note>
}

/** What Sluice cannot read, it cannot convert either. */
const unread = ({ value }: Document): ReadonlyArray<Note> => {
  const decoded = decodeObject(value)
  if (decoded._tag === "Unreadable")
    return [convertNote.kept(decoded.issues.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)))]
  if (decoded._tag === "Decoded") return []
  const { severity, message, remedy } = judgeKind(decoded)
  return severity === "Refused" ? [lost(`stays as it is: ${message}. ${remedy}`)] : []
}

// Comments end with their line, whatever is quoted in them.
const comment = (text: string): string => `# ${text.replaceAll(/\s+/g, " ").replaceAll(/[^\u0020-\u007e\u00a0-\ud7ff\ue000-\ufdff]/g, "?")}`

const commented = ({ place, notes }: Printed): ReadonlyArray<string> => [
  comment(place),
  ...notes.map(({ message }) => comment(`  ${message}`))
]

/** Applied in order: nothing may stand before the grant that it needs, and no grant before its namespace. */
const inOrder = <A>(more: ReadonlyArray<A>, values: ReadonlyArray<A>, isNamespace: (value: A) => boolean): ReadonlyArray<A> => {
  const first = values.findLastIndex(isNamespace) + 1
  return [...values.slice(0, first), ...more, ...values.slice(first)]
}

/** An alias within what it stands for has no end. */
const printable = (value: unknown): boolean => {
  try {
    return JSON.stringify(value) !== undefined
  } catch {
    return false
  }
}

/** The text of a document without its markers, which are set anew. */
const bare = (text: string): string =>
  text
    .replace(/^---[^\S\n]*(#[^\n]*)?\n/, "")
    .replace(/\n\.\.\.[^\S\n]*\n?$/, "\n")
    // No more: blank lines at the end of a block scalar are its own.
    .replace(/\r?\n$/, "")

const yamlOf = async (
  pieces: ReadonlyArray<Piece>,
  printed: ReadonlyMap<Document, Printed>,
  more: ReadonlyArray<unknown>
): Promise<string> => {
  const { stringify } = await import("yaml")
  // Whoever reads YAML 1.1 (kubectl) must not take a string for a boolean.
  const yaml = (value: unknown): string =>
    stringify(value, { aliasDuplicateObjects: false, lineWidth: 0, compat: "yaml-1.1" }).replace(/\n$/, "")
  const documents = pieces.flatMap(({ text, documents }) => {
    const each = documents.map((document) => printed.get(document)!)
    if (text !== null && each.every(({ same }) => same))
      return [[...each.filter(({ notes }) => notes.length > 0).flatMap(commented), bare(text)].join("\n")]
    return each.flatMap((one) => {
      const said = one.same && one.notes.length === 0 ? [] : commented(one)
      const [first, ...others] = one.values.map(yaml)
      return first === undefined ? [said.join("\n")] : [[...said, first].join("\n"), ...others]
    })
  })
  return inOrder(more.map(yaml), documents, (text) => /(?:^|[\s{,])"?kind"?:\s*"?Namespace\b/m.test(text)).join("\n---\n")
}

export const main = async (invocation: Invocation): Promise<number> => {
  const settings = await settingsOf(invocation)
  const { state, files, faults } = await evaluatePaths(invocation.operands, settings)
  const parsed = [...files].flatMap(([file, text]) => chunks(text).map((chunk) => ({ text: chunk.text, ...parseChunk(file, chunk) })))
  const endless = parsed.flatMap((piece) => [...piece.documents].filter(({ value }) => !printable(value)))
  const pieces = parsed
    .map(({ text, documents }): Piece => {
      const left = [...documents].filter((one) => !endless.includes(one))
      return { text: left.length === [...documents].length ? text : null, documents: left }
    })
    .filter(({ documents }) => documents.length > 0)
  const documents = pieces.flatMap((piece) => piece.documents)
  const { manifests, more } = convert(
    documents.map(({ value }) => value),
    state,
    translateSettings(settings)
  )
  const printed = new Map(
    documents.map((document, at): readonly [Document, Printed] => {
      const { values, notes } = manifests[at]!
      const place = `${document.file}:${document.line}: ${describeDocument(document) ?? "an object without a kind"}`
      return [
        document,
        { place, values, same: values.length === 1 && values[0] === document.value, notes: [...notes, ...unread(document)] }
      ]
    })
  )
  const problems = parsed.flatMap((piece) => piece.problems.filter(({ severity }) => severity === "Refused"))
  for (const problem of problems) process.stderr.write(`left out: ${describeProblem(problem)}\n`)
  for (const { path, message, remedy } of faults) process.stderr.write(`left out: ${path}: ${message}. ${remedy}\n`)
  for (const { file, line } of endless)
    process.stderr.write(`left out: ${file}:${line}: it refers to itself, or is nested too deep to be written. Write it without\n`)
  const every = [...printed.values()]
  if (invocation.flags.get("output")?.[0] === "json") {
    for (const { place, notes } of every)
      for (const { message } of notes) process.stderr.write(`${comment(`${place}: ${message}`).slice(2)}\n`)
    const values = every.flatMap((one) => one.values)
    const items = inOrder<unknown>(more, values, (value) => (value as { readonly kind?: unknown }).kind === "Namespace")
    await print(JSON.stringify({ apiVersion: "v1", kind: "List", items }, null, 2))
  } else await print(await yamlOf(pieces, printed, more))
  const whole =
    problems.length + faults.length + endless.length === 0 && every.every(({ notes }) => notes.every(({ severity }) => severity !== "Lost"))
  return whole ? exitCodes.accepted : exitCodes.refused
}
