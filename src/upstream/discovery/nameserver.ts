// A nameserver as settings write it: `ip`, `ip:port`, `[v6]:port`, any of them behind `tcp@`.
import { formatAddress, parseAddress } from "../dial/address.ts"

export interface Nameserver {
  readonly ip: string
  readonly port: number
  /** Udp falls back to TCP for truncated answers; Tcp never uses UDP. */
  readonly transport: "Udp" | "Tcp"
}

/** null: not a nameserver (a host name is none: it would need resolving). `tls@` is not served yet. Port 53 unless given. */
export const parseNameserver = (text: string): Nameserver | null => {
  const tcp = text.startsWith("tcp@")
  const rest = tcp || text.startsWith("udp@") ? text.slice(4) : text
  const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(rest)
  const plain = bracketed ?? (rest.includes(".") ? /^([\d.]+)(?::(\d{1,5}))?$/.exec(rest) : null)
  const ip = parseAddress(plain?.[1] ?? rest)
  const port = plain?.[2] === undefined ? 53 : Number(plain[2])
  if (ip === null || port < 1 || port > 65_535) return null
  return { ip: formatAddress(ip), port, transport: tcp ? "Tcp" : "Udp" }
}

export const describeNameserver = ({ ip, port, transport }: Nameserver): string =>
  `${transport === "Tcp" ? "tcp@" : ""}${ip.includes(":") ? `[${ip}]` : ip}:${port}`
