// The connections of one upstream: who may use one, who waits, who closes. One pool an upstream, so its limits are the upstream's.
// It knows neither HTTP nor names: connections are made by `dial`, judged by `usable`.
import type { Limits } from "../snapshot/behaviour.ts"
import { settle } from "../snapshot/setting.ts"
import type { PoolCounts } from "./description.ts"
import type { DialFailed } from "./dial/plan.ts"
import type { ClientPath } from "./dial/proxyheader.ts"
import type { Target } from "./target.ts"
import type { Connection } from "./transport.ts"

export interface Pooled {
  readonly connection: Connection
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
  /** The pool's mark: the dial begun for it. */
  dial: Dialling | null
}

export interface Dialling {
  waiter: Waiter | null
  readonly generation: number
  cancel: () => void
}

export interface PoolOptions {
  readonly limits: Limits
  /** A connection serves the one waiter that it was made for. */
  readonly single: boolean
  /** Milliseconds, or null: for ever. */
  readonly maxAge: number | null
  readonly now: () => number
  readonly random: () => number
  /** Begins one connection to the target's member. `done` is called once, never from inside `dial`. */
  readonly dial: (
    target: Target,
    client: ClientPath | null,
    done: (outcome: { readonly connection: Connection; readonly target: Target } | DialFailed) => void
  ) => { readonly cancel: () => void }
}

export class Pool {
  readonly #options: PoolOptions
  readonly #maxRequests: number
  /** Requests at once. */
  readonly #most: number
  /** In the order they came. */
  readonly #waiters = new Set<Waiter>()
  readonly #dials = new Set<Dialling>()
  readonly #all = new Map<Connection, Pooled>()
  /** With idle connections. */
  readonly #resting = new Set<Target>()
  #idle = 0
  #undialled = 0
  #generation = 0
  #closed = false
  dials = 0
  dialFailures = 0
  overflows = 0

  constructor(options: PoolOptions) {
    this.#options = options
    this.#maxRequests = options.single ? 1 : (settle(options.limits.maxRequestsPerConnection, null) ?? Number.POSITIVE_INFINITY)
    this.#most = settle(options.limits.maxRequests, null) ?? Number.POSITIVE_INFINITY
  }

  describe(): Pick<PoolCounts, "active" | "idle" | "dialling" | "pending" | "dials" | "dialFailures" | "overflows"> {
    const { active, idle, dialling, pending, dials, dialFailures, overflows } = this
    return { active, idle, dialling, pending, dials, dialFailures, overflows }
  }

  get active(): number {
    return this.#all.size - this.#idle
  }
  get idle(): number {
    return this.#idle
  }
  get dialling(): number {
    return this.#dials.size
  }
  get pending(): number {
    return this.#waiters.size
  }

  /**
   * A connection to the waiter's target now; null: the waiter will be told; "overflow": too many wait already.
   * At the limit of connections any idle one of the upstream does; who must have a fresh one, or one to its own target, makes room by closing one.
   */
  acquire(waiter: Waiter): Pooled | null | "overflow" {
    const { target, fresh, pinned } = waiter
    if (this.active + this.#waiters.size - this.#undialled >= this.#most) {
      this.overflows++
      return "overflow"
    }
    if (!fresh) {
      const found = this.#take(target)
      if (found !== null) return found
    }
    if (!this.#room() && this.#idle > 0) {
      if (fresh || pinned) this.#evict()
      else {
        for (const other of this.#resting) {
          const found = this.#take(other)
          if (found !== null) return found
        }
      }
    }
    if (this.#room()) {
      this.#waiters.add(waiter)
      this.#dial(waiter)
      return null
    }
    if (this.#undialled >= this.#options.limits.maxPending) {
      this.overflows++
      return "overflow"
    }
    this.#waiters.add(waiter)
    this.#undialled++
    return null
  }

