// Any endpoint, by weight: proxies that know nothing of each other do not fall into step, as they may when each takes turns.
import type { Balancer } from "./balancer.ts"
import { Lot } from "./lot.ts"

export class RandomDraw<A extends { readonly weight: number }> implements Balancer<A> {
  protected readonly lot = new Lot<A>()
  protected readonly random: () => number

  constructor(random: () => number) {
    this.random = random
  }

  set(items: ReadonlyArray<A>): void {
    this.lot.set(items)
  }

  get size(): number {
    return this.lot.items.length
  }

  next(): A | null {
    const { items } = this.lot
    return items.length === 0 ? null : items[this.lot.draw(this.random())]!
  }

  nextBut(excluded: ReadonlySet<A>): A | null {
    const rest = new Lot<A>()
    rest.set(this.lot.items.filter((item) => !excluded.has(item)))
    return rest.items.length === 0 ? null : rest.items[rest.draw(this.random())]!
  }
}
