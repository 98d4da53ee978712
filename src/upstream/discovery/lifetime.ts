// The life of a name's answer: refresh, obsolete grace, hold, stale, gone (docs/dns.md; law 7). Pure: time comes in as a number.
import type { DnsContract } from "../../snapshot/behaviour.ts"
import type { ConnectReason } from "../../snapshot/reason.ts"
import type { Lookup } from "./lookup.ts"
import { type Answer, mostAddresses } from "./message.ts"
import { orderAddresses } from "./order.ts"
import type { DnsFailureClass, Resolution } from "./resolution.ts"

/** The last good answer of one family. */
export interface Kept {
  readonly addresses: ReadonlyArray<string>
  /** Milliseconds since the epoch. */
  readonly asOf: number
}

export interface KeptAnswer {
  readonly v4: Kept | null
  readonly v6: Kept | null
}

interface Failing {
  /** When the first query of this run of failures ended. */
  readonly since: number
  /** Of the newest one. `other`, while `count` is 0: nobody has asked yet, what is known is from before a restart. */
  readonly class: DnsFailureClass
  readonly detail: string
  readonly count: number
}

export interface Lifetime {
  readonly v4: Kept | null
  readonly v6: Kept | null
  /** The good answer in the order to try; `===` as long as its members stay. */
  readonly addresses: ReadonlyArray<string>
  /** Left the answer: usable for new connections until the time given. */
  readonly leaving: ReadonlyArray<{ readonly address: string; readonly until: number }>
  /** null: never resolved. */
  readonly asOf: number | null
  readonly ttlMs: number
  readonly failing: Failing | null
  /** When to ask next. */
  readonly nextQuery: number
}

export const unborn: Lifetime = { v4: null, v6: null, addresses: [], leaving: [], asOf: null, ttlMs: 0, failing: null, nextQuery: 0 }

/** chance: 0..1, spreads refreshes by ±10 %. */
const spread = (milliseconds: number, chance: number): number => Math.round(milliseconds * (0.9 + 0.2 * chance))

const clampTtl = (seconds: number, contract: DnsContract): number => Math.max(contract.minTtl, Math.min(contract.maxTtl, seconds * 1_000))

const backoff = (failures: number, chance: number): number => spread(Math.min(30_000, 1_000 * 2 ** Math.min(failures - 1, 5)), chance)

/** NODATA is held as NXDOMAIN. */
const holdOf = (contract: DnsContract, kind: DnsFailureClass): number => (kind === "nodata" ? contract.hold.nxdomain : contract.hold[kind])

/** When the held answer becomes stale, and when the stale one is given up. */
const staleAt = (failing: Failing, contract: DnsContract): number => failing.since + holdOf(contract, failing.class)
const goneAt = (failing: Failing, contract: DnsContract): number => staleAt(failing, contract) + contract.staleLimit

const isGood = (answer: Answer | null): answer is Answer & { readonly _tag: "Addresses" } => answer?._tag === "Addresses"

/** Failed to be answered at all: what was known of this family stays known. NODATA and NXDOMAIN beside a good answer say it has none. */
const keep = (answer: Answer | null, before: Kept | null, now: number, limit: number): Kept | null =>
  isGood(answer)
    ? { addresses: answer.addresses, asOf: now }
    : answer?._tag === "Failed" && before !== null && now - before.asOf < limit
      ? before
      : null

const sameMembers = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean => {
  if (a.length !== b.length) return false
  const members = new Set(a)
  return b.every((address) => members.has(address))
}

const inFamily = (family: DnsContract["family"], v4: ReadonlyArray<string>, v6: ReadonlyArray<string>, ipv6Usable: boolean) => {
  if (family === "IPv4Preferred") return v4.length > 0 ? v4 : v6
  if (family === "IPv6Preferred") return v6.length > 0 ? v6 : v4
  return orderAddresses(v4, v6, ipv6Usable)
}

interface Moment {
  readonly name: string
  readonly contract: DnsContract
  readonly now: number
  /** 0..1. */
  readonly chance: number
  readonly ipv6Usable: boolean
}

/**
 * What a process before this one knew: used at once and asked for at once. It is kept for the stale limit since it was last good, and stale as soon as
 * the first question fails. Older, or of a clock that ran ahead: nothing.
 */
export const resumed = (answer: KeptAnswer, { contract, now, ipv6Usable }: Pick<Moment, "contract" | "now" | "ipv6Usable">): Lifetime => {
  const young = (kept: Kept | null): Kept | null =>
    kept !== null && kept.asOf <= now && now - kept.asOf < contract.staleLimit ? kept : null
  const v4 = contract.family === "IPv6" ? null : young(answer.v4)
  const v6 = contract.family === "IPv4" ? null : young(answer.v6)
  const asOf = Math.max(v4?.asOf ?? 0, v6?.asOf ?? 0)
  if (asOf === 0) return unborn
  const addresses = [...new Set(inFamily(contract.family, v4?.addresses ?? [], v6?.addresses ?? [], ipv6Usable))].slice(0, mostAddresses)
  return { ...unborn, v4, v6, addresses, asOf, failing: { since: asOf - contract.hold.other, class: "other", detail: "", count: 0 } }
}

/** What an answered lookup makes of a life. */
export const answered = (before: Lifetime, lookup: Lookup, moment: Moment): Lifetime => {
  const life = passed(before, moment.contract, moment.now)
  return isGood(lookup.A) || isGood(lookup.AAAA) ? succeeded(life, lookup, moment) : failed(life, lookup, moment)
}

