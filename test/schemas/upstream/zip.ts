// Reads files out of a module's zip. `go mod download` unpacks a module only for a Go as new as the module asks; the zip is there in any case.
import { inflateRawSync } from "node:zlib"

const endOfDirectory = 0x06054b50
const directoryEntry = 0x02014b50

/** Files whose name `wanted` takes, as text by name. Throws on a file that is no zip. */
export const filesIn = (zip: Buffer, wanted: (name: string) => boolean): ReadonlyMap<string, string> => {
  let end = zip.length - 22
  while (end >= 0 && zip.readUInt32LE(end) !== endOfDirectory) end--
  if (end < 0) throw new Error("not a zip: no end of central directory")
  const files = new Map<string, string>()
  let at = zip.readUInt32LE(end + 16)
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    if (zip.readUInt32LE(at) !== directoryEntry) throw new Error("not a zip: bad central directory")
    const method = zip.readUInt16LE(at + 10)
    const size = zip.readUInt32LE(at + 20)
    const nameLength = zip.readUInt16LE(at + 28)
    const name = zip.toString("utf8", at + 46, at + 46 + nameLength)
    if (wanted(name)) {
      const local = zip.readUInt32LE(at + 42)
      const begin = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28)
      const packed = zip.subarray(begin, begin + size)
      files.set(name, (method === 0 ? packed : inflateRawSync(packed)).toString("utf8"))
    }
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32)
  }
  return files
}
