// The addresses this process answers on, as the dialler must know them: dialling one of them is a loop, or a way around its own front door.
// Shared by all Gateways of a process and by its admin and health ports.
import { networkInterfaces } from "node:os"
import { noOwnAddresses, type OwnAddresses, ownAddresses } from "../upstream/dial/own.ts"

export interface Door {
  readonly address: string
  readonly port: number
}

export interface Doors {
  /** As they are now. */
  readonly own: () => OwnAddresses
  /** Replaces what `owner` (a Gateway, "admin") has open. */
  readonly set: (owner: string, doors: ReadonlyArray<Door>) => void
}

/** reserved: addresses that are ours on every port, such as a Gateway's load balancer. */
export const makeDoors = (reserved: ReadonlyArray<string> = []): Doors => {
  const byOwner = new Map<string, ReadonlyArray<Door>>()
  let own = noOwnAddresses
  return {
    own: () => own,
    set: (owner, doors) => {
      if (doors.length === 0) byOwner.delete(owner)
      else byOwner.set(owner, doors)
      const local = Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address))
      own = ownAddresses([...byOwner.values()].flat(), local, reserved)
    }
  }
}
