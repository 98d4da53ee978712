// One request through its phases: head → match → filters → pick → attempt → relay → log. Plain callbacks over the tables it read once;
// it holds its rule and its upstream, never the snapshot. Every way out goes through `finish`, which happens once. How an answer leaves is reply.ts.
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Duplex } from "node:stream"
import { applyEdits } from "../routing/headers.ts"
import { redirectLocation, rewritePath, withQuery } from "../routing/rewrite.ts"
import { defaultIdle } from "../snapshot/behaviour.ts"
import type { Id } from "../snapshot/id.ts"
import type { Reason } from "../snapshot/reason.ts"
import type { Redirect } from "../snapshot/route.ts"
import { settle } from "../snapshot/setting.ts"
import type { Attempt, AttemptPeer, ResponseSink, UpstreamFailure } from "../upstream/attempt.ts"
import type { LiveUpstream } from "../upstream/live.ts"
import type { AccessLog } from "./accesslog.ts"
import { answerTo } from "./answer.ts"
import type { Connection } from "./connection.ts"
import { Deadlines } from "./deadline.ts"
import { decide } from "./decision.ts"
import { type Trust, writeForwarding } from "./forwarded.ts"
import { allowedMethods, checkHead, type HeadLimits, type ReceivedHead, type RequestHead } from "./head.ts"
import { recordExchange } from "./record.ts"
import { Reply, type ReplyContext, type ReplyOwner } from "./reply.ts"
import type { LiveListener, LiveRule, LiveShare, PortTable } from "./table.ts"
import { joinTunnel } from "./tunnel.ts"
import { discard, Upload, type UploadLimits } from "./upload.ts"

/** What an exchange needs to know of where it happens. One a port. */
export interface ExchangeContext extends ReplyContext {
  readonly gateway: string
  /** Read once a request. */
  readonly table: () => PortTable
  readonly upstreams: ReadonlyMap<Id, LiveUpstream>
  /** `bytes` are the port's. */
  readonly headLimits: Omit<HeadLimits, "bytes" | "forwarded">
  readonly uploadLimits: UploadLimits
  /** How much of a body is read on after an answer that did not wait for it. */
  readonly discard: { readonly bytes: number; readonly milliseconds: number }
  readonly trust: Trust
  readonly log: AccessLog
  /** An exchange began (1) or ended (-1). */
  readonly onActive: (change: 1 | -1) => void
}

const idempotent: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"])

export class Exchange implements ResponseSink, ReplyOwner {
  readonly context: ExchangeContext
  readonly connection: Connection
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Not null: an Upgrade request, with whatever followed its head. */
  readonly upgradeHead: Uint8Array | null
  readonly reply: Reply
  // What its record is made of.
  readonly time = Date.now()
  readonly started = performance.now()
  readonly table: PortTable
  head: RequestHead | null = null
  listener: LiveListener | null = null
  rule: LiveRule | null = null
  share: LiveShare | null = null
  upstreamHead: number | null = null
  peer: AttemptPeer | null = null
  bytesIn = 0
  reason: Reason | null = null
  detail = ""
  private upstream: LiveUpstream | null = null
  private hold: Disposable | null = null
  private attempt: Attempt | null = null
  private upload: Upload | null = null
  private readonly deadlines = new Deadlines()
  private sentAt = 0
  private finished = false

  constructor(
    context: ExchangeContext,
    connection: Connection,
    request: IncomingMessage,
    response: ServerResponse,
    upgradeHead: Uint8Array | null
  ) {
    this.context = context
    this.connection = connection
    this.request = request
    this.response = response
    this.upgradeHead = upgradeHead
    this.table = context.table()
    connection.begin(this)
    context.onActive(1)
    this.reply = new Reply(context, connection, request, response, upgradeHead !== null, this)
    request.on("error", ignore)
  }

  /** Runs the phases up to the attempt. A defect here costs this request (500), never the process. */
  run(): void {
    try {
      this.route()
    } catch (cause) {
      this.defect(cause)
    }
  }

  private route() {
    const { context, connection, request, table } = this
    const head = checkHead(request as ReceivedHead, connection.trusted ? table.trustedHead : table.head)
    if (head._tag === "Refused") return this.refuse(head.reason, head.detail)
    this.head = head
    if (!head.keepAlive) this.reply.last()
    if (head.answered) return this.answerOptions()
    const decision = decide(table, head, connection.secure ? connection.servername : null, Math.random())
    this.listener = decision.listener
    this.rule = decision.rule
    this.share = decision.share
    if (decision.rule !== null) this.deadlines.startRequest(decision.rule.requestDeadline, this.onRequestTimeout)
    if (decision._tag === "Refuse") return this.refuse(decision.reason, decision.detail)
    if (decision._tag === "Redirect") return this.redirect(decision.status, decision.to, head, decision.listener)
    const upstream = context.upstreams.get(decision.upstream)
    if (upstream === undefined) return this.refuse("internal", `the snapshot has no upstream ${decision.upstream}`)
    const limit = context.uploadLimits.bytes
    if (limit !== null && head.contentLength !== null && head.contentLength > limit) {
      return this.refuse("body_too_large", `the declared body is larger than ${limit} bytes`)
    }
    this.send(head, decision.listener, decision.share, upstream, decision.hops)
  }

