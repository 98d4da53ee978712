// The connections of one upstream that carry many requests at once: who goes on which, who waits, when another is made. Beside pool.ts, whose connections serve one
// at a time and whose requests should pay nothing for this. Limits mean the same: connections, requests under way, requests that wait.
import { settle } from "../snapshot/setting.ts"
import type { Carrier, Multiplexed } from "./carrier.ts"
import type { ExchangePool, Pooled, PoolOptions, Waiter } from "./pooled.ts"
import type { Target } from "./target.ts"

interface Shared extends Pooled {
  readonly connection: Multiplexed
  /** Requests on it. */
  streams: number
}

/** A connection that is being made, for all that wait for it. */
interface Shaping {
  readonly target: Target
  readonly generation: number
  readonly waiters: Set<Waiter>
  cancel: () => void
}

export class StreamPool implements ExchangePool {
  readonly #options: PoolOptions<Multiplexed>
  readonly #maxRequests: number
  /** Requests at once. */
  readonly #most: number
  /** In the order they came, each with the connection that is being made for it; null: there is no room for one. */
  readonly #waiters = new Map<Waiter, Shaping | null>()
  /** Waiters without. */
  #unplaced = 0
  readonly #shaping = new Set<Shaping>()
  readonly #all = new Map<Carrier, Shared>()
  readonly #open = new Map<Target, Set<Shared>>()
  /** Without a request; the one that rests longest is the first. */
  readonly #resting = new Set<Shared>()
  #generation = 0
  #closed = false
  active = 0
  dials = 0
  dialFailures = 0
  overflows = 0

  constructor(options: PoolOptions<Multiplexed>) {
    this.#options = options
    this.#maxRequests = settle(options.limits.maxRequestsPerConnection, null) ?? Number.POSITIVE_INFINITY
    this.#most = settle(options.limits.maxRequests, null) ?? Number.POSITIVE_INFINITY
  }

