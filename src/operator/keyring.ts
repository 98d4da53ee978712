// The authorities of the link over time: one that signs, before its end one that is to sign next, after that one that signed before. Pure: when each comes and
// goes follows from the certificates alone, so that every replica comes to the same.
import { X509Certificate } from "node:crypto"
import { type Issued, makeRoot } from "./certificate.ts"

export interface Keyring {
  readonly current: Issued
  /** Trusted already, signs when every proxy has had time to learn of it. */
  readonly next: Issued | null
  /** PEM: still trusted, for servers that have not noticed yet. */
  readonly previous: string | null
}

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

/** Milliseconds. overlap: what a ConfigMap takes to reach a pod's volume is minutes; an operator that lay still may take longer. */
export const times = { authority: 365 * day, renewBefore: 90 * day, overlap: 2 * day, skew: hour, leaf: 14 * day } as const

const begins = ({ certificate }: Issued): number => Date.parse(new X509Certificate(certificate).validFrom) + times.skew
const ends = ({ certificate }: Issued): number => Date.parse(new X509Certificate(certificate).validTo)

const rootAt = (now: number): Issued => makeRoot({ from: new Date(now - times.skew), until: new Date(now + times.authority) })

export const firstKeyring = (now: number): Keyring => ({ current: rootAt(now), next: null, previous: null })

/** What is due at `now`, one step at a time; the same (===) when nothing is. */
export const turned = (ring: Keyring, now: number): Keyring => {
  const { current, next, previous } = ring
  // Nobody was there for a year: nobody trusts it any more, so there is nothing to overlap with.
  if (next === null && now >= ends(current)) return firstKeyring(now)
  if (next === null && now >= ends(current) - times.renewBefore) return { ...ring, next: rootAt(now) }
  if (next !== null && now >= begins(next) + times.overlap) return { current: next, next: null, previous: current.certificate }
  if (previous !== null && now >= begins(current) + 2 * times.overlap) return { ...ring, previous: null }
  return ring
}

/** What proxies are to trust: PEM, the one that signs first. */
export const bundleOf = ({ current, next, previous }: Keyring): string =>
  [current.certificate, next?.certificate ?? "", previous ?? ""].join("")
