// The last good answers on disk, so that a process that starts while DNS is down dials what the one before it dialled (docs/dns.md; law 7).
// A file of its own beside the snapshot: answers are facts of this process, not of what it was told. What is read is judged as any answer is (law 5).
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { writeWhole } from "../../files/whole.ts"
import { formatAddress, parseAddress } from "../dial/address.ts"
import type { Kept, KeptAnswer } from "./lifetime.ts"
import { mostAddresses } from "./message.ts"
import { readRecord } from "./record.ts"

export const rememberedFile = "dns.jsonl"

export interface Remembered {
  /** What the process before knew under this key; once, as it is the start alone that needs it. */
  readonly recall: (key: string) => KeptAnswer | null
  /** An answer was good. */
  readonly note: (key: string, answer: KeptAnswer) => void
  /** Writes when there is something to say. now: milliseconds since the epoch. null: all is well, else why not. */
  readonly save: (now: number) => Promise<string | null>
}

/** The most answers that are kept, the newest (law 19). */
const most = 16_384
/** Milliseconds. Nobody asked for longer: whoever wants it back then can wait for an answer. */
const longest = 3_600_000
/** Milliseconds between writes that change nothing but ages. */
const ageing = 60_000
/** Lines a write, so that a large file holds nobody up. */
const lines = 256

const keptOf = (value: unknown): Kept | null => {
  const { addresses, asOf } = (value ?? {}) as { readonly addresses?: unknown; readonly asOf?: unknown }
  if (!Array.isArray(addresses) || addresses.length === 0 || typeof asOf !== "number") return null
  return { addresses: addresses.slice(0, mostAddresses).map(String), asOf }
}

/** An address, or a record of a service. */
const canonical = (text: string): string | null => {
  const address = parseAddress(text)
  return address !== null ? formatAddress(address) : readRecord(text) === null ? null : text
}

/** Addresses are read when they are asked for: of a large file in one go they would hold up the start. */
const readable = (kept: Kept | null): Kept | null => {
  const addresses = kept?.addresses.map(canonical).filter((address) => address !== null)
  return kept === null || addresses === undefined || addresses.length === 0 ? null : { ...kept, addresses }
}

/** A line that cannot be read is no answer: one cut off by a full disk costs itself. */
const readLine = (line: string): readonly [string, KeptAnswer] | null => {
  try {
    const { key, v4, v6 } = JSON.parse(line) as { readonly key?: unknown; readonly v4?: unknown; readonly v6?: unknown }
    const answer = { v4: keptOf(v4), v6: keptOf(v6) }
    return typeof key === "string" && (answer.v4 ?? answer.v6) !== null ? [key, answer] : null
  } catch {
    return null
  }
}

const asOf = ({ v4, v6 }: KeptAnswer): number => Math.max(v4?.asOf ?? 0, v6?.asOf ?? 0)

const sameAddresses = (a: Kept | null, b: Kept | null): boolean =>
  a?.addresses === b?.addresses ||
  (a !== null && b !== null && a.addresses.length === b.addresses.length && a.addresses.every((address) => b.addresses.includes(address)))

/** Reads what is there. A missing or unreadable file is an empty one: nothing depends on it. */
export const openRemembered = async (folder: string): Promise<Remembered> => {
  const path = join(folder, rememberedFile)
  const text = await readFile(path, "utf8").catch(() => "")
  const found = new Map(
    text
      .split("\n", most)
      .map(readLine)
      .filter((line) => line !== null)
  )
  // Those that nobody has asked for yet are written again: the next start may come before anybody does. The newest stand last.
  const known = new Map(found)
  let changed = false
  let writing: Promise<void> = Promise.resolve()
  let written = Number.NEGATIVE_INFINITY

  const write = async (now: number): Promise<void> => {
    for (const [key, answer] of known) if (asOf(answer) <= now - longest) known.delete(key)
    const entries = [...known]
    const pieces = function* () {
      for (let at = 0; at < entries.length; at += lines)
        yield entries
          .slice(at, at + lines)
          .map(([key, { v4, v6 }]) => `${JSON.stringify({ key, v4, v6 })}\n`)
          .join("")
    }
    await writeWhole(path, pieces())
  }

  return {
    recall: (key) => {
      const answer = found.get(key) ?? null
      found.delete(key)
      const read = answer === null ? null : { v4: readable(answer.v4), v6: readable(answer.v6) }
      return read === null || (read.v4 ?? read.v6) === null ? null : read
    },
    note: (key, answer) => {
      const before = known.get(key)
      changed ||= before === undefined || !sameAddresses(before.v4, answer.v4) || !sameAddresses(before.v6, answer.v6)
      known.delete(key)
      known.set(key, { v4: answer.v4, v6: answer.v6 })
      const [oldest] = known.size > most ? known.keys() : []
      if (oldest !== undefined) known.delete(oldest)
    },
    save: async (now) => {
      // One that was interrupted goes on writing: who saves last waits for it.
      await writing
      if (known.size === 0 || (!changed && now - written < ageing)) return null
      changed = false
      written = now
      const done = write(now)
      writing = done.catch(() => {})
      try {
        await done
        return null
      } catch (error) {
        return error instanceof Error ? error.message : String(error)
      }
    }
  }
}
