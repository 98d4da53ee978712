// The plain part of RE2 syntax, read into a tree: literals, `.`, simple classes, groups, `|`, `*`, `+`, `?` and `$`. Most expressions of routes are no more than
// that, and for those an engine of a few words does (automaton.ts). Whatever is not plainly of this part is left to the full engine.

/** Characters by their UTF-16 unit: a bit for each of the first 256, one word for all others. */
export interface CharSet {
  readonly low: Uint32Array
  readonly others: boolean
}

/** A symbol: the one character with this code, or any of a set. */
export type Sign = number | CharSet

export type Expression =
  | { readonly _tag: "Sign"; readonly sign: Sign }
  /** `$`: nothing, and nothing may follow. */
  | { readonly _tag: "End" }
  | { readonly _tag: "Cat"; readonly items: ReadonlyArray<Expression> }
  | { readonly _tag: "Alt"; readonly items: ReadonlyArray<Expression> }
  /** Greedy or not is all the same for whether the whole text matches. */
  | { readonly _tag: "Star" | "Plus" | "Optional"; readonly item: Expression }

export const holds = (set: CharSet, code: number): boolean => (code < 256 ? ((set.low[code >> 5]! >>> (code & 31)) & 1) === 1 : set.others)

/** Longer ones may be beyond the bounds on programs, which the full engine judges. */
const longest = 256

const setOf = (codes: ReadonlyArray<readonly [from: number, to: number]>, negated: boolean): CharSet => {
  const low = new Uint32Array(8)
  for (const [from, to] of codes) for (let code = from; code <= to; code++) low[code >> 5]! |= 1 << (code & 31)
  if (negated) for (let word = 0; word < 8; word++) low[word] = ~low[word]!
  return { low, others: negated }
}

// The same few classes are in thousands of expressions. Bounded: they come from manifests.
const classes = new Map<string, CharSet>()
const shared = (source: string, make: () => CharSet | null): CharSet | null => {
  const known = classes.get(source)
  if (known !== undefined) return known
  const made = make()
  if (made === null) return null
  if (classes.size >= 1024) classes.clear()
  classes.set(source, made)
  return made
}

const anyButNewline = setOf([[10, 10]], true)
const ranges = {
  d: [[48, 57]],
  w: [
    [48, 57],
    [65, 90],
    [95, 95],
    [97, 122]
  ]
} as const satisfies Record<string, ReadonlyArray<readonly [number, number]>>

