// A request as the origin receives it: by hand and leniently, so that what a strict reader would refuse is seen as well.
import type { PassThrough } from "node:stream"

export interface OriginRequest {
  readonly method: string
  readonly target: string
  readonly version: string
  /** As received: order, case and duplicates kept. */
  readonly headers: ReadonlyArray<readonly [string, string]>
  /** The first value of a field, by lower-case name. */
  readonly header: (name: string) => string | undefined
  /** The whole head as received, without the empty line. */
  readonly head: string
  /** Number of the connection (from 1), and of the request on it (from 1). */
  readonly connection: number
  readonly sequence: number
  /** SNI of a TLS connection. */
  readonly servername: string | null
}

export const parseHead = (head: string, connection: number, sequence: number, servername: string | null): OriginRequest => {
  const [line = "", ...fields] = head.split("\r\n")
  const [method = "", target = "", version = ""] = line.split(" ")
  const headers = fields.map((field): readonly [string, string] => {
    const colon = field.indexOf(":")
    return [field.slice(0, colon), field.slice(colon + 1).trim()]
  })
  const header = (name: string) => headers.find(([key]) => key.toLowerCase() === name)?.[1]
  return { method, target, version, headers, header, head, connection, sequence, servername }
}

/** Feeds a request body to `body` with backpressure; returns what is left once the body has ended, null while it goes on. */
export type Framing = (bytes: Buffer) => Buffer | null

export const byLength = (length: number, body: PassThrough): Framing => {
  let left = length
  return (bytes) => {
    const part = bytes.subarray(0, left)
    left -= part.length
    if (part.length > 0) body.write(part)
    return left > 0 ? null : bytes.subarray(part.length)
  }
}

export const byChunks = (body: PassThrough): Framing => {
  let pending = Buffer.alloc(0)
  let left = 0
  let state: "size" | "data" | "crlf" | "trailers" = "size"
  return (bytes) => {
    let rest = pending.length > 0 ? Buffer.concat([pending, bytes]) : bytes
    for (;;) {
      if (state === "data") {
        const part = rest.subarray(0, left)
        left -= part.length
        if (part.length > 0) body.write(part)
        rest = rest.subarray(part.length)
        if (left > 0) break
        state = "crlf"
      }
      const end = rest.indexOf("\r\n")
      if (end < 0) break
      const line = rest.subarray(0, end).toString("latin1")
      rest = rest.subarray(end + 2)
      if (state === "crlf") state = "size"
      else if (state === "size") {
        left = Number.parseInt(line, 16)
        state = left === 0 ? "trailers" : "data"
      } else if (line === "") return rest
    }
    pending = Buffer.from(rest)
    return null
  }
}
