// One request through its phases: head → match → filters → pick → attempt → relay → log. Plain callbacks over the tables it read once;
// it holds its rule and its upstream, never the snapshot. Every way out goes through `finish`, which happens once. How an answer leaves is reply.ts,
// how a request comes is connection.ts.
import type { Duplex } from "node:stream"
import type { Verdict } from "../http1/reader.ts"
import { editAnswer } from "../routing/filters.ts"
import { defaultIdle } from "../snapshot/behaviour.ts"
import type { Reason } from "../snapshot/reason.ts"
import { settle } from "../snapshot/setting.ts"
import type { Attempt, AttemptPeer, ResponseSink, UpstreamFailure, UpstreamRequest } from "../upstream/attempt.ts"
import { defectDetail } from "../upstream/defect.ts"
import type { LiveUpstream } from "../upstream/upstream.ts"
import { Account } from "./account.ts"
import { type Affinity, affinityOf, wantedOf } from "./affinity.ts"
import { answerTo, type LocalAnswer } from "./answer.ts"
import { copiesOf } from "./copies.ts"
import { Deadlines } from "./deadline.ts"
import { decide } from "./decision.ts"
import { goodbye, lastWords } from "./farewell.ts"
import { callDeadline, grpcAnswer, isGrpc } from "./grpc.ts"
import { allowedMethods, checkHead, type RequestHead } from "./head.ts"
import { followsFailure, followsStatus, type LastAnswer } from "./lastanswer.ts"
import { type Leg, legsOf, planOver } from "./legs.ts"
import type { Mirroring } from "./mirror.ts"
import { type Incoming, outgoing } from "./outgoing.ts"
import type { Pin } from "./pin.ts"
import { redirection } from "./redirection.ts"
import { returning } from "./returning.ts"
import type { LiveListener, LiveShare } from "./table.ts"
import { joinTunnel, type Tunnel, type TunnelEnd } from "./tunnel.ts"
import { Upload, type UploadFailure, type UploadOwner } from "./upload.ts"

export class Exchange extends Account implements ResponseSink, UploadOwner {
  /** How the reader goes on after the head. */
  verdict: Verdict = "Stop"
  // What its answer is made of.
  upstream: LiveUpstream | null = null
  /** Where the upstream balances by a consistent hash. */
  affinity: Affinity | null = null
  /** Where the backend has sessions, or else the rule. */
  pin: Pin | null = null
  private rulePin: Pin | null = null
  private hold: Disposable | null = null
  private attempt: Attempt | null = null
  private upload: Upload | null = null
  private copies: Mirroring | null = null
  private deadlines: Deadlines | null = null
  /** Of the answer, as it came: what its body is. */
  private fields: ReadonlyArray<string> = none
  private tunnel: Tunnel | null = null
  /** What the Backend says when nobody is left who can serve; null: what failed last. */
  private last: LastAnswer | null = null
  /** The client was told to send its body. */
  private asked = false
  private finished = false

  /** Runs the phases up to the attempt. A defect here costs this request (500), never the process. */
  run(): void {
    try {
      this.route()
    } catch (cause) {
      this.defect(cause)
    }
  }

