// DNS messages over a stream, as TCP and TLS carry them: each behind its length in two bytes (RFC 1035 section 4.2.2), which bounds it to 64 KiB.

/** Gives what to call with each chunk; `message` is called with each whole message. */
export const messages = (message: (bytes: Buffer) => void): ((chunk: Buffer) => void) => {
  let held: Buffer = Buffer.alloc(0)
  return (chunk) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
      const end = 2 + held.readUInt16BE(0)
      const whole = held.subarray(2, end)
      held = held.subarray(end)
      message(whole)
    }
  }
}

/** Length and message in one piece, so that they leave in one segment. */
export const prefixed = (message: Buffer): Buffer => {
  const prefix = Buffer.alloc(2)
  prefix.writeUInt16BE(message.length)
  return Buffer.concat([prefix, message])
}
