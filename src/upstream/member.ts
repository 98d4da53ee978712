// An endpoint as it lives here: what its name resolves to, and which of its addresses (target.ts) is next.
import type { ConnectReason } from "../snapshot/reason.ts"
import { type AddressPolicy, dialledAt, type Endpoint, type EndpointAddress, endpointName, type Upstream } from "../snapshot/upstream.ts"
import { type Identity, identityOf } from "./dial/identity.ts"
import type { OwnAddresses } from "./dial/own.ts"
import type { PeerTls } from "./dial/plan.ts"
import { admit, type Denied, type DialTarget, dialTarget } from "./dial/policy.ts"
import { trialOf } from "./dial/trial.ts"
import type { NameWatch, Resolution } from "./discovery/resolution.ts"
import type { Headcount } from "./health/panic.ts"
import { isService, serviceName, serviceOf } from "./service.ts"
import { never, Target } from "./target.ts"

/** An address that just failed is passed over this long, if there is another. */
const addressMemory = 30_000
/** A family without a route is passed over this long (RFC 6555 section 4.2). */
const familyMemory = 600_000

/** Dials in a row that tell an endpoint unreachable to which connections stand. */
const missesConnected = 3

/** The same endpoint over updates: what is dialled and how. Weight and tier may change without it becoming another. */
export const endpointKey = (endpoint: Endpoint): string => {
  const service = serviceName(endpoint)
  return `${endpoint.at._tag} ${endpointName(endpoint)} ${endpoint.tls ? "tls" : "plain"} ${endpoint.origin}${endpoint.proxied === true ? " proxied" : ""}${service === null ? "" : ` of ${service}`}`
}

export interface MemberEvents {
  /** It may take requests from now on: whoever judges its health begins. */
  readonly joined: (target: Target) => void
  /** Its addresses or its state changed. */
  readonly changed: (member: Member) => void
  /** It takes no new requests any more: its idle connections are to be closed. */
  readonly left: (target: Target) => void
  /** An EgressPolicy refuses it, or would in mode Enforce, and did not before. */
  readonly refused: (target: Target) => void
}

export class Member {
  readonly key: string
  readonly name: string
  readonly identity: Identity
  /** What is dialled: the endpoint itself, or its proxy. */
  readonly at: EndpointAddress
  endpoint: Endpoint
  /** The service whose record it came of; null: it is as it was declared. */
  readonly group: string | null
  /** Of a service: endpoints that its records stand for. */
  served = 0
  /** By address, those that left but still have connections included. */
  readonly targets = new Map<string, Target>()
  /** Those that may take new requests, in the order to try them. */
  order: ReadonlyArray<Target> = []
  /** Of those, the ones that health lets take them: what is chosen from. */
  #open: ReadonlyArray<Target> = []
  #panic = false
  /** No longer in the table of endpoints. */
  gone = false
  resolution: Resolution | null = null
  /** Requests sent to an address that an EgressPolicy in mode Report would refuse. */
  reported = 0
  /** From the zone of the process, which is preferred. */
  away = false
  /** Of its weight: less than 1 while its addresses warm up. */
  warmth = 1
  /** No connection to it can be made: no dial since the last that failed did better. */
  unreachable = false
  readonly #policy: AddressPolicy
  readonly #own: () => OwnAddresses
  readonly #events: MemberEvents
  #unsubscribe: (() => void) | null = null
  #cursor = 0
  /** Dials in a row that made no connection. */
  #misses = 0
  readonly #unreachable = { 4: never, 6: never }

  constructor(key: string, endpoint: Endpoint, spec: Upstream, own: () => OwnAddresses, events: MemberEvents) {
    this.key = key
    this.endpoint = endpoint
    this.name = endpointName(endpoint)
    this.group = serviceName(endpoint)
    this.identity = identityOf(spec.identity, serviceOf(endpoint)?.declared ?? endpoint, spec.protocol)
    // The records of a service are looked up here, whatever leads to who is in them.
    this.at = isService(endpoint) ? endpoint.at : dialledAt(spec, endpoint)
    this.#policy = spec.addresses
    this.#own = own
    this.#events = events
    if (this.at._tag === "Address") this.#place([this.at.ip])
    else if (this.at._tag === "Unix") this.#place([this.at.path])
  }

  /** A service takes no requests of those who are there in its stead. */
  get fullWeight(): number {
    return this.served > 0 ? 0 : this.endpoint.weight
  }

