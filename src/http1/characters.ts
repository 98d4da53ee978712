// Which bytes may stand where in a message (RFC 9110 sections 5.5 and 5.6.2), as tables: one look-up a byte is the cost of reading and writing strictly.

const table = (allowed: (code: number) => boolean): Uint8Array => Uint8Array.from({ length: 256 }, (_, code) => (allowed(code) ? 1 : 0))

const tokens = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/** 1: may stand in a token: methods, field names, names of chunk extensions. */
export const isToken = table((code) => tokens.includes(String.fromCharCode(code)))

/** 1: may stand in a field value or a reason phrase: VCHAR, obs-text, SP and HTAB. */
export const isValue = table((code) => code === 0x09 || (code >= 0x20 && code !== 0x7f))

/** 1: may stand in a request target: VCHAR. */
export const isTarget = table((code) => code > 0x20 && code < 0x7f)

/** The value of a hexadecimal digit; 255: none. */
export const hexDigit = Uint8Array.from({ length: 256 }, (_, code) => {
  const digit = "0123456789abcdef".indexOf(String.fromCharCode(code).toLowerCase())
  return digit < 0 ? 255 : digit
})
