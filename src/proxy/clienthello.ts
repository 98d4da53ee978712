// The first message of a TLS connection, read for the one name in it and nothing else: who is asked for (RFC 8446 section 4.1.2, RFC 6066 section 3). Pure; what it is given
// comes from anybody.

/** More: it is not whole yet. name "": it asks for nobody. */
export type Hello =
  | { readonly _tag: "More" }
  | { readonly _tag: "Hello"; readonly name: string }
  | { readonly _tag: "Not"; readonly detail: string }

/** Bytes. Those of today's clients have some hundred to two thousand. */
export const longestHello = 16_384

const more: Hello = { _tag: "More" }
const no = (detail: string): Hello => ({ _tag: "Not", detail })
const ends = no("the ClientHello ends before its fields do")
const nobody: Hello = { _tag: "Hello", name: "" }

/** Fields one after the other; -1, or null, beyond the end. */
class Fields {
  #at = 0
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  get empty(): boolean {
    return this.#at >= this.bytes.length
  }

  number(size: 1 | 2): number {
    const at = this.#at
    if (at + size > this.bytes.length) return -1
    this.#at += size
    return size === 1 ? this.bytes[at]! : this.bytes[at]! * 256 + this.bytes[at + 1]!
  }

  skip(size: number): boolean {
    this.#at += size
    return this.#at <= this.bytes.length
  }

  /** What has its length before it. */
  vector(size: 1 | 2): Uint8Array | null {
    const length = this.number(size)
    if (length === -1 || this.#at + length > this.bytes.length) return null
    const from = this.#at
    this.#at += length
    return this.bytes.subarray(from, this.#at)
  }
}

/** Records that it may be spread over: each is looked at again with every piece that comes. */
const mostRecords = 16

/** The handshake message in the records: its content, or what is to be said instead. */
const message = (bytes: Uint8Array): Uint8Array | Hello => {
  let gathered: Uint8Array = new Uint8Array(0)
  for (let [at, records] = [0, 1]; ; records++) {
    if (records > mostRecords) return no(`its ClientHello is in more than ${mostRecords} records`)
    const known = Math.min(bytes.length - at, 2)
    if ((known > 0 && bytes[at] !== 22) || (known > 1 && bytes[at + 1] !== 3)) return no("it does not speak as TLS does")
    if (at + 5 > bytes.length) return more
    const length = bytes[at + 3]! * 256 + bytes[at + 4]!
    if (length === 0 || length > longestHello) return no("a record of its ClientHello has a length that none may have")
    const piece = bytes.subarray(at + 5, at + 5 + length)
    gathered = gathered.length === 0 ? piece : Buffer.concat([gathered, piece])
    if (gathered.length > 0 && gathered[0] !== 1) return no("its first message is no ClientHello")
    if (gathered.length >= 4) {
      const end = 4 + gathered[1]! * 65_536 + gathered[2]! * 256 + gathered[3]!
      if (end > longestHello) return no(`its ClientHello is longer than ${longestHello} bytes`)
      if (gathered.length >= end) return gathered.subarray(4, end)
    }
    if (piece.length < length) return more
    at += 5 + length
  }
}

/** Of host_name alone there has ever been one type and one entry; anything else is refused, as two readers could take it for two names. */
const nameIn = (extension: Uint8Array): Hello => {
  const list = new Fields(extension).vector(2)
  if (list === null || list.length + 2 !== extension.length) return ends
  const entries = new Fields(list)
  if (entries.number(1) !== 0) return no("its server_name is of a type that nobody knows")
  const name = entries.vector(2)
  if (name === null || !entries.empty) return no("its server_name does not say one name")
  const text = Buffer.from(name).toString("latin1").toLowerCase()
  return /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(text) && text.length <= 253
    ? { _tag: "Hello", name: text }
    : no("its server_name is no host name")
}

/** bytes: from the first on. The name is in lower case. */
export const readHello = (bytes: Uint8Array): Hello => {
  const content = message(bytes)
  if (!(content instanceof Uint8Array)) return content
  const fields = new Fields(content)
  // Version and random; session; cipher suites; compression methods.
  if (!fields.skip(34) || fields.vector(1) === null || fields.vector(2) === null || fields.vector(1) === null) return ends
  if (fields.empty) return nobody
  const list = fields.vector(2)
  if (list === null || !fields.empty) return ends
  const extensions = new Fields(list)
  let found: Hello = nobody
  while (!extensions.empty) {
    const type = extensions.number(2)
    const extension = extensions.vector(2)
    if (type === -1 || extension === null) return ends
    if (type !== 0) continue
    if (found !== nobody) return no("it has two server_names")
    found = nameIn(extension)
  }
  return found
}
