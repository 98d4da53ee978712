// What a plain (unquoted) scalar means to the API server: its reader, sigs.k8s.io/yaml, has rules between YAML 1.1 and 1.2, all of them here.

const words: ReadonlyMap<string, boolean | null> = new Map([
  ...["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"].map((word) => [word, true] as const),
  ...["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"].map((word) => [word, false] as const),
  ...["", "~", "null", "Null", "NULL"].map((word) => [word, null] as const)
])

const infinite = /^([-+]?)\.(inf|Inf|INF)$/
const notANumber = /^\.(nan|NaN|NAN)$/

const decimal = /^[-+]?(0|[1-9][0-9]*)$/
/** Octal as 0644 and as 0o644. A number may not have more digits than an unsigned 64 bit integer: then it is text, but for decimals. */
const based = /^([-+]?)0(?:[xX]([0-9a-fA-F]+)|[bB]([01]+)|[oO]?([0-7]+))$/
const float = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/
/** Where the dot is first, underscores stand between digits only. */
const misplaced = /^\._|__|_$|_[^0-9]|[^0-9]_/

const outside = 2 ** 64

const finite = (text: string): number | string => {
  const value = Number(text)
  return Number.isFinite(value) ? value : text
}

/** A number that begins with a digit, a sign or a dot; the text itself (never NaN) when it is none. No dates, no base 60: those stay text. */
export const numberOf = (source: string): number | string => {
  const inf = infinite.exec(source)
  if (inf !== null) return inf[1] === "-" ? -Infinity : Infinity
  if (notANumber.test(source)) return NaN
  if (source.startsWith(".") && misplaced.test(source)) return source
  const plain = source.includes("_") ? source.replaceAll("_", "") : source
  // No negative zero: JSON's integers have none.
  if (decimal.test(plain)) return Number(plain) + 0
  const whole = source.startsWith(".") ? null : based.exec(plain)
  if (whole !== null) {
    const digits = whole[2] ?? whole[3] ?? whole[4]!
    const value = Number.parseInt(digits, whole[2] !== undefined ? 16 : whole[3] !== undefined ? 2 : 8)
    if (value < outside) return whole[1] === "-" ? -value : value
  }
  if (!float.test(plain)) return source
  const value = finite(plain)
  return typeof value === "string" ? source : value
}

const numeric = /^[-+.0-9]/

/** The value of a plain scalar. */
export const scalarOf = (source: string): string | number | boolean | null => {
  if (numeric.test(source)) return numberOf(source)
  const word = words.get(source)
  return word === undefined ? source : word
}
