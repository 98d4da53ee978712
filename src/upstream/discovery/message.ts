// DNS messages: one question out, one judgement of what came back. dns-packet does the bytes; what is believed is decided here (RFC 5452).
import { randomInt } from "node:crypto"
import dns from "dns-packet"
import { formatAddress, parseAddress } from "../dial/address.ts"
import { recordText, serviceRecord } from "./record.ts"

export type QuestionType = "A" | "AAAA" | "SRV"

export interface Question {
  readonly id: number
  readonly name: string
  readonly type: QuestionType
}

/**
 * addresses: of a service, its records (record.ts). ttl in seconds: of addresses the minimum of the chain; of a negative answer min(SOA MINIMUM, SOA TTL)
 * (RFC 2308), null without a SOA.
 */
export type Answer =
  | { readonly _tag: "Addresses"; readonly addresses: ReadonlyArray<string>; readonly ttl: number }
  | { readonly _tag: "Nodata"; readonly ttl: number | null; readonly detail?: string }
  | { readonly _tag: "Nxdomain"; readonly ttl: number | null }
  | { readonly _tag: "Failed"; readonly class: "servfail" | "refused" | "timeout" | "other"; readonly detail: string }

/** null: not an answer to this question (a forgery, noise): keep listening. */
export type Reading = Answer | { readonly _tag: "Truncated" } | { readonly _tag: "NoEdns" } | null

/** Addresses kept of one answer. */
export const mostAddresses = 64
const longestChain = 8
/** What fits through every path without fragments (DNS flag day 2020). */
const payload = 1232

export const freshId = (): number => randomInt(0x1_0000)

const encode = ({ id, name, type }: Question, options: Array<dns.PacketOpt> | null): Buffer =>
  dns.encode({
    type: "query",
    id,
    flags: dns.RECURSION_DESIRED,
    questions: [{ type, name, class: "IN" }],
    additionals:
      options === null
        ? []
        : [{ type: "OPT", name: ".", udpPayloadSize: payload, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options }]
  })

export const encodeQuestion = (question: Question, edns: boolean): Buffer => encode(question, edns ? [] : null)

/** As `encodeQuestion`, filled up to a multiple of 128 bytes, so that the length of what is encrypted tells nothing of the name (RFC 8467 section 4.1). */
export const encodePadded = (question: Question, edns: boolean): Buffer => {
  const bare = encodeQuestion(question, edns)
  // Option 12 (RFC 7830), which itself begins with four bytes.
  return edns ? encode(question, [{ code: 12, length: 127 - ((bare.length + 3) % 128) }]) : bare
}

const canonical = (name: string): string => {
  const lower = name.toLowerCase()
  return lower.endsWith(".") ? lower.slice(0, -1) : lower
}

// RFC 2181 section 8: a TTL with the top bit set is zero.
const ttlOf = (ttl: number | undefined): number => (ttl === undefined || ttl > 0x7fff_ffff ? 0 : ttl)

const negativeTtl = (packet: dns.DecodedPacket, name: string): number | null => {
  for (const record of packet.authorities ?? []) {
    if (record.type !== "SOA") continue
    const zone = canonical(record.name)
    if (zone === "" || zone === name || name.endsWith(`.${zone}`)) return Math.min(ttlOf(record.ttl), record.data.minimum ?? 0)
  }
  return null
}

interface Chain {
  readonly end: string
  readonly ttl: number
}

/** The name that the question ends at. Only records owned by names of the chain count: the rest of the message is out of bailiwick. */
const follow = (packet: dns.DecodedPacket, name: string): Chain | null => {
  const links = new Map<string, { readonly to: string; readonly ttl: number }>()
  for (const record of packet.answers ?? []) {
    if (record.type === "CNAME") links.set(canonical(record.name), { to: canonical(record.data), ttl: ttlOf(record.ttl) })
  }
  let end = name
  let ttl = Number.POSITIVE_INFINITY
  for (let depth = 0; depth <= longestChain; depth++) {
    const link = links.get(end)
    if (link === undefined) return { end, ttl }
    end = link.to
    ttl = Math.min(ttl, link.ttl)
  }
  return null
}

const rcodeOf = (packet: dns.DecodedPacket): string => (packet as unknown as { readonly rcode: string }).rcode

/** Reads bytes that claim to answer the question. */
export const readAnswer = (bytes: Buffer, question: Question): Reading => {
  let packet: dns.DecodedPacket
  try {
    packet = dns.decode(bytes)
  } catch {
    return null
  }
  if (packet.type !== "response" || packet.id !== question.id) return null
  const rcode = rcodeOf(packet)
  const asked = packet.questions ?? []
  // Some servers drop the question from an error they could not parse it for; everything else must echo it.
  const echoed = asked.length === 1 && asked[0]!.type === question.type && canonical(asked[0]!.name) === canonical(question.name)
  if (!echoed) return asked.length === 0 && (rcode === "FORMERR" || rcode === "NOTIMP") ? { _tag: "NoEdns" } : null
  if (packet.flag_tc) return { _tag: "Truncated" }
  const name = canonical(question.name)
  switch (rcode) {
    case "NOERROR":
      break
    case "NXDOMAIN":
      return { _tag: "Nxdomain", ttl: negativeTtl(packet, follow(packet, name)?.end ?? name) }
    case "SERVFAIL":
      return { _tag: "Failed", class: "servfail", detail: `SERVFAIL for ${name}` }
    case "REFUSED":
      return { _tag: "Failed", class: "refused", detail: `REFUSED for ${name}` }
    case "FORMERR":
    case "NOTIMP":
      return { _tag: "NoEdns" }
    default:
      return { _tag: "Failed", class: "other", detail: `${rcode} for ${name}` }
  }
  const chain = follow(packet, name)
  if (chain === null)
    return { _tag: "Failed", class: "other", detail: `the CNAME chain of ${name} loops or has more than ${longestChain} links` }
  const addresses = new Set<string>()
  let ttl = chain.ttl
  let absent = false
  for (const record of packet.answers ?? []) {
    if (record.type !== question.type || canonical(record.name) !== chain.end || addresses.size === mostAddresses) continue
    ttl = Math.min(ttl, ttlOf(record.ttl))
    if (isAbsent(record)) absent = true
    const said = saidBy(record)
    if (said !== null) addresses.add(said)
  }
  if (addresses.size > 0) return { _tag: "Addresses", addresses: [...addresses], ttl }
  if (absent) return { _tag: "Nodata", ttl, detail: `${name} says that there is no such service: its target is "."` }
  const none = { _tag: "Nodata", ttl: negativeTtl(packet, chain.end) } as const
  return question.type === "SRV" ? { ...none, detail: `${name} has no SRV records that can be used` } : none
}

/** RFC 2782: a target of "." means that the service is decidedly not there. */
const isAbsent = (record: dns.DecodedPacket["answers"] extends ReadonlyArray<infer A> | undefined ? A : never): boolean =>
  record.type === "SRV" && (record.data.target === "." || record.data.target === "")

/** null: what cannot be dialled. */
const saidBy = (record: Parameters<typeof isAbsent>[0]): string | null => {
  if (record.type === "SRV") {
    const { priority = 0, weight = 0, port, target } = record.data
    const found = serviceRecord(priority, weight, port, target)
    return found === null ? null : recordText(found)
  }
  const address = record.type === "A" || record.type === "AAAA" ? parseAddress(record.data) : null
  return address === null ? null : formatAddress(address)
}
