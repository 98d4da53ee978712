// The last good snapshot and its material, in two files of a memory-backed folder: with every operator gone, a container that starts again serves what it
// served (law 17). The same parts as on the wire, a line each, so that writing a large one never holds up requests.
import { mkdir, open, readFile, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import { encodeParts, makeDecoder, readHead, type UpdateHead } from "../snapshot/codec.ts"
import { Unreadable } from "../snapshot/reading.ts"
import { protocol, type Snapshot } from "../snapshot/snapshot.ts"
import type { Update } from "../snapshot/update.ts"
import { applied, type Copy, complete } from "./copy.ts"

const files = { snapshot: "snapshot.jsonl", material: "material.jsonl" } as const

const partSize = 32 * 1024

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Whole or not at all: written beside, then renamed. mode 0600: the folder may be shared with other containers of the pod. */
const write = async (folder: string, name: string, update: Update): Promise<void> => {
  const path = join(folder, name)
  const draft = `${path}.${process.pid}`
  const file = await open(draft, "w", 0o600)
  try {
    const { protocol, base, version, gateway } = update
    await file.write(`${JSON.stringify({ protocol, base, version, gateway } satisfies UpdateHead)}\n`)
    for (const part of encodeParts(update, null, partSize)) {
      await file.write(`${part}\n`)
      await turn()
    }
    // Its absence tells a file that was cut.
    await file.write('{"end":true}\n')
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  } finally {
    await file.close()
  }
  await rename(draft, path)
}

/** Rejects with the system's error. Material first: a snapshot never names bytes that are older than it. */
export const saveLastGood = async (folder: string, copy: Copy): Promise<void> => {
  const { protocol, version, gateway, ...content } = copy.snapshot
  const head: UpdateHead = { protocol, base: null, version, gateway }
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await write(folder, files.material, { ...head, set: {}, drop: {}, material: [...copy.material.values()] })
  await write(folder, files.snapshot, { ...head, set: content, drop: {}, material: [] })
}

const linesOf = async (path: string): Promise<{ readonly head: UpdateHead; readonly parts: ReadonlyArray<unknown> }> => {
  const lines = (await readFile(path, "utf8")).trimEnd().split("\n")
  if (lines.at(-1) !== '{"end":true}') throw new Unreadable("whole: its end is missing")
  const values = lines.map((line): unknown => {
    try {
      return JSON.parse(line)
    } catch {
      throw new Unreadable("JSON, a line each")
    }
  })
  return { head: readHead(values[0]), parts: values.slice(1, -1) }
}

export interface LastGood {
  readonly copy: Copy
  /** Nothing of it is missing or of another time: an operator may be told that the proxy has this version. */
  readonly complete: boolean
}

/**
 * null: there is nothing of this Gateway. A string: what is there cannot be used, and why. The snapshot without its material is used: what needs no
 * certificate serves.
 */
export const loadLastGood = async (folder: string, gateway: Snapshot["gateway"]): Promise<LastGood | string | null> => {
  try {
    const { head, parts } = await linesOf(join(folder, files.snapshot))
    if (head.gateway.namespace !== gateway.namespace || head.gateway.name !== gateway.name)
      return `${join(folder, files.snapshot)} is of Gateway ${head.gateway.namespace}/${head.gateway.name}`
    if (head.protocol > protocol) return `${join(folder, files.snapshot)} was written by a newer proxy (protocol ${head.protocol})`
    const decoder = makeDecoder({ ...head, base: null }, null, isDeepStrictEqual)
    for (const part of parts) decoder.add(part)
    const material = await linesOf(join(folder, files.material)).catch(() => null)
    for (const part of material?.parts ?? []) decoder.add(part)
    const copy = applied(null, decoder.finish())
    return { copy, complete: copy.unread.size === 0 && complete(copy) }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null
    return `${folder}: ${error instanceof Error ? error.message : String(error)}`
  }
}
