// What a pool is to those that use it: who waits, what they get, what a pool is made with. Pools are pool.ts and streampool.ts.
import type { Limits } from "../snapshot/behaviour.ts"
import type { Carrier } from "./carrier.ts"
import type { PoolCounts } from "./description.ts"
import type { DialFailed } from "./dial/plan.ts"
import type { ClientPath } from "./dial/proxyheader.ts"
import type { Target } from "./target.ts"

export interface Pooled {
  readonly connection: Carrier
  readonly target: Target
  /** Clock time after which it takes no new request. */
  readonly expires: number
  /** Of the pool when its dial began: an older one is not used again. */
  readonly generation: number
  /** Adopted: made, given to nobody yet. Gone: counted nowhere any more. */
  state: "Adopted" | "Active" | "Idle" | "Gone"
}

/** Who waits for a connection. Exactly one of the three is called, unless it leaves. */
export interface Waiter {
  readonly target: Target
  /** It takes no connection that was used before: one has just failed it. */
  readonly fresh: boolean
  /** Only a connection to its target will do: it must not be served elsewhere for want of room. */
  readonly pinned: boolean
  /** Whose a connection made for it is. */
  readonly client: ClientPath | null
  /** Its target left while it waited: another, or the same for want of one. */
  readonly retarget: () => Target
  readonly onConnection: (pooled: Pooled) => void
  readonly onDialFailed: (failure: DialFailed) => void
  readonly onPoolClosed: () => void
  /** A mark of pools whose connections serve one at a time: the dial begun for it. */
  dial: Dialling | null
}

/** A connection that is being made for one. */
export interface Dialling {
  waiter: Waiter | null
  readonly generation: number
  cancel: () => void
}

export interface PoolOptions<C extends Carrier = Carrier> {
  readonly limits: Limits
  /** Milliseconds, or null: for ever. */
  readonly maxAge: number | null
  readonly now: () => number
  readonly random: () => number
  /** Begins one connection to the target's member. `done` is called once, never from inside `dial`. */
  readonly dial: (
    target: Target,
    client: ClientPath | null,
    done: (outcome: { readonly connection: C; readonly target: Target } | DialFailed) => void
  ) => { readonly cancel: () => void }
}

/** What an upstream and its exchanges ask of a pool. */
export interface ExchangePool {
  /** Requests that have a connection. */
  readonly active: number
  /** Requests that wait for one. */
  readonly pending: number
  /** Requests that found the queue full. */
  overflows: number
  readonly describe: () => Pick<PoolCounts, "active" | "idle" | "dialling" | "pending" | "dials" | "dialFailures" | "overflows">
  /** A connection to the waiter's target now; null: the waiter will be told; "overflow": too many wait already. */
  readonly acquire: (waiter: Waiter) => Pooled | null | "overflow"
  /** Its request went away. */
  readonly leave: (waiter: Waiter) => void
  /** This is the last request the connection may carry. */
  readonly isLast: (pooled: Pooled) => boolean
  /** An exchange on it has ended. */
  readonly release: (connection: Carrier) => void
  /** The target takes no new requests: its idle connections close, its active ones when they are done. */
  readonly drain: (target: Target) => void
  /** What connections are made with has changed: idle ones close, active ones take no further request. */
  readonly renew: () => void
  /** Closes everything now. */
  readonly close: () => void
  /** The connection has closed, whoever did it. */
  readonly onClosed: (connection: Carrier) => void
}
