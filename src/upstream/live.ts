// The live form of an upstream in this process: its endpoints, their names, its pool, its TLS. A request holds THIS, never the snapshot.
import { Effect, FiberMap, Latch, type Scope } from "effect"
import type { UpstreamFacts } from "../report/report.ts"
import { describeBalance } from "../snapshot/balance.ts"
import { defaultFailover } from "../snapshot/behaviour.ts"
import type { Id } from "../snapshot/id.ts"
import type { MaterialLookup } from "../snapshot/secret.ts"
import { type Endpoint, isMultiplexed, type Upstream } from "../snapshot/upstream.ts"
import type { Attempt, ResponseSink, UpstreamRequest } from "./attempt.ts"
import { makeBalancer } from "./balance/balancer.ts"
import { named } from "./balance/override.ts"
import { makePlace, type Place } from "./balance/place.ts"
import { Tiers } from "./balance/tiers.ts"
import { warmingOf } from "./balance/warming.ts"
import { type Authentication, makeAuthentication } from "./credential/authentication.ts"
import { tokenEndpoint, tokenObserver, tokenUpstream } from "./credential/endpoint.ts"
import { Channels, type DatagramChannel, type DatagramHost, type DatagramSink } from "./datagrams.ts"
import type { UpstreamDescription } from "./description.ts"
import { isUnreached } from "./dial/failure.ts"
import type { OwnAddresses } from "./dial/own.ts"
import type { Dial, DialFailed } from "./dial/plan.ts"
import type { ClientPath } from "./dial/proxyheader.ts"
import { type DialledTo, Dialler } from "./dialler.ts"
import { Exchange, type NoChoice } from "./exchange.ts"
import { describeMembers, factsOf } from "./facts.ts"
import { FirstAnswers } from "./firstanswers.ts"
import { type Health, makeHealth } from "./health/health.ts"
import { Hold } from "./hold.ts"
import type { Member } from "./member.ts"
import { whyHopeless, whyNobody } from "./nobody.ts"
import type { ExchangePool } from "./pooled.ts"
import { makePool } from "./pools.ts"
import { Attempts, type AttemptsHost } from "./retry/attempts.ts"
import { Budget } from "./retry/budget.ts"
import type { RetryPlan } from "./retry/plan.ts"
import { Revival } from "./revival.ts"
import { Roster } from "./roster.ts"
import type { Target } from "./target.ts"
import { type LiveUpstream, silentObserver, type UpstreamObserver, type UpstreamOptions } from "./upstream.ts"

const monotonic = (): number => performance.timeOrigin + performance.now()

/** Lives until the scope closes, which closes its watches and every connection at once: drain (`released`, bounded) comes before. */
export const makeUpstream = Effect.fnUntraced(function* (
  id: Id,
  spec: Upstream,
  endpoints: ReadonlyArray<Endpoint>,
  options: UpstreamOptions
): Effect.fn.Return<LiveUpstream, never, Scope.Scope> {
  const watches = yield* FiberMap.makeRuntime<never, string>()
  // Before it, so that it is closed after it.
  const tokens = yield* tokenSource(id, spec, options)
  const upstream = new Live(id, spec, options, watches, tokens)
  yield* Effect.addFinalizer(() => Effect.sync(() => upstream.shutdown()))
  upstream.setEndpoints(endpoints)
  return upstream
})

const tokenSource = (id: Id, spec: Upstream, options: UpstreamOptions): Effect.Effect<LiveUpstream | null, never, Scope.Scope> =>
  spec.credential?.kind === "OAuth2" && options.elsewhere === undefined
    ? makeUpstream(id, tokenUpstream(spec, spec.credential), [tokenEndpoint(spec, spec.credential)], {
        ...options,
        observer: tokenObserver(options)
      })
    : Effect.succeed(null)

type Watches = Effect.Success<ReturnType<typeof FiberMap.makeRuntime<never, string>>>

