// The tries that one request has by a retry rule (law 8), or because somebody else may serve it (tiers, failover): each an exchange of its own, on a fresh
// connection where it is a retry, elsewhere where there is elsewhere, until a response is relayed. Between proxy and exchange: to the one it is the attempt, to the
// other the sink. A request for which nobody says anything of retries, and which has nowhere to go on to, has none of this.
import type { Duplex } from "node:stream"
import type { Upstream } from "../../snapshot/upstream.ts"
import type { Attempt, AttemptPeer, ResponseSink, UpstreamFailure, UpstreamRequest } from "../attempt.ts"
import { defectDetail } from "../defect.ts"
import { Exchange, type ExchangeHost } from "../exchange.ts"
import type { Member } from "../member.ts"
import type { Budget } from "./budget.ts"
import { backoff, longestWait, movable, namedBy, type RetryPlan, repeatable, retryAfter, type Withheld } from "./plan.ts"
import { Replay } from "./replay.ts"

/** What the attempts need of their upstream. */
export interface AttemptsHost extends ExchangeHost {
  readonly budget: Budget
  readonly spec: ExchangeHost["spec"] & Pick<Upstream, "failover">
  /** It has several tiers. */
  readonly tiered: boolean
  readonly counts: ExchangeHost["counts"] & {
    failovers: number
    /** Requests answered by `failover.response`. */
    responses: number
  }
}

const noFields: ReadonlyArray<string> = []

export class Attempts implements Attempt, ResponseSink {
  #host: AttemptsHost
  #request: UpstreamRequest
  readonly #sink: ResponseSink
  readonly #plan: RetryPlan
  readonly #replay: Replay | null
  /** Endpoints that have failed it. */
  #tried = new Set<Member>()
  /** Tries that were made because there was another tier: no retries of the rule. */
  #steps = 0
  /** The next try may be on a connection that was used before: it is to another tier. */
  #stepped = false
  #current: Exchange | null = null
  /** A response is on its way to the client: there is no other try. */
  #relayed = false
  #aborted = false
  /** It counts among those that are tried once more. */
  #retrying = false
  #pause: NodeJS.Timeout | null = null
  #clock: NodeJS.Timeout | null = null

  constructor(host: AttemptsHost, request: UpstreamRequest, sink: ResponseSink, plan: RetryPlan) {
    this.#host = host
    this.#request = request
    this.#sink = sink
    this.#plan = plan
    this.#replay = request.body === null || this.#once ? null : new Replay(request.body, request.contentLength)
  }

  start(): void {
    if (this.#plan.rule !== null) this.#host.budget.request(performance.now())
    this.#try()
  }

  /** The user wants nothing tried twice. */
  get #once(): boolean {
    return this.#plan.rule?.attempts === 0
  }

