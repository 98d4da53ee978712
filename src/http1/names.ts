// A field name looked for among a few, without a lower-case copy of each that goes by: most names are none of them, and length and first letter say so.

const longest = 64

/** Lower-case names and beginnings of names → false: a name, in whatever case, is none of them; true: it may be one. */
export const nameSieve = (names: Iterable<string>, prefixes: Iterable<string> = []): ((name: string) => boolean) => {
  // By length, the longer ones together; bit = letter.
  const letters = new Uint32Array(longest + 1)
  const add = (name: string, from: number, to: number) => {
    for (let length = from; length <= to; length++) letters[length]! |= 1 << (name.charCodeAt(0) & 31)
  }
  for (const name of names) add(name, name.length, name.length)
  for (const prefix of prefixes) add(prefix, prefix.length, longest)
  return (name) => (letters[Math.min(name.length, longest)]! & (1 << (name.charCodeAt(0) & 31))) !== 0
}
