// Why a stream or a connection ends, as the peers tell each other (RFC 9113 section 7).

export const codes = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd
} as const

/** Peers may send others: they mean INTERNAL_ERROR (RFC 9113 section 7). */
export type Code = number

const names = new Map<number, string>(Object.entries(codes).map(([name, code]) => [code, name]))

/** For a log: `CANCEL`, or `error 0x63`. */
export const codeName = (code: Code): string => names.get(code) ?? `error 0x${code.toString(16)}`
