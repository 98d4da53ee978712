// The Huffman code of header compression (RFC 7541 section 5.2 and appendix B). It is canonical: the lengths alone say every code.

/** Bits of the code of each byte; last that of EOS, which no text may hold. */
// biome-ignore format: a table
const lengths = Uint8Array.of(
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30
)

const eos = 256
const codes = new Uint32Array(lengths.length)
let next = 0
for (let length = 1; length <= 30; length++) {
  for (let symbol = 0; symbol <= eos; symbol++) if (lengths[symbol] === length) codes[symbol] = next++
  next *= 2
}

// The code as a tree of four bits a step. A step: the next state, then 9 bits of the byte that it ended (with `ends`), or -1: no text has it.
// No code is shorter than five bits, so a step ends one byte at most.
const ends = 1 << 18
const steps: Array<number> = []
/** By state: the bits since the last byte are a beginning of EOS, fewer than eight (section 5.2: all that padding may be). */
const padding: Array<boolean> = []

const buildSteps = (): void => {
  // A state is the bits read since the last byte.
  const states = new Map<string, number>()
  const byCode = new Map<string, number>()
  const inner = new Set<string>()
  for (let symbol = 0; symbol <= eos; symbol++) {
    const code = codes[symbol]!.toString(2).padStart(lengths[symbol]!, "0")
    byCode.set(code, symbol)
    for (let length = 0; length < code.length; length++) inner.add(code.slice(0, length))
  }
  for (const bits of ["", ...[...inner].sort().filter((bits) => bits !== "")]) {
    states.set(bits, states.size)
    padding.push(bits.length < 8 && !bits.includes("0"))
  }
  for (const [bits, state] of states) {
    for (let four = 0; four < 16; four++) {
      let now = bits
      let ended = -1
      for (const bit of four.toString(2).padStart(4, "0")) {
        now += bit
        const symbol = byCode.get(now)
        if (symbol === undefined) continue
        ended = symbol
        now = ""
      }
      steps[state * 16 + four] = ended === eos ? -1 : states.get(now)! | (ended < 0 ? 0 : ends | (ended << 9))
    }
  }
}
buildSteps()
const stepTable = Int32Array.from(steps)

/** Writes what the bytes from `from` to `end` say into `into`, which has room for 8 bytes for each 5. → how many; -1: they are no text of this code. */
export const huffmanDecode = (bytes: Uint8Array, from: number, end: number, into: Uint8Array): number => {
  let state = 0
  let length = 0
  for (let at = from; at < end; at++) {
    const byte = bytes[at]!
    let step = stepTable[state * 16 + (byte >> 4)]!
    if (step < 0) return -1
    if (step >= ends) into[length++] = (step >> 9) & 0xff
    step = stepTable[(step & 0x1ff) * 16 + (byte & 15)]!
    if (step < 0) return -1
    if (step >= ends) into[length++] = (step >> 9) & 0xff
    state = step & 0x1ff
  }
  return padding[state] ? length : -1
}

/** Bytes that the text (latin1) takes. */
export const huffmanLength = (text: string): number => {
  let bits = 0
  for (let at = 0; at < text.length; at++) bits += lengths[text.charCodeAt(at)]!
  return (bits + 7) >> 3
}

/** Writes the text (latin1) at `at`; → the index after it. */
export const huffmanEncode = (text: string, into: Uint8Array, at: number): number => {
  let waiting = 0
  let bits = 0
  let to = at
  for (let index = 0; index < text.length; index++) {
    const symbol = text.charCodeAt(index)
    let length = lengths[symbol]!
    let code = codes[symbol]!
    if (length > 16) {
      // At most 7 bits wait for the 30 of a code: more than 32 together, so those go in two parts.
      length -= 16
      waiting = (waiting << length) | (code >>> 16)
      bits += length
      while (bits >= 8) {
        bits -= 8
        into[to++] = waiting >>> bits
      }
      length = 16
      code &= 0xffff
    }
    waiting = (waiting << length) | code
    bits += length
    while (bits >= 8) {
      bits -= 8
      into[to++] = waiting >>> bits
    }
  }
  // The rest is the beginning of EOS: ones.
  if (bits > 0) into[to++] = (waiting << (8 - bits)) | ((1 << (8 - bits)) - 1)
  return to
}
