// Who is at the other end of a client's connection, found out once, when it has opened: what each of its requests is judged and logged by, whatever version of HTTP
// they speak.
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { clientProblem, servernameOf } from "./certificates.ts"
import { plainAddress, type Trust } from "./forwarded.ts"

export interface Remote {
  /** Its address. */
  readonly peer: string
  /** Its X-Forwarded-* are taken for true. */
  readonly trusted: boolean
  /** It came over TLS. */
  readonly secure: boolean
  /** SNI in lower case; "" when there was none. */
  readonly servername: string
  /** It showed a certificate that holds. */
  readonly verified: boolean
  /** `TLSv1.3`; "" on plain listeners. */
  readonly tls: string
}

/** secure: the socket is one of TLS whose handshake is over. */
export const remoteOf = (socket: Socket, secure: boolean, trust: Trust): Remote => {
  const peer = plainAddress(socket.remoteAddress)
  const trusted = trust(peer)
  if (!secure) return { peer, trusted, secure, servername: "", verified: false, tls: "" }
  const tls = socket as TLSSocket
  const verified = tls.authorized === true && clientProblem(tls) === null
  // A socket that has gone already says nothing any more.
  return { peer, trusted, secure, servername: servernameOf(tls), verified, tls: tls.getProtocol?.() ?? "" }
}
