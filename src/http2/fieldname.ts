// Names of fields as they are written in HTTP/2, each judged once: most messages have the same twenty.
import { isToken } from "../http1/characters.ts"
import { staticFields } from "./statictable.ts"

export interface FieldName {
  readonly lower: string
  /** The first entry of the static table that has it; 0: none has. */
  readonly index: number
  /** Values that it has in the static table, with their entries; null: none. */
  readonly values: ReadonlyMap<string, number> | null
  /** Its values go into the table: which of the names with that it is; -1: they do not. */
  readonly kept: number
  /** No one on the way may compress its values either (RFC 7541 section 7.1.3). */
  readonly secret: boolean
}

/** Names whose values go into the table. */
const repeated: ReadonlyArray<string> = [
  ":authority",
  "accept",
  "accept-encoding",
  "accept-language",
  "accept-ranges",
  "access-control-allow-credentials",
  "access-control-allow-headers",
  "access-control-allow-methods",
  "access-control-allow-origin",
  "alt-svc",
  "cache-control",
  "content-encoding",
  "content-language",
  "content-type",
  "date",
  "grpc-accept-encoding",
  "grpc-encoding",
  "grpc-status",
  "origin",
  "server",
  "strict-transport-security",
  "te",
  "user-agent",
  "vary",
  "via",
  "x-content-type-options",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-proto",
  "x-frame-options",
  "x-powered-by",
  "x-xss-protection"
]

const secrets: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization", "set-cookie"])

/** Of those whose values go into the table. */
export const keptNames = repeated.length

const indexes = new Map<string, number>()
const values = new Map<string, Map<string, number>>()
// The first that has the name is the one to name it by.
for (const [at, [name, value]] of staticFields.entries()) {
  if (!indexes.has(name)) indexes.set(name, at + 1)
  if (value === "") continue
  const of = values.get(name)
  if (of === undefined) values.set(name, new Map([[value, at + 1]]))
  else of.set(value, at + 1)
}

const made = (lower: string): FieldName => ({
  lower,
  index: indexes.get(lower) ?? 0,
  values: values.get(lower) ?? null,
  kept: repeated.indexOf(lower),
  secret: secrets.has(lower)
})

/** Pseudo fields, and all that the tables know: one object each, whatever the case they are written in. */
const pseudo = new Map([":protocol", ...indexes.keys()].filter((name) => name.startsWith(":")).map((name) => [name, made(name)]))
const known = new Map([...indexes.keys(), ...repeated, ...secrets].filter((name) => !pseudo.has(name)).map((name) => [name, made(name)]))

/** By the name as it was written. Bounded in number and length: peers choose them. */
const seen = new Map(known)
const mostSeen = 2_000
const longestSeen = 64

/** name: with its colon. */
export const pseudoName = (name: string): FieldName => pseudo.get(name)!

/** name: in any case. null: it is none, as that of a pseudo field is not. */
export const fieldName = (name: string): FieldName | null => {
  const found = seen.get(name)
  if (found !== undefined) return found
  if (!isName(name)) return null
  const lower = name.toLowerCase()
  const of = known.get(lower) ?? made(lower)
  if (name.length <= longestSeen) {
    if (seen.size >= mostSeen) {
      seen.clear()
      for (const [lower, of] of known) seen.set(lower, of)
    }
    seen.set(name, of)
  }
  return of
}

const isName = (name: string): boolean => {
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at)
    if (code > 255 || isToken[code] === 0) return false
  }
  return name !== ""
}
