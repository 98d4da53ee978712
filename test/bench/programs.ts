// The loads and origins that are written in C (traffic/): a generator must cost far less than what it measures. Compiled once each, into .cache.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs"
import { join } from "node:path"

const folder = join(import.meta.dirname, "traffic")
const cache = join(import.meta.dirname, "..", "..", ".cache", "bench")

/** Of a program: what it is linked with. */
const libraries = { load: ["-lssl", "-lcrypto"], origin: [], datagrams: [] } as const

export type Program = keyof typeof libraries

/** The program, ready to run. Throws with what the compiler says. */
export const compiled = (program: Program): string => {
  const source = join(folder, `${program}.c`)
  const hash = createHash("sha256")
  for (const file of [source, join(folder, "wire.h"), join(folder, "connection.h")]) hash.update(readFileSync(file))
  const file = join(cache, `${program}-${hash.digest("hex").slice(0, 16)}`)
  if (existsSync(file)) return file
  mkdirSync(cache, { recursive: true })
  const own = `${file}.${process.pid}`
  const made = spawnSync("cc", ["-O2", "-o", own, source, ...libraries[program]], { encoding: "utf8" })
  if (made.status !== 0) throw new Error(`cc ${program}.c: ${made.error?.message ?? made.stderr}`)
  renameSync(own, file)
  return file
}