  private route() {
    const { context, connection, table } = this
    const { remote } = connection
    const short = context.memory.short()
    if (short !== null) return this.refuse("overload", short)
    const head = checkHead(this.received, remote.trusted ? table.trustedHead : table.head)
    if (head._tag === "Refused") {
      if (head.bodiless) this.verdict = "None"
      else connection.last()
      return this.refuse(head.reason, head.detail)
    }
    this.head = head
    this.verdict = head.chunked ? "Chunked" : (head.contentLength ?? "None")
    if (!head.keepAlive) connection.last()
    if (head.answered) return this.answerLocally(204, ["Allow", allowedMethods], "")
    const decision = decide(table, head, remote.secure ? remote.servername : null, remote.verified, Math.random(), this.time)
    this.listener = decision.listener
    this.rule = decision.rule
    this.share = decision.share
    const { rule } = decision
    // Every call of gRPC says that it takes trailers: other requests are not looked at for its time.
    const deadline = rule === null ? null : head.trailers ? callDeadline(this.received.fields, rule.requestDeadline) : rule.requestDeadline
    if (rule !== null && (deadline !== null || rule.backendDeadline !== null)) {
      this.deadlines = new Deadlines()
      this.deadlines.startRequest(deadline, () => this.timedOut("request", deadline))
    }
    if (decision._tag === "Refuse") return this.refuse(decision.reason, decision.detail)
    if (decision._tag === "Preflight") return this.answerLocally(204, decision.fields, "")
    if (decision._tag === "Redirect") {
      return this.answerLocally(decision.status, redirection(decision.to, decision.rule, head, decision.listener, remote.secure), "")
    }
    const upstream = context.upstreams.get(decision.upstream)
    if (upstream === undefined) return this.refuse("internal", `the snapshot has no upstream ${decision.upstream}`)
    if (head.upgrade !== null && upstream.multiplexed) return this.refuse("upgrade_unsupported", "the backend is spoken to in HTTP/2")
    const limit = context.uploadLimits.bytes
    if (limit !== null && head.contentLength !== null && head.contentLength > limit) {
      return this.refuse("body_too_large", `the declared body is larger than ${limit} bytes`)
    }
    this.rulePin = decision.pin
    this.send(head, decision.listener, decision.share, upstream, decision.hops)
  }

  private send(head: RequestHead, listener: LiveListener, share: LiveShare, upstream: LiveUpstream, hops: number) {
    if (head.chunked || (head.contentLength !== null && head.contentLength > 0)) {
      this.upload = new Upload(this, this.context.uploadLimits, this.started)
      this.upload.on("error", ignore)
      // A stream of gRPC may be silent before its answer begins, too.
      if (head.trailers && isGrpc(this.received.fields)) this.upload.stopClock()
    }
    const last = share.answer === null ? null : { answer: share.answer, upstream }
    const [first, ...others] = share.standbys.length === 0 && last === null ? [] : legsOf(share, this.context.upstreams, Math.random())
    const trouble = last === null || first !== undefined ? null : upstream.trouble
    if (last !== null && trouble !== null) return this.instead(last, trouble.reason, trouble.detail)
    this.last = last
    const { context, connection, received } = this
    const incoming: Incoming = { context, connection, received, head, port: listener.spec.port, hops }
    if (share.mirrors.length > 0) this.copies = copiesOf(incoming, this.rule!, share, this.upload !== null)
    const begun = first ?? { share, upstream }
    // Who comes after it edits the fields as the client sent them.
    const headers = others.length === 0 ? head.headers : head.headers.slice()
    const request = this.address(begun, incoming, headers)
    if (head.expectContinue) {
      this.asked = true
      this.reply.proceed()
    }
    const rule = this.rule!
    const again = (leg: Leg) => this.address(leg, incoming, head.headers.slice())
    this.plan = planOver(begun, others, rule, this.started, again, last !== null)
    // The tries of a plan have their times each.
    if (this.plan === null) this.deadlines?.startBackend(rule.backendDeadline, () => this.timedOut("backend", rule.backendDeadline))
    this.attempt = begun.upstream.send(request, this, this.plan)
  }

  /** The request as one upstream is to get it: that one's from here on. headers: the client's own, which are edited. */
  private address({ share, upstream }: Leg, incoming: Incoming, headers: Array<string>): UpstreamRequest {
    const { context, connection, head } = incoming
    this.hold?.[Symbol.dispose]()
    this.hold = upstream.hold()
    this.upstream = upstream
    this.share = share
    this.affinity = share.key === null ? null : affinityOf(share.key, head, connection.remote, context.trust)
    // Read before `outgoing` edits the list that they are read from.
    this.pin = share.session === null ? this.rulePin : share.session.read(head, this.time)
    const wanted = this.pin?.wanted(upstream.spec.of.target) ?? (share.overrides === null ? null : wantedOf(share.overrides, head))
    return outgoing(incoming, headers, upstream.spec, share.compiled.filters, this.upload, this.affinity?.hash ?? null, wanted)
  }

  // === ResponseSink ===

  onInterim(status: number, headers: ReadonlyArray<string>): void {
    this.reply.interim(status, headers)
  }

