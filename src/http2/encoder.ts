// Fields to header blocks (RFC 7541): one encoder a connection. What repeats on a connection and is nobody's secret goes into the table; what may be
// a secret is never compressed by what others have said (section 7.1: on a connection to an upstream many clients speak).
import { isValue } from "../http1/characters.ts"
import { DynamicTable, type Entry, entryBytes, tableBytes } from "./dynamictable.ts"
import { type FieldName, keptNames } from "./fieldname.ts"
import { huffmanEncode, huffmanLength } from "./huffman.ts"
import { staticFields } from "./statictable.ts"

/** An entry larger than this would put out too many others. */
const mostEntry = tableBytes / 4

interface Kept extends Entry {
  /** `kept` of its name. */
  readonly of: number
}

let scratch: Buffer = Buffer.allocUnsafeSlow(8192)

export class Encoder {
  /** By name, value → how many were added up to it: its index is the distance to the last. */
  readonly #added: Array<Map<string, number> | undefined> = new Array(keptNames)
  readonly #table = new DynamicTable<Kept>(({ of, value }) => this.#added[of]!.delete(value))
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

  /** value: `writable`. */
  field(name: FieldName, value: string): void {
    const fixed = name.values?.get(value)
    if (fixed !== undefined) {
      this.#number(7, 0x80, fixed)
      return
    }
    const { kept } = name
    if (kept < 0) {
      this.#literal(4, name.secret ? 0x10 : 0, name, value)
      return
    }
    const values = this.#added[kept]
    const added = values?.get(value)
    if (added !== undefined) {
      this.#number(7, 0x80, staticFields.length + 1 + this.#count - added)
      return
    }
    const fits = entryBytes(name.lower, value) <= Math.min(mostEntry, this.#size)
    this.#literal(fits ? 6 : 4, fits ? 0x40 : 0, name, value)
    if (!fits || !this.#table.add({ name: name.lower, value, of: kept })) return
    this.#count++
    if (values === undefined) this.#added[kept] = new Map([[value, this.#count]])
    else values.set(value, this.#count)
  }

  /** The block; a view that holds until the next `begin` of any encoder. */
  finish(): Buffer {
    return scratch.subarray(0, this.#at)
  }

  #literal(bits: number, pattern: number, { index, lower }: FieldName, value: string): void {
    this.#number(bits, pattern, index)
    if (index === 0) this.#text(lower)
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

/** Can be written as a value (RFC 9113 section 8.2.1). */
export const writable = (value: string): boolean => {
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at)
    if (code > 255 || isValue[code] === 0) return false
  }
  return !isBlank(value.charCodeAt(0)) && !isBlank(value.charCodeAt(value.length - 1))
}

const isBlank = (code: number): boolean => code === 32 || code === 9
