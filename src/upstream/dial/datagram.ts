// One checked way for datagrams: a socket of its own, tied to the very address that passed the policy, so that nothing is sent to another and nothing of another is heard (law 5).
import { createSocket, type Socket } from "node:dgram"
import { isIP, isIPv6 } from "node:net"
import type { AddressPolicy } from "../../snapshot/upstream.ts"
import { connectFailure } from "./failure.ts"
import type { OwnAddresses } from "./own.ts"
import type { Dial, DialFailed } from "./plan.ts"
import { admit, type DialTarget } from "./policy.ts"

export interface DatagramPlan {
  readonly to: DialTarget
  readonly policy: AddressPolicy
  readonly own: OwnAddresses
  /** What is sent from, an address of a family. Absent: the system chooses. */
  readonly sources?: ReadonlyArray<string>
}

type Looked = (error: Error | null, address: string, family: number) => void

/** Nothing is looked up: what is no address goes nowhere. */
const asItIs = (address: string, _options: unknown, done: Looked): void =>
  isIP(address) === 0
    ? done(new Error("a datagram socket was given a name: only checked addresses are"), "", 0)
    : done(null, address, isIP(address))

/** `done` is called once, never before this has returned. The socket is the caller's; it has an error listener, and what it hears is heard by nobody yet. */
export const openDatagrams = (plan: DatagramPlan, done: (outcome: Socket | DialFailed) => void): Dial => {
  const { to, policy, own, sources } = plan
  const where = to.ip.includes(":") ? `[${to.ip}]:${to.port}` : `${to.ip}:${to.port}`
  let socket: Socket | null = null
  let over = false
  const end = (outcome: Socket | DialFailed): void => {
    if (over) return
    over = true
    if ("_tag" in outcome) socket?.close()
    done(outcome)
  }
  const fail = (reason: DialFailed["reason"], detail: string): void =>
    end({ _tag: "Failed", reason, detail, attempts: [{ ip: to.ip, port: to.port, reason, detail, ms: 0 }] })
  process.nextTick(() => {
    if (over) return
    const admission = admit(to, policy, own)
    if (!admission.allowed) return fail(admission.reason, admission.rule)
    const source = sources?.find((one) => isIPv6(one) === isIPv6(to.ip))
    if (sources !== undefined && source === undefined)
      return fail("connect_unreachable", `${to.ip} is not sent to: egressPath.sourceAddresses has no address of its family`)
    const made = createSocket({ type: isIPv6(to.ip) ? "udp6" : "udp4", lookup: asItIs })
    socket = made
    const failed = (error: NodeJS.ErrnoException): void => {
      const { reason, detail } = connectFailure(error, where)
      fail(reason, detail)
    }
    made.on("error", failed)
    made.bind({ port: 0, exclusive: true, ...(source === undefined ? {} : { address: source }) }, () => {
      if (over) return
      made.connect(to.port, to.ip, ((error?: NodeJS.ErrnoException) => {
        if (error !== undefined) failed(error)
        else end(made)
      }) as () => void)
    })
    return undefined
  })
  return {
    cancel: () => {
      if (over) return
      over = true
      socket?.close()
    }
  }
}