class Live implements LiveUpstream, AttemptsHost, DatagramHost {
  readonly id: Id
  readonly spec: Upstream
  readonly pool: ExchangePool
  readonly multiplexed: boolean
  readonly authentication: Authentication | null
  readonly counts = { requests: 0, reused: 0, retries: 0, failovers: 0, responses: 0 }
  readonly budget: Budget
  holders = 0
  retired = false
  readonly #options: UpstreamOptions
  readonly #observer: UpstreamObserver
  readonly #now: () => number
  readonly #roster: Roster
  readonly #tiers: Tiers<Member>
  /** null: nothing judges its addresses. */
  readonly #health: Health | null
  readonly #place: Place
  readonly #revival: Revival
  /** Until somebody is trusted again. */
  #due: NodeJS.Timeout | null = null
  readonly #channels: Channels
  readonly #firstAnswers = new FirstAnswers()
  readonly #unheld = Latch.makeUnsafe(false)
  readonly #dialler: Dialler
  /** What the observer knows of dials. */
  #told: Pick<UpstreamFacts, "lastFailure" | "certificateExpires"> = { lastFailure: null, certificateExpires: null }
  /** What was this gateway's own when the addresses were judged. */
  #judgedBy: OwnAddresses
  #closed = false
  /** Somebody asks whether it can serve: there is another upstream to go to. */
  #backed = false
  /** Requests sent to what an EgressPolicy in mode Report would refuse. */
  #reported = 0

