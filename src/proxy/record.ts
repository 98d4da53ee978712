// What is kept of a request when it is over: one line in the access log and its counts. A connection that never became an exchange (turned away,
// malformed, or without a handshake) leaves the same.
import type { Socket } from "node:net"
import type { Reason } from "../snapshot/reason.ts"
import type { AttemptPeer } from "../upstream/attempt.ts"
import type { RetryPlan } from "../upstream/retry/plan.ts"
import type { AccessLog } from "./accesslog.ts"
import type { Account } from "./account.ts"
import { clientAddress, plainAddress } from "./forwarded.ts"
import { failures, loggedStatus } from "./response.ts"
import type { LiveListener, LiveRule, LiveShare } from "./table.ts"
import type { Tally } from "./tally.ts"

export const recordConnection = (
  to: { readonly gateway: string; readonly log: AccessLog; readonly tally: Tally },
  socket: Socket,
  failure: { readonly reason: Reason; readonly detail: string; readonly method?: string }
): void => {
  const { reason, detail, method } = failure
  const status = loggedStatus(reason)
  to.tally.request(status, 0, 0, 0)
  to.tally.failure(reason)
  to.log.write({
    time: Date.now(),
    gateway: to.gateway,
    listener: "",
    route: "",
    rule: "",
    upstream: "",
    endpoint: "",
    address: "",
    reused: null,
    tries: 0,
    withheld: "",
    client: plainAddress(socket.remoteAddress),
    method: method ?? "",
    host: "",
    path: "",
    protocol: "",
    tls: "",
    userAgent: "",
    status,
    reason,
    flag: failures[reason].flag,
    detail,
    bytesIn: 0,
    bytesOut: 0,
    duration: 0,
    upstreamHead: null
  })
}

/** What a route of bytes knows of one connection, or of one client's datagrams. started: `performance.now()`. */
export interface StreamRecord {
  readonly time: number
  readonly started: number
  readonly listener: LiveListener
  readonly rule: LiveRule | null
  readonly share: LiveShare | null
  readonly peer: AttemptPeer | null
  readonly client: string
  readonly servername: string
  readonly protocol: "TCP" | "TLS" | "UDP"
  readonly tls: string
  readonly plan: RetryPlan | null
  readonly reason: Reason | null
  readonly detail: string
  readonly bytesIn: number
  readonly bytesOut: number
}

/** Called once, at its end. now: `performance.now()`. */
export const recordStream = (to: { readonly gateway: string; readonly log: AccessLog }, stream: StreamRecord, now: number): void => {
  const { listener, rule, share, peer, plan, reason, bytesIn, bytesOut } = stream
  const tally: Tally = share?.tally ?? rule?.tally ?? listener.tally
  tally.stream(bytesIn, bytesOut)
  if (reason !== null) tally.failure(reason)
  to.log.write({
    time: stream.time,
    gateway: to.gateway,
    listener: listener.name,
    route: rule?.route ?? "",
    rule: "",
    upstream: share?.tally.labels.upstream ?? "",
    endpoint: peer?.endpoint ?? "",
    address: peer?.address ?? "",
    reused: null,
    tries: plan?.tries ?? 0,
    withheld: plan?.withheld ?? "",
    client: stream.client,
    method: "",
    host: stream.servername,
    path: "",
    protocol: stream.protocol,
    tls: stream.tls,
    userAgent: "",
    status: 0,
    reason: reason ?? "",
    flag: flagOf(reason, plan),
    detail: stream.detail,
    bytesIn,
    bytesOut,
    duration: now - stream.started,
    upstreamHead: null
  })
}

const flagOf = (reason: Reason | null, plan: RetryPlan | null): string => {
  const flag = reason === null ? "" : failures[reason].flag
  if (plan === null || (plan.withheld !== "attempts" && plan.withheld !== "budget")) return flag
  return flag === "" ? "URX" : `${flag},URX`
}

/** Called once, at the end of the exchange. now: `performance.now()`. */
export const recordExchange = (exchange: Account, now: number): void => {
  const { context, connection, reply, head, listener, rule, share, reason, peer, plan, received } = exchange
  const tally: Tally = share?.tally ?? rule?.tally ?? listener?.tally ?? exchange.table.tally
  const status = reply.headed ? reply.status : reason === null ? 0 : loggedStatus(reason)
  const duration = now - exchange.started
  const { remote } = connection
  tally.request(status, duration, exchange.bytesIn, reply.bytes)
  if (reason !== null) tally.failure(reason)
  context.log.write({
    time: exchange.time,
    gateway: context.gateway,
    listener: listener?.name ?? "",
    route: rule?.route ?? "",
    rule: rule?.name ?? "",
    upstream: share?.tally.labels.upstream ?? "",
    endpoint: peer?.endpoint ?? "",
    address: peer?.address ?? "",
    reused: peer?.reused ?? null,
    tries: plan?.tries ?? 0,
    withheld: plan?.withheld ?? "",
    // As it came: of what goes on, an upstream outside the cluster is told no address.
    client: remote.trusted ? clientAddress(remote.peer, received.fields, context.trust) : remote.peer,
    method: received.method,
    host: head?.authority ?? "",
    path: head?.path ?? "",
    protocol: received.version === "1.1" ? "HTTP/1.1" : `HTTP/${received.version}`,
    tls: remote.tls,
    userAgent: head?.userAgent ?? "",
    status,
    reason: reason ?? "",
    flag: flagOf(reason, plan),
    detail: exchange.detail,
    bytesIn: exchange.bytesIn,
    bytesOut: reply.bytes,
    duration,
    upstreamHead: exchange.upstreamHead
  })
}
