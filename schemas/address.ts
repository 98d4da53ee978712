// IP literals and CIDRs as text. Only the form is judged here; which addresses may be dialled is the address policy's to say.
import { Schema } from "effect"

const octet = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
const v4 = new RegExp(`^${octet}(\\.${octet}){3}$`, "u")

/** Dotted quad in decimal without leading zeros: `010.0.0.1` has been read as 8.0.0.1 by others. */
export const isIPv4 = (address: string): boolean => v4.test(address)

/** RFC 4291 text without a zone; the last 32 bits may be a dotted quad. */
export const isIPv6 = (address: string): boolean => {
  const halves = address.split("::")
  if (halves.length > 2) return false
  const groups = halves.map((half) => (half === "" ? [] : half.split(":")))
  const all = groups.flat()
  const last = all.at(-1)
  const quad = last?.includes(".") === true
  if (quad && (!isIPv4(last) || halves.at(-1) === "")) return false
  if (!all.every((group, index) => (quad && index === all.length - 1) || /^[0-9a-fA-F]{1,4}$/u.test(group))) return false
  const count = all.length + (quad ? 1 : 0)
  return halves.length === 2 ? count <= 7 : count === 8
}

export const isIP = (address: string): boolean => isIPv4(address) || isIPv6(address)

/** `address/bits`, bits within the family. */
export const isCIDR = (text: string): boolean => {
  const [address, bits, ...rest] = text.split("/")
  if (address === undefined || bits === undefined || rest.length > 0 || !/^(0|[1-9][0-9]{0,2})$/u.test(bits)) return false
  return isIPv4(address) ? Number(bits) <= 32 : isIPv6(address) && Number(bits) <= 128
}

export const IPAddress = Schema.String.check(
  Schema.makeFilter((text: string) => (isIP(text) ? undefined : "Expected an IPv4 or IPv6 address"))
)

export const CIDR = Schema.String.check(
  Schema.makeFilter((text: string) => (isCIDR(text) ? undefined : "Expected a CIDR such as 10.0.0.0/8 or 2001:db8::/32"))
)
