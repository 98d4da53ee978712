// Peers that are compared are measured in turn: each is warmed on every row, then every round has each of them once. One place, so that no table is fairer than another.
import type { Running, Sample } from "./measure.ts"

export interface Rounds<Row extends { readonly title: string }, Work extends string> {
  readonly rows: ReadonlyArray<Row>
  /** Who can do a row. */
  readonly able: (row: Row) => ReadonlyArray<Running<Work>>
  readonly run: (each: Running<Work>, row: Row, seconds: number) => Promise<Sample>
  readonly warming: number
  readonly rounds: number
  readonly seconds: number
  readonly samples: Samples
}

/** What was measured, by the title of the row and the name of the peer. */
export interface Samples {
  readonly add: (title: string, peer: string, sample: Sample) => void
  readonly of: (title: string, peer: string) => ReadonlyArray<Sample>
  readonly failures: () => number
}

export const makeSamples = (): Samples => {
  const all = new Map<string, Array<Sample>>()
  const key = (title: string, peer: string) => `${title}\u0000${peer}`
  return {
    add: (title, peer, sample) => void all.set(key(title, peer), [...(all.get(key(title, peer)) ?? []), sample]),
    of: (title, peer) => all.get(key(title, peer)) ?? [],
    failures: () => [...all.values()].flat().reduce((sum, { failures }) => sum + failures, 0)
  }
}

/** Seconds of warm-up of every peer on every row, before anything is measured: what is compiled while it runs (V8 here) needs many to come to rest, and a row that
 * comes new would be measured half compiled. The same for all, though most need none. */
export const warmUp = (quick: boolean): number => (quick ? 5 : 10)

export const measureInTurn = async <Row extends { readonly title: string }, Work extends string>({
  rows,
  able,
  run,
  warming,
  rounds,
  seconds,
  samples
}: Rounds<Row, Work>): Promise<void> => {
  const width = Math.max(...rows.map(({ title }) => title.length)) + 1
  for (const row of rows) {
    for (const each of able(row)) {
      console.error(`warming ${warming} s  ${row.title.padEnd(width)} ${each.peer.name}`)
      await run(each, row, warming)
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const row of rows) {
      const those = able(row)
      for (let n = 0; n < those.length; n++) {
        // Rotated, so that no peer always follows the same other.
        const each = those[(n + round) % those.length]!
        const sample = await run(each, row, seconds)
        samples.add(row.title, each.peer.name, sample)
        console.error(
          `round ${round + 1}/${rounds}  ${row.title.padEnd(width)} ${each.peer.name.padEnd(8)} ${sample.micros.toFixed(1).padStart(8)} us/req ${String(Math.round(sample.requestsPerSecond)).padStart(7)} req/s${sample.failures > 0 ? `  ${sample.failures} failures` : ""}`
        )
      }
    }
  }
}
