// A nameserver as settings write it: `ip`, `ip:port`, `[v6]:port`, any of them behind `tcp@` or `tls@`; behind the latter a `#name` may follow.
import { formatAddress, parseAddress } from "../dial/address.ts"
import { isDnsName } from "./name.ts"

export interface Nameserver {
  readonly ip: string
  readonly port: number
  /** Udp falls back to TCP for truncated answers; Tcp never uses UDP; Tls is asked over TLS only (RFC 7858). */
  readonly transport: "Udp" | "Tcp" | "Tls"
  /** Tls: the name its certificate must carry, in lower case; null: its address. */
  readonly name: string | null
}

const transports = { "udp@": "Udp", "tcp@": "Tcp", "tls@": "Tls" } as const

/** null: not a nameserver (a host name is none: it would need resolving). Port 53 unless given, behind `tls@` 853. */
export const parseNameserver = (text: string): Nameserver | null => {
  const prefix = text.slice(0, 4) as keyof typeof transports
  const transport = Object.hasOwn(transports, prefix) ? transports[prefix] : null
  const [rest = "", name = null, more] = (transport === null ? text : text.slice(4)).split("#")
  if (more !== undefined || (name !== null && (transport !== "Tls" || !isDnsName(name)))) return null
  const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(rest)
  const plain = bracketed ?? (rest.includes(".") ? /^([\d.]+)(?::(\d{1,5}))?$/.exec(rest) : null)
  const ip = parseAddress(plain?.[1] ?? rest)
  const port = plain?.[2] === undefined ? (transport === "Tls" ? 853 : 53) : Number(plain[2])
  if (ip === null || port < 1 || port > 65_535) return null
  return { ip: formatAddress(ip), port, transport: transport ?? "Udp", name: name === null ? null : name.toLowerCase() }
}

export const describeNameserver = ({ ip, port, transport, name }: Nameserver): string =>
  `${transport === "Udp" ? "" : `${transport.toLowerCase()}@`}${ip.includes(":") ? `[${ip}]` : ip}:${port}${name === null ? "" : `#${name}`}`