  private send(head: RequestHead, listener: LiveListener, share: LiveShare, upstream: LiveUpstream, hopCount: number): void {
    const { context, connection, request } = this
    const { filters } = share.compiled
    this.upstream = upstream
    this.hold = upstream.hold()
    writeForwarding(head.headers, {
      external: upstream.spec.external,
      trusted: connection.trusted,
      peer: connection.peer,
      scheme: connection.secure ? "https" : "http",
      authority: head.authority,
      port: listener.spec.port,
      protocol: request.httpVersion,
      hops: hopCount
    })
    // After forwarding: what the user's filter sets is the last word.
    if (filters.request.length > 0) applyEdits(head.headers, filters.request)
    if (head.chunked || (head.contentLength !== null && head.contentLength > 0)) {
      this.upload = new Upload(request, context.uploadLimits, this.onUploadFailure)
      this.upload.on("error", ignore)
    }
    if (head.expectContinue) this.reply.proceed()
    this.deadlines.startBackend(this.rule!.backendDeadline, this.onBackendTimeout)
    this.sentAt = performance.now()
    this.attempt = upstream.send(
      {
        method: head.method,
        path: filters.path === null ? head.target : withQuery(rewritePath(filters.path, head.path), head.query),
        headers: head.headers,
        clientHost: head.authority,
        hostOverride: filters.hostname,
        body: this.upload,
        contentLength: head.chunked ? null : (head.contentLength ?? 0),
        upgrade: this.upgradeHead === null ? null : head.upgrade,
        idempotent: idempotent.has(head.method)
      },
      this
    )
  }

  // === ResponseSink ===

  onInterim(status: number, headers: ReadonlyArray<string>): void {
    this.reply.interim(status, headers)
  }

  onHead(status: number, headers: ReadonlyArray<string>, peer: AttemptPeer): boolean {
    if (this.finished) return false
    this.peer = peer
    this.upstreamHead = performance.now() - this.sentAt
    this.share!.tally.upstreamHead(this.upstreamHead)
    this.upload?.stopClock()
    const { response: edits } = this.share!.compiled.filters
    const fields = edits.length > 0 ? [...headers] : (headers as Array<string>)
    if (edits.length > 0) applyEdits(fields, edits)
    try {
      this.reply.head(status, fields)
    } catch {
      this.attempt?.abort()
      this.refuse("upstream_malformed", "a field of the response cannot be written")
      return false
    }
    return true
  }

  onData(chunk: Uint8Array): boolean {
    return !this.finished && this.reply.data(chunk)
  }

  onEnd(trailers: ReadonlyArray<string>): void {
    if (this.finished) return
    this.attempt = null
    this.reply.end(this.head!.trailers ? trailers : null)
    this.settled()
  }

  onUpgrade(_status: number, headers: ReadonlyArray<string>, socket: Duplex, head: Uint8Array, peer: AttemptPeer): void {
    const fields = [...headers]
    applyEdits(fields, this.share!.compiled.filters.response)
    const client = this.finished ? null : this.reply.switchProtocols(this.head!.upgrade, fields)
    if (client === null) {
      socket.destroy()
      return
    }
    this.peer = peer
    this.attempt = null
    this.upstreamHead = performance.now() - this.sentAt
    this.share!.tally.upstreamHead(this.upstreamHead)
    this.deadlines.clear()
    const idle = settle(this.upstream!.spec.timeouts.idle, defaultIdle)
    joinTunnel(client, socket, { client: this.upgradeHead!, upstream: head }, idle, (end) => {
      this.bytesIn = end.bytesIn
      this.reply.bytes = end.bytesOut
      if (end.reason !== null) this.note(end.reason, "nothing moved through the tunnel")
      this.finish()
    })
  }

  onFailure(failure: UpstreamFailure): void {
    if (this.finished) return
    this.attempt = null
    this.peer = failure.peer ?? this.peer
    if (this.reply.headed) this.cut(failure.reason, failure.detail)
    else this.refuse(failure.reason, failure.detail)
  }

  // === Ways out ===

