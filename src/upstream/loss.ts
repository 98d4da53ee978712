// What it means that a connection is lost under an exchange: the same for every protocol that is spoken on it.
import type { UpstreamReason } from "../snapshot/reason.ts"
import type { AttemptPeer } from "./attempt.ts"
import { tlsFailure } from "./dial/failure.ts"

const codeOf = (error: Error | null): string | null => {
  const code = (error as { readonly code?: unknown } | null)?.code
  return typeof code === "string" ? code : null
}

/** error: the socket's first; null: it had none. */
export const howLost = (error: Error | null): string => {
  const code = codeOf(error)
  return code === null ? "closed" : `lost (${code})`
}

/** headed: the head of the final response had come. */
export const lossOf = (error: Error | null, headed: boolean, peer: AttemptPeer): readonly [reason: UpstreamReason, detail: string] => {
  if (headed) return ["upstream_truncated", `connection ${howLost(error)} in the middle of the response`]
  const code = codeOf(error)
  if (code?.startsWith("ERR_SSL_") !== true) return ["upstream_reset", `connection ${howLost(error)} before a response`]
  // TLS 1.3 peers refuse a client certificate after the handshake is done on our side (RFC 8446 section 4.4.2.4).
  const { reason, detail } = tlsFailure({ code }, peer.endpoint, peer.address, undefined, Date.now())
  return [reason, detail]
}