  get #attempts(): number {
    return this.#plan.rule?.attempts ?? 0
  }

  #try(): void {
    const plan = this.#plan
    const fresh = ++plan.tries > 1 && !this.#stepped
    this.#stepped = false
    if (fresh) this.#host.counts.retries++
    if (plan.tryTimeout !== null) this.#clock = setTimeout(this.#late, plan.tryTimeout)
    const request = this.#replay === null ? this.#request : { ...this.#request, body: this.#replay.open() }
    // The last one: from here on nothing is kept of the body.
    if (plan.tries - this.#steps > this.#attempts && plan.onward === null && !this.#host.tiered && !this.#host.multiplexed)
      this.#replay?.settle()
    this.#current = new Exchange(this.#host, request, this, { tried: this.#tried, fresh, once: this.#once, replay: this.#replay })
    this.#current.start()
  }

  /** Whether another try was arranged, after at least so many milliseconds. */
  #again(asked: number): boolean {
    const plan = this.#plan
    if (plan.rule === null) return false
    const wait = Math.max(asked, backoff(plan.rule, plan.tries - this.#steps, Math.random()))
    const why = this.#withholds(wait, asked)
    if (why !== null) {
      // Who wants no other try is refused none.
      if (plan.rule.attempts === 0) return false
      plan.withheld = why
      this.#host.budget.withheld[why]++
      return false
    }
    const member = this.#current!.chosen?.member
    if (member !== undefined) this.#tried.add(member)
    if (!this.#retrying) this.#host.budget.retrying++
    this.#retrying = true
    this.#current = null
    this.#stopClock()
    this.#pause = setTimeout(this.#resumed, wait)
    return true
  }

  #withholds(wait: number, asked: number): Withheld | null {
    const { tries, deadline } = this.#plan
    if (tries - this.#steps > this.#attempts) return "attempts"
    if (this.#replay?.whole === false) return "body"
    const now = performance.now()
    if (deadline === null ? asked > longestWait : now + wait >= deadline) return "wait"
    if (!this.#retrying && this.#host.budget.full) return "limit"
    return this.#host.budget.take(now) ? null : "budget"
  }

  /** Whether it goes on to another tier, of this upstream or of those after it. Costs no attempt and no wait: it is somebody else who is asked. */
  #onward(): boolean {
    const { onward, deadline } = this.#plan
    if (this.#once || this.#replay?.whole === false || (onward === null && !this.#host.tiered)) return false
    if (deadline !== null && performance.now() >= deadline) return false
    const member = this.#current!.chosen?.member
    const host = this.#host
    if (member === undefined || !host.tiered || !host.passTier(this.#tried, member)) {
      const next = onward === null ? null : onward()
      if (next === null) return false
      this.#rest()
      this.#tried = new Set()
      this.#host = next.host
      this.#request = next.request
    }
    host.counts.failovers++
    this.#steps++
    this.#stepped = true
    this.#current = null
    this.#stopClock()
    this.#pause = setTimeout(this.#resumed, 0)
    return true
  }

  readonly #resumed = (): void => {
    this.#pause = null
    try {
      this.#try()
    } catch (cause) {
      // A defect costs this request, never the process.
      this.#current?.abort()
      this.onFailure({ reason: "internal", detail: defectDetail(cause), sent: "Some", headed: false, peer: null })
    }
  }

  /** One try has had its time. */
  readonly #late = (): void => {
    const current = this.#current!
    const { chosen, sent } = current
    current.abort(true)
    const detail = `one try took more than ${this.#plan.tryTimeout} ms`
    this.onFailure({ reason: "backend_timeout", detail, sent, headed: this.#relayed, peer: chosen?.fresh ?? null })
  }

  #stopClock(): void {
    if (this.#clock !== null) clearTimeout(this.#clock)
    this.#clock = null
  }

  #done(): void {
    this.#stopClock()
    this.#rest()
  }

  #rest(): void {
    if (this.#retrying) this.#host.budget.retrying--
    this.#retrying = false
  }

  // The proxy's side.

  resume(): void {
    this.#current?.resume()
  }

  abort(late = false): void {
    this.#aborted = true
    if (this.#pause !== null) clearTimeout(this.#pause)
    this.#done()
    this.#current?.abort(late)
    this.#replay?.settle()
  }

  // The exchange's side.

  onInterim(status: number, headers: ReadonlyArray<string>): void {
    this.#sink.onInterim(status, headers)
  }

  onHead(status: number, headers: ReadonlyArray<string>, peer: AttemptPeer): boolean {
    const current = this.#current!
    const { rule } = this.#plan
    // Calls of gRPC go over HTTP/2: nobody else is looked at for their statuses.
    const named = rule !== null && namedBy(rule, status, this.#host.multiplexed ? headers : noFields)
    const passed = this.#host.spec.failover?.codes.includes(status) === true && this.#request.idempotent
    if ((named || passed) && (this.#onward() || (named && this.#again(retryAfter(headers, Date.now()))))) {
      // Its body is nobody's. Read to its end it would hold the connection, and the next try has one of its own.
      current.abort()
      return true
    }
    this.#relayed = true
    this.#replay?.settle()
    return this.#sink.onHead(status, headers, peer)
  }

  onData(chunk: Uint8Array): boolean {
    return this.#sink.onData(chunk)
  }

  onEnd(trailers: ReadonlyArray<string>): void {
    this.#done()
    this.#sink.onEnd(trailers)
  }

  onUpgrade(status: number, headers: ReadonlyArray<string>, socket: Duplex, head: Uint8Array, peer: AttemptPeer): void {
    this.#done()
    this.#sink.onUpgrade(status, headers, socket, head, peer)
  }

  onFailure(failure: UpstreamFailure): void {
    if (this.#aborted) return
    if (!this.#relayed && !failure.headed) {
      const { idempotent } = this.#request
      if (movable(failure, idempotent) && this.#onward()) return
      if (repeatable(failure, idempotent) && this.#again(0)) return
    }
    this.#done()
    this.#replay?.settle()
    this.#sink.onFailure(failure)
  }
}