  constructor(id: Id, spec: Upstream, options: UpstreamOptions, watches: Watches, tokens: LiveUpstream | null) {
    this.id = id
    this.spec = spec
    this.#options = options
    this.#observer = options.observer ?? silentObserver
    this.#now = options.now ?? monotonic
    this.#judgedBy = options.own()
    const elsewhere = options.elsewhere?.(id)
    const { limits, balance } = spec
    const random = options.random ?? Math.random
    this.budget = new Budget(limits.maxRetries, () => this.pool.active + this.pool.pending, elsewhere?.processes, spec.retryRate)
    const { spill, returnAfter } = spec.failover ?? defaultFailover
    const now = this.#now
    const { roots, own } = options
    const dialler = new Dialler(spec, options.material, { roots, own, now, onDial: (outcome) => this.#observer.onDial(id, outcome) })
    this.#dialler = dialler
    this.#channels = new Channels(this, dialler)
    const looked = (target: Target, failing: string | null, forgiven: boolean) => this.#observer.onLook?.(id, target, failing, forgiven)
    this.#health = makeHealth(spec, { dialler, now, random, members: () => this.#list, changed: this.#news, looked, elsewhere })
    const panic = this.#health?.panic ?? 0
    const [make, warm] = [() => makeBalancer<Member>(balance, random), warmingOf(balance)]
    this.#tiers = new Tiers({ make, warm, spill, returnAfter, panic, now, random })
    this.#place = makePlace(balance, now, random)
    this.multiplexed = isMultiplexed(spec.protocol)
    this.pool = makePool(spec, { now, random, dial: (target, client, done) => this.#dial(target, client, done) })
    const changed = () => this.#observer.onFacts(id)
    this.authentication = makeAuthentication(spec.credential, options.material, {
      tokens,
      now,
      wall: options.now ?? Date.now,
      random,
      changed,
      elsewhere,
      taken: (token) => this.#observer.onToken?.(id, token)
    })
    this.#roster = new Roster({
      ...{ spec, own: options.own, names: options.names, firstAnswers: this.#firstAnswers },
      run: watches,
      events: {
        joined: (target) => this.#health?.join(target),
        left: (target) => {
          this.pool.drain(target)
          if (!target.current) this.#health?.leave(target)
        },
        refused: (target) => this.#observer.onRefused?.(this.id, target)
      },
      changed: this.#news,
      zone: options.zone ?? null
    })
    this.#revival = new Revival({ dialler, now, random, ended: (member, reached) => this.#dialled(member, reached) })
  }

  hold(): Disposable {
    this.holders++
    return new Hold(this.#let)
  }

  readonly #let = (): void => {
    this.holders--
    if (this.retired) this.#settleHold()
  }

  retire(): void {
    this.retired = true
    this.#health?.stop()
    this.#revival.keep([])
    // A policy may have taken it away: what nobody uses goes now, not when it has been idle for long.
    this.pool.renew()
    this.#settleHold()
  }

  #settleHold(): void {
    if (this.holders === 0) this.#unheld.openUnsafe()
    else this.#unheld.closeUnsafe()
  }

  get released(): Effect.Effect<void> {
    return this.#unheld.await
  }

  get ready(): Effect.Effect<void> {
    return this.#firstAnswers.ready
  }

  send(request: UpstreamRequest, sink: ResponseSink, plan: RetryPlan | null = null): Attempt {
    const attempt = plan === null ? new Exchange(this, request, sink, null) : new Attempts(this, request, sink, plan)
    attempt.start()
    return attempt
  }

  datagrams(affinity: number | null, sink: DatagramSink): DatagramChannel {
    return this.#channels.open(affinity, sink)
  }

  setEndpoints(endpoints: ReadonlyArray<Endpoint>): void {
    if (!this.#closed) this.#roster.set(endpoints)
  }

  /** What may be picked, and what is told of it, may have changed. */
  readonly #news = (): void => {
    if (this.#closed) return
    this.#arrange()
    this.#observer.onFacts(this.id)
  }

  #arrange(): void {
    const members = this.#list
    const due = this.#tiers.set(members)
    this.#health?.heed(members, this.#tiers.panicking)
    if (this.#due !== null) clearTimeout(this.#due)
    this.#due = due === null ? null : setTimeout(this.#returned, Math.ceil(due - this.#now()))
    this.#revival.keep((this.#backed || this.#tiers.several) && !this.retired ? members.filter((member) => member.unreachable) : [])
    this.#firstAnswers.look()
  }

  readonly #returned = (): void => this.#rearrange()

  #dialled(member: Member, reached: boolean): void {
    if (member.dialEnded(reached)) this.#rearrange()
  }

  #rearrange(): void {
    const { tier, spent } = this.#tiers
    this.#arrange()
    if (this.#tiers.tier !== tier || (this.#backed && this.#tiers.spent !== spent)) this.#observer.onFacts(this.id)
  }

  choose(tried: ReadonlySet<Member> | null, request: Pick<UpstreamRequest, "affinity" | "wanted">): Target | NoChoice | null {
    const { affinity, wanted } = request
    const target = (wanted == null ? null : named(wanted, this.#list, tried)) ?? this.#balanced(tried, affinity)
    if (target !== null) {
      if (target.trial !== null) this.#report(target)
      return target
    }
    if (tried === null && this.#rejudge()) return this.choose(tried, request)
    if (this.#closed) return { reason: "no_endpoints", detail: "the upstream is closed" }
    return tried === null ? whyNobody(this.#list) : { reason: "no_endpoints", detail: "no other endpoint" }
  }

  #balanced(tried: ReadonlySet<Member> | null, affinity: number | null): Target | null {
    const member = tried === null ? this.#tiers.next(affinity) : this.#tiers.nextBut(tried, affinity)
    return member === null ? null : this.#place(member, affinity)
  }

  #report(target: Target): void {
    this.#reported++
    target.member.reported++
  }

  /** Listeners come and go, and with them what is our own: looked at where a refusal shows. True: it had changed. */
  #rejudge(): boolean {
    const own = this.#options.own()
    if (own === this.#judgedBy || this.#closed) return false
    this.#judgedBy = own
    for (const member of this.#list) member.rejudge()
    this.#news()
    return true
  }

  get #list(): ReadonlyArray<Member> {
    return this.#roster.members
  }

  passTier(tried: Set<Member>, of: Member): boolean {
    const after = ({ group, rank }: Member) => group !== null && group === of.group && rank > of.rank
    const passed = this.#list.filter((member) => member.tier === of.tier && !after(member))
    if (this.#tiers.nextBut(new Set([...tried, ...passed]), null) === null) return false
    for (const member of passed) tried.add(member)
    return true
  }

  get tiered(): boolean {
    return this.#tiers.several
  }

  get level(): number {
    if (!this.#backed) {
      this.#backed = true
      // What was no news while nobody stood behind it is now.
      if (this.#tiers.level < 1) this.#news()
    }
    return this.#tiers.level
  }

  get trouble(): NoChoice | null {
    return this.#tiers.hopeless ? whyHopeless(this.#list, this.#dialler.lastFailure) : null
  }

  get host(): AttemptsHost {
    return this
  }

  another(target: Target): Target | null {
    const next = target.member.next(this.#now)
    return next === null || next === target || next.lastFailure !== null ? null : next
  }

  awaitNames(ready: (give: NoChoice | null) => void): () => void {
    const { limits, timeouts } = this.spec
    const pending = () => !this.#tiers.any && !this.#closed && whyNobody(this.#list) === null
    const end = this.#firstAnswers.wait({ within: timeouts.connect, most: limits.maxPending, pending }, ready)
    if (end !== null) return end
    this.pool.overflows++
    queueMicrotask(() => ready({ reason: "overflow", detail: "too many requests wait for the first DNS answer (limits.maxPending)" }))
    return () => {}
  }

  setMaterial(material: MaterialLookup): void {
    if (this.#closed) return
    // What is sent is no matter of connections: those that stand go on.
    this.authentication?.setMaterial(material)
    if (!this.#dialler.setMaterial(material)) return
    this.pool.renew()
    this.#observer.onFacts(this.id)
  }

  #dial(target: Target, client: ClientPath | null, done: (outcome: DialledTo | DialFailed) => void): Dial {
    return this.#dialler.dial(
      target,
      (outcome) => {
        const failed = outcome._tag === "Failed"
        if (!failed || isUnreached(outcome.reason)) this.#dialled(target.member, !failed)
        done(outcome)
        if (outcome._tag === "Failed" && outcome.reason === "address_denied") this.#rejudge()
        const { lastFailure, certificateExpires } = this.facts()
        if (lastFailure === this.#told.lastFailure && certificateExpires === this.#told.certificateExpires) return
        this.#told = { lastFailure, certificateExpires }
        this.#observer.onFacts(this.id)
      },
      client
    )
  }

  facts(): UpstreamFacts {
    const without = this.authentication !== null && this.authentication.problem !== null ? "credential_unavailable" : null
    return factsOf(this.#list, {
      tier: Math.floor(this.#tiers.tier),
      passedOver: this.#backed && this.#tiers.spent,
      lastFailure: this.#dialler.lastFailure?.reason ?? without,
      judged: this.#health !== null
    })
  }

  describe(): UpstreamDescription {
    const pool = this.pool.describe()
    return {
      id: this.id,
      namespace: this.spec.of.namespace,
      target: this.spec.of.target,
      retired: this.retired,
      holders: this.holders,
      balancing: describeBalance(this.spec.balance),
      endpoints: describeMembers(this.#list, this.#now()),
      pool: {
        ...pool,
        active: pool.active + this.#channels.size,
        ...this.counts,
        retrying: this.budget.retrying,
        retryLimit: this.budget.limit,
        withheld: { ...this.budget.withheld }
      },
      authentication: this.authentication?.describe() ?? null,
      health: this.#health?.describe() ?? null,
      reported: this.#reported,
      lastFailure: this.#dialler.lastFailure
    }
  }

  shutdown(): void {
    if (this.#closed) return
    this.#closed = true
    this.#roster.close()
    this.#tiers.set([])
    this.#revival.keep([])
    if (this.#due !== null) clearTimeout(this.#due)
    this.#firstAnswers.look()
    this.authentication?.close()
    this.pool.close()
    this.#channels.close()
  }
}
