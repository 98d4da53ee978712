// What a dial is given and what it ends in: plain data, so that pools, probes and `explain --probe` share one dialler (law 5).
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import type { TcpKeepalive } from "../../snapshot/behaviour.ts"
import type { ConnectReason } from "../../snapshot/reason.ts"
import type { AddressPolicy } from "../../snapshot/upstream.ts"
import type { Identity } from "./identity.ts"
import type { OwnAddresses } from "./own.ts"
import type { DialTarget } from "./policy.ts"
import type { TlsContext } from "./tls.ts"
import type { Through } from "./tunnel.ts"

export interface DialPlan {
  /** Addresses in the order they are to be tried; or one Unix socket, which no address policy judges (translate has judged its folder). */
  readonly to:
    | { readonly _tag: "Addresses"; readonly candidates: ReadonlyArray<DialTarget> }
    | { readonly _tag: "Unix"; readonly path: string }
  /** Of the candidates that are a proxy's, what is said to it; null: they have none beyond them. */
  readonly through?: Through | null
  /** The first bytes to the endpoint, before TLS; absent: there are none. */
  readonly preface?: Uint8Array
  /** What is dialled from, an address of a family; a family without one is not dialled. Absent: the system chooses. */
  readonly sources?: ReadonlyArray<string>
  /** Absent: the default. */
  readonly keepalive?: TcpKeepalive
  readonly policy: AddressPolicy
  readonly own: OwnAddresses
  /** From `identityOf`: what TLS says (SNI, ALPN) and what the certificate must carry. */
  readonly identity: Identity
  /** null: plaintext. */
  readonly tls: TlsContext | null
  /** Milliseconds: one TCP attempt, one TLS handshake. No attempt starts later than `connect` after the dial began. */
  readonly timeouts: { readonly connect: number; readonly tlsHandshake: number }
  /** Milliseconds between the starts of two attempts (RFC 8305 section 5); 250 when absent, kept within 100 and 2,000. */
  readonly attemptDelay?: number
  /** Called once for every socket that is opened, just before it is: counts dials. */
  readonly onDial?: (ip: string, port: number) => void
}

/** One address that was tried or refused, for logs and explain. */
export interface DialAttempt {
  readonly ip: string
  readonly port: number
  readonly reason: ConnectReason
  readonly detail: string
  readonly ms: number
}

/** What the handshake showed. expires: RFC 3339. */
export interface PeerTls {
  readonly protocol: string
  readonly cipher: string
  readonly alpn: string | null
  readonly subject: string
  readonly issuer: string
  /** SANs as `dns:…`, `uri:…`, `ip:…`. */
  readonly names: ReadonlyArray<string>
  readonly expires: string
  readonly resumed: boolean
}

export interface Dialled {
  readonly _tag: "Dialled"
  readonly socket: Socket | TLSSocket
  /** The IP, or the path of the Unix socket. */
  readonly address: string
  /** 0 for a Unix socket. */
  readonly port: number
  readonly connectMs: number
  readonly tlsMs: number
  readonly tls: PeerTls | null
}

export interface DialFailed {
  readonly _tag: "Failed"
  /** Of the attempt that came furthest. */
  readonly reason: ConnectReason
  /** A sentence for logs and explain; no secrets, never for clients. */
  readonly detail: string
  readonly attempts: ReadonlyArray<DialAttempt>
}

export type DialOutcome = Dialled | DialFailed

export interface Dial {
  /** Closes everything the dial holds; `done` is not called any more. A no-op once done. */
  readonly cancel: () => void
}
