// The nameservers of this machine, as resolv.conf lists them. Search lists and ndots are not read: external names are absolute.
import { readFile } from "node:fs/promises"
import { type Nameserver, parseNameserver } from "./nameserver.ts"

/** As glibc: three at most. A zone id (`fe80::1%eth0`) is passed over: our sockets take addresses that mean the same everywhere. */
export const parseResolvConf = (text: string): ReadonlyArray<Nameserver> => {
  const servers: Array<Nameserver> = []
  for (const line of text.split("\n")) {
    const found = /^\s*nameserver\s+(\S+)/.exec(line)
    const ip = found?.[1]
    if (ip === undefined || servers.length === 3) continue
    const server = parseNameserver(ip.includes(":") ? `[${ip}]` : ip)
    if (server !== null) servers.push(server)
  }
  return servers
}

/** Missing or unreadable: none, which lookups report as "there is no nameserver to ask". */
export const readResolvConf = async (path = "/etc/resolv.conf"): Promise<ReadonlyArray<Nameserver>> => {
  try {
    return parseResolvConf(await readFile(path, "utf8"))
  } catch {
    return []
  }
}
