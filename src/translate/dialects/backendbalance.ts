// The loadBalancer of our Backend in the vocabulary of the snapshot, and what of it is refused because nobody serves it yet.
import { type LoadBalancer, laterLoadBalancerFields } from "#schemas/loadbalancer.ts"
import type { Balance, HashKey } from "../../snapshot/balance.ts"

type ConsistentHash = NonNullable<LoadBalancer["consistentHash"]>

// The schema has it that a type comes with its own field.
const keyOf = ({ type, headers, cookie, queryParams }: ConsistentHash): HashKey => {
  switch (type) {
    case "SourceIP":
      return { _tag: "Source" }
    case "Headers":
      return { _tag: "Headers", names: headers.map(({ name }) => name.toLowerCase()) }
    case "QueryParams":
      return { _tag: "Query", names: queryParams.map(({ name }) => name) }
    case "Cookie":
      // Max-Age counts seconds: what is shorter is one, so that it is not taken for a session's.
      return {
        _tag: "Cookie",
        name: cookie!.name,
        mint: cookie!.ttl === undefined ? null : Math.ceil(cookie!.ttl / 1000)
      }
  }
}

export const balanceOf = ({ type, consistentHash }: LoadBalancer): Balance =>
  type === "ConsistentHash" ? { _tag: type, by: keyOf(consistentHash!) } : { _tag: type }

/** Paths of what is not served. */
export const laterBalance = (spec: LoadBalancer): ReadonlyArray<string> => [
  ...laterLoadBalancerFields.filter((field) => spec[field] !== undefined).map((field) => `spec.loadBalancer.${field}`),
  ...(spec.consistentHash?.tableSize === undefined ? [] : ["spec.loadBalancer.consistentHash.tableSize"]),
  ...(spec.consistentHash?.cookie?.attributes === undefined ? [] : ["spec.loadBalancer.consistentHash.cookie.attributes"])
]
