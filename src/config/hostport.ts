// An address with a port, as it is written and read.
import { isIP } from "node:net"

export interface HostPort {
  readonly host: string
  readonly port: number
}

export const port = (word: string): number | null => (/^[0-9]{1,5}$/.test(word) && Number(word) <= 65_535 ? Number(word) : null)

/** `127.0.0.1:19000`, `[::1]:19000`, `:19000` (every address). Port 0: any free one. */
export const parseHostPort = (word: string): HostPort | null => {
  const parts = /^(?:\[([^\]]*)\]|([^:]*)):([0-9]+)$/.exec(word)
  const number = port(parts?.[3] ?? "")
  if (parts === null || number === null) return null
  const host = parts[1] ?? parts[2] ?? ""
  if (parts[1] !== undefined ? isIP(host) !== 6 : host !== "" && host !== "localhost" && isIP(host) !== 4) return null
  return { host: host === "" ? "0.0.0.0" : host, port: number }
}

/** Both ways: what `parseHostPort` reads. */
export const formatHostPort = (at: HostPort): string => (at.host.includes(":") ? `[${at.host}]:${at.port}` : `${at.host}:${at.port}`)
