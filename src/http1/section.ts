// The head of a message, or its trailers: a start line and field lines, read in one pass over the bytes and decoded once as latin1 (obs-text survives).
// Apart from the reader, because it alone may have to go on in the middle of a line: what has come is kept then, and no byte is looked at twice.
import { isTarget, isToken, isValue } from "./characters.ts"
import type { ReaderLimits } from "./limits.ts"
import { type Problem, problems } from "./problem.ts"

/** What a section begins with. */
export type SectionKind = "Request" | "Response" | "Trailers"

const cr = 13
const lf = 10
const tab = 9
const space = 32
const colon = 58

// In the order they come; a request's line, a response's line, then what both share.
const method = 0
const target = 1
const requestVersion = 2
const responseVersion = 3
const status = 4
const statusEnd = 5
const reason = 6
const lineEnd = 7
const fieldStart = 8
const name = 9
const blank = 10
const value = 11
const valueEnd = 12
const sectionEnd = 13

const versionBytes = Buffer.from("HTTP/0.0")
const digit = 48

// Where names and values begin and end, four numbers a field. Shared: between the first byte of a section and its end nobody else runs,
// unless it stops in the middle, and then it gets a copy.
let shared = new Int32Array(4 * 256)

const none: Array<string> = []

export class Section {
  // What the last whole section said.
  fields: Array<string> = none
  version = ""
  method = ""
  target = ""
  status = 0
  reason = ""
  /** Its length, line ends included. */
  bytes = 0
  /** Why it cannot be read; set when `read` says -1 for the last time. */
  problem: Problem | null = null
  readonly #limits: ReaderLimits
  #kind: SectionKind = "Request"
  #state = method
  #count = 0
  /** Ends of the first and the second part of the start line, from the beginning of the section. */
  #first = 0
  #second = 0
  /** The bytes so far of a section that is not whole, how many, and how many were looked at. */
  #kept: Buffer | null = null
  #length = 0
  #at = 0
  #marks: Int32Array | null = null

  constructor(limits: ReaderLimits) {
    this.#limits = limits
    if (shared.length < limits.fields * 4) shared = new Int32Array(limits.fields * 4)
  }

  /** The next byte read is the first of such a section. */
  begin(kind: SectionKind): void {
    this.#kind = kind
    this.#state = kind === "Request" ? method : kind === "Response" ? responseVersion : fieldStart
    this.#count = 0
    this.#first = 0
    this.#at = 0
  }

  /** Reads on from `from`: the index after the section, or -1: it goes on in the next chunk, or there is a `problem`. */
  read(chunk: Buffer, from: number): number {
    const kept = this.#kept
    if (kept === null) {
      const end = this.#scan(chunk, from, chunk.length, shared)
      if (end < 0) {
        if (this.problem === null) this.#keep(chunk, from)
        return -1
      }
      this.#finish(chunk, from, end, shared)
      return end
    }
    const before = this.#length
    const whole = this.#append(kept, chunk, from)
    const end = this.#scan(whole, 0, this.#length, this.#marks!)
    if (end < 0) return -1
    this.#finish(whole, 0, end, this.#marks!)
    this.#kept = null
    this.#marks = null
    return from + end - before
  }

  /** Lets go of what it read: each text is a part of the whole head, which a connection at rest would keep until its next. */
  forget(): void {
    this.fields = none
    this.method = ""
    this.target = ""
    this.reason = ""
  }

  #keep(chunk: Buffer, from: number): void {
    this.#length = chunk.length - from
    this.#kept = Buffer.allocUnsafeSlow(Math.max(1024, this.#length * 2))
    chunk.copy(this.#kept, 0, from)
    this.#marks = new Int32Array(this.#limits.fields * 4)
    // With those of the field that is not whole.
    this.#marks.set(shared.subarray(0, Math.min(this.#count + 4, this.#marks.length)))
  }

