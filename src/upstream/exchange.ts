// One request's way through an upstream: an endpoint, an address, a connection, the wire, and the one safe repetition (law 8).
// Plain callbacks; it is the proxy's `Attempt`, the pool's waiter and the transport's sink in one object, because this is the request path.
import type { UpstreamReason } from "../snapshot/reason.ts"
import type { UpstreamTls } from "../snapshot/upstream.ts"
import type { Attempt, AttemptPeer, ResponseSink, UpstreamFailure, UpstreamRequest } from "./attempt.ts"
import type { Carried, Carrier, CarrierSink } from "./carrier.ts"
import type { Authentication } from "./credential/authentication.ts"
import { unbound } from "./credential/binding.ts"
import { defectDetail } from "./defect.ts"
import type { DialFailed } from "./dial/plan.ts"
import type { ClientPath } from "./dial/proxyheader.ts"
import type { Conduct } from "./health/conduct.ts"
import type { Member } from "./member.ts"
import type { Dialling, ExchangePool, Pooled, Waiter } from "./pooled.ts"
import { Replay } from "./retry/replay.ts"
import type { Target } from "./target.ts"

/** Where nobody can be chosen: why; null: an answer of the DNS may still come. */
export interface NoChoice {
  readonly reason: UpstreamReason
  readonly detail: string
}

/** What an exchange needs of its upstream. */
export interface ExchangeHost {
  readonly spec: { readonly tls: UpstreamTls | null }
  readonly pool: ExchangePool
  /** Its connections carry many requests at once: a peer may refuse one of them unprocessed. */
  readonly multiplexed: boolean
  /** null: requests go as they are. */
  readonly authentication: Authentication | null
  readonly choose: (tried: ReadonlySet<Member> | null, request: Pick<UpstreamRequest, "affinity" | "wanted">) => Target | NoChoice | null
  /** Counts everybody of an endpoint's tier as tried, if there is somebody else; whether there is. */
  readonly passTier: (tried: Set<Member>, of: Member) => boolean
  /** Another address of the same endpoint, after one showed a bad certificate; null: none that did not just fail. */
  readonly another: (target: Target) => Target | null
  /** Calls back when something was resolved, or with the reason why no more is waited. Returns the cancellation. */
  readonly awaitNames: (ready: (give: NoChoice | null) => void) => () => void
  readonly counts: { requests: number; reused: number; retries: number }
}

/** How one try of several goes (retry/attempts.ts). */
export interface Course {
  /** Endpoints that failed the tries before, and those that fail this one. */
  readonly tried: Set<Member>
  /** On no connection that was used before. */
  readonly fresh: boolean
  /** The user wants nothing tried twice: one dial, and no repetition of what was sent. */
  readonly once: boolean
  /** Where the request's body is from; null: it has none, or nothing of it is kept. */
  readonly replay: Replay | null
}

/** Endpoints or addresses of one tier that one request may fail to connect to. */
const maxConnects = 3

export class Exchange implements Attempt, CarrierSink, Waiter {
  readonly #host: ExchangeHost
  #request: UpstreamRequest
  readonly #sink: ResponseSink
  readonly #course: Course | null
  #target: Target | null = null
  #wire: Carried | null = null
  /** Of the address that was asked; null: nobody judges it. */
  #conduct: Conduct | null = null
  #tried: Set<Member> | null = null
  #connects = 0
  /** The connection may have died before it was chosen. */
  #stale = false
  #over = false
  #cancelWait: (() => void) | null = null
  /** Of a body that may have to be sent to somebody else, as a peer refused it; null: it is sent once. */
  #replay: Replay | null = null
  dial: Dialling | null = null
  /** Set by the one repetition. */
  fresh = false

  /** course null: the only try. */
  constructor(host: ExchangeHost, request: UpstreamRequest, sink: ResponseSink, course: Course | null) {
    this.#host = host
    this.#request = request
    this.#sink = sink
    this.#course = course
    if (course === null) {
      if (host.multiplexed && request.body !== null) {
        this.#replay = new Replay(request.body, request.contentLength)
        this.#request = { ...request, body: this.#replay.open() }
      }
      return
    }
    this.fresh = course.fresh
    this.#replay = course.replay
    if (course.tried.size > 0) this.#tried = course.tried
  }

  /** Where it was to go; null: that was not decided. */
  get chosen(): Target | null {
    return this.#target
  }

