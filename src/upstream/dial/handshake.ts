// TLS over a socket that is connected: its own clock, its own failures, and the check of the name on every handshake.
import type { X509Certificate } from "node:crypto"
import type { Socket } from "node:net"
import { connect, type TLSSocket } from "node:tls"
import { type Failure, tlsFailure } from "./failure.ts"
import type { Identity } from "./identity.ts"
import { namesOf, wrongName } from "./peer.ts"
import type { PeerTls } from "./plan.ts"
import type { TlsContext } from "./tls.ts"

export type Handshake =
  | { readonly _tag: "Done"; readonly socket: TLSSocket; readonly peer: PeerTls; readonly ms: number }
  | { readonly _tag: "Failed"; readonly failure: Failure; readonly ms: number }

const oneLine = (name: string): string => name.replaceAll("\n", ", ")

/** Once: either the verified socket or the failure; on failure (and after cancel) the socket is destroyed. at: for the words. */
export const handshake = (
  socket: Socket,
  context: TlsContext,
  identity: Identity,
  at: string,
  timeout: number,
  done: (outcome: Handshake) => void
): { readonly cancel: () => void } => {
  const began = performance.now()
  const who = identity.certificateName ?? identity.sni ?? at
  const sessionKey = `${identity.sni ?? ""}|${identity.certificateName ?? ""}|${identity.alpn.join(",")}`
  const session = context.sessions.get(sessionKey, Date.now())
  const secured = connect({
    socket,
    secureContext: context.secure,
    rejectUnauthorized: context.verify,
    // Ours is asked below, also after a resumption, which Node's hook is not.
    checkServerIdentity: () => undefined,
    ...(identity.sni === null ? {} : { servername: identity.sni }),
    ...(identity.alpn.length === 0 ? {} : { ALPNProtocols: [...identity.alpn] }),
    ...(session === undefined ? {} : { session: session.bytes })
  })
  let over = false
  let certificate: X509Certificate | undefined
  let verified = false
  let ticket: Buffer | null = null

  const finish = (outcome: Handshake) => {
    if (over) return
    over = true
    clearTimeout(timer)
    if (outcome._tag === "Failed") {
      context.sessions.drop(sessionKey)
      secured.destroy()
      socket.destroy()
    }
    done(outcome)
  }
  const elapsed = () => performance.now() - began
  const fail = (failure: Failure) => finish({ _tag: "Failed", failure, ms: elapsed() })
  const remember = (bytes: Buffer) => {
    if (certificate !== undefined) context.sessions.put(sessionKey, { bytes, certificate }, Date.now())
  }

  const timer = setTimeout(
    () => fail({ reason: "tls_timeout", detail: `${who} did not finish the TLS handshake within ${timeout} ms` }),
    timeout
  )

  // Before Node's own listener, which destroys the socket when the chain does not verify: the words need the certificate.
  secured.prependListener("secure", () => {
    certificate = secured.getPeerX509Certificate()
  })
  // Stays for the life of the socket: an error nobody listens to would end the process.
  secured.on("error", (error) => fail(tlsFailure(error, who, at, certificate, Date.now())))
  secured.on("close", () => fail({ reason: "tls_handshake", detail: `${at} closed the connection during the TLS handshake` }))
  secured.on("session", (bytes) => {
    if (verified) remember(bytes)
    else ticket = bytes
  })
  secured.once("secureConnect", () => {
    if (over) return
    // A resumed handshake shows none: the peer has proved to be the one that showed this.
    certificate = secured.getPeerX509Certificate() ?? (secured.isSessionReused() ? session?.certificate : undefined)
    if (certificate === undefined) return fail({ reason: "tls_handshake", detail: `${who} showed no certificate` })
    if (context.verify) {
      if (!secured.authorized) return fail(tlsFailure({ code: String(secured.authorizationError) }, who, at, certificate, Date.now()))
      const wrong = wrongName(certificate, context.names, identity.certificateName)
      if (wrong !== null) return fail({ reason: "tls_name_mismatch", detail: wrong })
    }
    // RFC 9113 section 3.2: without it nobody knows that the peer speaks HTTP/2.
    if (identity.alpn.length === 1 && identity.alpn[0] === "h2" && secured.alpnProtocol !== "h2")
      return fail({ reason: "tls_handshake", detail: `${who} speaks no HTTP/2 (it did not agree on h2 by ALPN)` })
    verified = true
    if (ticket !== null) remember(ticket)
    const ms = elapsed()
    finish({
      _tag: "Done",
      socket: secured,
      ms,
      peer: {
        protocol: secured.getProtocol() ?? "unknown",
        cipher: secured.getCipher().name,
        alpn: secured.alpnProtocol === false ? null : secured.alpnProtocol,
        subject: oneLine(certificate.subject ?? ""),
        issuer: oneLine(certificate.issuer ?? ""),
        names: namesOf(certificate),
        expires: new Date(certificate.validTo).toISOString(),
        resumed: secured.isSessionReused()
      }
    })
  })
  return {
    cancel: () => {
      if (over) return
      over = true
      clearTimeout(timer)
      secured.destroy()
      socket.destroy()
    }
  }
}