  #append(kept: Buffer, chunk: Buffer, from: number): Buffer {
    const { headBytes, trailerBytes } = this.#limits
    // No more than the bound is looked at, so no more is kept.
    const room = (this.#kind === "Trailers" ? trailerBytes : headBytes) - this.#length
    const taken = Math.min(chunk.length - from, room)
    let whole = kept
    if (this.#length + taken > kept.length) {
      whole = Buffer.allocUnsafeSlow(Math.max(kept.length * 2, this.#length + taken))
      kept.copy(whole, 0, 0, this.#length)
      this.#kept = whole
    }
    chunk.copy(whole, this.#length, from, from + taken)
    this.#length += taken
    return whole
  }

  #fail(problem: Problem): -1 {
    this.problem = problem
    this.#kept = null
    this.#marks = null
    return -1
  }

  /** base: where the section begins. → the index after it, or -1. */
  #scan(bytes: Buffer, base: number, end: number, marks: Int32Array): number {
    const { headBytes, lineBytes, trailerBytes, fields } = this.#limits
    const bound = base + (this.#kind === "Trailers" ? trailerBytes : headBytes)
    let state = this.#state
    let at = base + this.#at
    let stop = Math.min(end, bound)
    if (state < fieldStart) {
      const line = Math.min(bound, base + lineBytes)
      at = this.#scanLine(bytes, base, Math.min(end, line))
      if (at < 0) return -1
      state = this.#state
      if (state < fieldStart) {
        if (at >= line) return this.#fail(line === bound ? problems.headTooLarge : problems.lineTooLong)
        stop = at
      }
    }
    let count = this.#count
    while (at < stop) {
      if (state === fieldStart) {
        const byte = bytes[at]!
        if (byte === cr) {
          at++
          state = sectionEnd
          continue
        }
        if (isToken[byte] === 0) return this.#fail(startProblem(byte))
        if (count === fields * 4) return this.#fail(this.#kind === "Trailers" ? problems.trailersTooLarge : problems.tooManyFields)
        marks[count] = at - base
        at++
        state = name
      }
      if (state === name) {
        while (at < stop && isToken[bytes[at]!] === 1) at++
        if (at === stop) break
        if (bytes[at] !== colon) return this.#fail(problems.fieldName)
        marks[count + 1] = at - base
        at++
        state = blank
      }
      if (state === blank) {
        while (at < stop && (bytes[at] === space || bytes[at] === tab)) at++
        if (at === stop) break
        marks[count + 2] = at - base
        state = value
      }
      if (state === value) {
        while (at < stop && isValue[bytes[at]!] === 1) at++
        if (at === stop) break
        if (bytes[at] !== cr) return this.#fail(bytes[at] === lf ? problems.bareLineFeed : problems.fieldValue)
        const begin = base + marks[count + 2]!
        let last = at
        while (last > begin && (bytes[last - 1] === space || bytes[last - 1] === tab)) last--
        marks[count + 3] = last - base
        at++
        state = valueEnd
        if (at === stop) break
      }
      if (bytes[at] !== lf) return this.#fail(problems.bareCarriageReturn)
      at++
      if (state === sectionEnd) {
        this.#count = count
        return at
      }
      count += 4
      state = fieldStart
    }
    if (at >= bound) return this.#fail(this.#kind === "Trailers" ? problems.trailersTooLarge : problems.headTooLarge)
    this.#state = state
    this.#count = count
    this.#at = at - base
    return -1
  }

  /** The start line as far as it has come: where it stopped, `#state` says in what; -1: a problem. */
  #scanLine(bytes: Buffer, base: number, stop: number): number {
    let state = this.#state
    let at = base + this.#at
    while (at < stop) {
      const byte = bytes[at]!
      if (state === method) {
        if (isToken[byte] === 1) at++
        else {
          if (byte !== space || at === base) return this.#fail(problems.method)
          this.#first = at - base
          at++
          state = target
        }
      } else if (state === target) {
        if (isTarget[byte] === 1) at++
        else {
          if (byte !== space || at === base + this.#first + 1) return this.#fail(problems.target)
          this.#second = at - base
          at++
          state = requestVersion
        }
      } else if (state === requestVersion || state === responseVersion) {
        const index = at - base - (state === requestVersion ? this.#second + 1 : 0)
        if (index === 8) {
          if (state === requestVersion) {
            if (byte !== cr) return this.#fail(byte === lf ? problems.bareLineFeed : problems.version)
            state = lineEnd
          } else {
            if (byte !== space) return this.#fail(problems.version)
            state = status
          }
        } else if (index === 5 || index === 7) {
          if (byte < digit || byte > digit + 9) return this.#fail(problems.version)
        } else if (byte !== versionBytes[index]) return this.#fail(problems.version)
        at++
      } else if (state === status) {
        if (byte < digit || byte > digit + 9) return this.#fail(problems.status)
        at++
        if (at - base === 12) state = statusEnd
      } else if (state === statusEnd) {
        // Without its last space the line says the same (RFC 9112 section 4): many servers that have no phrase leave it out.
        if (byte === space) state = reason
        else if (byte === cr) state = lineEnd
        else return this.#fail(byte === lf ? problems.bareLineFeed : problems.status)
        at++
      } else if (state === reason) {
        if (isValue[byte] === 0) {
          if (byte !== cr) return this.#fail(byte === lf ? problems.bareLineFeed : problems.reason)
          state = lineEnd
        }
        at++
      } else {
        if (byte !== lf) return this.#fail(problems.bareCarriageReturn)
        this.#second = this.#kind === "Request" ? this.#second : at - base - 1
        at++
        state = fieldStart
        break
      }
    }
    this.#state = state
    this.#at = at - base
    return at
  }

  #finish(bytes: Buffer, base: number, end: number, marks: Int32Array): void {
    const text = (bytes as unknown as Latin1).latin1Slice(base, end)
    this.bytes = end - base
    if (this.#kind === "Request") {
      this.method = text.substring(0, this.#first)
      this.target = text.substring(this.#first + 1, this.#second)
      this.version = versionOf(text, this.#second + 6)
    } else if (this.#kind === "Response") {
      this.version = versionOf(text, 5)
      this.status = (text.charCodeAt(9) - digit) * 100 + (text.charCodeAt(10) - digit) * 10 + text.charCodeAt(11) - digit
      this.reason = text.slice(13, this.#second)
    }
    const count = this.#count
    const fields: Array<string> = []
    for (let mark = 0; mark < count; mark += 4) {
      fields.push(text.substring(marks[mark]!, marks[mark + 1]!), text.substring(marks[mark + 2]!, marks[mark + 3]!))
    }
    this.fields = fields
  }
}

/** Buffer's own, which `toString` finds by the name of the encoding. */
interface Latin1 {
  readonly latin1Slice: (from: number, to: number) => string
}

const versionOf = (text: string, at: number): string => {
  const major = text.charCodeAt(at) - digit
  const minor = text.charCodeAt(at + 2) - digit
  return major === 1 && minor === 1 ? "1.1" : major === 1 && minor === 0 ? "1.0" : `${major}.${minor}`
}

const startProblem = (byte: number): Problem => {
  if (byte === space || byte === tab) return problems.folded
  if (byte === lf) return problems.bareLineFeed
  return byte === colon ? problems.emptyName : problems.fieldName
}
