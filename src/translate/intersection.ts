// Hostnames of listeners and routes against each other (Gateway API v1.6, Listener.hostname and HTTPRouteSpec.hostnames). null on a listener, or no hostname on a route: every host (`*`).
import { isIP } from "node:net"

const suffix = (wildcard: string): string => wildcard.slice(1)

/** Whether `*.example.com` (or `*`) covers another hostname, wildcard or not. It stands for one label or more, so not for `example.com`. */
const covers = (wildcard: string, hostname: string): boolean =>
  wildcard === "*" ||
  (hostname.startsWith("*.")
    ? suffix(hostname).endsWith(suffix(wildcard))
    : hostname.length > suffix(wildcard).length && hostname.endsWith(suffix(wildcard)))

/** The hosts that both stand for, as one hostname; null: none. Of two wildcards, the narrower. */
export const intersection = (a: string, b: string): string | null => {
  if (a === b) return a
  const aWild = a.startsWith("*")
  const bWild = b.startsWith("*")
  if (!aWild && !bWild) return null
  if (aWild && covers(a, b)) return b
  if (bWild && covers(b, a)) return a
  return null
}

/**
 * Order of hostnames as routes write them, the more specific first: most characters in a hostname without wildcard, then most characters in a hostname.
 * 0 when the rule does not tell them apart.
 */
export const bySpecificity = (a: string, b: string): number => exactLength(b) - exactLength(a) || writtenLength(b) - writtenLength(a)

const exactLength = (hostname: string): number => (hostname.startsWith("*") ? 0 : hostname.length)
// A route without hostnames is the least specific of all.
const writtenLength = (hostname: string): number => (hostname === "*" ? 0 : hostname.length)

/** A hostname that is spelled like an IPv4 address: the CRDs let it pass, the specification does not. */
export const isAddress = (hostname: string): boolean => isIP(hostname.startsWith("*.") ? hostname.slice(2) : hostname) !== 0
