// The tries that a rule of the user allows one request (law 8): each an exchange of its own, on a fresh connection after the first, elsewhere where there is
// elsewhere, until a response is relayed. Between proxy and exchange: to the one it is the attempt, to the other the sink. A request whose rule says nothing of
// retries has none of this.
import type { Duplex } from "node:stream"
import type { Attempt, AttemptPeer, ResponseSink, UpstreamFailure, UpstreamRequest } from "../attempt.ts"
import { defectDetail } from "../defect.ts"
import { Exchange, type ExchangeHost } from "../exchange.ts"
import type { Member } from "../member.ts"
import type { Budget } from "./budget.ts"
import { backoff, longestWait, type RetryPlan, repeatable, retryAfter, type Withheld } from "./plan.ts"
import { Replay } from "./replay.ts"

/** What the attempts need of their upstream. */
export interface AttemptsHost extends ExchangeHost {
  readonly budget: Budget
}

export class Attempts implements Attempt, ResponseSink {
  readonly #host: AttemptsHost
  readonly #request: UpstreamRequest
  readonly #sink: ResponseSink
  readonly #plan: RetryPlan
  readonly #replay: Replay | null
  /** Endpoints that have failed it. */
  readonly #tried = new Set<Member>()
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
    this.#replay = request.body === null || plan.rule.attempts === 0 ? null : new Replay(request.body, request.contentLength)
  }

  start(): void {
    this.#host.budget.request(performance.now())
    this.#try()
  }

  #try(): void {
    const plan = this.#plan
    const fresh = ++plan.tries > 1
    if (fresh) this.#host.counts.retries++
    if (plan.tryTimeout !== null) this.#clock = setTimeout(this.#late, plan.tryTimeout)
    const request = this.#replay === null ? this.#request : { ...this.#request, body: this.#replay.open() }
    // The last one: from here on nothing is kept of the body.
    if (plan.tries > plan.rule.attempts) this.#replay?.settle()
    this.#current = new Exchange(this.#host, request, this, { tried: this.#tried, fresh, once: plan.rule.attempts === 0 })
    this.#current.start()
  }

  /** Whether another try was arranged, after at least so many milliseconds. */
  #again(asked: number): boolean {
    const plan = this.#plan
    const wait = Math.max(asked, backoff(plan.rule, plan.tries, Math.random()))
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
    const { rule, tries, deadline } = this.#plan
    if (tries > rule.attempts) return "attempts"
    if (this.#replay?.whole === false) return "body"
    const now = performance.now()
    if (deadline === null ? asked > longestWait : now + wait >= deadline) return "wait"
    if (!this.#retrying && this.#host.budget.full) return "limit"
    return this.#host.budget.take(now) ? null : "budget"
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
    if (this.#plan.rule.codes.includes(status) && this.#again(retryAfter(headers, Date.now()))) {
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
    if (!this.#relayed && !failure.headed && repeatable(failure, this.#request.idempotent) && this.#again(0)) return
    this.#done()
    this.#replay?.settle()
    this.#sink.onFailure(failure)
  }
}
