// What a connection of a client and its port know of each other, whatever version of HTTP it speaks.
import type { Socket } from "node:net"
import type { Reason } from "../snapshot/reason.ts"
import type { Clock } from "./clock.ts"
import type { ExchangeContext } from "./context.ts"

export interface ConnectionTimes {
  /** Milliseconds for a request's head, from its first byte to its last. */
  readonly head: number
  /** An idle client connection; up to a tenth is added at random, so that a crowd does not leave at once. */
  readonly keepAlive: number
}

/** A connection, as its port has it. */
export interface PortConnection {
  /** Ended by us at the drain deadline, not by the client. */
  cut: boolean
  /** Nothing more is to begin: what is idle ends now, the rest after its answers. */
  readonly drain: () => void
  /** The time of its drain is nearly over: what may go on for ever is ended in its own words. */
  readonly farewell: () => void
}

/** The port a connection came in by. */
export interface ConnectionHost {
  readonly exchange: ExchangeContext
  readonly clock: Clock
  readonly times: ConnectionTimes
  readonly secure: boolean
  /** What is idle closes. Before that a drain only says of connections that they end: one whose last answer said that it is kept is kept. */
  readonly ending: () => boolean
  /** A connection that never became a request: one line, one count. */
  readonly onRefused: (socket: Socket, reason: Reason, detail: string) => void
  /** A client of HTTP/2 that knew it may (RFC 9113 section 3.3): the socket is the port's again, with what has come. */
  readonly onPreface: (socket: Socket, first: Buffer) => void
  readonly onClosed: (connection: PortConnection) => void
}