  onHead(status: number, headers: ReadonlyArray<string>, peer: AttemptPeer): boolean {
    if (this.finished) return false
    this.noteHead(peer)
    this.upload?.stopClock()
    if (this.last !== null && followsStatus(status, this.head!, this.plan, this.upstream)) {
      this.abandon()
      this.instead(this.last, null, `the backend answered ${status}`)
      return false
    }
    this.fields = headers
    const fields = returning(headers, this, peer)
    // A client that asked for an upgrade and has sent more already may have spoken the other protocol: nobody reads that as requests (RFC 9112 11.2).
    if (this.head!.upgrade !== null && this.connection.ahead) this.connection.last()
    if (!this.reply.head(status, fields, fields !== headers)) {
      this.attempt?.abort()
      this.refuse("upstream_malformed", "a field of the response cannot be written")
      return false
    }
    return true
  }

  onData(chunk: Uint8Array): boolean {
    return !this.finished && this.reply.data(chunk as Buffer)
  }

  onEnd(trailers: ReadonlyArray<string>): void {
    if (this.finished) return
    this.attempt = null
    this.reply.end(this.head!.trailers ? trailers : null)
    this.answered()
  }

  onUpgrade(_status: number, headers: ReadonlyArray<string>, socket: Duplex, head: Uint8Array, peer: AttemptPeer): void {
    const fields = returning(headers, this, peer)
    if (this.finished || !this.reply.switchProtocols(this.head!.upgrade, fields)) {
      socket.destroy()
      if (!this.finished) this.cut("upstream_malformed", "a field of the response cannot be written")
      return
    }
    this.noteHead(peer)
    this.attempt = null
    this.deadlines?.clear()
    const early = this.connection.handOver()
    const idle = settle(this.upstream!.spec.timeouts.idle, defaultIdle)
    const onEnd = (end: TunnelEnd) => {
      this.bytesIn = end.bytesIn
      this.reply.bytes = end.bytesOut
      if (end.reason !== null) this.note(end.reason, "nothing moved through the tunnel")
      this.connection.guard(() => this.finish())
    }
    this.tunnel = joinTunnel(this.connection.socket, socket, { client: early, upstream: head }, idle, onEnd, this.head!.upgrade)
  }

  onFailure(failure: UpstreamFailure): void {
    if (this.finished) return
    this.attempt = null
    this.peer = failure.peer ?? this.peer
    this.connection.guard(() => {
      if (this.reply.headed) this.cut(failure.reason, failure.detail)
      else if (this.last !== null && followsFailure(failure, this.head!)) this.instead(this.last, failure.reason, failure.detail)
      else this.refuse(failure.reason, failure.detail)
    })
  }

  // === Ways out ===

  /** A local answer by the failure table. After a head was sent there is none to give: the connection is cut. */
  refuse(reason: Reason, detail: string): void {
    if (this.finished || this.reply.answered) return
    if (this.reply.headed) this.cut(reason, detail)
    else this.say(isGrpc(this.received.fields) ? grpcAnswer(reason) : answerTo(reason), reason, detail)
  }

  /** Nobody is left who can serve: what the Backend says then. reason null: somebody answered, with a status that passes on. */
  private instead({ answer, upstream }: LastAnswer, reason: Reason | null, why: string): void {
    if (this.finished || this.reply.answered) return
    upstream.host.counts.responses++
    this.say(answer, reason, `${why}; answered by failover.response`)
  }

  private say({ status, headers, body, close }: LocalAnswer, reason: Reason | null, detail: string): void {
    this.note(reason, detail)
    if (close) this.connection.last()
    const fields = [...headers]
    const filters = this.share?.compiled.filters ?? this.rule?.compiled.filters
    if (filters !== undefined) editAnswer(fields, filters, this.received.fields)
    this.answerLocally(status, fields, body)
  }

  private answerLocally(status: number, fields: Array<string>, body: string): void {
    // A client that waits for 100 may send its body or not after this answer: nobody can tell what its next byte is (RFC 9110 10.1.1).
    if (this.head?.expectContinue === true && !this.asked) this.connection.last()
    if (!this.reply.answer(status, fields, body)) this.note("internal", "a response edit cannot be written")
    this.answered()
  }

