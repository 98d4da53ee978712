// What an upstream is told about the client: Via, X-Forwarded-*. By whom the request came and where it goes decides (docs/request.md):
// in-cluster backends get fresh fields, third parties outside get none; a client's own are kept only from proxies that are trusted.
import { BlockList, isIP, type Socket } from "node:net"
import { isNamed, joinedValue } from "../routing/headers.ts"
import type { ClientPath } from "../upstream/dial/proxyheader.ts"

/** How this gateway signs Via. A constant, so that gateways in a row recognise each other's hops. */
const pseudonym = "sluice"

/** Hops through gateways of this kind before a request counts as going in a circle (508). */
export const maxHops = 10

/** Whether a peer's word about its own clients is taken. */
export type Trust = (address: string) => boolean

export const trustNobody: Trust = () => false

/** cidrs: `10.0.0.0/8` or single addresses; entries that are neither are returned in `refused`. */
export const trustProxies = (cidrs: ReadonlyArray<string>): { readonly trust: Trust; readonly refused: ReadonlyArray<string> } => {
  const list = new BlockList()
  const refused: Array<string> = []
  for (const cidr of cidrs) {
    const [address = "", prefix] = cidr.split("/")
    const family = isIP(address) === 6 ? "ipv6" : "ipv4"
    try {
      if (prefix === undefined) list.addAddress(address, family)
      else list.addSubnet(address, Number(prefix), family)
    } catch {
      refused.push(cidr)
    }
  }
  const trust: Trust = (address) => isIP(address) !== 0 && list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4")
  return { trust: cidrs.length === refused.length ? trustNobody : trust, refused }
}

/** `::ffff:10.0.0.1` is how a dual-stack socket says 10.0.0.1. */
export const plainAddress = (address: string | undefined): string =>
  address === undefined ? "" : address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address

/** The client behind trusted proxies: the right-most address of X-Forwarded-For that is not one of them. */
export const clientAddress = (peer: string, headers: ReadonlyArray<string>, trust: Trust): string => {
  if (trust === trustNobody || !trust(peer)) return peer
  const list = joinedValue(headers, "x-forwarded-for")?.split(",") ?? []
  let client = peer
  for (let at = list.length - 1; at >= 0; at--) {
    const address = plainAddress(list[at]!.trim())
    if (isIP(address) === 0) break
    client = address
    if (!trust(address)) break
  }
  return client
}

/** Whose request it is, and where it came in: what the PROXY protocol tells an endpoint. The port is the peer's alone; of a client behind it none is known. */
export const clientPath = (socket: Socket, headers: ReadonlyArray<string>, trust: Trust): ClientPath => {
  const peer = plainAddress(socket.remoteAddress)
  const source = clientAddress(peer, headers, trust)
  return {
    source,
    sourcePort: source === peer ? (socket.remotePort ?? 0) : 0,
    destination: plainAddress(socket.localAddress),
    destinationPort: socket.localPort ?? 0
  }
}

/** How often this kind of gateway has signed the Via of a request. */
export const hops = (headers: ReadonlyArray<string>): number => {
  let count = 0
  for (let at = 0; at < headers.length; at += 2) {
    if (!isNamed(headers[at], "via")) continue
    for (const hop of headers[at + 1]!.split(",")) if (hop.trim().split(/[ \t]+/)[1] === pseudonym) count++
  }
  return count
}

export interface Forwarding {
  /** A third party: it is told nothing. */
  readonly external: boolean
  /** The peer is trusted: what it says about its clients stays, and is added to. */
  readonly trusted: boolean
  readonly peer: string
  readonly scheme: "http" | "https"
  readonly authority: string
  /** As the user wrote it in the listener. */
  readonly port: number
  readonly protocol: string
  readonly hops: number
  /** Via is among the fields. */
  readonly via: boolean
}

/** port: as the user wrote it in the listener. version: of HTTP, as the client spoke it. */
export const forwardingOf = (
  { secure, trusted, peer }: { readonly secure: boolean; readonly trusted: boolean; readonly peer: string },
  { authority, via }: { readonly authority: string; readonly via: boolean },
  port: number,
  version: string,
  hops: number,
  external: boolean
): Forwarding => ({ external, trusted, peer, scheme: secure ? "https" : "http", authority, port, protocol: version, hops, via })

/** Edits the list in place. Its X-Forwarded-* and Forwarded were dropped with the head already unless the peer is trusted. */
export const writeForwarding = (headers: Array<string>, forwarding: Forwarding): void => {
  const { external, trusted } = forwarding
  // An untrusted client's X-Forwarded-* and Forwarded are gone: without Via there is nothing to drop.
  const clean = !trusted && !forwarding.via
  if (external) {
    if (!clean) drop(headers, (name) => name === "via" || name === "forwarded" || name.startsWith("x-forwarded-"))
    return
  }
  const before = trusted ? joinedValue(headers, "via") : null
  const seen = trusted ? joinedValue(headers, "x-forwarded-for") : null
  if (!clean) drop(headers, (name) => name === "via" || (trusted && name === "x-forwarded-for"))
  headers.push("X-Forwarded-For", seen === null ? forwarding.peer : `${seen}, ${forwarding.peer}`)
  if (!trusted || joinedValue(headers, "x-forwarded-proto") === null) headers.push("X-Forwarded-Proto", forwarding.scheme)
  if (forwarding.authority !== "" && (!trusted || joinedValue(headers, "x-forwarded-host") === null)) {
    headers.push("X-Forwarded-Host", forwarding.authority)
  }
  if (!trusted || joinedValue(headers, "x-forwarded-port") === null) headers.push("X-Forwarded-Port", String(forwarding.port))
  const own = `${forwarding.protocol} ${pseudonym}`
  // A stranger's Via is dropped, but not the count of our own hops in it: loops would go unseen.
  headers.push("Via", before === null ? `${`${own}, `.repeat(forwarding.hops)}${own}` : `${before}, ${own}`)
}

const drop = (headers: Array<string>, unwanted: (lower: string) => boolean): void => {
  let kept = 0
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!
    const first = name.charCodeAt(0) | 32
    // Only names that begin with v, f or x are worth a lower-case copy.
    if ((first === 118 || first === 102 || first === 120) && unwanted(name.toLowerCase())) continue
    if (kept !== at) {
      headers[kept] = name
      headers[kept + 1] = headers[at + 1]!
    }
    kept += 2
  }
  headers.length = kept
}
