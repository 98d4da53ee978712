// The hash of consistent hashing: MurmurHash3 (32 bits) with one UTF-16 unit a block. The same everywhere and at all times, so that every replica of a proxy sends
// a key to the same endpoint: no seed of the process goes in, and so nothing else may rely on clients not choosing their hash.

/** Spreads the bits of 32 over all of them; a bijection. Signed, so that it stays a small integer. */
export const mix = (bits: number): number => {
  let hash = bits
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

/** 32 bits, signed. */
export const hashText = (text: string, seed = 0): number => {
  let hash = seed
  for (let at = 0; at < text.length; at++) {
    let unit = Math.imul(text.charCodeAt(at), 0xcc9e2d51)
    unit = (unit << 15) | (unit >>> 17)
    hash ^= Math.imul(unit, 0x1b873593)
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  return mix(hash ^ text.length)
}
