// One request through its phases: head → match → filters → pick → attempt → relay → log. Plain callbacks over the tables it read once;
// it holds its rule and its upstream, never the snapshot. Every way out goes through `finish`, which happens once.
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { applyEdits, joinedValue } from "../routing/headers.ts"
import { redirectLocation, rewritePath, withQuery } from "../routing/rewrite.ts"
import { defaultIdle } from "../snapshot/behaviour.ts"
import type { Id } from "../snapshot/id.ts"
import type { Reason } from "../snapshot/reason.ts"
import type { Redirect } from "../snapshot/route.ts"
import { settle } from "../snapshot/setting.ts"
import type { Attempt, AttemptPeer, ResponseSink, UpstreamFailure } from "../upstream/attempt.ts"
import { trailerFields } from "../upstream/fields.ts"
import type { LiveUpstream } from "../upstream/live.ts"
import type { AccessLog } from "./accesslog.ts"
import { answerTo } from "./answer.ts"
import type { Connection } from "./connection.ts"
import { Deadlines } from "./deadline.ts"
import { decide } from "./decision.ts"
import { clientAddress, type Trust, writeForwarding } from "./forwarded.ts"
import { allowedMethods, checkHead, type HeadLimits, type ReceivedHead, type RequestHead } from "./head.ts"
import { failures, loggedStatus } from "./response.ts"
import type { LiveListener, LiveRule, LiveShare, PortTable } from "./table.ts"
import type { Tally } from "./tally.ts"
import { joinTunnel } from "./tunnel.ts"
import { discard, Upload, type UploadLimits } from "./upload.ts"

/** What an exchange needs to know of where it happens. One a port. */
export interface ExchangeContext {
  readonly gateway: string
  /** Read once a request. */
  readonly table: () => PortTable
  readonly upstreams: ReadonlyMap<Id, LiveUpstream>
  /** `bytes` are the port's. */
  readonly headLimits: Omit<HeadLimits, "bytes" | "forwarded">
  readonly uploadLimits: UploadLimits
  /** How much of a body is read on after an answer that did not wait for it. */
  readonly discard: { readonly bytes: number; readonly milliseconds: number }
  /** Milliseconds a client may leave a response unread. */
  readonly stall: number
  readonly trust: Trust
  readonly log: AccessLog
  readonly draining: () => boolean
  /** An exchange began (1) or ended (-1). */
  readonly onActive: (change: 1 | -1) => void
}

const idempotent: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"])

