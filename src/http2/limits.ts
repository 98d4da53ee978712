// What one connection takes at most (law 19): beyond a bound the stream or the connection ends, so no peer decides how much is held or done for it.

/** So many at once, and then so many a second. */
export interface Budget {
  readonly burst: number
  readonly rate: number
}

export interface SessionLimits {
  /** Streams that the peer may have open at a time (SETTINGS_MAX_CONCURRENT_STREAMS); a client lets a server open none. */
  readonly streams: number
  /** Bytes of a stream's body that may be on their way or not consumed (SETTINGS_INITIAL_WINDOW_SIZE). */
  readonly window: number
  /** The same of all streams together; at least 65,535. */
  readonly connectionWindow: number
  /** Bytes of a head as lines of HTTP/1.1, pseudo fields included: of each name and value, and 4 more. Trailers have the same bound. */
  readonly headBytes: number
  /** Fields of a head or of trailers, without pseudo fields. */
  readonly fields: number
  /** Bytes of a header block as it comes, with all its CONTINUATION frames; and how many of those. More ends the connection. */
  readonly blockBytes: number
  readonly continuations: number
  /** Streams that end before their time through the peer: it resets them, or makes us do so. */
  readonly resets: Budget
  /** Frames that move nothing: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, unknown ones, DATA without bytes. Frames with bytes give some back. */
  readonly idleFrames: Budget
  /** Bytes that wait for a peer that does not read: beyond them nothing more of it is read. */
  readonly unsent: number
  /** Milliseconds for the peer to acknowledge our SETTINGS. */
  readonly settingsTime: number
  /** Server: extended CONNECT is offered (RFC 8441). */
  readonly connectProtocol: boolean
}

export const defaultSessionLimits: SessionLimits = {
  streams: 100,
  window: 65_535,
  connectionWindow: 2 * 1024 * 1024,
  headBytes: 64 * 1024,
  fields: 200,
  blockBytes: 96 * 1024,
  continuations: 16,
  resets: { burst: 100, rate: 10 },
  idleFrames: { burst: 1000, rate: 100 },
  unsent: 256 * 1024,
  settingsTime: 10_000,
  connectProtocol: false
}