  get rank(): number {
    return serviceOf(this.endpoint)?.rank ?? 0
  }

  get weight(): number {
    return this.fullWeight * this.warmth
  }

  /** Half a step on where it is away from the zone of the process: behind the endpoints of its tier that are not. */
  get tier(): number {
    return this.endpoint.tier + (this.away ? 0.5 : 0)
  }

  get draining(): boolean {
    return this.endpoint.draining
  }

  get load(): number {
    let sum = 0
    for (const target of this.order) sum += target.load
    return sum
  }

  /** An answer may still come: a request had better wait a little. */
  get pending(): boolean {
    return this.at._tag === "Name" && (this.resolution === null || this.resolution.state === "Pending")
  }

  /** Some address may be dialled. */
  get usable(): boolean {
    for (const target of this.order) if (target.denied === null) return true
    return false
  }

  /** Some address may be dialled, and nothing that judges it says that it fails. */
  get healthy(): boolean {
    for (const target of this.order) if (target.denied === null && target.healthy) return true
    return false
  }

  get health(): Headcount {
    const may = this.order.filter(({ denied }) => denied === null)
    return { addresses: may.length, healthy: may.filter(({ healthy }) => healthy).length }
  }

  /** Health changed, or whether (panic) it does not count. Whom it keeps from requests gives up idle connections, too. */
  heed(panic: boolean): void {
    this.#panic = panic
    this.#sift()
  }