const isAlphanumeric = (character: string): boolean => /^[0-9A-Za-z]$/.test(character)
const escapable = ".-/+*?()[]{}^$|"
/** Stand for themselves outside classes. */
const plain = /^[\w\-/.~%!@#&=:;,'" <>`]$/
/** And inside; `-` has a meaning of its own there. */
const plainInClass = /^[\w/.~%!@#&=:;,'" <>`+*?()|$]$/

const kindOf = (character: string): "digit" | "upper" | "lower" => (character <= "9" ? "digit" : character <= "Z" ? "upper" : "lower")

/** The class that begins behind the `[` at `at`: its set and where it ends; null: not a simple one. */
const readClass = (source: string, at: number): { readonly set: CharSet; readonly end: number } | null => {
  let next = at
  const negated = source[next] === "^"
  if (negated) next++
  const codes: Array<readonly [number, number]> = []
  for (;;) {
    const character = source[next]
    if (character === undefined) return null
    if (character === "]") {
      if (codes.length === 0) return null
      const set = shared(source.slice(at - 1, next + 1), () => setOf(codes, negated))
      return set === null ? null : { set, end: next + 1 }
    }
    if (character === "\\") {
      const escaped = source[next + 1]
      if (escaped === "d" || escaped === "w") codes.push(...ranges[escaped])
      else if (escaped !== undefined && escapable.includes(escaped)) codes.push([escaped.charCodeAt(0), escaped.charCodeAt(0)])
      else return null
      next += 2
      // `[\d-z]`: the full engine says what that is.
      if (source[next] === "-" && source[next + 1] !== "]") return null
      continue
    }
    if (character === "-") {
      if (codes.length > 0 && source[next + 1] !== "]") return null
      codes.push([45, 45])
      next++
      if (source[next] === "-") return null
      continue
    }
    if (!plainInClass.test(character)) return null
    const until = source[next + 2]
    if (source[next + 1] !== "-" || until === "]") {
      codes.push([character.charCodeAt(0), character.charCodeAt(0)])
      next++
      continue
    }
    if (until === undefined || !isAlphanumeric(character) || !isAlphanumeric(until)) return null
    if (kindOf(character) !== kindOf(until) || until < character) return null
    codes.push([character.charCodeAt(0), until.charCodeAt(0)])
    next += 3
    if (source[next] === "-" && source[next + 1] !== "]") return null
  }
}

const empty: Expression = { _tag: "Cat", items: [] }

/** null: not of the plain part, or not an expression at all. */
export const readExpression = (source: string): Expression | null => {
  if (source.length > longest) return null
  // The whole text has to match, so this says nothing new.
  let at = source.startsWith("^") ? 1 : 0
  const end = source.length

  const atom = (): Expression | null => {
    const character = source[at++]!
    if (character === "(") {
      if (source[at] === "?") {
        if (source[at + 1] !== ":") return null
        at += 2
      }
      const inner = alternatives()
      if (inner === null || at >= end || source[at] !== ")") return null
      at++
      return inner
    }
    if (character === "[") {
      const read = readClass(source, at)
      if (read === null || read.end > end) return null
      at = read.end
      return { _tag: "Sign", sign: read.set }
    }
    if (character === "$") return { _tag: "End" }
    if (character === ".") return { _tag: "Sign", sign: anyButNewline }
    if (character === "\\") {
      const escaped = source[at++]
      if (escaped === "d" || escaped === "w") {
        const set = shared(`\\${escaped}`, () => setOf(ranges[escaped], false))
        return set === null ? null : { _tag: "Sign", sign: set }
      }
      return escaped === undefined || !escapable.includes(escaped) ? null : { _tag: "Sign", sign: escaped.charCodeAt(0) }
    }
    return plain.test(character) ? { _tag: "Sign", sign: character.charCodeAt(0) } : null
  }

  const quantified = (item: Expression): Expression | null => {
    const sign = source[at]
    if (at >= end || (sign !== "*" && sign !== "+" && sign !== "?")) return item
    if (item._tag === "End") return null
    at++
    if (at < end && source[at] === "?") at++
    // `a**` is refused, and `a{2}` counts: both by the full engine.
    if (at < end && "*+?".includes(source[at]!)) return null
    return { _tag: sign === "*" ? "Star" : sign === "+" ? "Plus" : "Optional", item }
  }

  const sequence = (): Expression | null => {
    const items: Array<Expression> = []
    while (at < end && source[at] !== "|" && source[at] !== ")") {
      const one = atom()
      const item = one === null ? null : quantified(one)
      if (item === null) return null
      // A group in the middle is part of the sequence: its literals are literals of the whole.
      if (item._tag === "Cat") items.push(...item.items)
      else items.push(item)
    }
    return items.length === 0 ? empty : items.length === 1 ? items[0]! : { _tag: "Cat", items }
  }

  const alternatives = (): Expression | null => {
    const items: Array<Expression> = []
    for (;;) {
      const item = sequence()
      if (item === null) return null
      items.push(item)
      if (at >= end || source[at] !== "|") break
      at++
    }
    return items.length === 1 ? items[0]! : { _tag: "Alt", items }
  }

  const whole = alternatives()
  return whole === null || at !== end ? null : whole
}

/** Texts that every match has, each as long as it goes, in order; `first`: the match begins with it ("" for none). */
export const literalsOf = (expression: Expression): { readonly first: string; readonly all: ReadonlyArray<string> } => {
  const items = expression._tag === "Cat" ? expression.items : [expression]
  const all: Array<string> = []
  let first = ""
  let run = ""
  items.forEach((item, index) => {
    const literal = item._tag === "Sign" && typeof item.sign === "number"
    if (literal) run += String.fromCharCode(item.sign as number)
    if (run !== "" && (!literal || index === items.length - 1)) {
      if (all.length === 0 && items.slice(0, run.length).every((one) => one._tag === "Sign" && typeof one.sign === "number")) first = run
      all.push(run)
      run = ""
    }
  })
  return { first, all }
}
