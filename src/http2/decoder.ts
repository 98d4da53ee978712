// Header blocks to fields (RFC 7541): one decoder a connection, fed with every block that comes, wanted or not, or the two sides would part.
import { isToken, isValue } from "../http1/characters.ts"
import { DynamicTable, type Entry, tableBytes } from "./dynamictable.ts"
import { huffmanDecode } from "./huffman.ts"
import { staticFields } from "./statictable.ts"

/** Takes fields in their order. wrong: name or value has a character that RFC 9113 section 8.2.1 forbids. */
export interface FieldSink {
  readonly field: (name: string, value: string, wrong: boolean) => void
}

interface Known extends Entry {
  readonly badName: boolean
  readonly badValue: boolean
}

const known: ReadonlyArray<Known> = staticFields.map(([name, value]) => ({ name, value, badName: false, badValue: false }))

/** The block is none: the connection is of no use any more (RFC 9113 section 4.3). Words for a log. */
export type BlockProblem = string

const colon = 58
const space = 32
const tab = 9

/** Numbers of more continuation bytes are refused: none here is that large. */
const mostShift = 21

let scratch = new Uint8Array(4096)

const badName = (bytes: Uint8Array, from: number, end: number): boolean => {
  // A pseudo field's name has its colon in front.
  const begin = from < end && bytes[from] === colon ? from + 1 : from
  if (begin === end) return true
  for (let at = begin; at < end; at++) {
    const byte = bytes[at]!
    if (isToken[byte] === 0 || (byte >= 65 && byte <= 90)) return true
  }
  return false
}

const badValue = (bytes: Uint8Array, from: number, end: number): boolean => {
  for (let at = from; at < end; at++) if (isValue[bytes[at]!] === 0) return true
  return from < end && (isBlank(bytes[from]!) || isBlank(bytes[end - 1]!))
}

const isBlank = (byte: number): boolean => byte === space || byte === tab

export class Decoder {
  readonly #table = new DynamicTable<Known>()
  // Where the block is read.
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #end = 0
  #problem: BlockProblem | null = null
  // What `#readText` found.
  #text = ""
  #bad = false

  /** Reads the whole block from `from` to `end`, telling every field. → why it is none. */
  decode(bytes: Buffer, from: number, end: number, sink: FieldSink): BlockProblem | null {
    this.#bytes = bytes
    this.#at = from
    this.#end = end
    this.#problem = null
    let first = true
    while (this.#at < this.#end && this.#problem === null) {
      const byte = bytes[this.#at]!
      if (byte >= 0x80) {
        const entry = this.#entry(this.#readNumber(7))
        if (entry !== null) sink.field(entry.name, entry.value, entry.badName || entry.badValue)
      } else if (byte >= 0x40) {
        const entry = this.#readLiteral(6)
        if (entry === null) break
        this.#table.add(entry)
        sink.field(entry.name, entry.value, entry.badName || entry.badValue)
      } else if (byte >= 0x20) {
        const size = this.#readNumber(5)
        if (!first) this.#problem = "a table size in the middle of a header block"
        else if (size > tableBytes) this.#problem = "a table size above the one offered"
        else if (this.#problem === null) this.#table.resize(size)
        continue
      } else {
        const entry = this.#readLiteral(4)
        if (entry !== null) sink.field(entry.name, entry.value, entry.badName || entry.badValue)
      }
      first = false
    }
    // Not kept beyond the call: it is a part of what the socket gave.
    this.#bytes = none
    this.#text = ""
    return this.#problem
  }

  #entry(index: number): Known | null {
    const entry = index === 0 ? undefined : index <= known.length ? known[index - 1] : this.#table.get(index - known.length - 1)
    if (entry !== undefined) return entry
    this.#problem ??= "an index that is in no table"
    return null
  }

  #readLiteral(bits: number): Known | null {
    const index = this.#readNumber(bits)
    let name: string
    let nameWrong: boolean
    if (index === 0) {
      if (!this.#readText(true)) return null
      name = this.#text
      nameWrong = this.#bad
    } else {
      const entry = this.#entry(index)
      if (entry === null) return null
      name = entry.name
      nameWrong = entry.badName
    }
    if (!this.#readText(false)) return null
    return { name, value: this.#text, badName: nameWrong, badValue: this.#bad }
  }

  /** RFC 7541 section 5.1. */
  #readNumber(bits: number): number {
    const mask = (1 << bits) - 1
    const bytes = this.#bytes
    const first = bytes[this.#at++]! & mask
    if (first < mask) return first
    let value = mask
    for (let shift = 0; shift <= mostShift; shift += 7) {
      if (this.#at >= this.#end) break
      const byte = bytes[this.#at++]!
      value += (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    this.#problem ??= "a number that does not end or is too large"
    return 0
  }

  /** RFC 7541 section 5.2. */
  #readText(isName: boolean): boolean {
    if (this.#problem !== null || this.#at >= this.#end) {
      this.#problem ??= "a header block that ends in the middle of a field"
      return false
    }
    const coded = this.#bytes[this.#at]! >= 0x80
    const length = this.#readNumber(7)
    const from = this.#at
    const to = from + length
    if (this.#problem !== null || to > this.#end) {
      this.#problem ??= "a header block that ends in the middle of a field"
      return false
    }
    this.#at = to
    let bytes: Uint8Array = this.#bytes
    let begin = from
    let end = to
    if (coded) {
      if (length * 2 > scratch.length) scratch = new Uint8Array(length * 2)
      bytes = scratch
      begin = 0
      end = huffmanDecode(this.#bytes, from, to, scratch)
      if (end < 0) {
        this.#problem = "a text that is not in the Huffman code"
        return false
      }
    }
    this.#bad = isName ? badName(bytes, begin, end) : badValue(bytes, begin, end)
    this.#text = latin1(bytes, begin, end)
    return true
  }
}

const none: Buffer = Buffer.alloc(0)

/** Buffer's own, which `toString` finds by the name of the encoding. */
interface Latin1 {
  readonly latin1Slice: (from: number, to: number) => string
}

const latin1Slice = (Buffer.prototype as unknown as Latin1).latin1Slice

const latin1 = (bytes: Uint8Array, from: number, to: number): string => latin1Slice.call(bytes, from, to)