  #sift(): void {
    let all = true
    for (const target of this.order) {
      const before = target.shunned
      target.shunned = !this.#panic && !target.healthy
      if (target.shunned) all = false
      if (target.shunned && !before) this.#events.left(target)
    }
    this.#open = all ? this.order : this.order.filter(({ shunned }) => !shunned)
  }

  /** A dial of it ended, at whichever of its addresses. While others of its connections stand, one that is not made says little. → whether `unreachable` changed. */
  dialEnded(reached: boolean): boolean {
    const before = this.unreachable
    this.#misses = reached ? 0 : this.#misses + 1
    this.unreachable = !reached && (before || this.#misses >= (this.#connected ? missesConnected : 1))
    return this.unreachable !== before
  }

  get #connected(): boolean {
    for (const target of this.targets.values()) if (target.active > 0 || target.idle.length > 0) return true
    return false
  }

  /** The watch of its name has begun. */
  watch(watch: NameWatch): void {
    this.#unsubscribe?.()
    this.#unsubscribe = watch.subscribe((resolution) => this.#resolved(resolution))
    this.#resolved(watch.current())
  }

  #resolved(resolution: Resolution): void {
    if (this.gone) return
    this.resolution = resolution
    if (!isService(this.endpoint)) this.#place(resolution.addresses)
    this.#events.changed(this)
  }

  #place(addresses: ReadonlyArray<string>): void {
    const before = this.order
    this.order = addresses.map((address) => {
      let target = this.targets.get(address)
      if (target === undefined) {
        target = new Target(this, address)
        this.targets.set(address, target)
        // Nobody knows anything of it.
        this.#misses = 0
        this.unreachable = false
      }
      target.current = true
      this.#judge(target)
      return target
    })
    for (const target of before) if (!this.order.includes(target)) this.#leave(target)
    for (const target of this.order) if (!before.includes(target)) this.#events.joined(target)
    this.#sift()
  }

  #leave(target: Target): void {
    target.current = false
    this.#events.left(target)
    this.settle(target)
  }

  /** Forgets an address that left, once its last connection has closed. */
  settle(target: Target): void {
    if (!target.current && target.active === 0 && target.idle.length === 0) this.targets.delete(target.address)
  }

  /** It left the table of endpoints. */
  leave(): void {
    if (this.gone) return
    this.gone = true
    this.#unsubscribe?.()
    const before = this.order
    this.order = []
    this.#open = []
    for (const target of before) this.#leave(target)
  }

  /** For the choice and the report only: the dialler judges again, at every connect (law 5). */
  #judge(target: Target): void {
    const to = this.#dialTarget(target.address)
    if (to === null) return
    const before = target.denied ?? target.trial
    const admission = admit(to, this.#policy, this.#own())
    target.denied = admission.allowed ? null : admission
    target.trial = admission.allowed ? trialOf(to, this.#policy) : null
    const now = target.trial ?? (target.denied?.reason === "egress_denied" ? target.denied : null)
    if (now !== null && now.rule !== before?.rule) this.#events.refused(target)
  }

  /** What is this gateway's own may have changed. */
  rejudge(): void {
    for (const target of this.order) this.#judge(target)
  }

  #dialTarget(address: string): DialTarget | null {
    return dialTarget(this.at, this.endpoint, address)
  }

  /** Why no address may be dialled, when there are some. */
  get denied(): Denied | null {
    for (const target of this.order) if (target.denied === null) return null
    return this.order[0]?.denied ?? null
  }

  // The clock is read only where something failed: this is asked for every request.
  #passedOver(target: Target, now: () => number): boolean {
    const unreachable = target.six ? this.#unreachable[6] : this.#unreachable[4]
    if (target.failedAt === never && unreachable === never) return false
    const time = now()
    return time - target.failedAt < addressMemory || time - unreachable < familyMemory
  }

  /** The address whose turn it is; null: none may be dialled, or health forbids it. */
  next(now: () => number): Target | null {
    const order = this.#open
    const count = order.length
    let second: Target | null = null
    for (let step = 0; step < count; step++) {
      const at = (this.#cursor + step) % count
      const target = order[at]!
      if (target.denied !== null) continue
      if (this.#passedOver(target, now)) {
        second ??= target
        continue
      }
      this.#cursor = at + 1
      return target
    }
    if (second !== null) this.#cursor = order.indexOf(second) + 1
    return second
  }

  /** The address that costs least; equal ones take turns, and one that just failed is the last resort. null: none may be dialled. */
  cheapest(cost: (target: Target, affinity: number) => number, affinity: number, now: () => number): Target | null {
    const order = this.#open
    const count = order.length
    if (count === 1) return this.next(now)
    let best: Target | null = null
    let bestCost = Number.POSITIVE_INFINITY
    let last: Target | null = null
    let lastCost = Number.POSITIVE_INFINITY
    for (let step = 0; step < count; step++) {
      const target = order[(this.#cursor + step) % count]!
      if (target.denied !== null) continue
      const price = cost(target, affinity)
      if (this.#passedOver(target, now)) {
        if (price < lastCost) {
          last = target
          lastCost = price
        }
      } else if (price < bestCost) {
        best = target
        bestCost = price
      }
    }
    const chosen = best ?? last
    if (chosen !== null) this.#cursor = order.indexOf(chosen) + 1
    return chosen
  }

  /** What one dial may try: the address whose turn it is, then the others, families alternating (RFC 8305 section 4), known failures last. */
  candidates(first: Target, now: () => number): ReadonlyArray<DialTarget> {
    const start = this.order.indexOf(first)
    const others = this.order.map((_, step) => this.order[(start + 1 + step) % this.order.length]!).filter((target) => target !== first)
    const last = (target: Target) => target.shunned || this.#passedOver(target, now)
    const family = (six: boolean) => others.filter((target) => target.six === six && !last(target))
    const { six } = first
    const [other, same] = [family(!six), family(six)]
    const mixed: Array<Target> = [first]
    for (let step = 0; step < Math.max(other.length, same.length); step++) {
      if (step < other.length) mixed.push(other[step]!)
      if (step < same.length) mixed.push(same[step]!)
    }
    mixed.push(...others.filter(last))
    return mixed.map((target) => this.#dialTarget(target.address)).filter((target) => target !== null)
  }

  /** A dial ended well, at this address. */
  succeeded(address: string, tls: PeerTls | null): Target {
    let target = this.targets.get(address)
    if (target === undefined) {
      // It left the answer while it was being dialled.
      target = new Target(this, address)
      target.current = false
      this.targets.set(address, target)
    }
    target.forgive()
    target.tls = tls
    this.#unreachable[target.six ? 6 : 4] = never
    return target
  }

  /** It went first and another won the race: passed over for a while, but not a failure that anybody saw. */
  lost(address: string, now: number): void {
    const target = this.targets.get(address)
    if (target !== undefined) target.failedAt = now
  }

  /** An address could not be dialled. */
  failed(address: string, reason: ConnectReason, now: number): void {
    const target = this.targets.get(address)
    if (target === undefined) return
    target.failedAt = now
    target.lastFailure = reason
    // What a policy refuses was never asked.
    if (reason !== "address_denied" && reason !== "egress_denied") target.conduct?.failed()
    if (reason === "connect_unreachable") this.#unreachable[target.six ? 6 : 4] = now
  }
}
