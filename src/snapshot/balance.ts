// How the requests of an upstream are spread over its endpoints, and what a consistent hash goes by. Apart from the other behaviour because the proxy, which reads
// the key, and the upstream, which picks, both speak of it.

export type Balance =
  | { readonly _tag: "RoundRobin" }
  /** The less busy of two that are drawn by weight. */
  | { readonly _tag: "LeastRequest" }
  | { readonly _tag: "Random" }
  /** Maglev. The key is the backend's own: a rule that had another would make another upstream of it. */
  | { readonly _tag: "ConsistentHash"; readonly by: HashKey }

export type HashKey =
  /** The client's address, as the access log has it. */
  | { readonly _tag: "Source" }
  /** In lower case. Together they are the key; a request with none of them has no key. */
  | { readonly _tag: "Headers"; readonly names: ReadonlyArray<string> }
  /** As written (case-sensitive). */
  | { readonly _tag: "Query"; readonly names: ReadonlyArray<string> }
  /** mint: seconds that a cookie given to a client without one lives, 0 for a session; null: none is given. */
  | { readonly _tag: "Cookie"; readonly name: string; readonly mint: number | null }
  /** A newer operator's: its upstream answers 500, nothing is spread by something else (law 15). */
  | { readonly _tag: "Unknown"; readonly name: string }

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

/** As people read it: `consistent hash of header x-user`. Of a way that only a newer operator knows, its name. */
export const describeBalance = (balance: Balance): string => {
  switch (balance._tag) {
    case "RoundRobin":
      return "round robin"
    case "LeastRequest":
      return "least request of two"
    case "Random":
      return "random"
    case "ConsistentHash":
      return `consistent hash of ${describeKey(balance.by)}`
    default:
      return (balance as Balance)._tag
  }
}