  /** The answer breaks off. */
  private cut(reason: Reason, detail: string): void {
    this.note(reason, detail)
    this.reply.cut()
    this.finish()
  }

  /** A bug of ours: this request is answered 500, or its answer breaks off. */
  defect(cause: unknown): void {
    this.abandon()
    // Where the message ends was not found out.
    if (this.verdict === "Stop") this.connection.last()
    if (!this.reply.answered) this.refuse("internal", defectDetail(cause))
    else if (!this.finished) this.cut("internal", defectDetail(cause))
  }

  // === The client's side ===

  /** Bytes of the body. false: nobody wants them. */
  take(chunk: Buffer): boolean {
    const { upload } = this
    if (upload === null || upload.destroyed) return false
    this.copies?.data(chunk)
    upload.give(chunk)
    return true
  }

  bodyEnded(trailers: ReadonlyArray<string>): void {
    if (this.upload === null || this.upload.destroyed) return
    this.copies?.end()
    this.upload.finish(trailers)
  }

  /** The rest of this request's body is none. */
  clientFailed(reason: Reason, detail: string): void {
    this.abandon()
    this.connection.last()
    this.refuse(reason, detail)
  }

  onHeld(): void {
    this.connection.holdBody()
  }

  onWanted(): void {
    this.connection.wantBody()
  }

  /** The client has taken what was written. */
  onDrain(): void {
    this.reply.drained()
    if (this.reply.answered) this.finish()
    else this.attempt?.resume()
  }

  /** The client's connection is closed, or its stream. */
  onGone(detail = "the client closed the connection"): void {
    if (this.finished) return
    if (this.connection.cut) this.note("draining", "not done by the drain deadline")
    else this.note("client_abort", detail)
    this.finish()
  }

  /** The time of a drain is nearly over: what has words of its own for its end is ended with them now. The rest may still end of itself. */
  farewell(): void {
    const { reply, tunnel } = this
    if (this.finished || reply.answered) return
    if (tunnel !== null) {
      if (tunnel.leave()) this.note("draining", goodbye)
      return
    }
    const trailers = lastWords(this.received.fields, reply.headed ? this.fields : null)
    if (trailers === null) return
    this.abandon()
    if (reply.headed) {
      this.note("draining", goodbye)
      reply.end(trailers)
      this.answered()
    } else this.refuse("draining", goodbye)
  }

  look(now: number): void {
    this.upload?.look(now)
    if (this.finished || !this.reply.stalled(now)) return
    this.abandon()
    this.cut("client_abort", `the client read nothing for ${this.context.stall} ms`)
  }

  private timedOut(what: "request" | "backend", milliseconds: number | null): void {
    if (this.reply.answered) return
    this.abandon(true)
    this.connection.guard(() => this.refuse(`${what}_timeout`, `the ${what} took more than ${milliseconds} ms`))
  }

  onUploadFailure(reason: UploadFailure, detail: string): void {
    this.abandon()
    this.refuse(reason, detail)
  }

  // === Shared by the ways out ===

  /** The upstream's part is over; what is left is the client's reading. */
  private answered(): void {
    this.deadlines?.clear()
    if (this.reply.taken) this.finish()
    else if (this.upload !== null) {
      this.bytesIn = this.upload.received
      this.upload.destroy()
    }
  }

  /** Nobody wants the upstream's answer any more. late: it did not come in time. */
  private abandon(late = false): void {
    this.attempt?.abort(late)
    this.attempt = null
  }

  private finish(): void {
    if (this.finished) return
    this.finished = true
    this.deadlines?.clear()
    this.abandon()
    if (this.upload !== null) {
      this.bytesIn = this.upload.received
      if (!this.upload.destroyed) this.upload.destroy()
    }
    this.copies?.leave()
    this.hold?.[Symbol.dispose]()
    const now = performance.now()
    try {
      this.settle(now)
    } finally {
      this.connection.end(now)
    }
  }
}

const none: ReadonlyArray<string> = []

const ignore = (): void => {}
