// "Did you mean": the known word that is nearest to a wrong one.

/** Edit distance, for "did you mean": small words only. */
const distance = (a: string, b: string): number => {
  let before = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(before[j]! + 1, next[j - 1]! + 1, before[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    before = next
  }
  return before[b.length]!
}

/** The known word that a wrong one was probably meant to be; null: none is near. */
export const nearest = (word: string, known: Iterable<string>): string | null => {
  let best: string | null = null
  let least = Math.max(2, Math.ceil(word.length / 3)) + 1
  for (const candidate of known) {
    const d = distance(word.toLowerCase(), candidate.toLowerCase())
    if (d < least) {
      best = candidate
      least = d
    }
  }
  return best
}
