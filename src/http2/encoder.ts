// Fields to header blocks (RFC 7541): one encoder a connection. What repeats on a connection and is nobody's secret goes into the table; what may be
// a secret is never compressed by what others have said (section 7.1: on a connection to an upstream many clients speak).
import { isToken, isValue } from "../http1/characters.ts"
import { DynamicTable, type Entry, entryBytes, tableBytes } from "./dynamictable.ts"
import { huffmanEncode, huffmanLength } from "./huffman.ts"
import { staticFields } from "./statictable.ts"

/** Names whose values go into the table. */
const repeated = new Set([
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
])

/** Names whose values no one on the way may compress either (section 7.1.3). */
const secret = new Set(["authorization", "cookie", "proxy-authorization", "set-cookie"])

const staticNames = new Map<string, number>()
const staticPairs = new Map<string, number>()
// The first that has the name is the one to name it by.
for (const [at, [name, value]] of staticFields.entries()) {
  if (!staticNames.has(name)) staticNames.set(name, at + 1)
  if (value !== "") staticPairs.set(`${name}\n${value}`, at + 1)
}

/** An entry larger than this would put out too many others. */
const mostEntry = tableBytes / 4

interface Numbered extends Entry {
  readonly key: string
}

let scratch: Buffer = Buffer.allocUnsafeSlow(8192)

export class Encoder {
  /** Entry → how many were added up to it: its index is the distance to the last. */
  readonly #added = new Map<string, number>()
  readonly #table = new DynamicTable<Numbered>((entry) => this.#added.delete(entry.key))
  #count = 0
  #size = tableBytes
  /** Sizes that the peer has to be told first (section 4.2): the smallest since the last block, and the present one. */
  #smallest = -1
  #at = 0

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  resize(bytes: number): void {
    const size = Math.min(bytes, tableBytes)
    if (size === this.#size) return
    this.#size = size
    this.#smallest = this.#smallest < 0 ? size : Math.min(this.#smallest, size)
    this.#table.resize(size)
  }

  /** Begins a block. Fields are added until `finish`. */
  begin(): void {
    this.#at = 0
    if (this.#smallest < 0) return
    if (this.#smallest < this.#size) this.#number(5, 0x20, this.#smallest)
    this.#number(5, 0x20, this.#size)
    this.#smallest = -1
  }

  /** name: in lower case. Both are `writable`. */
  field(name: string, value: string): void {
    const key = `${name}\n${value}`
    const fixed = staticPairs.get(key)
    if (fixed !== undefined) {
      this.#number(7, 0x80, fixed)
      return
    }
    const kept = repeated.has(name)
    if (kept) {
      const added = this.#added.get(key)
      if (added !== undefined) {
        this.#number(7, 0x80, staticFields.length + 1 + this.#count - added)
        return
      }
    }
    if (kept && entryBytes(name, value) <= Math.min(mostEntry, this.#size)) {
      this.#literal(6, 0x40, name, value)
      if (this.#table.add({ name, value, key })) this.#added.set(key, ++this.#count)
    } else this.#literal(4, secret.has(name) ? 0x10 : 0, name, value)
  }

  /** The block; a view that holds until the next `begin` of any encoder. */
  finish(): Buffer {
    return scratch.subarray(0, this.#at)
  }

  #literal(bits: number, pattern: number, name: string, value: string): void {
    const index = staticNames.get(name) ?? 0
    this.#number(bits, pattern, index)
    if (index === 0) this.#text(name)
    this.#text(value)
  }

  #number(bits: number, pattern: number, value: number): void {
    this.#reserve(8)
    const mask = (1 << bits) - 1
    if (value < mask) {
      scratch[this.#at++] = pattern | value
      return
    }
    scratch[this.#at++] = pattern | mask
    let left = value - mask
    while (left >= 0x80) {
      scratch[this.#at++] = 0x80 | (left & 0x7f)
      left >>>= 7
    }
    scratch[this.#at++] = left
  }

  #text(text: string): void {
    const coded = huffmanLength(text)
    if (coded < text.length) {
      this.#number(7, 0x80, coded)
      this.#reserve(coded)
      this.#at = huffmanEncode(text, scratch, this.#at)
      return
    }
    this.#number(7, 0, text.length)
    this.#reserve(text.length)
    scratch.write(text, this.#at, "latin1")
    this.#at += text.length
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= scratch.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(scratch.length * 2, this.#at + bytes))
    scratch.copy(larger, 0, 0, this.#at)
    scratch = larger
  }
}

/** Can be written as one field (RFC 9113 section 8.2.1). name: in lower case. */
export const writable = (name: string, value: string): boolean => {
  if (name === "") return false
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at)
    if (code > 255 || isToken[code] === 0) return false
  }
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at)
    if (code > 255 || isValue[code] === 0) return false
  }
  return !isBlank(value.charCodeAt(0)) && !isBlank(value.charCodeAt(value.length - 1))
}

const isBlank = (code: number): boolean => code === 32 || code === 9
