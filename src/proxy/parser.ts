// What node:http's parser reports when it gives up, as rows of the failure table.
import type { Reason } from "../snapshot/reason.ts"

export interface ParserError extends Error {
  readonly code?: string
  /** llhttp's words. */
  readonly reason?: string
  /** The chunk it failed in. */
  readonly rawPacket?: Uint8Array
  readonly bytesParsed?: number
}

const longestTarget = 8 * 1024
const methodToken = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+ /
const versioned = / HTTP\/\d+\.\d+\r\n/

/** null: the connection failed or ended, there is nobody to answer. */
export const parserFailure = (cause: ParserError): Reason | null => {
  const { code } = cause
  switch (code) {
    case undefined:
    // The client ended in the middle of a message: it left.
    case "HPE_INVALID_EOF_STATE":
      return null
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return "header_timeout"
    case "HPE_HEADER_OVERFLOW":
      return longLine(cause.rawPacket) ? "uri_too_long" : "head_too_large"
    case "HPE_INVALID_METHOD":
      // node:http knows a closed list of methods (docs/request.md); a token that is none of them is well formed.
      return methodToken.test(start(cause.rawPacket)) ? "method_not_implemented" : "bad_request"
    case "HPE_INVALID_VERSION":
      return versioned.test(start(cause.rawPacket)) ? "bad_version" : "bad_request"
    default:
      return code.startsWith("HPE_") ? "bad_request" : null
  }
}

// The packet may begin in the middle of a head: then the guess is the plainer row.
const start = (packet: Uint8Array | undefined): string =>
  packet === undefined ? "" : Buffer.from(packet.buffer, packet.byteOffset, Math.min(packet.length, 2048)).toString("latin1")

const longLine = (packet: Uint8Array | undefined): boolean => {
  if (packet === undefined || !methodToken.test(start(packet))) return false
  const end = packet.indexOf(10)
  return end < 0 ? packet.length > longestTarget : end > longestTarget
}
