// A listener: what a port does. Listeners of one bind address and port share a socket and are told apart by SNI and Host.
import type { Id, Source } from "./id.ts"
import type { Forward, Refuse } from "./route.ts"

export interface Listener {
  readonly source: Source
  /** Lower case; `*.example.com` matches any number of labels; null: every host. */
  readonly hostname: string | null
  /** What the user wrote (80): redirects, X-Forwarded-Port, parentRef.port. */
  readonly port: number
  /** What the process opens (10080 in a pod). */
  readonly bind: { readonly address: string; readonly port: number; readonly transport: "tcp" | "udp" }
  readonly mode:
    | { readonly _tag: "Http"; readonly tls: DownstreamTls | null; readonly hosts: ReadonlyArray<Id> }
    /** TLS by SNI. tls null: passed through as it came; otherwise ended here, and its content passed on as bytes. */
    | { readonly _tag: "Tls"; readonly tls: DownstreamTls | null; readonly routes: ReadonlyArray<StreamRoute> }
    /** TCP or UDP, by `bind.transport`. route null: nobody has it, connections are closed and datagrams dropped. */
    | { readonly _tag: "Stream"; readonly tls: null; readonly route: StreamRoute | null }
    /** What the operator does not serve: its hostnames are answered 500 where a sibling has the port, never by a wider one. */
    | { readonly _tag: "Refused"; readonly tls: null; readonly problem: string }
    /** What a newer operator says and the proxy cannot read: its hostnames are answered 500, never by a wider sibling (law 15). Only readers make it. */
    | { readonly _tag: "Unknown"; readonly tls: null; readonly problem: string }
  readonly limits: ListenerLimits
}

export interface ListenerLimits {
  /** Open client connections of the socket; one more is answered 503 and closed. */
  readonly connections: number
  /** Bytes of a request head. */
  readonly headerBytes: number
}

export interface DownstreamTls {
  readonly certificates: ReadonlyArray<Id>
  readonly clientCa: Id | null
  readonly clientAuth: "None" | "Require" | "Allow"
}

/** What a TLSRoute, TCPRoute or UDPRoute says: whose bytes go where. One connection (or one client's datagrams) picks one share. */
export interface StreamRoute {
  readonly source: Source
  /** Lower case; `*.suffix`, or `*` for every name; TCP and UDP have `*`. */
  readonly hostname: string
  readonly action: Forward | Refuse
}

/** Those of a listener of bytes; of others there are none. */
export const streamRoutes = ({ mode }: Listener): ReadonlyArray<StreamRoute> =>
  mode._tag === "Tls" ? mode.routes : mode._tag === "Stream" && mode.route !== null ? [mode.route] : []
