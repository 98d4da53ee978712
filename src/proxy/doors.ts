// The addresses this process answers on, as the dialler must know them: dialling one of them is a loop, or a way around its own front door.
// Shared by all Gateways of a process and by its admin and health ports.
import { networkInterfaces } from "node:os"
import { noOwnAddresses, type OwnAddresses, ownAddresses } from "../upstream/dial/own.ts"

export interface Door {
  readonly address: string
  readonly port: number
}

export interface Doors {
  /** As they are now; the same object (===) as long as nothing changed. Asked for every dial. */
  readonly own: () => OwnAddresses
  /** Replaces what `owner` (a name, or an object of its own) has open. */
  readonly set: (owner: unknown, doors: ReadonlyArray<Door>) => void
}

/** Milliseconds that the list of interfaces is believed: they come (a VPN) and go without a word to us. */
const believed = 5_000

const interfaceAddresses = (): ReadonlyArray<string> =>
  Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address))

const text = (doors: ReadonlyArray<Door>): string => doors.map(({ address, port }) => `${address} ${port}`).join(",")

/** reserved: addresses that are ours on every port, such as a Gateway's load balancer. local: this machine's addresses; now: milliseconds. */
export const makeDoors = (
  reserved: ReadonlyArray<string> = [],
  local: () => ReadonlyArray<string> = interfaceAddresses,
  now: () => number = () => performance.now()
): Doors => {
  const byOwner = new Map<unknown, ReadonlyArray<Door>>()
  let machine: ReadonlyArray<string> = []
  let until = Number.NEGATIVE_INFINITY
  let own: OwnAddresses | null = null
  return {
    own: () => {
      if (own !== null && now() < until) return own
      const before = machine.join(",")
      machine = byOwner.size === 0 && reserved.length === 0 ? [] : local()
      until = now() + believed
      if (own === null || machine.join(",") !== before)
        own = byOwner.size === 0 && reserved.length === 0 ? noOwnAddresses : ownAddresses([...byOwner.values()].flat(), machine, reserved)
      return own
    },
    set: (owner, doors) => {
      if (text(doors) === text(byOwner.get(owner) ?? [])) return
      if (doors.length === 0) byOwner.delete(owner)
      else byOwner.set(owner, doors)
      own = null
    }
  }
}
