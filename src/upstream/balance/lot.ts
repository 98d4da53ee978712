// A draw by weight: each item comes with weight / sum of weights. Equal weights cost O(1), others a binary search.

export class Lot<A extends { readonly weight: number }> {
  items: ReadonlyArray<A> = []
  #equal = true
  /** Running sums of weights: item i owns [bounds[i - 1], bounds[i]). */
  #bounds: ReadonlyArray<number> = []

  /** Items of weight 0 are never drawn. */
  set(items: ReadonlyArray<A>): void {
    let sum = 0
    this.items = items.filter(({ weight }) => weight > 0)
    this.#bounds = this.items.map(({ weight }) => (sum += weight))
    this.#equal = this.items.every(({ weight }) => weight === this.items[0]!.weight)
  }

  /** random: 0 ≤ x < 1. → the place of the item drawn; there must be one. */
  draw(random: number): number {
    const count = this.items.length
    return this.#equal ? Math.floor(random * count) : this.#find(random * this.#bounds[count - 1]!)
  }

  /** One of the others, among themselves by weight; there must be two. */
  drawBut(taken: number, random: number): number {
    const count = this.items.length
    if (this.#equal) return (taken + 1 + Math.floor(random * (count - 1))) % count
    const below = taken === 0 ? 0 : this.#bounds[taken - 1]!
    const width = this.#bounds[taken]! - below
    const at = random * (this.#bounds[count - 1]! - width)
    return this.#find(at < below ? at : at + width)
  }

  #find(at: number): number {
    let low = 0
    let high = this.#bounds.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (at < this.#bounds[middle]!) high = middle
      else low = middle + 1
    }
    return low
  }
}
