// What is wrong with a manifest before any object exists, or beside it: told next to the stream of changes, never instead of it.

/** One fault of the input. It costs what it names and nothing else (law 1). */
export interface Problem {
  /** Refused: something written is not served. Warning: read, but probably not what was meant. Info: read and not used by Sluice. */
  readonly severity: "Refused" | "Warning" | "Info"
  readonly file: string
  /** From 1; null: the whole file. */
  readonly line: number | null
  /** `HTTPRoute shop/cart`; null: no object could be read. */
  readonly object: string | null
  /** `spec.rules[2].matches[0].path.value`; null: the object as a whole. */
  readonly field: string | null
  readonly message: string
  /** What to do about it, as an imperative; "" when the message says it already. */
  readonly remedy: string
}

const ended = (text: string): string => (/[.?!]$/.test(text) ? text : `${text}.`)

/** `shop.yaml:12: HTTPRoute shop/cart: spec.rules[0].backendRefs: expected an array. Write a list.` */
export const describeProblem = (problem: Problem): string => {
  const place = problem.line === null ? problem.file : `${problem.file}:${problem.line}`
  const what = [problem.object, problem.field].filter((part) => part !== null)
  return [place, ...what, `${ended(problem.message)}${problem.remedy === "" ? "" : ` ${ended(problem.remedy)}`}`].join(": ")
}