const succeeded = (life: Lifetime, lookup: Lookup, { contract, now, chance, ipv6Usable }: Moment): Lifetime => {
  const limit = contract.staleLimit
  const v4 = keep(lookup.A, life.v4, now, limit)
  const v6 = keep(lookup.AAAA, life.v6, now, limit)
  // A mapped address in an AAAA answer is the IPv4 address that A may hold too.
  const members = new Set(inFamily(contract.family, v4?.addresses ?? [], v6?.addresses ?? [], ipv6Usable))
  const found = [...members].slice(0, mostAddresses)
  const addresses = sameMembers(found, life.addresses) ? life.addresses : found
  const present = new Set(addresses)
  const until = now + contract.obsoleteGrace
  const leaving = [
    ...(contract.obsoleteGrace > 0 ? life.addresses.filter((address) => !present.has(address)).map((address) => ({ address, until })) : []),
    ...life.leaving.filter((gone) => !present.has(gone.address))
    // Newest first and bounded (law 19): a name that changes wholly at every refresh must not pile up.
  ].slice(0, mostAddresses)
  const seconds = Math.min(
    isGood(lookup.A) ? lookup.A.ttl : Number.POSITIVE_INFINITY,
    isGood(lookup.AAAA) ? lookup.AAAA.ttl : Number.POSITIVE_INFINITY
  )
  const ttlMs = clampTtl(seconds, contract)
  return { v4, v6, addresses, leaving, asOf: now, ttlMs, failing: null, nextQuery: now + spread(ttlMs, chance) }
}

interface Cause {
  readonly class: DnsFailureClass
  readonly detail: string
  readonly negativeTtl: number | null
}

const causeOf = (lookup: Lookup, name: string): Cause => {
  const answers = [lookup.A, lookup.AAAA].filter((answer) => answer !== null)
  const ttls = answers.flatMap((answer) =>
    (answer._tag === "Nxdomain" || answer._tag === "Nodata") && answer.ttl !== null ? [answer.ttl] : []
  )
  const negativeTtl = ttls.length === 0 ? null : Math.min(...ttls)
  if (answers.some((answer) => answer._tag === "Nxdomain")) return { class: "nxdomain", detail: `NXDOMAIN for ${name}`, negativeTtl }
  const broken = answers.find((answer) => answer._tag === "Failed")
  return broken?._tag === "Failed"
    ? { class: broken.class, detail: broken.detail, negativeTtl: null }
    : { class: "nodata", detail: (lookup.A?._tag === "Nodata" ? lookup.A.detail : undefined) ?? `${name} has no addresses`, negativeTtl }
}

const failed = (life: Lifetime, lookup: Lookup, { name, contract, now, chance }: Moment): Lifetime => {
  const cause = causeOf(lookup, name)
  const count = (life.failing?.count ?? 0) + 1
  const failing: Failing = { since: life.failing?.since ?? now, class: cause.class, detail: cause.detail, count }
  const negative = cause.class === "nxdomain" || cause.class === "nodata"
  // Never resolved and the zone says so: cached as RFC 2308 asks. Anything else is asked again soon.
  const wait = negative && life.asOf === null ? spread(clampTtl(cause.negativeTtl ?? 0, contract), chance) : backoff(count, chance)
  return { ...life, failing, nextQuery: now + wait }
}

/** What the passing of time makes of it: addresses whose grace is over go; beyond the stale limit all do. */
export const passed = (life: Lifetime, contract: DnsContract, now: number): Lifetime => {
  const leaving = life.leaving.some(({ until }) => until <= now) ? life.leaving.filter(({ until }) => until > now) : life.leaving
  const gone = life.failing !== null && life.addresses.length > 0 && now >= goneAt(life.failing, contract)
  if (gone) return { ...life, v4: null, v6: null, addresses: [], leaving: [] }
  return leaving === life.leaving ? life : { ...life, leaving }
}

const reasonOf = (kind: DnsFailureClass): ConnectReason => {
  switch (kind) {
    case "nxdomain":
      return "dns_nxdomain"
    case "nodata":
      return "dns_empty"
    case "refused":
      return "dns_refused"
    case "timeout":
      return "dns_timeout"
    default:
      return "dns_servfail"
  }
}

const stateOf = (life: Lifetime, contract: DnsContract, now: number): Resolution["state"] => {
  if (life.asOf === null) return life.failing === null ? "Pending" : "Failed"
  if (life.failing?.count === 0) return "Pending"
  // Given up, whatever class the newest failure is of and however long that class would be held.
  if (life.addresses.length === 0) return "Failed"
  return life.failing === null || now < staleAt(life.failing, contract) ? "Fresh" : "Stale"
}

/** How a life looks from outside now; `passed` has been applied. */
export const viewed = (life: Lifetime, contract: DnsContract, now: number): Resolution => {
  const draining = life.leaving.slice(0, mostAddresses - life.addresses.length).map(({ address }) => address)
  const failing = life.failing
  return {
    state: stateOf(life, contract, now),
    addresses: draining.length === 0 ? life.addresses : [...life.addresses, ...draining],
    draining,
    reason: failing === null || failing.count === 0 ? null : reasonOf(failing.class),
    detail: failing === null ? "" : failing.detail,
    asOf: life.asOf ?? 0,
    ttlMs: life.ttlMs,
    failures: failing?.count ?? 0
  }
}

/** The next moment at which something changes by itself: a query, the end of a grace, of a hold, of the stale limit. */
export const wakeAt = (life: Lifetime, contract: DnsContract, now: number): number => {
  let at = life.nextQuery
  for (const { until } of life.leaving) at = Math.min(at, until)
  if (life.failing !== null && life.asOf !== null)
    for (const edge of [staleAt(life.failing, contract), goneAt(life.failing, contract)]) if (edge > now) at = Math.min(at, edge)
  return at
}
