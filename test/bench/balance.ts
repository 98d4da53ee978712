// What a pick costs with each way of balancing, of an endpoint and of an address of its name, how even the picks are, and how many keys a change of the endpoints moves.
// Pure: no sockets.
import { Effect } from "effect"
import { type Balance, defaultTableSize as tableSize } from "#src/snapshot/balance.ts"
import { type Balancer, makeBalancer } from "#src/upstream/balance/balancer.ts"
import { hashText } from "#src/upstream/balance/hash.ts"
import { maglevTable } from "#src/upstream/balance/maglev.ts"
import { makePlace } from "#src/upstream/balance/place.ts"
import { noOwnAddresses } from "#src/upstream/dial/own.ts"
import { pending } from "#src/upstream/discovery/resolution.ts"
import { Member } from "#src/upstream/member.ts"
import { named, specOf } from "../support/live.ts"
import { median } from "./measure.ts"
import type { FigureRow } from "./row.ts"

interface Item {
  readonly key: string
  readonly weight: number
  readonly load: number
}

const ways: ReadonlyArray<Balance> = [
  { _tag: "RoundRobin" },
  { _tag: "LeastRequest" },
  { _tag: "Random" },
  { _tag: "ConsistentHash", by: { _tag: "Source" } }
]

const items = (count: number): ReadonlyArray<Item> =>
  Array.from({ length: count }, (_, n) => ({ key: `Address 192.0.2.${n}:443`, weight: 1 + (n % 3), load: n % 5 }))

const nanoseconds = (balancer: Balancer<Item>, keys: ReadonlyArray<number>, picks: number): number => {
  const rounds: Array<number> = []
  for (let round = 0; round < 7; round++) {
    const began = performance.now()
    for (let n = 0; n < picks; n++) balancer.next(keys[n & 1023]!)
    rounds.push(((performance.now() - began) * 1e6) / picks)
  }
  return median(rounds)
}

/** The largest difference of an endpoint's part from its weight's, in percent of that. Of endpoints that are all idle. */
const unevenness = (way: Balance, list: ReadonlyArray<Item>, keys: ReadonlyArray<number>): number => {
  const idle = list.map((item) => ({ ...item, load: 0 }))
  const balancer = makeBalancer<Item>(way, Math.random)
  balancer.set(idle)
  const counts = new Map<Item, number>(idle.map((item) => [item, 0]))
  for (const key of keys) {
    const picked = balancer.next(key)!
    counts.set(picked, counts.get(picked)! + 1)
  }
  const sum = idle.reduce((total, { weight }) => total + weight, 0)
  return Math.max(...[...counts].map(([{ weight }, count]) => Math.abs(count / ((keys.length * weight) / sum) - 1) * 100))
}

/** Keys that change hands though their endpoint stays, and milliseconds to make the table. */
const maglev = (list: ReadonlyArray<Item>): { readonly moved: number; readonly build: number } => {
  const builds: Array<number> = []
  let before = maglevTable(list)
  for (let n = 0; n < 7; n++) {
    const began = performance.now()
    before = maglevTable(list)
    builds.push(performance.now() - began)
  }
  const after = maglevTable(list.slice(0, -1))
  let moved = 0
  for (let slot = 0; slot < tableSize; slot++) if (before[slot] !== list.length - 1 && before[slot] !== after[slot]) moved++
  return { moved: (moved / tableSize) * 100, build: median(builds) }
}

/** One of eight addresses, of which one may be warming up. */
const placing = (balance: Balance, warmth: number, picks: number): number => {
  const spec = specOf({ endpoints: [] })
  const ignore = (): void => {}
  const member = new Member("m", named("many.test", 443), spec, () => noOwnAddresses, {
    ...{ changed: ignore, joined: ignore, left: ignore, refused: ignore }
  })
  const addresses = Array.from({ length: 8 }, (_, n) => `127.0.0.${n + 1}`)
  member.watch({
    ...{ name: "many.test", settled: Effect.void, subscribe: () => ignore },
    current: () => ({ ...pending, state: "Fresh", addresses })
  })
  member.order[7]!.warmth = warmth
  const place = makePlace(balance, () => 0, Math.random)
  const rounds: Array<number> = []
  for (let round = 0; round < 7; round++) {
    const began = performance.now()
    for (let n = 0; n < picks; n++) place(member, null)
    rounds.push(((performance.now() - began) * 1e6) / picks)
  }
  return median(rounds)
}

const slowStart = { window: 60_000, aggression: 1, least: 0.1 }

export const balancing = (quick: boolean): ReadonlyArray<FigureRow> => {
  const keys = Array.from({ length: quick ? 20_000 : 200_000 }, (_, n) => hashText(`user-${n}`))
  const rows = ways.map((way): FigureRow => {
    const costs = [3, 100].map((count) => {
      const balancer = makeBalancer<Item>(way, Math.random)
      balancer.set(items(count))
      return nanoseconds(balancer, keys.slice(0, 1024), quick ? 50_000 : 500_000).toFixed(0)
    })
    return {
      work: `one pick by ${way._tag}, of 3 and of 100 endpoints of three weights`,
      figure: `${costs.join(" and ")} ns; of 10, ${keys.length / 1000}k picks are within ${unevenness(way, items(10), keys).toFixed(1)} % of the weights`,
      bar: ""
    }
  })
  const addresses = (["RoundRobin", "LeastRequest", "Random"] as const).map((_tag): FigureRow => {
    const picks = quick ? 50_000 : 500_000
    const [plain, warm, cold] = [
      placing({ _tag }, 1, picks),
      placing({ _tag, slowStart }, 1, picks),
      placing({ _tag, slowStart }, 0.1, picks)
    ].map((cost) => cost.toFixed(0))
    return {
      work: `one of the eight addresses of a name by ${_tag}; with slow start, when nobody warms up and when one does`,
      figure: `${plain} ns; ${warm} and ${cold} ns`,
      bar: ""
    }
  })
  const [ten, hundred] = [maglev(items(10)), maglev(items(100))]
  return [
    ...rows,
    ...addresses,
    {
      work: "a Maglev table for 10 and for 100 endpoints; keys of others that move when one leaves",
      figure: `${ten.build.toFixed(1)} and ${hundred.build.toFixed(1)} ms; ${ten.moved.toFixed(1)} and ${hundred.moved.toFixed(1)} %`,
      bar: ""
    }
  ]
}