  describe(): ReturnType<ExchangePool["describe"]> {
    const { pending, dials, dialFailures, overflows } = this
    const idle = this.#resting.size
    return { active: this.#all.size - idle, idle, dialling: this.#shaping.size, pending, dials, dialFailures, overflows }
  }

  get pending(): number {
    return this.#waiters.size
  }

  /** At the limit of connections any of the upstream does that takes one more, also for who would rather have a fresh one: a stream of its own is fresh enough. */
  acquire(waiter: Waiter): Pooled | null | "overflow" {
    if (this.active + this.#waiters.size - this.#unplaced >= this.#most) return this.#overflow()
    const { target, fresh, pinned } = waiter
    const found = fresh ? null : this.#takerAt(target)
    if (found !== null) return this.#give(found)
    if (this.#place(waiter)) return null
    if (!this.#room()) {
      const other = this.#takerAt(target) ?? (pinned ? null : this.#anyTaker())
      if (other !== null) return this.#give(other)
      const [rested] = this.#resting
      if (rested !== undefined) {
        this.#discard(rested)
        if (this.#place(waiter)) return null
      }
    }
    if (this.#unplaced >= this.#options.limits.maxPending) return this.#overflow()
    this.#waiters.set(waiter, null)
    this.#unplaced++
    return null
  }

  #overflow(): "overflow" {
    this.overflows++
    return "overflow"
  }

  /** The connection that is being made goes on: it serves others. */
  leave(waiter: Waiter): void {
    const shaping = this.#waiters.get(waiter)
    if (shaping === undefined) return
    this.#waiters.delete(waiter)
    if (shaping === null) this.#unplaced--
    else this.#part(shaping, waiter)
  }

  /** Nobody needs to be told: the peer is left when the last has ended. */
  isLast(): boolean {
    return false
  }

  release(connection: Carrier): void {
    const shared = this.#all.get(connection)
    if (shared === undefined) return
    shared.streams--
    shared.target.active--
    this.active--
    if (!this.#reusable(shared)) {
      if (shared.streams === 0) this.#discard(shared)
      return
    }
    this.#offer(shared)
    if (shared.streams === 0) this.#rest(shared)
  }

  /** Its peer lets it have more, or less, than before. */
  onCapacity(connection: Carrier): void {
    const shared = this.#all.get(connection)
    if (shared === undefined) return
    // One that takes none at all is asked all the same, and refuses: dialling it for ever would help nobody.
    shared.target.streams = Math.max(1, shared.connection.capacity)
    if (this.#reusable(shared)) this.#offer(shared)
    else if (shared.streams === 0) this.#discard(shared)
  }

  drain(target: Target): void {
    for (const shared of [...(this.#open.get(target) ?? [])]) if (shared.streams === 0) this.#discard(shared)
  }

  renew(): void {
    this.#generation++
    for (const shared of [...this.#resting]) this.#discard(shared)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const shaping of this.#shaping) shaping.cancel()
    this.#shaping.clear()
    const waiters = [...this.#waiters.keys()]
    this.#waiters.clear()
    this.#unplaced = 0
    for (const { connection } of [...this.#all.values()]) connection.destroy()
    for (const waiter of waiters) waiter.onPoolClosed()
  }

  onClosed(connection: Carrier): void {
    const shared = this.#all.get(connection)
    if (shared !== undefined) this.#forget(shared)
  }

  #room(): boolean {
    return !this.#closed && this.#all.size + this.#shaping.size < this.#options.limits.maxConnections
  }

  #reusable({ connection, target, generation, expires }: Shared): boolean {
    return (
      connection.usable &&
      target.current &&
      !target.shunned &&
      generation === this.#generation &&
      connection.requests < this.#maxRequests &&
      (expires === Number.POSITIVE_INFINITY || expires > this.#options.now()) &&
      !this.#closed
    )
  }

  /** It takes one more now. */
  #takes(shared: Shared): boolean {
    return shared.streams < shared.connection.capacity && this.#reusable(shared)
  }

  #takerAt(target: Target): Shared | null {
    const open = this.#open.get(target)
    if (open === undefined) return null
    for (const shared of open) if (this.#takes(shared)) return shared
    return null
  }

  #anyTaker(): Shared | null {
    for (const shared of this.#all.values()) if (this.#takes(shared)) return shared
    return null
  }

  #give(shared: Shared): Shared {
    // Lost while it was given to others: whoever gets it is told so.
    if (shared.state === "Gone") return shared
    if (shared.state === "Idle") this.#wake(shared)
    shared.state = "Active"
    shared.streams++
    shared.target.active++
    this.active++
    return shared
  }

  #rest(shared: Shared): void {
    shared.state = "Idle"
    shared.target.idle.push(shared)
    this.#resting.add(shared)
    shared.connection.rest()
  }

  #wake(shared: Shared): void {
    const { idle } = shared.target
    idle.splice(idle.indexOf(shared), 1)
    this.#resting.delete(shared)
  }

  #discard(shared: Shared): void {
    // Forgotten at once, so that its place is free now and not when the socket has closed.
    this.#forget(shared)
    shared.connection.destroy()
  }

  #forget(shared: Shared): void {
    if (shared.state === "Gone") return
    const { target, streams } = shared
    if (shared.state === "Idle") this.#wake(shared)
    shared.state = "Gone"
    target.active -= streams
    this.active -= streams
    target.open--
    this.#all.delete(shared.connection)
    const open = this.#open.get(target)
    open?.delete(shared)
    if (open?.size === 0) this.#open.delete(target)
    target.member.settle(target)
    this.#feed()
  }

  /** To those that wait and have no other on its way, as far as it takes them. */
  #offer(shared: Shared): void {
    if (this.#unplaced === 0) return
    for (const [waiter, shaping] of this.#waiters) {
      if (!this.#takes(shared)) return
      if (shaping !== null || (waiter.pinned && waiter.target !== shared.target)) continue
      this.#waiters.delete(waiter)
      this.#unplaced--
      waiter.onConnection(this.#give(shared))
    }
  }

  /** Finds everybody who waits without it a connection that is being made, while there is room. */
  #feed(): void {
    if (this.#unplaced === 0) return
    for (const [waiter, shaping] of this.#waiters) {
      if (shaping !== null) continue
      if (!this.#place(waiter)) return
      this.#unplaced--
    }
  }

  /** Joins a connection that is being made to its target, or begins one; false: there is no room. */
  #place(waiter: Waiter): boolean {
    const target = waiter.target.current ? waiter.target : waiter.retarget()
    let shaping: Shaping | null = null
    for (const one of this.#shaping)
      if (one.target === target && one.generation === this.#generation && one.waiters.size < Math.min(target.streams, this.#maxRequests)) {
        shaping = one
        break
      }
    shaping ??= this.#room() ? this.#dial(target, waiter) : null
    if (shaping === null) return false
    shaping.waiters.add(waiter)
    this.#waiters.set(waiter, shaping)
    target.dialling++
    return true
  }

  #part(shaping: Shaping, waiter: Waiter): void {
    shaping.waiters.delete(waiter)
    shaping.target.dialling--
  }

  #dial(target: Target, { client }: Waiter): Shaping {
    const shaping: Shaping = { target, generation: this.#generation, waiters: new Set(), cancel: () => {} }
    this.#shaping.add(shaping)
    this.dials++
    const dial = this.#options.dial(target, client, (outcome) => {
      this.#shaping.delete(shaping)
      const waiters = [...shaping.waiters]
      for (const waiter of waiters) this.#part(shaping, waiter)
      if ("_tag" in outcome) {
        this.dialFailures++
        for (const waiter of waiters) this.#waiters.delete(waiter)
        for (const waiter of waiters) waiter.onDialFailed(outcome)
        this.#feed()
        return
      }
      this.#serve(this.#adopt(outcome.connection, outcome.target, shaping.generation), waiters)
    })
    shaping.cancel = dial.cancel
    return shaping
  }

  /** Those that it was made for go first; whoever finds no place on it waits for the next. */
  #serve(shared: Shared, waiters: ReadonlyArray<Waiter>): void {
    const served = waiters.slice(0, Math.min(shared.connection.capacity, this.#maxRequests))
    for (const waiter of served) this.#waiters.delete(waiter)
    for (const waiter of waiters.slice(served.length)) {
      this.#waiters.set(waiter, null)
      this.#unplaced++
    }
    for (const waiter of served) waiter.onConnection(this.#give(shared))
    if (this.#reusable(shared)) {
      this.#offer(shared)
      if (shared.streams === 0 && shared.state === "Adopted") this.#rest(shared)
    } else if (shared.streams === 0) this.#discard(shared)
    this.#feed()
  }

  #adopt(connection: Multiplexed, target: Target, generation: number): Shared {
    const { maxAge, now, random } = this.#options
    // Jittered, or the connections of a burst would all close together.
    const expires = maxAge === null ? Number.POSITIVE_INFINITY : now() + maxAge * (0.9 + 0.2 * random())
    const shared: Shared = { connection, target, expires, generation, state: "Adopted", streams: 0 }
    this.#all.set(connection, shared)
    const open = this.#open.get(target)
    if (open === undefined) this.#open.set(target, new Set([shared]))
    else open.add(shared)
    target.open++
    return shared
  }
}
