// One document's worth of decoded objects, kept by its text: when a file changes, only the documents that changed are parsed and decoded again.
import { createHash, hash } from "node:crypto"
import { Result } from "effect"
import { decodeObject } from "#schemas/decode.ts"
import { unreadFields } from "#schemas/fields.ts"
import { describeKey, type Issue, type Meta } from "#schemas/meta.ts"
import { canonical } from "../snapshot/digest.ts"
import { type Document, describeDocument, parseChunk } from "./document.ts"
import { judgeField, judgeKind } from "./known.ts"
import type { Problem } from "./problem.ts"
import { sealed } from "./sealed.ts"

/** An object of a piece. Lines count from the piece's first. */
export interface PieceObject {
  readonly meta: Meta
  readonly demanded: boolean
  readonly value: Result.Result<unknown, ReadonlyArray<Issue>>
  readonly owner?: unknown
  readonly line: number
  /** Of what the API server counts generations by: everything but metadata and status. */
  readonly content: string
  /** Of everything. */
  readonly whole: string
}

export interface Piece {
  readonly objects: ReadonlyArray<PieceObject>
  /** Lines count from the piece's first, from 1. */
  readonly problems: ReadonlyArray<Problem>
  /** Something in it could not be read as an object at all: an API server would have refused the edit, and kept what it had. */
  readonly broken: boolean
}

/** Failed elements (a rule, a listener, an endpoint) anywhere inside a decoded value. */
const issuesWithin = (value: unknown, found: Array<Issue> = []): ReadonlyArray<Issue> => {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return found
  if (Result.isResult(value)) {
    if (Result.isFailure(value)) found.push(...(value.failure as ReadonlyArray<Issue>))
    else issuesWithin(value.success, found)
  } else if (value instanceof Map) for (const item of value.values()) issuesWithin(item, found)
  else if (Array.isArray(value)) for (const item of value) issuesWithin(item, found)
  else for (const item of Object.values(value)) issuesWithin(item, found)
  return found
}

/**
 * Keyed, because Secrets pass through here: a plain hash of a password can be guessed, and the text itself must not be kept (law 11). The key before the
 * text is enough of a MAC for what never leaves the process, at half the time of an HMAC.
 */
export const textDigest = (key: Uint8Array, text: string): string => {
  const prefix = Buffer.from(key).toString("hex")
  // A whole file is not copied for it.
  return text.length > 16_384
    ? createHash("sha256").update(prefix).update(text).digest("base64")
    : hash("sha256", `${prefix}${text}`, "base64")
}

const decodeDocument = (key: Uint8Array, document: Document, objects: Array<PieceObject>, problems: Array<Problem>): boolean => {
  const decoded = decodeObject(document.value)
  const tell = (line: number, object: string | null, said: Pick<Problem, "severity" | "field" | "message" | "remedy">) =>
    problems.push({ file: document.file, line, object, ...said })
  if (decoded._tag === "UnknownKind") {
    tell(document.lineOf("kind"), describeDocument(document), judgeKind(decoded))
    return true
  }
  if (decoded._tag === "Unreadable") {
    for (const issue of decoded.issues)
      tell(document.lineOf(issue.path), describeDocument(document), {
        severity: "Refused",
        field: issue.path === "" ? null : issue.path,
        message: issue.message,
        remedy: "Correct it: nothing can be read of this object until then"
      })
    return false
  }
  const name = describeKey(decoded.meta.key)
  const inside = Result.isFailure(decoded.value)
  for (const issue of Result.isFailure(decoded.value) ? decoded.value.failure : issuesWithin(decoded.value.success))
    tell(document.lineOf(issue.path), name, {
      severity: "Refused",
      field: issue.path === "" ? null : issue.path,
      message: issue.message,
      remedy: inside ? "Correct it: the object is not served until then" : "Correct it: this part of the object is left out until then"
    })
  for (const unread of unreadFields(decoded.kind, document.value))
    tell(document.lineOf(unread.path), name, judgeField(decoded.kind, unread))
  const { metadata, status, ...spec } = document.value
  // A status is what somebody else made of the object; of a pod it is what is read.
  const content = decoded.kind.need === "Selected" ? { ...spec, status } : spec
  const fields = typeof metadata === "object" && metadata !== null ? (metadata as { readonly namespace?: unknown }) : {}
  if (decoded.kind.scope === "Cluster" && fields.namespace !== undefined && fields.namespace !== null)
    tell(document.lineOf("metadata.namespace"), name, {
      severity: "Warning",
      field: "metadata.namespace",
      message: `a ${decoded.kind.kind} belongs to no namespace; what is written here is not read`,
      remedy: "Remove the field"
    })
  const digest = textDigest(key, canonical(content))
  objects.push({
    meta: decoded.meta,
    demanded: decoded.kind.need === "Demanded",
    value: decoded.kind.groupKind === "Secret" ? sealed(key, decoded.value) : decoded.value,
    ...(decoded.owner === undefined ? {} : { owner: decoded.owner }),
    line: document.line,
    content: digest,
    whole: textDigest(key, `${digest}${canonical(metadata)}`)
  })
  return true
}

/** Parses and decodes the text of one document (or one List). key: what Secrets are sealed with. */
export const makePiece = (key: Uint8Array, file: string, text: string): Piece => {
  const parsed = parseChunk(file, { text, line: 1 })
  const objects: Array<PieceObject> = []
  const problems: Array<Problem> = [...parsed.problems]
  let broken = parsed.problems.length > 0
  for (const document of parsed.documents) if (!decodeDocument(key, document, objects, problems)) broken = true
  return { objects, problems, broken }
}
