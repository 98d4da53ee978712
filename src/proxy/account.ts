// What is known of one request while it is under way: all that its line in the log and its counts are made of when it is over (record.ts). Apart from the exchange,
// which decides what happens and has no need to read most of this again.
import type { Reason } from "../snapshot/reason.ts"
import type { AttemptPeer } from "../upstream/attempt.ts"
import type { RetryPlan } from "../upstream/retry/plan.ts"
import type { Client, ClientReply } from "./client.ts"
import type { ExchangeContext } from "./context.ts"
import type { ReceivedHead, RequestHead } from "./head.ts"
import { recordExchange } from "./record.ts"
import type { LiveListener, LiveRule, LiveShare, PortTable } from "./table.ts"

export abstract class Account {
  readonly context: ExchangeContext
  readonly connection: Client
  readonly received: ReceivedHead
  readonly reply: ClientReply
  readonly time = Date.now()
  readonly started = performance.now()
  readonly table: PortTable
  head: RequestHead | null = null
  listener: LiveListener | null = null
  rule: LiveRule | null = null
  share: LiveShare | null = null
  /** Milliseconds from its beginning to the upstream's head. */
  upstreamHead: number | null = null
  peer: AttemptPeer | null = null
  plan: RetryPlan | null = null
  bytesIn = 0
  reason: Reason | null = null
  detail = ""

  constructor(context: ExchangeContext, connection: Client, received: ReceivedHead) {
    this.context = context
    this.connection = connection
    this.received = received
    this.table = context.table()
    context.onActive(1)
    this.reply = connection.replyTo(received.method, received.version === "1.0")
  }

  /** The first reason is the cause; what follows from it says nothing new. */
  protected note(reason: Reason | null, detail: string): void {
    if (this.reason !== null) return
    this.reason = reason
    this.detail = detail
  }

  /** It is over. Once; now: `performance.now()`. */
  protected settle(now: number): void {
    this.context.onActive(-1)
    recordExchange(this, now)
  }

  /** The upstream's head has come. */
  protected noteHead(peer: AttemptPeer): void {
    this.peer = peer
    this.upstreamHead = performance.now() - this.started
    this.share!.tally.upstreamHead(this.upstreamHead)
  }
}
