// IP literals and CIDRs as text, by patterns that a CRD can hold too. Only the form is judged here; which addresses may be dialled is the address policy's to say.
import { Schema } from "effect"
import { cel } from "./crd.ts"

const octet = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
const quad = `${octet}(\\.${octet}){3}`
const group = "[0-9a-fA-F]{1,4}"

/** Up to `most` groups after `::`; a dotted quad stands for the last two. */
const after = (most: number): string => {
  const forms = [...(most < 1 ? [] : [`(${group}:){0,${most - 1}}${group}`]), ...(most < 2 ? [] : [`(${group}:){0,${most - 2}}${quad}`])]
  return forms.length === 0 ? "" : `(${forms.join("|")})?`
}

/** All eight groups, or `::` in the place of at least one of them, with `before` groups on its left. */
const v6 = [
  `(${group}:){7}${group}`,
  `(${group}:){6}${quad}`,
  ...Array.from({ length: 8 }, (_, before) => {
    const left = before === 0 ? "" : before === 1 ? group : `${group}(:${group}){${before - 1}}`
    return `${left}::${after(7 - before)}`
  })
].join("|")

/** Patterns without anchors, for values that hold an address among other things. */
export const addressPattern = { v4: quad, v6: `(${v6})`, ip: `(${quad}|${v6})` } as const

const whole = (pattern: string): RegExp => new RegExp(`^${pattern}$`, "u")

const v4Pattern = whole(addressPattern.v4)
const v6Pattern = whole(addressPattern.v6)
const ipPattern = whole(addressPattern.ip)
const cidrPattern = whole(`(${addressPattern.v4}\\/(3[0-2]|[12][0-9]|[0-9])|${addressPattern.v6}\\/(12[0-8]|1[01][0-9]|[1-9][0-9]|[0-9]))`)

/** Dotted quad in decimal without leading zeros: `010.0.0.1` has been read as 8.0.0.1 by others. */
export const isIPv4 = (address: string): boolean => v4Pattern.test(address)

/** RFC 4291 text without a zone; the last 32 bits may be a dotted quad. */
export const isIPv6 = (address: string): boolean => v6Pattern.test(address)

export const isIP = (address: string): boolean => ipPattern.test(address)

/** `address/bits`, bits within the family. */
export const isCIDR = (text: string): boolean => cidrPattern.test(text)

const anAddress = "an IPv4 or IPv6 address"
const aRange = "a CIDR such as 10.0.0.0/8 or 2001:db8::/32"

// The API server's library takes every address but those that map IPv4 into IPv6; of them it is given the address without the prefix.
const isAddress = "isIP(self) || (self.lowerAscii().startsWith('::ffff:') && isIP('::' + self.substring(7)))"

export const IPAddress = Schema.String.check(
  Schema.isPattern(ipPattern, { expected: anAddress, ...cel(isAddress, `Expected ${anAddress}`, { maxLength: 45 }) })
)

// Not so for ranges: an EgressPolicy may hold so many that the API server would not take a longer rule. Write 10.0.0.0/8 for ::ffff:10.0.0.0/104.
export const CIDR = Schema.String.check(
  Schema.isPattern(cidrPattern, { expected: aRange, ...cel("isCIDR(self)", `Expected ${aRange}`, { maxLength: 49 }) })
)
