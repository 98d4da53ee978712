// tar files that are the same for the same content: names sorted by the caller, no times, no owners, no modes of this machine.

/** mode: permission bits. A link's target as it is written. */
export type Entry =
  | { readonly type: "file"; readonly mode: number; readonly data: Uint8Array }
  | { readonly type: "directory"; readonly mode: number }
  | { readonly type: "link"; readonly target: string }

const block = 512
const kinds = { file: "0", directory: "5", link: "2" } as const

/** Name in two parts, as ustar has them: at most 155 and 100 bytes, parted at a slash. */
const parted = (name: string): readonly [prefix: string, name: string] => {
  if (Buffer.byteLength(name) <= 100) return ["", name]
  for (let cut = name.indexOf("/"); cut > 0; cut = name.indexOf("/", cut + 1)) {
    const [prefix, rest] = [name.slice(0, cut), name.slice(cut + 1)]
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(rest) <= 100 && rest !== "") return [prefix, rest]
  }
  throw new Error(`${name}: too long a name for a tar file`)
}

const header = (path: string, entry: Entry): Buffer => {
  const bytes = Buffer.alloc(block)
  const octal = (value: number, at: number, length: number) => bytes.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at)
  const [prefix, name] = parted(entry.type === "directory" ? `${path}/` : path)
  bytes.write(name, 0)
  octal(entry.type === "link" ? 0o777 : entry.mode, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(entry.type === "file" ? entry.data.length : 0, 124, 12)
  octal(0, 136, 12)
  bytes.write("        ", 148)
  bytes.write(kinds[entry.type], 156)
  if (entry.type === "link") {
    if (Buffer.byteLength(entry.target) > 100) throw new Error(`${path}: too long a link for a tar file`)
    bytes.write(entry.target, 157)
  }
  bytes.write("ustar\x0000", 257)
  bytes.write(prefix, 345)
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148)
  return bytes
}

/** The tar of entries in their order, in pieces. Throws on a name that ustar cannot hold. */
export function* tar(entries: Iterable<readonly [path: string, entry: Entry]>): Generator<Uint8Array> {
  for (const [path, entry] of entries) {
    yield header(path, entry)
    if (entry.type !== "file") continue
    yield entry.data
    if (entry.data.length % block !== 0) yield Buffer.alloc(block - (entry.data.length % block))
  }
  yield Buffer.alloc(2 * block)
}

/** The entries by path, every folder above them added, in an order of their own. */
export const sorted = (entries: ReadonlyMap<string, Entry>): ReadonlyArray<readonly [string, Entry]> => {
  const all = new Map(entries)
  for (const path of entries.keys()) {
    for (let cut = path.lastIndexOf("/"); cut > 0; cut = path.lastIndexOf("/", cut - 1)) {
      const folder = path.slice(0, cut)
      if (!all.has(folder)) all.set(folder, { type: "directory", mode: 0o755 })
    }
  }
  return [...all].sort(([a], [b]) => (a < b ? -1 : 1))
}