  /** Its request went away. A dial begun for it goes on: its connection serves the next, unless it may serve none but this. */
  leave(waiter: Waiter): void {
    if (!this.#waiters.delete(waiter)) return
    if (waiter.dial === null) this.#undialled--
    else waiter.dial.waiter = null
    waiter.dial = null
  }

  /** This is the last request it may carry. */
  isLast(pooled: Pooled): boolean {
    return pooled.connection.requests + 1 >= this.#maxRequests
  }

  /** The exchange on it has ended: it serves the next waiter, rests, or closes. */
  release(connection: Connection): void {
    const pooled = this.#all.get(connection)
    if (pooled === undefined) return
    // One that speaks of its client does so before its first request.
    if (!this.#options.single && this.#reusable(pooled)) this.#offer(pooled)
    else this.#discard(pooled)
  }

  /** The target takes no new requests: its idle connections close, its active ones when they are done. */
  drain(target: Target): void {
    for (const pooled of [...target.idle]) this.#discard(pooled)
  }

  /** What connections are made with has changed: idle ones close, active ones take no further request. */
  renew(): void {
    this.#generation++
    for (const target of [...this.#resting]) this.drain(target)
  }

  /** Closes everything now. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const dialling of this.#dials) dialling.cancel()
    this.#dials.clear()
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    this.#undialled = 0
    for (const pooled of [...this.#all.values()]) pooled.connection.destroy()
    for (const waiter of waiters) waiter.onPoolClosed()
  }

  /** The connection has closed, whoever did it. */
  onClosed(connection: Connection): void {
    const pooled = this.#all.get(connection)
    if (pooled !== undefined) this.#forget(pooled)
  }

  #room(): boolean {
    return !this.#closed && this.#all.size + this.#dials.size < this.#options.limits.maxConnections
  }

  #reusable(pooled: Pooled): boolean {
    return (
      pooled.connection.usable &&
      pooled.target.current &&
      !pooled.target.shunned &&
      pooled.generation === this.#generation &&
      pooled.connection.requests < this.#maxRequests &&
      (pooled.expires === Number.POSITIVE_INFINITY || pooled.expires > this.#options.now()) &&
      !this.#closed
    )
  }

  #take(target: Target): Pooled | null {
    for (;;) {
      const pooled = target.idle.pop()
      if (pooled === undefined) return null
      this.#idle--
      if (target.idle.length === 0) this.#resting.delete(target)
      pooled.state = "Adopted"
      if (this.#reusable(pooled)) {
        this.#activate(pooled)
        return pooled
      }
      this.#discard(pooled)
    }
  }

  #activate(pooled: Pooled): void {
    if (pooled.state === "Active") return
    pooled.state = "Active"
    pooled.target.active++
  }

  /** Closes the idle connection that rests longest at some target. */
  #evict(): void {
    for (const target of this.#resting) {
      const pooled = target.idle[0]
      if (pooled === undefined) continue
      this.#discard(pooled)
      return
    }
  }

  #discard(pooled: Pooled): void {
    // Forgotten at once, so that its place is free now and not when the socket has closed.
    this.#forget(pooled)
    pooled.connection.destroy()
  }

  #forget(pooled: Pooled): void {
    if (pooled.state === "Gone") return
    const { target } = pooled
    if (pooled.state === "Active") target.active--
    else if (pooled.state === "Idle") {
      target.idle.splice(target.idle.indexOf(pooled), 1)
      this.#idle--
      if (target.idle.length === 0) this.#resting.delete(target)
    }
    pooled.state = "Gone"
    this.#all.delete(pooled.connection)
    target.member.settle(target)
    this.#feed()
  }

  #offer(pooled: Pooled): void {
    const { target } = pooled
    for (const waiter of this.#waiters) {
      if (waiter.fresh || (waiter.pinned && waiter.target !== target)) {
        if (waiter.dial !== null) continue
        this.#discard(pooled)
        return
      }
      // Who has a dial under way to another endpoint waits for that, or the weights would not hold.
      if (waiter.dial !== null && waiter.target.member !== target.member) continue
      this.leave(waiter)
      this.#activate(pooled)
      waiter.onConnection(pooled)
      return
    }
    if (pooled.state === "Active") target.active--
    pooled.state = "Idle"
    target.idle.push(pooled)
    this.#resting.add(target)
    this.#idle++
    pooled.connection.rest()
  }

  /** Dials for those who wait without one, while there is room. */
  #feed(): void {
    if (this.#undialled === 0) return
    for (const waiter of this.#waiters) {
      if (!this.#room()) return
      if (waiter.dial !== null) continue
      this.#undialled--
      this.#dial(waiter)
    }
  }

  #dial(waiter: Waiter): void {
    const dialling: Dialling = { waiter, generation: this.#generation, cancel: () => {} }
    waiter.dial = dialling
    this.#dials.add(dialling)
    this.dials++
    const target = waiter.target.current ? waiter.target : waiter.retarget()
    target.dialling++
    const dial = this.#options.dial(target, waiter.client, (outcome) => {
      this.#dials.delete(dialling)
      target.dialling--
      const owner = dialling.waiter
      dialling.waiter = null
      if ("_tag" in outcome) {
        this.dialFailures++
        if (owner !== null) {
          this.#waiters.delete(owner)
          owner.dial = null
          owner.onDialFailed(outcome)
        }
        return this.#feed()
      }
      const pooled = this.#adopt(outcome.connection, outcome.target, dialling.generation)
      if (owner === null) return this.#reusable(pooled) && !this.#options.single ? this.#offer(pooled) : this.#discard(pooled)
      this.#waiters.delete(owner)
      owner.dial = null
      this.#activate(pooled)
      owner.onConnection(pooled)
    })
    dialling.cancel = dial.cancel
  }

  #adopt(connection: Connection, target: Target, generation: number): Pooled {
    const { maxAge, now, random } = this.#options
    // Jittered, or the connections of a burst would all close together.
    const expires = maxAge === null ? Number.POSITIVE_INFINITY : now() + maxAge * (0.9 + 0.2 * random())
    const pooled: Pooled = { connection, target, expires, generation, state: "Adopted" }
    this.#all.set(connection, pooled)
    return pooled
  }
}
