// IP addresses: strict reading, the IPv4 addresses hidden inside IPv6 ones, and what sort of address each is.
// The table of docs/address-policy.md (IANA special-purpose registries, RFC 6890); what a sort may be used for is policy.ts.
import { isIPv4, isIPv6 } from "node:net"

/** "own" and "cluster" depend on where we run, so only the policy can give them. */
export type AddressClass =
  | "unspecified"
  | "loopback"
  | "link-local"
  | "metadata"
  | "multicast"
  | "own"
  | "cluster"
  | "private"
  | "special"
  | "documentation"
  | "public"

/** Network order: 4 or 16 bytes. An IPv4-mapped address is read as the IPv4 address it is. */
export interface Address {
  readonly family: 4 | 6
  readonly bytes: Uint8Array
}

const read4 = (text: string, into: Uint8Array, at: number): void => {
  let value = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 46) {
      into[at++] = value
      value = 0
    } else value = value * 10 + code - 48
  }
  into[at] = value
}

const read6 = (text: string): Uint8Array => {
  const bytes = new Uint8Array(16)
  const gap = text.indexOf("::")
  const head = gap === -1 ? text.split(":") : gap === 0 ? [] : text.slice(0, gap).split(":")
  const tail = gap === -1 || gap + 2 === text.length ? [] : text.slice(gap + 2).split(":")
  const put = (groups: ReadonlyArray<string>, at: number) => {
    for (const group of groups) {
      if (group.includes(".")) read4(group, bytes, at)
      else {
        const value = Number.parseInt(group, 16)
        bytes[at] = value >> 8
        bytes[at + 1] = value & 255
      }
      at += 2
    }
  }
  const width = tail.reduce((sum, group) => sum + (group.includes(".") ? 4 : 2), 0)
  put(head, 0)
  put(tail, 16 - width)
  return bytes
}

const mapped = (bytes: Uint8Array): boolean => {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false
  return bytes[10] === 255 && bytes[11] === 255
}

/**
 * Dotted quads and RFC 4291 text only: octal, hexadecimal and short forms, brackets and zone ids are not addresses (null).
 * `::ffff:a.b.c.d` comes out as the IPv4 address, which is what the kernel would dial.
 */
export const parseAddress = (text: string): Address | null => {
  if (isIPv4(text)) {
    const bytes = new Uint8Array(4)
    read4(text, bytes, 0)
    return { family: 4, bytes }
  }
  if (!isIPv6(text) || text.includes("%")) return null
  const bytes = read6(text)
  return mapped(bytes) ? { family: 4, bytes: bytes.subarray(12) } : { family: 6, bytes }
}