export class Exchange implements ResponseSink {
  readonly context: ExchangeContext
  readonly connection: Connection
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Not null: an Upgrade request, with whatever followed its head. */
  readonly upgradeHead: Uint8Array | null
  private readonly time = Date.now()
  private readonly started = performance.now()
  private readonly table: PortTable
  private head: RequestHead | null = null
  private listener: LiveListener | null = null
  private rule: LiveRule | null = null
  private share: LiveShare | null = null
  private upstream: LiveUpstream | null = null
  private hold: Disposable | null = null
  private attempt: Attempt | null = null
  private upload: Upload | null = null
  private readonly deadlines = new Deadlines()
  private stallTimer: NodeJS.Timeout | null = null
  private unread = false
  private sentAt = 0
  private upstreamHead: number | null = null
  private peer: AttemptPeer | null = null
  private status = 0
  private bytesIn = 0
  private bytesOut = 0
  private reason: Reason | null = null
  private detail = ""
  private headed = false
  private flushed = false
  /** The first bytes of the body wait for the end of this tick: a short response leaves in one write with its head and its end. */
  private first: Uint8Array | null = null
  /** The last byte of the response was handed to the socket. */
  private answered = false
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
    // After the end as after an abort: the one place where the client's side is over.
    response.on("close", this.onClosed)
    request.on("error", ignore)
    response.on("error", ignore)
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
    if (!head.keepAlive) this.last()
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
    if (head.expectContinue) this.response.writeContinue()
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
    if (this.headed || this.finished || this.request.httpVersion !== "1.1") return
    try {
      this.response.writeInformation(status, headers as Array<string>)
    } catch {
      // An interim response is advice: one that cannot be written is left out.
    }
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
      this.writeHead(status, fields)
    } catch {
      this.attempt?.abort()
      this.refuse("upstream_malformed", "a field of the response cannot be written")
      return false
    }
    // Node keeps the head back until the first byte of the body; a stream that is silent at first would look like a hang.
    process.nextTick(flush, this)
    return true
  }

  onData(chunk: Uint8Array): boolean {
    if (this.finished) return false
    this.bytesOut += chunk.length
    if (!this.flushed) {
      if (this.first === null) {
        this.first = chunk
        return true
      }
      this.flush()
    }
    return this.write(chunk)
  }

  onEnd(trailers: ReadonlyArray<string>): void {
    if (this.finished) return
    this.attempt = null
    if (trailers.length > 0 && this.head!.trailers && this.response.chunkedEncoding) this.addTrailers(trailers)
    this.answered = true
    this.flushed = true
    if (this.first === null) this.response.end()
    else this.response.end(this.first)
    this.first = null
    this.settled()
  }

  onUpgrade(_status: number, headers: ReadonlyArray<string>, socket: Duplex, head: Uint8Array, peer: AttemptPeer): void {
    const client = this.response.socket as Socket | null
    if (this.finished || client === null) {
      socket.destroy()
      return
    }
    this.peer = peer
    this.attempt = null
    this.status = 101
    this.headed = true
    this.upstreamHead = performance.now() - this.sentAt
    this.share!.tally.upstreamHead(this.upstreamHead)
    this.deadlines.clear()
    this.response.off("close", this.onClosed)
    this.response.detachSocket(client)
    const fields = [...headers]
    applyEdits(fields, this.share!.compiled.filters.response)
    let text = `HTTP/1.1 101 ${STATUS_CODES[101]}\r\nConnection: Upgrade\r\nUpgrade: ${this.head!.upgrade}\r\n`
    for (let at = 0; at < fields.length; at += 2) text += `${fields[at]}: ${fields[at + 1]}\r\n`
    client.write(`${text}\r\n`, "latin1")
    const idle = settle(this.upstream!.spec.timeouts.idle, defaultIdle)
    joinTunnel(client, socket, { client: this.upgradeHead!, upstream: head }, idle, (end) => {
      this.bytesIn = end.bytesIn
      this.bytesOut = end.bytesOut
      if (end.reason !== null) this.note(end.reason, "nothing moved through the tunnel")
      this.finish()
    })
  }

  onFailure(failure: UpstreamFailure): void {
    if (this.finished) return
    this.attempt = null
    this.peer = failure.peer ?? this.peer
    if (this.headed) this.cut(failure.reason, failure.detail)
    else this.refuse(failure.reason, failure.detail)
  }

  // === Ways out ===

  /** A local answer by the failure table. After a head was sent there is none to give: the connection is cut. */
  refuse(reason: Reason, detail: string): void {
    if (this.finished || this.answered) return
    if (this.headed) {
      this.cut(reason, detail)
      return
    }
    this.note(reason, detail)
    const { status, headers, body, close } = answerTo(reason)
    if (close) this.last()
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
    if (this.head?.expectContinue === true && this.sentAt === 0) this.last()
    try {
      this.writeHead(status, fields)
    } catch {
      // An edit of the user's that cannot be written (translate refuses those): the plain answer instead.
      const plain = answerTo("internal")
      this.note("internal", "a response edit cannot be written")
      this.writeHead(plain.status, [...plain.headers])
    }
    this.answered = true
    this.flushed = true
    this.bytesOut = this.request.method === "HEAD" ? 0 : Buffer.byteLength(body)
    this.response.end(body)
    this.settled()
  }

  /** Nothing can be said any more: the client must not take what it got for the whole. */
  private cut(reason: Reason, detail: string): void {
    this.note(reason, detail)
    const socket = this.response.socket ?? this.request.socket
    // An HTTP/1.0 body may end with its connection, and then looks whole when that ends cleanly: only a reset says otherwise.
    if (this.request.httpVersion === "1.0" && !this.connection.secure) socket.resetAndDestroy()
    else socket.destroy()
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
    this.last()
    this.refuse(reason, detail)
  }

  private readonly onClosed = (): void => {
    if (this.finished) return
    if (!this.response.writableFinished) this.note("client_abort", "the client closed the connection")
    this.finish()
  }

  private readonly onRequestTimeout = (): void => {
    this.timedOut("request_timeout", `the request took more than ${this.rule!.requestDeadline} ms`)
  }

  private readonly onBackendTimeout = (): void => {
    this.timedOut("backend_timeout", `the backend took more than ${this.rule!.backendDeadline} ms`)
  }

  private timedOut(reason: Reason, detail: string): void {
    if (this.answered) return
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

  private readonly onStall = (): void => {
    // All was taken meanwhile: what is silent now is the upstream, which has a clock of its own.
    if (!this.unread) return
    // Its turn on a pipelined connection has not come: there is nothing yet that the client could read.
    if (this.response.socket === null) {
      this.stallTimer?.refresh()
      return
    }
    this.attempt?.abort()
    this.attempt = null
    this.cut("client_abort", `the client read nothing for ${this.context.stall} ms`)
  }

  /** The client has more before it than it takes. */
  private awaitReading(): void {
    this.unread = true
    if (this.stallTimer !== null) {
      this.stallTimer.refresh()
      return
    }
    this.stallTimer = setTimeout(this.onStall, this.context.stall)
    this.response.on("drain", this.onDrain)
    // The socket of an Upgrade request left the server's hands: nobody passes its drain on to the response.
    if (this.upgradeHead !== null) this.response.socket?.on("drain", this.onDrain)
  }

  private readonly onDrain = (): void => {
    // After the last byte only the end of the response is an end.
    this.unread = this.answered
    this.stallTimer?.refresh()
    this.attempt?.resume()
  }

  // === Shared by the ways out ===

  private writeHead(status: number, fields: Array<string>): void {
    if (this.context.draining()) this.last()
    this.response.writeHead(status, fields)
    this.status = status
    this.headed = true
  }

  /** The connection ends with this answer. */
  private last(): void {
    this.response.shouldKeepAlive = false
    this.connection.final = true
  }

  /** The upstream's part is over; what is left is the client's reading. */
  private settled(): void {
    this.deadlines.clear()
    // As a rule the socket has taken everything by now, and no clock is needed.
    if (this.response.socket?.writableLength !== 0) this.awaitReading()
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

  private addTrailers(trailers: ReadonlyArray<string>): void {
    const fields = trailerFields(trailers)
    const pairs: Array<[string, string]> = []
    for (let at = 0; at < fields.length; at += 2) pairs.push([fields[at]!, fields[at + 1]!])
    try {
      this.response.addTrailers(pairs)
    } catch {
      // A trailer that cannot be written is left out; the content before it stands.
    }
  }

  /** The first reason is the cause; what follows from it says nothing new. */
  private note(reason: Reason, detail: string): void {
    if (this.reason !== null) return
    this.reason = reason
    this.detail = detail
  }

  flush(): void {
    if (this.flushed || this.finished) return
    this.flushed = true
    if (this.first === null) this.response.flushHeaders()
    else this.write(this.first)
    this.first = null
  }

  private write(chunk: Uint8Array): boolean {
    if (this.response.write(chunk)) return true
    this.awaitReading()
    return false
  }

  private finish(): void {
    if (this.finished) return
    this.finished = true
    this.deadlines.clear()
    if (this.stallTimer !== null) clearTimeout(this.stallTimer)
    this.attempt?.abort()
    this.attempt = null
    if (this.upload !== null) {
      this.bytesIn = this.upload.received
      if (!this.upload.destroyed) this.upload.destroy()
    }
    this.hold?.[Symbol.dispose]()
    this.connection.end(this)
    this.context.onActive(-1)
    this.record()
  }

  private record(): void {
    const { context, connection, head, listener, rule, share, reason, peer, request } = this
    const tally: Tally = share?.tally ?? rule?.tally ?? listener?.tally ?? this.table.tally
    const status = this.headed ? this.status : reason === null ? 0 : loggedStatus(reason)
    const duration = performance.now() - this.started
    tally.request(status, duration, this.bytesIn, this.bytesOut)
    if (reason !== null) tally.failure(reason)
    context.log.write({
      time: this.time,
      gateway: context.gateway,
      listener: listener?.name ?? "",
      route: rule?.route ?? "",
      rule: rule?.name ?? "",
      upstream: share?.tally.labels.upstream ?? "",
      endpoint: peer?.endpoint ?? "",
      address: peer?.address ?? "",
      reused: peer?.reused ?? null,
      client: clientAddress(connection.peer, head?.headers ?? [], context.trust),
      method: request.method ?? "",
      host: head?.authority ?? "",
      path: head?.path ?? "",
      protocol: `HTTP/${request.httpVersion}`,
      tls: connection.tls,
      userAgent: head === null ? "" : (joinedValue(head.headers, "user-agent") ?? ""),
      status,
      reason: reason ?? "",
      flag: reason === null ? "" : failures[reason].flag,
      detail: this.detail,
      bytesIn: this.bytesIn,
      bytesOut: this.bytesOut,
      duration,
      upstreamHead: this.upstreamHead
    })
  }
}

const flush = (exchange: Exchange): void => exchange.flush()

const ignore = (): void => {}
