// The addresses and ports that are this gateway itself: dialling them would be a loop, or a way around its own front door.
import { type KnownAddress, readAddress } from "./address.ts"

export interface OwnAddresses {
  readonly has: (address: KnownAddress, port: number) => boolean
}

export const noOwnAddresses: OwnAddresses = { has: () => false }

/**
 * listeners: what this process binds. local: the addresses of this machine's interfaces, which a listener on `0.0.0.0` or `::` answers on
 * (so does all of 127.0.0.0/8). reserved: addresses that are ours on every port (the Gateway's Service and load balancer addresses).
 */
export const ownAddresses = (
  listeners: Iterable<{ readonly address: string; readonly port: number }>,
  local: Iterable<string> = [],
  reserved: Iterable<string> = []
): OwnAddresses => {
  const canonical = (texts: Iterable<string>): Set<string> => {
    const set = new Set<string>()
    for (const text of texts) {
      const address = readAddress(text)
      if (address !== null) set.add(address.text)
    }
    return set
  }
  const machine = canonical(local)
  const everyPort = canonical(reserved)
  const wildcardPorts = new Set<number>()
  const sockets = new Set<string>()
  for (const { address: text, port } of listeners) {
    const address = readAddress(text)
    // `::` listens on IPv4 too; a wildcard of one family is taken for both, which refuses too much rather than too little.
    if (address === null || address.class === "unspecified") wildcardPorts.add(port)
    else sockets.add(`${address.text} ${port}`)
  }
  if (wildcardPorts.size === 0 && sockets.size === 0 && everyPort.size === 0) return noOwnAddresses
  return {
    has: (address, port) => {
      if (wildcardPorts.has(port) && (address.class === "loopback" || machine.has(address.text))) return true
      return everyPort.has(address.text) || (sockets.size > 0 && sockets.has(`${address.text} ${port}`))
    }
  }
}
