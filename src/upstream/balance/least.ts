// Least request by two choices: of two endpoints drawn by weight the one with fewer requests for its weight. Two are enough (the longest queue grows as
// log log n and not as log n / log log n), and unlike the least of all, proxies that see only their own requests do not all run to the same one.
import { RandomDraw } from "./random.ts"

interface Loaded {
  readonly weight: number
  readonly load: number
}

/** Whether `a` has less to do for its weight. */
const freer = (a: Loaded, b: Loaded): boolean => a.load * b.weight < b.load * a.weight

export class LeastRequest<A extends Loaded> extends RandomDraw<A> {
  /** Equally loaded, the one drawn first: idle endpoints are asked by their weights. */
  override next(): A | null {
    const { items } = this.lot
    if (items.length === 0) return null
    const one = this.lot.draw(this.random())
    if (items.length === 1) return items[one]!
    const [first, second] = [items[one]!, items[this.lot.drawBut(one, this.random())]!]
    return freer(second, first) ? second : first
  }

  override nextBut(excluded: ReadonlySet<A>): A | null {
    let best: A | null = null
    for (const item of this.lot.items) if (!excluded.has(item) && (best === null || freer(item, best))) best = item
    return best
  }
}