  /** Whether the peer may know of the request. */
  get sent(): "None" | "Some" {
    return this.#wire?.written === true ? "Some" : "None"
  }

  get target(): Target {
    return this.#target!
  }

  /** A key has its endpoint, however busy that is; so has a request that names it. */
  get pinned(): boolean {
    const { affinity, wanted } = this.#request
    return affinity !== null || wanted?.includes(this.target.fresh.address) === true
  }

  get client(): ClientPath | null {
    return this.#request.client ?? null
  }

  start(): void {
    const { authentication } = this.#host
    if (authentication === null) this.#choose()
    else this.#prepare(authentication)
  }

  /** Before anybody is chosen or dialled: without its credential the request goes nowhere. */
  #prepare(authentication: Authentication): void {
    const waits = authentication.prepare(this.#request, (problem, prepared) => {
      this.#cancelWait = null
      if (this.#over) return
      if (prepared !== undefined) this.#request = prepared
      if (problem === null) this.#choose()
      else this.#fail("credential_unavailable", problem)
    })
    if (waits !== null) this.#cancelWait = waits
  }

  #choose(): void {
    const choice = this.#host.choose(this.#tried, this.#request)
    if (choice === null) this.#await()
    else if ("reason" in choice) this.#nobody(choice)
    else this.#take(choice)
  }

  #nobody(why: NoChoice): void {
    // Another tier that has nobody after all is no reason to begin anew, which costs an attempt.
    if (this.#course === null || this.#tried === null || !this.#course.fresh) {
      this.#fail(why.reason, why.detail)
      return
    }
    // Every endpoint has failed a try of it: from the beginning.
    this.#course.tried.clear()
    this.#tried = null
    this.#choose()
  }

  #await(): void {
    this.#cancelWait = this.#host.awaitNames((give) => {
      this.#cancelWait = null
      if (this.#over) return
      if (give === null) this.#choose()
      else this.#fail(give.reason, give.detail)
    })
  }

  #take(target: Target): void {
    this.#target = target
    const got = this.#host.pool.acquire(this)
    if (got === null) return
    if (got === "overflow")
      this.#fail("overflow", "every connection is busy and the queue is full, or too many requests are under way (limits)")
    else this.onConnection(got)
  }

  #fail(reason: UpstreamFailure["reason"], detail: string): void {
    this.#end({ reason, detail, sent: "None", headed: false, peer: null })
  }

  /** Later, so that `send` has returned, and only if nobody has cancelled meanwhile. */
  #end(failure: UpstreamFailure): void {
    if (this.#over) return
    queueMicrotask(() => {
      if (this.#over) return
      this.#over = true
      this.#sink.onFailure(failure)
    })
  }

  // The proxy's side.

  resume(): void {
    this.#wire?.resume()
  }

  abort(late = false): void {
    if (this.#over) return
    this.#over = true
    this.#cancelWait?.()
    if (late && this.#wire?.owing === true) this.#conduct?.failed()
    if (this.#wire !== null) this.#wire.abort(late)
    else this.#host.pool.leave(this)
  }

  // The pool's side.

  retarget(): Target {
    const choice = this.#host.choose(this.#tried, this.#request)
    if (choice !== null && !("reason" in choice)) this.#target = choice
    return this.target
  }

  onConnection(pooled: Pooled): void {
    const { connection, target } = pooled
    const { identity, endpoint } = target.member
    const host = this.#request.hostOverride ?? (identity.host === "Request" ? this.#request.clientHost : identity.host)
    const placed = endpoint.pathPrefix === undefined ? this.#request : { ...this.#request, path: endpoint.pathPrefix + this.#request.path }
    const request = this.#host.authentication === null ? placed : this.#authentic(this.#host.authentication, placed, target, host)
    if (typeof request === "string") {
      // Later: whoever gives connections away is in the middle of it.
      queueMicrotask(() => this.#host.pool.release(connection))
      this.#fail("credential_unavailable", request)
      return
    }
    const reused = connection.requests > 0
    this.#stale = reused || connection.rested
    this.#conduct = target.conduct
    this.#host.counts.requests++
    if (reused) this.#host.counts.reused++
    this.#wire = connection.send(request, host, reused ? target.reused : target.fresh, this.#host.pool.isLast(pooled), this)
  }

  /** Only now is it known who the peer is. */
  #authentic(authentication: Authentication, request: UpstreamRequest, { member }: Target, host: string): UpstreamRequest | string {
    return unbound(member.endpoint, this.#host.spec.tls, member.identity, request.hostOverride) ?? authentication.applied(request, host)
  }

  onDialFailed(failure: DialFailed): void {
    // A failed connect is unsent: any method may go elsewhere. A bad certificate is the address's, so another address of the name may do.
    if (this.#course?.once !== true) {
      const { member } = this.target
      const last = ++this.#connects >= maxConnects
      const sibling = !last && failure.reason.startsWith("tls_") ? this.#host.another(this.target) : null
      if (sibling !== null) {
        this.#take(sibling)
        return
      }
      this.#tried ??= this.#course?.tried ?? new Set()
      this.#tried.add(member)
      const goesOn = !last || this.#host.passTier(this.#tried, member)
      const choice = goesOn ? this.#host.choose(this.#tried, this.#request) : null
      if (choice !== null && !("reason" in choice)) {
        if (choice.member.tier !== member.tier || choice.member.rank !== member.rank) this.#connects = 0
        this.#take(choice)
        return
      }
    }
    this.#fail(failure.reason, failure.detail)
  }

  onPoolClosed(): void {
    this.#fail("upstream_unsent", "the upstream was closed while the request waited for a connection")
  }

  // The transport's side.

  onFree(connection: Carrier): void {
    this.#host.pool.release(connection)
  }

  onInterim(status: number, headers: ReadonlyArray<string>): void {
    try {
      this.#sink.onInterim(status, headers)
    } catch (cause) {
      this.#defect(cause, false)
    }
  }

  onHead(status: number, headers: ReadonlyArray<string>, peer: AttemptPeer): boolean {
    this.#conduct?.answered(status)
    if (status === 401) this.#host.authentication?.refused()
    if (this.#course === null) this.#replay?.settle()
    try {
      return this.#sink.onHead(status, headers, peer)
    } catch (cause) {
      return this.#defect(cause, false)
    }
  }

  onData(chunk: Uint8Array): boolean {
    try {
      return this.#sink.onData(chunk)
    } catch (cause) {
      return this.#defect(cause, true)
    }
  }

  onEnd(trailers: ReadonlyArray<string>): void {
    this.#over = true
    try {
      this.#sink.onEnd(trailers)
    } catch (cause) {
      this.#defect(cause, true)
    }
  }

  onUpgrade(...arguments_: Parameters<ResponseSink["onUpgrade"]>): void {
    this.#over = true
    this.#conduct?.answered(arguments_[0])
    try {
      this.#sink.onUpgrade(...arguments_)
    } catch (cause) {
      arguments_[2].destroy()
      this.#defect(cause, true)
    }
  }

  /** A defect in the sink costs its request, never the process: others are served on the same stack. */
  #defect(cause: unknown, headed: boolean): false {
    this.abort()
    const detail = defectDetail(cause)
    queueMicrotask(() => this.#sink.onFailure({ reason: "internal", detail, sent: "Some", headed, peer: null }))
    return false
  }

  onFailure(failure: UpstreamFailure): void {
    if (this.#over) return
    if (!this.#repeatable(failure)) {
      this.#over = true
      // After the head a client had its answer; what is the client's fault or ours is nobody's there.
      if (!failure.headed && failure.reason !== "client_abort" && failure.reason !== "internal") this.#conduct?.failed()
      this.#sink.onFailure(failure)
      return
    }
    this.fresh = true
    if (this.#replay !== null && failure.sent === "Some") this.#request = { ...this.#request, body: this.#replay.open() }
    this.#wire = null
    this.#host.counts.retries++
    this.#choose()
  }

  /** Law 8: once, and only where the peer cannot have acted on it, or may act on it twice. */
  #repeatable(failure: UpstreamFailure): boolean {
    if (this.fresh || failure.headed) return false
    // The peer has done nothing for it (RFC 9113 section 8.7): any method.
    if (failure.reason === "upstream_refused_stream")
      return this.#course?.once !== true && (this.#request.body === null || this.#replay?.whole === true)
    if (failure.reason !== "upstream_unsent" && failure.reason !== "upstream_reset") return false
    const { body, idempotent } = this.#request
    if (failure.sent === "None") return body === null || (!body.destroyed && !body.readableDidRead)
    return this.#course?.once !== true && this.#stale && idempotent && body === null && this.#wire?.silent === true
  }
}
