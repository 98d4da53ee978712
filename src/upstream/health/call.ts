// The call of grpc.health.v1.Health/Check in bytes, and what an answer to it says. Apart from the look that makes it: no socket, no clock.

export const checkPath = "/grpc.health.v1.Health/Check"

/** An answer says one number; whoever sends more is not read to the end. */
export const longestAnswer = 4_096

const varint = (value: number): ReadonlyArray<number> => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)])

/** One message, uncompressed. service: "" for the server as a whole. */
export const checkMessage = (service: string): Buffer => {
  const name = Buffer.from(service, "utf8")
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name])
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

const words = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"]
const serving = 1

/** At `at` of a message: the number there and where it ends; null: there is none. */
const numberAt = (message: Buffer, at: number): readonly [value: number, end: number] | null => {
  let value = 0
  for (let end = at, scale = 1; end < message.length && end < at + 10; end++, scale *= 128) {
    value += (message[end]! & 127) * scale
    if (message[end]! < 128) return [value, end + 1]
  }
  return null
}

/** Field 1 of a HealthCheckResponse; what is not there is 0. null: it is no message. */
const statusIn = (message: Buffer): number | null => {
  let status = 0
  let at = 0
  while (at < message.length) {
    const tag = numberAt(message, at)
    const value = tag === null ? null : numberAt(message, tag[1])
    if (tag === null) return null
    switch (tag[0] % 8) {
      case 0:
        if (value === null) return null
        if (tag[0] === 8) status = value[0]
        at = value[1]
        break
      case 1:
        at = tag[1] + 8
        break
      case 2:
        if (value === null) return null
        at = value[1] + value[0]
        break
      case 5:
        at = tag[1] + 4
        break
      default:
        return null
    }
  }
  return at === message.length ? status : null
}

/** Why it is not well, in words that do not rotate; null: it is. body: all of it. status: of gRPC, as the trailers have it; null: they say none. */
export const judgeAnswer = (body: Buffer, status: string | null): string | null => {
  if (status === null) return "an answer without a gRPC status"
  if (status !== "0") return /^\d{1,2}$/.test(status) ? `answered with gRPC status ${status}` : "an answer without a gRPC status"
  const whole = body.length >= 5 && body[0] === 0 && body.readUInt32BE(1) === body.length - 5
  const found = whole ? statusIn(body.subarray(5)) : null
  if (found === null) return "an answer that is not one of grpc.health.v1"
  return found === serving ? null : `says ${words[found] ?? "a status of its own"}`
}
