// A file that is there whole or as it was before: what a process keeps for the one that is started after it.
import { mkdir, open, rename, rm } from "node:fs/promises"
import { dirname } from "node:path"

/**
 * Written beside, then renamed. Each piece is written by itself, and what else waits has a turn behind it: a large file holds no request up.
 * Folder and file are closed to other users, as other containers of the pod may share the volume. Rejects with the system's error.
 */
export const writeWhole = async (path: string, pieces: Iterable<string>): Promise<void> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const draft = `${path}.${process.pid}`
  const file = await open(draft, "w", 0o600)
  try {
    for (const piece of pieces) {
      await file.write(piece)
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  } finally {
    await file.close()
  }
  await rename(draft, path)
}
