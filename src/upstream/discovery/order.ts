// In which order addresses are tried: RFC 6724's preference as far as a dialler without routing tables can know it, then families in turn.
import { networkInterfaces } from "node:os"
import { type Cidr, classify, inCidr, parseAddress, parseCidr } from "../dial/address.ts"

// Precedences of RFC 6724 section 2.1 that differ from IPv6's default of 40; IPv4 has 35.
const low: ReadonlyArray<readonly [Cidr, number]> = (
  [
    ["2002::/16", 30],
    ["2001::/32", 5],
    ["fc00::/7", 3],
    ["::/96", 1],
    ["fec0::/10", 1],
    ["3ffe::/16", 1]
  ] as const
).map(([text, precedence]) => [parseCidr(text)!, precedence])

const precedence = (ip: string): number => {
  const address = parseAddress(ip)
  if (address === null || address.family === 4) return 35
  for (const [cidr, value] of low) if (inCidr(address, cidr)) return value
  return 40
}

/** v6 may be empty or unusable. Within a family the order of the answer stays; across families they take turns, the preferred one first. */
export const orderAddresses = (v4: ReadonlyArray<string>, v6: ReadonlyArray<string>, ipv6Usable: boolean): ReadonlyArray<string> => {
  const sixes = v6
    .map((ip) => [ip, precedence(ip)] as const)
    .sort(([, a], [, b]) => b - a)
    .map(([ip]) => ip)
  const sixFirst = ipv6Usable && sixes.length > 0 && precedence(sixes[0]!) > 35
  const [first, second] = sixFirst ? [sixes, v4] : [v4, sixes]
  // Rule 1 (unusable destinations last): without an IPv6 source the IPv6 addresses stand behind all others.
  if (!ipv6Usable) return [...v4, ...sixes]
  const ordered: Array<string> = []
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    if (i < first.length) ordered.push(first[i]!)
    if (i < second.length) ordered.push(second[i]!)
  }
  return ordered
}

/** Does any interface have an IPv6 address that reaches beyond its own link? */
export const ipv6Usable = (): boolean => {
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { family, internal, address } of addresses ?? []) {
      if (family !== "IPv6" || internal) continue
      const parsed = parseAddress(address)
      if (parsed !== null && classify(parsed) !== "link-local") return true
    }
  }
  return false
}
