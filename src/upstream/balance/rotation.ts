// Whose turn it is: smooth weighted round robin over the endpoints that can be used now.
import type { Balancer } from "./balancer.ts"

export interface Weighted {
  readonly weight: number
}

interface Turn<A> {
  readonly item: A
  readonly weight: number
  credit: number
}

/**
 * In any sum-of-weights consecutive turns each item comes exactly weight times, spread evenly (a:5 b:1 c:1 → a a b a c a a).
 * Equal weights cost O(1) a turn, others O(items).
 */
export class Rotation<A extends Weighted> implements Balancer<A> {
  #turns: Array<Turn<A>> = []
  #total = 0
  #equal = true
  #cursor = 0

  /** Items of weight 0 get no turn. Those that stay keep their credit, so a change does not start the round anew. */
  set(items: ReadonlyArray<A>): void {
    const before = new Map(this.#turns.map((turn) => [turn.item, turn.credit]))
    this.#turns = items.filter((item) => item.weight > 0).map((item) => ({ item, weight: item.weight, credit: before.get(item) ?? 0 }))
    this.#total = this.#turns.reduce((sum, turn) => sum + turn.weight, 0)
    this.#equal = this.#turns.every((turn) => turn.weight === this.#turns[0]?.weight)
    if (this.#cursor >= this.#turns.length) this.#cursor = 0
  }

  get size(): number {
    return this.#turns.length
  }

  /** null: nobody is here. */
  next(): A | null {
    const turns = this.#turns
    if (turns.length === 0) return null
    if (this.#equal) {
      const turn = turns[this.#cursor]!
      this.#cursor = this.#cursor + 1 === turns.length ? 0 : this.#cursor + 1
      return turn.item
    }
    let best = turns[0]!
    for (const turn of turns) {
      turn.credit += turn.weight
      if (turn.credit > best.credit) best = turn
    }
    best.credit -= this.#total
    return best.item
  }

  /** Somebody who is not excluded, for a second try elsewhere: it costs nobody a turn. null: all are excluded. */
  nextBut(excluded: ReadonlySet<A>): A | null {
    const turns = this.#turns
    let best: Turn<A> | null = null
    for (let step = 0; step < turns.length; step++) {
      const turn = turns[(this.#cursor + step) % turns.length]!
      if (excluded.has(turn.item)) continue
      if (best === null || turn.credit + turn.weight > best.credit + best.weight) best = turn
    }
    return best?.item ?? null
  }
}
