// IP literals as manifests write them, and the classes that are refused wherever they come from (docs/address-policy.md). The dialler judges every
// address again and in full; here only what can never be dialled is told early, by condition, while the user is looking.
import { isIPv4, isIPv6 } from "node:net"
import ipaddr from "ipaddr.js"

/** The `never` rows of the table that an address itself decides. */
export type NeverClass = "unspecified" | "loopback" | "link-local" | "metadata" | "multicast"

// ipaddr.js reads a dotted tail as IPv4-mapped whatever stands before it, so the tail is written in hex first.
const inHex = (text: string): string =>
  text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) => `${((+a << 8) | +b).toString(16)}:${((+c << 8) | +d).toString(16)}`)

/** Canonical text (RFC 5952; an IPv4-mapped address as the IPv4 address it is), or null: octal, hex, short forms and zone ids are not addresses. */
export const canonicalAddress = (text: string): string | null => {
  if (isIPv4(text)) return text
  if (!isIPv6(text) || text.includes("%")) return null
  const address = ipaddr.IPv6.parse(inHex(text))
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String()
}

const metadata: ReadonlySet<string> = new Set(["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16"])

const never4 = (address: ipaddr.IPv4): NeverClass | null => {
  if (metadata.has(address.toString())) return "metadata"
  switch (address.range()) {
    case "unspecified":
      return "unspecified"
    case "loopback":
      return "loopback"
    case "linkLocal":
      return "link-local"
    case "multicast":
    case "broadcast":
      return "multicast"
    default:
      return null
  }
}

const block = (text: string): [ipaddr.IPv6, number] => ipaddr.IPv6.parseCIDR(text)
const metadata6 = block("fd00:ec2::/32")
const linkLocal6 = [block("fe80::/10"), block("fec0::/10")]
const multicast6 = block("ff00::/8")
const nat64Local = block("64:ff9b:1::/48")
const carriers: ReadonlyArray<readonly [[ipaddr.IPv6, number], ReadonlyArray<(bytes: ReadonlyArray<number>) => ReadonlyArray<number>>]> = [
  [block("2002::/16"), [(bytes) => bytes.slice(2, 6)]],
  [block("64:ff9b::/96"), [(bytes) => bytes.slice(12)]],
  // RFC 8215 leaves the length of the prefix to the operator: every place of RFC 6052 section 2.2 that fits (byte 8 is skipped).
  [nat64Local, [(b) => [b[6]!, b[7]!, b[9]!, b[10]!], (b) => [b[7]!, b[9]!, b[10]!, b[11]!], (b) => b.slice(9, 13), (b) => b.slice(12)]],
  [block("2001::/32"), [(bytes) => bytes.slice(4, 8), (bytes) => bytes.slice(12).map((byte) => byte ^ 255)]],
  [block("::/96"), [(bytes) => bytes.slice(12)]]
]

const never6 = (address: ipaddr.IPv6): NeverClass | null => {
  const text = address.toRFC5952String()
  if (text === "::") return "unspecified"
  if (text === "::1") return "loopback"
  if (address.match(metadata6)) return "metadata"
  if (linkLocal6.some((range) => address.match(range))) return "link-local"
  if (address.match(multicast6)) return "multicast"
  // A packet to these ends at the IPv4 address inside, so the worse verdict wins.
  const bytes = address.toByteArray()
  for (const [range, places] of carriers)
    if (address.match(range))
      for (const place of places) {
        const inside = never4(new ipaddr.IPv4([...place(bytes)]))
        if (inside !== null) return inside
      }
  return null
}

/** The class that forbids this canonical address to everyone, or null. */
export const neverClass = (canonical: string): NeverClass | null =>
  isIPv4(canonical) ? never4(ipaddr.IPv4.parse(canonical)) : never6(ipaddr.IPv6.parse(canonical))

/** What the address is, in the words of the dialler's rules; null: it may be written. Loopback passes under `sluice run --allow-loopback`. */
export const refusedClass = (canonical: string, allowLoopback: boolean): string | null => {
  const refused = neverClass(canonical)
  if (refused === "loopback" && allowLoopback) return null
  return refused === "metadata" ? "a metadata service's address" : refused
}
