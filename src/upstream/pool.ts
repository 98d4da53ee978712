// The connections of one upstream that serve one request at a time: who may use one, who waits, who closes. One pool an upstream, so its limits are the upstream's.
// It knows neither HTTP nor names: connections are made by `dial`, judged by `usable`.
import { settle } from "../snapshot/setting.ts"
import type { Carrier } from "./carrier.ts"
import type { Dialling, ExchangePool, Pooled, PoolOptions, Waiter } from "./pooled.ts"
import type { Target } from "./target.ts"

export interface SinglePoolOptions extends PoolOptions {
  /** A connection serves the one waiter that it was made for. */
  readonly single: boolean
}

export class Pool implements ExchangePool {
  readonly #options: SinglePoolOptions
  readonly #maxRequests: number
  /** Requests at once. */
  readonly #most: number
  /** In the order they came. */
  readonly #waiters = new Set<Waiter>()
  readonly #dials = new Set<Dialling>()
  readonly #all = new Map<Carrier, Pooled>()
  /** With idle connections. */
  readonly #resting = new Set<Target>()
  #idle = 0
  #undialled = 0
  #generation = 0
  #closed = false
  dials = 0
  dialFailures = 0
  overflows = 0

  constructor(options: SinglePoolOptions) {
    this.#options = options
    this.#maxRequests = options.single ? 1 : (settle(options.limits.maxRequestsPerConnection, null) ?? Number.POSITIVE_INFINITY)
    this.#most = settle(options.limits.maxRequests, null) ?? Number.POSITIVE_INFINITY
  }

  describe(): ReturnType<ExchangePool["describe"]> {
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

  /** At the limit of connections any idle one of the upstream does; who must have a fresh one, or one to its own target, makes room by closing one. */
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

  /** A dial begun for it goes on: its connection serves the next, unless it may serve none but this. */
  leave(waiter: Waiter): void {
    if (!this.#waiters.delete(waiter)) return
    if (waiter.dial === null) this.#undialled--
    else waiter.dial.waiter = null
    waiter.dial = null
  }

  isLast(pooled: Pooled): boolean {
    return pooled.connection.requests + 1 >= this.#maxRequests
  }

  /** The exchange on it has ended: it serves the next waiter, rests, or closes. */
  release(connection: Carrier): void {
    const pooled = this.#all.get(connection)
    if (pooled === undefined) return
    // One that speaks of its client does so before its first request.
    if (!this.#options.single && this.#reusable(pooled)) this.#offer(pooled)
    else this.#discard(pooled)
  }

  drain(target: Target): void {
    for (const pooled of [...target.idle]) this.#discard(pooled)
  }

  renew(): void {
    this.#generation++
    for (const target of [...this.#resting]) this.drain(target)
  }

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

  onClosed(connection: Carrier): void {
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
    target.open--
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

  #adopt(connection: Carrier, target: Target, generation: number): Pooled {
    const { maxAge, now, random } = this.#options
    // Jittered, or the connections of a burst would all close together.
    const expires = maxAge === null ? Number.POSITIVE_INFINITY : now() + maxAge * (0.9 + 0.2 * random())
    const pooled: Pooled = { connection, target, expires, generation, state: "Adopted" }
    this.#all.set(connection, pooled)
    target.open++
    return pooled
  }
}
