// A line and a count for a connection that never became an exchange: turned away, malformed, or without a handshake.
import type { Socket } from "node:net"
import type { Reason } from "../snapshot/reason.ts"
import type { AccessLog } from "./accesslog.ts"
import { plainAddress } from "./forwarded.ts"
import { failures, loggedStatus } from "./response.ts"
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