  /** A local answer by the failure table. After a head was sent there is none to give: the connection is cut. */
  refuse(reason: Reason, detail: string): void {
    if (this.finished || this.reply.answered) return
    if (this.reply.headed) {
      this.cut(reason, detail)
      return
    }
    this.note(reason, detail)
    const { status, headers, body, close } = answerTo(reason)
    if (close) this.reply.last()
    const edits = (this.share?.compiled.filters ?? this.rule?.compiled.filters)?.response
    const fields = [...headers]
    if (edits !== undefined && edits.length > 0) applyEdits(fields, edits)
    this.answerLocally(status, fields, body)
  }

  private redirect(status: number, to: Redirect, head: RequestHead, listener: LiveListener): void {
    const { match } = this.rule!.compiled.rule
    const location = redirectLocation(to, {
      scheme: this.connection.secure ? "https" : "http",
      host: head.host,
      listenerPort: listener.spec.port,
      path: head.path,
      query: head.query,
      matchedPrefix: match.path.type === "Prefix" ? match.path.value : null
    })
    const fields = ["Location", location, "Content-Length", "0"]
    applyEdits(fields, this.rule!.compiled.filters.response)
    this.answerLocally(status, fields, "")
  }

  private answerOptions(): void {
    this.answerLocally(204, ["Allow", allowedMethods], "")
  }

  private answerLocally(status: number, fields: Array<string>, body: string): void {
    // A client that waits for 100 may send its body or not after this answer: nobody can tell what its next byte is (RFC 9110 10.1.1).
    if (this.head?.expectContinue === true && this.sentAt === 0) this.reply.last()
    if (!this.reply.answer(status, fields, body)) this.note("internal", "a response edit cannot be written")
    this.settled()
  }

  /** The answer breaks off. */
  private cut(reason: Reason, detail: string): void {
    this.note(reason, detail)
    this.reply.cut()
    this.finish()
  }

  private defect(cause: unknown): void {
    this.attempt?.abort()
    this.refuse("internal", cause instanceof Error ? `${cause.name}: ${cause.message}` : "defect")
  }

  // === The client's side ===

  /** The parser gave up on the rest of this request's body. */
  clientFailed(reason: Reason, detail: string): void {
    this.attempt?.abort()
    this.attempt = null
    this.reply.last()
    this.refuse(reason, detail)
  }

  onTaken(): void {
    this.attempt?.resume()
  }

  onUnread(): void {
    this.attempt?.abort()
    this.attempt = null
    this.cut("client_abort", `the client read nothing for ${this.context.stall} ms`)
  }

  /** The one place where the client's side is over. */
  onClosed(whole: boolean): void {
    if (this.finished) return
    if (!whole) {
      if (this.connection.cut) this.note("draining", "not done by the drain deadline")
      else this.note("client_abort", "the client closed the connection")
    }
    this.finish()
  }

  private readonly onRequestTimeout = (): void => {
    this.timedOut("request_timeout", `the request took more than ${this.rule!.requestDeadline} ms`)
  }

  private readonly onBackendTimeout = (): void => {
    this.timedOut("backend_timeout", `the backend took more than ${this.rule!.backendDeadline} ms`)
  }

  private timedOut(reason: Reason, detail: string): void {
    if (this.reply.answered) return
    this.attempt?.abort()
    this.attempt = null
    this.refuse(reason, detail)
  }

  private readonly onUploadFailure = (reason: "body_too_large" | "body_timeout"): void => {
    const { bytes, rate } = this.context.uploadLimits
    this.attempt?.abort()
    this.attempt = null
    this.refuse(reason, reason === "body_timeout" ? `less than ${rate} bytes a second came` : `the body is larger than ${bytes} bytes`)
  }

  // === Shared by the ways out ===

  /** The upstream's part is over; what is left is the client's reading. */
  private settled(): void {
    this.deadlines.clear()
    const { head } = this
    // node:http calls a request complete only after its handler: what declares no body has none to read.
    if (this.request.complete || (head !== null && !head.chunked && !head.contentLength)) return
    this.bytesIn = this.upload?.received ?? 0
    this.upload?.destroy()
    this.connection.discarding = true
    this.request.on("end", () => {
      this.connection.discarding = false
    })
    discard(this.request, this.context.discard)
  }

  /** The first reason is the cause; what follows from it says nothing new. */
  private note(reason: Reason, detail: string): void {
    if (this.reason !== null) return
    this.reason = reason
    this.detail = detail
  }

  private finish(): void {
    if (this.finished) return
    this.finished = true
    this.deadlines.clear()
    this.reply.release()
    this.attempt?.abort()
    this.attempt = null
    if (this.upload !== null) {
      this.bytesIn = this.upload.received
      if (!this.upload.destroyed) this.upload.destroy()
    }
    this.hold?.[Symbol.dispose]()
    this.connection.end(this)
    this.context.onActive(-1)
    recordExchange(this)
  }
}

const ignore = (): void => {}
