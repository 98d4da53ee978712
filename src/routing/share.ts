// Which backend of a rule takes a request: weight / sum of weights. Apart, so that the random number stays the caller's.

export interface Weighted<A> {
  readonly items: ReadonlyArray<A>
  /** Running sums: item i owns [bounds[i - 1], bounds[i]). */
  readonly bounds: ReadonlyArray<number>
}

/** A weight of zero never gets a request. */
export const compileWeights = <A>(items: ReadonlyArray<A>, weight: (item: A) => number): Weighted<A> => {
  let sum = 0
  return { items, bounds: items.map((item) => (sum += Math.max(0, weight(item)))) }
}

/** random in [0, 1). null: no item has any weight. */
export const pickWeighted = <A>(weighted: Weighted<A>, random: number): A | null => {
  const { bounds, items } = weighted
  const sum = bounds.length === 0 ? 0 : bounds[bounds.length - 1]!
  if (sum === 0) return null
  const at = random * sum
  let low = 0
  let high = bounds.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (at < bounds[middle]!) high = middle
    else low = middle + 1
  }
  return items[low]!
}
