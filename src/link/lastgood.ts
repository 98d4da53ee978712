// The last good snapshot and its material, in two files of a memory-backed folder: with every operator gone, a container that starts again serves what it
// served (law 17). The same parts as on the wire, a line each, so that writing a large one never holds up requests.
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import { writeWhole } from "../files/whole.ts"
import { encodeParts, makeDecoder, readHead, type UpdateHead } from "../snapshot/codec.ts"
import { Unreadable } from "../snapshot/reading.ts"
import { protocol, type Snapshot } from "../snapshot/snapshot.ts"
import type { Update } from "../snapshot/update.ts"
import { applied, type Copy, complete } from "./copy.ts"

const files = { snapshot: "snapshot.jsonl", material: "material.jsonl" } as const

const partSize = 32 * 1024

const contentOf = function* (update: Update): Generator<string> {
  const { protocol, base, version, gateway } = update
  yield `${JSON.stringify({ protocol, base, version, gateway } satisfies UpdateHead)}\n`
  for (const part of encodeParts(update, null, partSize)) yield `${part}\n`
  // Its absence tells a file that was cut.
  yield '{"end":true}\n'
}

/** Rejects with the system's error. Material first: a snapshot never names bytes that are older than it. */
export const saveLastGood = async (folder: string, copy: Copy): Promise<void> => {
  const { protocol, version, gateway, ...content } = copy.snapshot
  const head: UpdateHead = { protocol, base: null, version, gateway }
  const write = (name: string, update: Update) => writeWhole(join(folder, name), contentOf(update))
  await write(files.material, { ...head, set: {}, drop: {}, material: [...copy.material.values()] })
  await write(files.snapshot, { ...head, set: content, drop: {}, material: [] })
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
