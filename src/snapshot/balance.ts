// How the requests of an upstream are spread over its endpoints, and what a consistent hash goes by. Apart from the other behaviour because the proxy, which reads
// the key, and the upstream, which picks, both speak of it.

export type Balance = Way & {
  /** Headers, in lower case, in which a request may name addresses of the backend that it would rather go to. Absent: none. */
  readonly overrides?: ReadonlyArray<string>
}

type Way =
  | ({ readonly _tag: "RoundRobin" } & Spread)
  /** The less busy of two that are drawn by weight. */
  | ({ readonly _tag: "LeastRequest" } & Spread)
  | ({ readonly _tag: "Random" } & Spread)
  /** Maglev. The key is the backend's own: a rule that had another would make another upstream of it. tableSize: a prime; absent: `defaultTableSize`. */
  | { readonly _tag: "ConsistentHash"; readonly by: HashKey; readonly tableSize?: number }

/** What those have that any endpoint may serve any request of. */
export interface Spread {
  readonly slowStart?: SlowStart
  readonly preferLocal?: PreferLocal
}

/** Endpoints of the zone that the proxy stands in come first, where a tier has so many endpoints, and so many of them in the zone (1 at the least). */
export interface PreferLocal {
  readonly least: number
  readonly leastLocal: number
}

/** What an address that joins or comes back healthy has of its share: its part of the window to the power of 1 / aggression, and `least` (above 0) at the least. */
export interface SlowStart {
  /** Milliseconds. */
  readonly window: number
  readonly aggression: number
  readonly least: number
}

/** A prime, so that every step visits every slot. A hundred endpoints get shares within about a percent of theirs. */
export const defaultTableSize = 65_537

/** A larger one would hold up all other requests of the process while it is made. */
export const largestTable = 131_071

export const isPrime = (number: number): boolean => {
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false
  return number > 1
}

export type HashKey =
  /** The client's address, as the access log has it. */
  | { readonly _tag: "Source" }
  /** In lower case. Together they are the key; a request with none of them has no key. */
  | { readonly _tag: "Headers"; readonly names: ReadonlyArray<string> }
  /** As written (case-sensitive). */
  | { readonly _tag: "Query"; readonly names: ReadonlyArray<string> }
  /** mint: seconds that a cookie given to a client without one lives, 0 for a session; null: none is given. attributes: of such a cookie, besides or in place of the usual ones. */
  | { readonly _tag: "Cookie"; readonly name: string; readonly mint: number | null; readonly attributes?: ReadonlyArray<CookieAttribute> }
  /** A newer operator's: its upstream answers 500, nothing is spread by something else (law 15). */
  | { readonly _tag: "Unknown"; readonly name: string }

/** value "": the name alone. */
export interface CookieAttribute {
  readonly name: string
  readonly value: string
}

export const defaultBalance: Balance = { _tag: "RoundRobin" }

const describeKey = (by: HashKey): string => {
  switch (by._tag) {
    case "Source":
      return "the client's address"
    case "Headers":
      return `header ${by.names.join(" and ")}`
    case "Query":
      return `query parameter ${by.names.join(" and ")}`
    case "Cookie":
      return `cookie ${by.name}${by.mint === null ? "" : ", given to clients that have none"}`
    case "Unknown":
      return by.name
  }
}

const besides = ({ slowStart, preferLocal }: Spread): string =>
  `${slowStart === undefined ? "" : `; who joins has its full share after ${slowStart.window} ms`}${preferLocal === undefined ? "" : "; those of the proxy's own zone first"}`

/** As people read it: `consistent hash of header x-user`. Of a way that only a newer operator knows, its name. */
export const describeBalance = (balance: Balance): string =>
  `${describeWay(balance)}${balance.overrides === undefined ? "" : `; an address that a request names in ${balance.overrides.join(" or ")} before all`}`

const describeWay = (balance: Way): string => {
  switch (balance._tag) {
    case "RoundRobin":
      return `round robin${besides(balance)}`
    case "LeastRequest":
      return `least request of two${besides(balance)}`
    case "Random":
      return `random${besides(balance)}`
    case "ConsistentHash":
      return `consistent hash of ${describeKey(balance.by)}${balance.tableSize === undefined ? "" : `, a table of ${balance.tableSize}`}`
    default:
      return (balance as Way)._tag
  }
}
