// The key that Secrets are sealed with in this installation: 32 random bytes in a file that only its owner reads.
import { randomBytes } from "node:crypto"
import { chmod, link, mkdir, readFile, stat, unlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Data, Effect } from "effect"

export class StateFolderError extends Data.TaggedError("StateFolderError")<{ readonly folder: string; readonly detail: string }> {
  override get message() {
    return `state folder ${this.folder}: ${this.detail}: make it a folder that this user may write, or name another one with --state-folder`
  }
}

const size = 32

/** For what ends with the process (`check`, `explain`): digests need to agree only with themselves. */
export const ephemeralKey = (): Uint8Array => randomBytes(size)

/** Reads the key, or makes it. Two processes that start together come to the same one: the file is written whole and then linked to its name, which one of them wins. */
const readOrMake = async (folder: string): Promise<Uint8Array> => {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, "digest.key")
  const known = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null
    throw error
  })
  if (known !== null) {
    if (known.length !== size) throw new Error(`digest.key has ${known.length} bytes instead of ${size}; remove it, and a new one is made`)
    if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o600)
    return known
  }
  const draft = join(folder, `digest.key.${process.pid}.${randomBytes(4).toString("hex")}`)
  await writeFile(draft, randomBytes(size), { mode: 0o600, flag: "wx" })
  try {
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error
    })
  } finally {
    await unlink(draft)
  }
  return readFile(path)
}

export const digestKey = (folder: string): Effect.Effect<Uint8Array, StateFolderError> =>
  Effect.tryPromise({
    try: () => readOrMake(folder),
    catch: (error) => new StateFolderError({ folder, detail: error instanceof Error ? error.message : String(error) })
  })