/** RFC 5952 text; the same for every spelling, so it can be a key. */
export const formatAddress = ({ family, bytes }: Address): string => {
  if (family === 4) return bytes.join(".")
  const groups: Array<number> = []
  for (let i = 0; i < 16; i += 2) groups.push((bytes[i]! << 8) | bytes[i + 1]!)
  let start = -1
  let length = 1
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && groups[end] === 0) end++
    if (end - i > length) {
      start = i
      length = end - i
    }
    if (end > i) i = end
  }
  const hex = (part: ReadonlyArray<number>) => part.map((group) => group.toString(16)).join(":")
  return start === -1 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`
}

/** A block of addresses. Bits after `prefix` are ignored. */
export interface Cidr {
  readonly family: 4 | 6
  readonly bytes: Uint8Array
  readonly prefix: number
}

/** `10.0.0.0/8`, `fd00::/8`, or a bare address (its whole length). null: neither. */
export const parseCidr = (text: string): Cidr | null => {
  const slash = text.indexOf("/")
  const address = parseAddress(slash === -1 ? text : text.slice(0, slash))
  if (address === null) return null
  const width = address.bytes.length * 8
  if (slash === -1) return { ...address, prefix: width }
  const written = text.slice(slash + 1)
  if (!/^\d{1,3}$/.test(written)) return null
  // A block of mapped addresses (`::ffff:0:0/96`) is a block of IPv4.
  const prefix = Number(written) - (address.family === 4 && text.includes(":") ? 96 : 0)
  return prefix < 0 || prefix > width ? null : { ...address, prefix }
}

export const inCidr = (address: Address, cidr: Cidr): boolean => {
  if (address.family !== cidr.family) return false
  const whole = cidr.prefix >> 3
  for (let i = 0; i < whole; i++) if (address.bytes[i] !== cidr.bytes[i]) return false
  const rest = cidr.prefix & 7
  return rest === 0 || (address.bytes[whole]! ^ cidr.bytes[whole]!) >> (8 - rest) === 0
}

const table = (rows: ReadonlyArray<readonly [AddressClass, string]>): ReadonlyArray<readonly [AddressClass, Cidr]> =>
  rows.map(([kind, text]) => {
    const cidr = parseCidr(text)
    if (cidr === null) throw new Error(`not a CIDR: ${text}`)
    return [kind, cidr] as const
  })

// First match wins: the narrow rows stand before the wide ones that hold them.
const rows4 = table([
  ["metadata", "169.254.169.254/32"],
  ["metadata", "169.254.170.2/32"],
  ["metadata", "100.100.100.200/32"],
  ["metadata", "168.63.129.16/32"],
  ["unspecified", "0.0.0.0/8"],
  ["loopback", "127.0.0.0/8"],
  ["link-local", "169.254.0.0/16"],
  ["multicast", "224.0.0.0/4"],
  ["multicast", "255.255.255.255/32"],
  ["private", "10.0.0.0/8"],
  ["private", "172.16.0.0/12"],
  ["private", "192.168.0.0/16"],
  ["private", "100.64.0.0/10"],
  ["documentation", "192.0.2.0/24"],
  ["documentation", "198.51.100.0/24"],
  ["documentation", "203.0.113.0/24"],
  ["special", "192.0.0.0/24"],
  ["special", "198.18.0.0/15"],
  ["special", "192.88.99.0/24"],
  ["special", "240.0.0.0/4"]
])

const rows6 = table([
  ["unspecified", "::/128"],
  ["loopback", "::1/128"],
  ["link-local", "fe80::/10"],
  ["link-local", "fec0::/10"],
  ["metadata", "fd00:ec2::/32"],
  ["multicast", "ff00::/8"],
  ["private", "fc00::/7"],
  ["documentation", "2001:db8::/32"],
  ["documentation", "3fff::/20"],
  ["special", "2001::/23"],
  // The well-known NAT64 prefix reaches what it embeds, so the embedded address alone decides.
  ["public", "64:ff9b::/96"],
  ["public", "2000::/3"]
  // What is left is not global unicast (RFC 4291 section 2.4): 100::/64, 5f00::/16, ::/96, 64:ff9b:1::/48 and the unassigned.
])

/** What the address itself is; addresses hidden inside are judged apart (see `embedded`). */
export const classify = (address: Address): AddressClass => {
  for (const [kind, cidr] of address.family === 4 ? rows4 : rows6) if (inCidr(address, cidr)) return kind
  return address.family === 4 ? "public" : "special"
}

const [compatible, nat64, nat64Local, sixToFour, teredo] = ["::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"].map(
  (text) => parseCidr(text)!
) as [Cidr, Cidr, Cidr, Cidr, Cidr]

const part = (bytes: Uint8Array, at: number, flip = 0): Address => ({
  family: 4,
  bytes: bytes.slice(at, at + 4).map((byte) => byte ^ flip)
})

const around = (bytes: Uint8Array, positions: ReadonlyArray<number>): Address => ({
  family: 4,
  bytes: Uint8Array.from(positions, (position) => bytes[position]!)
})

const none: ReadonlyArray<Address> = []

/** The IPv4 addresses a packet to this IPv6 address may end at: compatible, NAT64, 6to4, Teredo (server and client). */
export const embedded = (address: Address): ReadonlyArray<Address> => {
  if (address.family === 4) return none
  const bytes = address.bytes
  if (inCidr(address, sixToFour)) return [part(bytes, 2)]
  if (inCidr(address, nat64)) return [part(bytes, 12)]
  // RFC 8215 leaves the length of the prefix to the operator: every place of RFC 6052 section 2.2 that fits (byte 8 is skipped).
  // A place that holds 0.x is not the one in use.
  if (inCidr(address, nat64Local))
    return [around(bytes, [6, 7, 9, 10]), around(bytes, [7, 9, 10, 11]), part(bytes, 9), part(bytes, 12)].filter(
      ({ bytes }) => bytes[0] !== 0
    )
  if (inCidr(address, teredo)) return [part(bytes, 4), part(bytes, 12, 255)]
  // `::` and `::1` are themselves, not 0.0.0.0 and 0.0.0.1.
  if (inCidr(address, compatible) && (bytes[12] !== 0 || bytes[13] !== 0 || bytes[14] !== 0 || bytes[15]! > 1)) return [part(bytes, 12)]
  return none
}

/** An address with all that can be said of it without knowing where we run. */
export interface KnownAddress extends Address {
  readonly text: string
  readonly class: AddressClass
  readonly embedded: ReadonlyArray<KnownAddress>
}

const know = (address: Address): KnownAddress => ({
  ...address,
  text: formatAddress(address),
  class: classify(address),
  embedded: embedded(address).map(know)
})

// Pure functions of the text, asked at every connect for the same few addresses. Bounded: names choose what comes here.
const known = new Map<string, KnownAddress | null>()
const mostKnown = 4_096

/** `parseAddress` and what follows from it, remembered. null: not an address. */
export const readAddress = (text: string): KnownAddress | null => {
  const found = known.get(text)
  if (found !== undefined) return found
  const address = parseAddress(text)
  const made = address === null ? null : know(address)
  if (known.size >= mostKnown) known.clear()
  if (text.length <= 64) known.set(text, made)
  return made
}
