// Consistent hashing by a table (Eisenbud and others, Maglev, NSDI 2016, section 3.4): a pick is one look into it, shares are as even as the table is
// fine, and a change of the endpoints moves few keys that it need not.
import { defaultTableSize } from "../../snapshot/balance.ts"
import type { Balancer } from "./balancer.ts"
import { hashText } from "./hash.ts"

interface Keyed {
  readonly key: string
  readonly weight: number
}

/**
 * Which item each slot belongs to. Every item walks the slots in an order of its own and takes the next free one when it is its turn; the heaviest is asked every
 * round, another in `weight / heaviest` of them. The table depends on what the items are, not on the order they are given in. O(slots), whatever the weights. tableSize: a prime.
 */
export const maglevTable = (items: ReadonlyArray<Keyed>, tableSize = defaultTableSize): Uint32Array => {
  const table = new Uint32Array(tableSize)
  const count = items.length
  if (count === 0) return table
  const order = items.map((_, place) => place).sort((a, b) => (items[a]!.key < items[b]!.key ? -1 : 1))
  let heaviest = 0
  for (const { weight } of items) heaviest = Math.max(heaviest, weight)
  const slot = new Uint32Array(count)
  const step = new Uint32Array(count)
  const turns = new Uint32Array(count)
  // Who is asked in a round: a list through `after`, begun in `due`. There are no more rounds than slots, as the heaviest takes one in each.
  const due = new Int32Array(tableSize + 1).fill(-1)
  const after = new Int32Array(count)
  const ask = (item: number): void => {
    // Half a period in: an item gets its share rounded, not rounded down.
    const round = Math.floor((turns[item]!++ + 0.5) * (heaviest / items[item]!.weight))
    if (round >= tableSize) return
    after[item] = due[round]!
    due[round] = item
  }
  for (const item of order) {
    const { key } = items[item]!
    slot[item] = (hashText(key, 1) >>> 0) % tableSize
    step[item] = ((hashText(key, 2) >>> 0) % (tableSize - 1)) + 1
    ask(item)
  }
  const taken = new Uint8Array(tableSize)
  let free = tableSize
  for (let round = 0; ; round++) {
    for (let item = due[round]!, then = 0; item !== -1; item = then) {
      then = after[item]!
      let at = slot[item]!
      const stride = step[item]!
      while (taken[at] === 1) {
        at += stride
        if (at >= tableSize) at -= tableSize
      }
      taken[at] = 1
      table[at] = item
      slot[item] = at
      if (--free === 0) return table
      ask(item)
    }
  }
}

export class Maglev<A extends Keyed> implements Balancer<A> {
  #items: ReadonlyArray<A> = []
  #weights: ReadonlyArray<number> = []
  #table: Uint32Array | null = null
  readonly #random: () => number
  readonly #slots: number

  /** tableSize: a prime. */
  constructor(random: () => number, tableSize = defaultTableSize) {
    this.#random = random
    this.#slots = tableSize
  }

  /** The table is made by the next pick: an upstream without requests needs none, and a burst of changes one. */
  set(items: ReadonlyArray<A>): void {
    const next = items.filter(({ weight }) => weight > 0)
    if (next.length === this.#items.length && next.every((item, at) => item === this.#items[at] && item.weight === this.#weights[at]))
      return
    this.#items = next
    this.#weights = next.map(({ weight }) => weight)
    this.#table = null
  }

  get size(): number {
    return this.#items.length
  }

  next(affinity: number | null): A | null {
    if (this.#items.length === 0) return null
    this.#table ??= maglevTable(this.#items, this.#slots)
    return this.#items[this.#table[this.#slot(affinity)]!]!
  }

  /** The next in the table: a key whose endpoint fails goes to the same other one each time. */
  nextBut(excluded: ReadonlySet<A>, affinity: number | null): A | null {
    if (this.#items.every((item) => excluded.has(item))) return null
    this.#table ??= maglevTable(this.#items, this.#slots)
    const from = this.#slot(affinity)
    for (let ahead = 0; ahead < this.#slots; ahead++) {
      const item = this.#items[this.#table[(from + ahead) % this.#slots]!]!
      if (!excluded.has(item)) return item
    }
    // Too light to own a slot.
    return this.#items.find((item) => !excluded.has(item)) ?? null
  }

  #slot(affinity: number | null): number {
    return affinity === null ? Math.floor(this.#random() * this.#slots) : (affinity >>> 0) % this.#slots
  }
}
