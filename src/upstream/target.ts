// One address of an endpoint as it lives here: its connections, what is remembered of it, and what its health says.
import { isIPv6 } from "node:net"
import type { ConnectReason } from "../snapshot/reason.ts"
import type { AttemptPeer } from "./attempt.ts"
import { hashText } from "./balance/hash.ts"
import { streamsPerConnection } from "./carrier.ts"
import type { PeerTls } from "./dial/plan.ts"
import type { Denied } from "./dial/policy.ts"
import type { WouldRefuse } from "./dial/trial.ts"
import type { Verdict } from "./elsewhere.ts"
import type { Conduct } from "./health/conduct.ts"
import type { Member } from "./member.ts"
import type { Pooled } from "./pooled.ts"

/** A time before all others. */
export const never = Number.NEGATIVE_INFINITY

/** One address of a member, and its connections. It lives as long as it is in the answer or has connections. */
export class Target {
  readonly member: Member
  /** Canonical IP text, or the socket path. */
  readonly address: string
  readonly six: boolean
  readonly fresh: AttemptPeer
  readonly reused: AttemptPeer
  /** Unused connections, the most recent last. */
  readonly idle: Array<Pooled> = []
  /** Requests that have a connection. */
  active = 0
  /** Requests whose connection is being made. */
  dialling = 0
  /** Connections, used or not. */
  open = 0
  /** Requests at once that its peer last said a connection may have. */
  streams = streamsPerConnection
  /** What a consistent hash knows it by. */
  readonly mark: number
  /** It may take new requests. */
  current = true
  denied: Denied | null = null
  /** Mode Report would refuse it, were it Enforce; it is dialled. */
  trial: WouldRefuse | null = null
  failedAt = never
  lastFailure: ConnectReason | null = null
  tls: PeerTls | null = null
  /** What its requests come to; null: nobody judges that. */
  conduct: Conduct | null = null
  /** What looks at it say; null: nobody looks. */
  watched: Verdict | null = null
  /** Its health keeps requests away from it. */
  shunned = false
  /** Of its share: less than 1 while it warms up. */
  warmth = 1

  constructor(member: Member, address: string) {
    this.member = member
    this.address = address
    this.six = isIPv6(address)
    this.mark = hashText(address)
    const { at } = member
    const label = at._tag === "Unix" ? at.path : this.six ? `[${address}]:${at.port}` : `${address}:${at.port}`
    this.fresh = { address: label, endpoint: member.name, reused: false }
    this.reused = { address: label, endpoint: member.name, reused: true }
  }

  /** Requests under way, those that wait for a connection of their own included. */
  get load(): number {
    return this.active + this.dialling
  }

  /** Nothing that judges its health says that it fails. */
  get healthy(): boolean {
    return (this.conduct === null || this.conduct.offence === null) && (this.watched === null || this.watched.failing === null)
  }

  /** A connection to it was made: what failed before is forgotten. → whether anything had. */
  forgive(): boolean {
    const failed = this.lastFailure !== null
    this.failedAt = never
    this.lastFailure = null
    return failed
  }
}
