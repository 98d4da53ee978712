// The loadBalancer of our Backend in the vocabulary of the snapshot, and what of it is refused. Envoy Gateway's policies, which have the same words, share what is hard of it.
import type { LoadBalancer, PreferLocal } from "#schemas/loadbalancer.ts"
import { type Balance, defaultTableSize, type HashKey, isPrime, largestTable, type Spread } from "../../snapshot/balance.ts"
import { backendNote } from "../../status/backendnotes.ts"
import { bounded } from "../time.ts"

type ConsistentHash = NonNullable<LoadBalancer["consistentHash"]>
type Cookie = NonNullable<ConsistentHash["cookie"]>

export const cookieKey = ({ name, ttl, attributes }: Cookie): HashKey => ({
  _tag: "Cookie",
  name,
  // Max-Age counts seconds: what is shorter is one, so that it is not taken for a session's.
  mint: ttl === undefined ? null : Math.ceil(ttl / 1000),
  ...(attributes.size === 0
    ? {}
    : { attributes: [...attributes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => ({ name, value })) })
})

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
      return cookieKey(cookie!)
  }
}

/** The usual size is not said, as if nobody had. */
export const hashOf = (by: HashKey, tableSize: number | undefined): Balance => ({
  _tag: "ConsistentHash",
  by,
  ...(tableSize === undefined || tableSize === defaultTableSize ? {} : { tableSize })
})

export interface WrittenSpread {
  readonly slowStart?: { readonly window: number; readonly aggressionPercent?: number; readonly minWeightPercent?: number }
  readonly zoneAware?: { readonly preferLocal?: PreferLocal }
}

const slowStartOf = ({ window, aggressionPercent = 100, minWeightPercent = 10 }: NonNullable<WrittenSpread["slowStart"]>): Spread => ({
  slowStart: { window: bounded(window), aggression: aggressionPercent / 100, least: minWeightPercent / 100 }
})

const preferLocalOf = ({ minEndpointsThreshold = 0, force }: PreferLocal): Spread => ({
  preferLocal: { least: minEndpointsThreshold, leastLocal: Math.max(1, force?.minEndpointsInZoneThreshold ?? 1) }
})

export const spreadOf = ({ slowStart, zoneAware }: WrittenSpread): Spread => ({
  ...(slowStart === undefined ? {} : slowStartOf(slowStart)),
  ...(zoneAware?.preferLocal === undefined ? {} : preferLocalOf(zoneAware.preferLocal))
})

/** Headers that are asked, which both dialects write alike. */
export const overridesOf = ({ endpointOverride }: Pick<LoadBalancer, "endpointOverride">): Pick<Balance, "overrides"> =>
  endpointOverride === undefined ? {} : { overrides: endpointOverride.extractFrom.map(({ header }) => header.toLowerCase()) }

export const balanceOf = (spec: LoadBalancer): Balance => ({
  ...(spec.type === "ConsistentHash"
    ? hashOf(keyOf(spec.consistentHash!), spec.consistentHash!.tableSize)
    : { _tag: spec.type, ...spreadOf(spec) }),
  ...overridesOf(spec)
})

const token = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/
/** RFC 6265 section 4.1.1: what is neither a control character nor the semicolon that ends it. */
const attributeValue = /^[\x20-\x3a\x3c-\x7e]*$/
/** They are `ttl`'s to say. */
const lifetimes: ReadonlySet<string> = new Set(["max-age", "expires"])

const nextPrime = (from: number): number => {
  for (let number = from; ; number++) if (isPrime(number)) return number
}

/** What cannot be served of a hash, in sentences that name the field. */
export const hashProblems = (hash: {
  readonly tableSize?: number
  readonly cookie?: { readonly attributes: ReadonlyMap<string, string> }
}): ReadonlyArray<string> => {
  const { tableSize = defaultTableSize, cookie } = hash
  const say = backendNote.balance
  const size =
    tableSize > largestTable ? [say.tableTooLarge(largestTable)] : isPrime(tableSize) ? [] : [say.tableNotPrime(nextPrime(tableSize))]
  const attributes = [...(cookie?.attributes ?? [])].flatMap(([name, value]) =>
    lifetimes.has(name.toLowerCase()) ? [say.cookieLifetime] : token.test(name) && attributeValue.test(value) ? [] : [say.cookieAttribute]
  )
  return [...size, ...new Set(attributes)]
}
