// What every match of a regular expression begins with: where its rule hangs in the trie. Too little is slower, too much would be wrong.

/** What is plainly literal at the start: `/api/v[0-9]+/x` -> "/api/v". */
export const literalPrefix = (source: string): string => {
  if (hasOuterAlternative(source)) return ""
  let end = source.startsWith("^") ? 1 : 0
  const start = end
  while (end < source.length && !"\\^$.|?*+()[]{}".includes(source[end]!)) end++
  // A quantifier makes the character before it optional.
  if (end < source.length && "?*+{".includes(source[end]!)) end--
  return source.slice(start, Math.max(start, end))
}

/** `/api/v[0-9]+/x` -> ["api"]: only whole elements, up to the last slash. */
export const literalElements = (source: string): ReadonlyArray<string> => {
  const literal = literalPrefix(source)
  const slash = literal.lastIndexOf("/")
  return !literal.startsWith("/") || slash <= 0 ? [] : literal.slice(1, slash).split("/")
}

// `/a|/b`: no part of it is common to all matches. A bracket or escape may hide what a parenthesis means, so with either any `|` counts.
const hasOuterAlternative = (source: string): boolean => {
  if (!source.includes("|")) return false
  if (source.includes("[") || source.includes("\\")) return true
  let depth = 0
  for (const character of source) {
    if (character === "(") depth++
    else if (character === ")") depth--
    else if (character === "|" && depth === 0) return true
  }
  return false
}
