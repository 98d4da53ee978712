// What a reader takes at most, in bytes (law 19): beyond a bound the message is refused, so no peer decides how much is held of it.

export interface ReaderLimits {
  /** The whole head: start line, fields and the empty line. */
  readonly headBytes: number
  /** The start line with its CRLF. */
  readonly lineBytes: number
  /** Lines of the head, and lines of the trailers. */
  readonly fields: number
  /** The whole trailer section. */
  readonly trailerBytes: number
  /** All chunk extensions of one message together. */
  readonly extensionBytes: number
}

export const defaultReaderLimits: ReaderLimits = {
  headBytes: 64 * 1024,
  lineBytes: 8 * 1024 + 128,
  fields: 200,
  trailerBytes: 16 * 1024,
  extensionBytes: 16 * 1024
}
