// Manifests as a source of changes: read, assembled, and read again when they change. Beside the stream stands the list of what is wrong with them now.
import { Effect, Queue, Stream, SubscriptionRef } from "effect"
import type { ObjectKey } from "#schemas/meta.ts"
import type { Change, ChangeSource } from "../state/change.ts"
import { type Assembly, assemble, changesBetween } from "./assembly.ts"
import { maxFileBytes } from "./document.ts"
import { textDigest } from "./piece.ts"
import type { Problem } from "./problem.ts"
import { type Reading, read } from "./reading.ts"
import { makeWatching } from "./watching.ts"

export interface ManifestOptions {
  /** Files, folders, and `-` for `stdin`. */
  readonly paths: ReadonlyArray<string>
  /** The text of standard input, when `-` is among the paths: it can be read only once. */
  readonly stdin: string | null
  /** What Secrets are sealed with. */
  readonly key: Uint8Array
  /** Where the problems of the newest reading stand. */
  readonly problems: SubscriptionRef.SubscriptionRef<ReadonlyArray<Problem>>
}

/** All of standard input as text. */
export const readStandardInput = async (): Promise<string> => {
  const parts: Array<Buffer> = []
  let size = 0
  for await (const part of process.stdin) {
    const bytes = Buffer.from(part as Uint8Array)
    size += bytes.length
    parts.push(bytes)
    // More than is taken: the reader says so.
    if (size > maxFileBytes) break
  }
  return Buffer.concat(parts).toString("utf8")
}

/** The paths read and assembled once, as `check` and `explain` need it. */
export const readOnce = async (
  paths: ReadonlyArray<string>,
  stdin: string | null,
  key: Uint8Array
): Promise<{ readonly assembly: Assembly; readonly reading: Reading }> => {
  const reading = await read(paths, stdin)
  return { assembly: assemble(reading, key, null), reading }
}

const sameProblems = (a: ReadonlyArray<Problem>, b: ReadonlyArray<Problem>): boolean => JSON.stringify(a) === JSON.stringify(b)

/**
 * A source over manifests. At first every listed kind is said whole; then each kind that a reading changed, all in one array, so that they are folded
 * together (a reading is swapped in whole). Secrets and ConfigMaps are said when interest names them. Never fails, never ends.
 */
export const manifests =
  (options: ManifestOptions): ChangeSource =>
  (interests) =>
    Stream.callback<Change>((out) =>
      Effect.gen(function* () {
        const dirty = yield* Queue.sliding<void>(1)
        const watching = yield* Effect.acquireRelease(
          Effect.sync(() => makeWatching(() => Queue.offerUnsafe(dirty, undefined))),
          (one) => Effect.sync(one.close)
        )
        let assembly: Assembly | null = null
        let interest: ReadonlySet<ObjectKey> = new Set()
        let last = ""

        const readAgain = Effect.gen(function* () {
          let reading = yield* Effect.promise(() => read(options.paths, options.stdin))
          // Bounded: a folder that is made anew all the time says so by events too.
          for (let tries = 0; watching.set(reading.folders) && tries < 5; tries++)
            reading = yield* Effect.promise(() => read(options.paths, options.stdin))
          // Most events change nothing (a touch, an editor's swap file beside ours).
          const now = summary(options.key, reading)
          if (now === last) return
          last = now
          const next = assemble(reading, options.key, assembly)
          const changes = changesBetween(assembly, next, interest)
          assembly = next
          if (!sameProblems(SubscriptionRef.getUnsafe(options.problems), next.problems))
            yield* SubscriptionRef.set(options.problems, next.problems)
          Queue.offerAllUnsafe(out, changes)
        })

        const reading = Effect.gen(function* () {
          yield* readAgain
          while (true) {
            yield* Queue.take(dirty)
            yield* readAgain
          }
        })

        const answering = Stream.runForEach(interests, (next) =>
          Effect.sync(() => {
            interest = next
            // Before the first reading nothing is known to be absent; that reading answers.
            if (assembly === null) return
            const known = assembly
            // All of them, not those that are new: of several sets the last only is seen, and what was let go and named again between two is answered anew.
            const changes = [...next].map((key): Change => ({ _tag: "Fetched", key, object: known.demanded.get(key) ?? null }))
            Queue.offerAllUnsafe(out, changes)
          })
        )

        yield* Effect.all([reading, answering], { concurrency: "unbounded", discard: true })
      })
    )

/** Equal for readings that say the same. The texts themselves are not kept: there may be Secrets among them. */
const summary = (key: Uint8Array, reading: Reading): string =>
  JSON.stringify([[...reading.files].map(([file, text]) => [file, textDigest(key, text)]), reading.faults])
