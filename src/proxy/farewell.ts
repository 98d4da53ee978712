// How an answer that may go on for ever is ended when the gateway has to leave: in the words of what it speaks, so that its client takes it for an end and comes again, not
// for a failure of the network. What WebSockets say is in tunnel.ts.
import { isCall } from "../routing/call.ts"
import { joinedValue } from "../routing/headers.ts"
import { grpcStatus, isGrpc } from "./grpc.ts"

/** For the log. */
export const goodbye = "told to go at the end of the drain"

const eventStream = /^text\/event-stream *(;|$)/i

/**
 * The trailers that its end has; null: there are no words for it. request: raw pairs. answer: the same, of an answer whose head is out; null: none is. Events are whole at
 * any end of their stream: what is of none is no event to their client (HTML, server-sent events).
 */
export const lastWords = (request: ReadonlyArray<string>, answer: ReadonlyArray<string> | null): ReadonlyArray<string> | null => {
  if (answer === null) return isGrpc(request) ? grpcStatus("draining") : null
  if (joinedValue(answer, "content-length") !== null) return null
  const type = joinedValue(answer, "content-type")
  return isCall(type) ? grpcStatus("draining") : type !== null && eventStream.test(type) ? [] : null
}
