// The fields of a response as they go to the client: the upstream's, what ties the client to who serves it, and what the user's filters edit.
import { editAnswer } from "../routing/filters.ts"
import type { AttemptPeer } from "../upstream/attempt.ts"
import type { Exchange } from "./exchange.ts"

type Answered = Pick<Exchange, "share" | "upstream" | "affinity" | "pin" | "connection" | "received">

/** The upstream's own list where nothing is changed. peer: who answered. */
export const returning = (
  headers: ReadonlyArray<string>,
  { share, upstream, affinity, pin, connection, received }: Answered,
  peer: AttemptPeer
): ReadonlyArray<string> => {
  const { filters } = share!.compiled
  const cookie = affinity === null ? null : affinity.cookie
  if (filters.response.length === 0 && filters.cors === null && cookie === null && pin === null) return headers
  const fields = [...headers]
  // Before the edits: what the user's filter says is the last word.
  if (cookie !== null) fields.push("Set-Cookie", cookie)
  if (pin !== null) fields.push(...pin.given(upstream!.spec.of.target, peer.address, connection.remote.secure))
  editAnswer(fields, filters, received.fields)
  return fields
}
