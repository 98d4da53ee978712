// Whether this process is short of memory: requests that come then are answered 503, before the kernel or the engine ends it with all that are under way.
// One for all Gateways of a process.
import { readFileSync } from "node:fs"
import { totalmem } from "node:os"
import { getHeapStatistics } from "node:v8"
import { Effect, type Scope } from "effect"

/** Bytes. */
export interface MemoryUse {
  readonly what: "heap" | "resident memory"
  readonly used: number
  readonly allowed: number
}

export interface Memory {
  /** What there is too little of, in words; null: there is enough. */
  readonly short: () => string | null
}

export const plenty: Memory = { short: () => null }

export interface MemoryOptions {
  /** Collects all garbage, which stops everything for a moment: what nobody holds any more is no reason to refuse. */
  readonly collect: () => void
  /** With what `short` says now. */
  readonly onChange: (short: string | null) => void
  /** Default: as the engine and the kernel tell, of what the cgroup or the machine allows. */
  readonly read?: () => ReadonlyArray<MemoryUse>
  /** That share what is allowed; absent: it is alone. */
  readonly processes?: number
  /** Milliseconds between two looks. */
  readonly interval?: number
}

/** Shares of what is allowed. Memory is short from the first on, until there is less than the second in use: what is under way needs some more itself. */
const shortFrom = 0.8
const enoughBelow = 0.7

/** Milliseconds between two collections. */
const rest = 5_000

/** What the engine's limit holds for the young generation: three times the semi-space that bin/sluice sets. The old one cannot have it. */
const young = 3 * 8 * 1024 * 1024

/** Looks that take what the kernel allows from the one before: it is read from files, and changes seldom. */
const sameLimit = 50

/** Bytes of files that are mapped, the program's own above all: processes of one program have them once together. 0 where nobody says. */
const mappedFiles = (): number => {
  try {
    return Number(/^RssFile:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1] ?? 0) * 1_024
  } catch {
    return 0
  }
}

/** processes: that share what is allowed, each an equal part of it beside what they have together. */
export const memoryReader = (processes: number, mapped: () => number = mappedFiles): (() => ReadonlyArray<MemoryUse>) => {
  let allowed = 0
  let looks = 0
  return () => {
    const { used_heap_size, heap_size_limit } = getHeapStatistics()
    if (looks++ % sameLimit === 0) {
      const machine = totalmem()
      // Without a limit of its own a cgroup says 0, or more than there is.
      const whole = Math.min(process.constrainedMemory() || machine, machine)
      allowed = processes === 1 ? whole : whole / processes + mapped() * (1 - 1 / processes)
    }
    return [
      { what: "heap", used: used_heap_size, allowed: heap_size_limit - young },
      { what: "resident memory", used: process.memoryUsage.rss(), allowed }
    ]
  }
}

const megabytes = (bytes: number) => Math.round(bytes / 1e6)

export const makeMemory = ({
  collect,
  onChange,
  processes = 1,
  read = memoryReader(processes),
  interval = 100
}: MemoryOptions): Effect.Effect<Memory, never, Scope.Scope> =>
  Effect.gen(function* () {
    let short: string | null = null
    let collected = Number.NEGATIVE_INFINITY
    const judge = (share: number): string | null => {
      const over = read().find(({ used, allowed }) => used >= share * allowed)
      return over === undefined ? null : `${over.what}: ${megabytes(over.used)} of ${megabytes(over.allowed)} MB in use`
    }
    const look = () => {
      const share = short === null ? shortFrom : enoughBelow
      let now = judge(share)
      if (now !== null && performance.now() - collected >= rest) {
        collect()
        collected = performance.now()
        now = judge(share)
      }
      const changed = (now === null) !== (short === null)
      short = now
      if (changed) onChange(short)
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => setInterval(look, interval).unref()),
      (timer) => Effect.sync(() => clearInterval(timer))
    )
    return { short: () => short }
  })
