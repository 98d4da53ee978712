// The name in a ClientHello, held against OpenSSL's own: found however the message is cut and wherever the name stands; nothing that anybody sends is taken for one it is not.
import { once } from "node:events"
import { createServer, type Socket } from "node:net"
import { type ConnectionOptions, connect } from "node:tls"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { longestHello, readHello } from "#src/proxy/clienthello.ts"

/** What OpenSSL sends first. */
const helloOf = async (options: ConnectionOptions): Promise<Buffer> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const client = connect({ port: (server.address() as { readonly port: number }).port, host: "127.0.0.1", ...options })
  client.on("error", () => {})
  const [socket] = (await once(server, "connection")) as [Socket]
  const [bytes] = (await once(socket, "data")) as [Buffer]
  client.destroy()
  socket.destroy()
  server.close()
  return bytes
}

const sixteen = (value: number): Buffer => Buffer.of(value >> 8, value & 255)
const vector = (bytes: Uint8Array): Buffer => Buffer.concat([sixteen(bytes.length), bytes])
const extension = (type: number, content: Uint8Array): Buffer => Buffer.concat([sixteen(type), vector(content)])
const nameExtension = (name: string, type = 0): Buffer =>
  extension(0, vector(Buffer.concat([Buffer.of(type), vector(Buffer.from(name, "latin1"))])))

/** Handshake message of these extensions; null: it has no list of them. */
const messageOf = (extensions: ReadonlyArray<Uint8Array> | null): Buffer => {
  const content = Buffer.concat([
    ...[Buffer.of(3, 3), Buffer.alloc(32, 7), Buffer.of(0), vector(Buffer.of(0x13, 1)), Buffer.of(1, 0)],
    ...(extensions === null ? [] : [vector(Buffer.concat(extensions))])
  ])
  return Buffer.concat([Buffer.of(1, 0), sixteen(content.length), content])
}

/** In records of so many bytes at most. */
const records = (message: Uint8Array, size: number): Buffer => {
  const made: Array<Buffer> = []
  for (let at = 0; at < message.length; at += size) {
    const piece = message.subarray(at, at + size)
    made.push(Buffer.of(22, 3, 1), vector(piece))
  }
  return Buffer.concat(made)
}

const spread = (message: Uint8Array, count: number): Buffer => records(message, Math.ceil(message.length / count))

describe("a ClientHello", () => {
  it.each([
    [{ servername: "Api.Example" }, "api.example"],
    [{ servername: "a.b.c.example", ALPNProtocols: ["h2", "http/1.1"], maxVersion: "TLSv1.2" }, "a.b.c.example"],
    [{ servername: "" }, ""]
  ] satisfies ReadonlyArray<[ConnectionOptions, string]>)(
    "of OpenSSL (%o) is read at its last byte, and not before",
    async (options, name) => {
      const bytes = await helloOf(options)
      for (let length = 0; length < bytes.length; length++) expect(readHello(bytes.subarray(0, length))).toEqual({ _tag: "More" })
      expect(readHello(bytes)).toEqual({ _tag: "Hello", name })
      // What follows is not its concern.
      expect(readHello(Buffer.concat([bytes, Buffer.from("early data")]))).toEqual({ _tag: "Hello", name })
    }
  )

  it("says the same in any number of records that it may have, among any other extensions", () => {
    const other = fc
      .tuple(fc.integer({ min: 1, max: 65_535 }), fc.uint8Array({ maxLength: 200 }))
      .map(([type, content]) => extension(type, content))
    fc.assert(
      fc.property(
        fc.domain(),
        fc.array(other, { maxLength: 8 }),
        fc.array(other, { maxLength: 8 }),
        fc.integer({ min: 1, max: 16 }),
        (name, before, after, count) => {
          const bytes = spread(messageOf([...before, nameExtension(name), ...after]), count)
          expect(readHello(bytes)).toEqual({ _tag: "Hello", name: name.toLowerCase() })
          expect(readHello(bytes.subarray(0, -1))).toEqual({ _tag: "More" })
        }
      )
    )
  })

  it("without extensions, or without this one, asks for nobody", () => {
    for (const message of [messageOf(null), messageOf([]), messageOf([extension(16, Buffer.of(0, 0))])])
      expect(readHello(records(message, 16_384))).toEqual({ _tag: "Hello", name: "" })
  })

  const refused: ReadonlyArray<readonly [string, Buffer, RegExp]> = [
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\n"), /does not speak as TLS/],
    ["one byte of it", Buffer.from("G"), /does not speak as TLS/],
    ["another major version", Buffer.of(22, 2), /does not speak as TLS/],
    ["an alert", Buffer.of(21, 3, 3, 0, 2), /does not speak as TLS/],
    ["an empty record", Buffer.of(22, 3, 1, 0, 0), /length that none may have/],
    ["a record that is too long", Buffer.concat([Buffer.of(22, 3, 1), sixteen(longestHello + 1)]), /length that none may have/],
    ["a ServerHello", records(Buffer.of(2, 0, 0, 1, 0), 100), /no ClientHello/],
    ["a message that is too long", records(Buffer.of(1, 0, 0x40, 0x01), 100), /longer than 16384/],
    ["too many records", spread(messageOf([nameExtension("a.example")]), 17), /more than 16 records/],
    ["two names", records(messageOf([nameExtension("a.example"), nameExtension("b.example")]), 16_384), /two server_names/],
    ["a name of another type", records(messageOf([nameExtension("a.example", 1)]), 16_384), /type that nobody knows/],
    ["an empty name", records(messageOf([nameExtension("")]), 16_384), /no host name/],
    ["a name with a NUL", records(messageOf([nameExtension("a.example\0.b")]), 16_384), /no host name/],
    ["a name with a dot at its end", records(messageOf([nameExtension("a.example.")]), 16_384), /no host name/],
    [
      "a list of two",
      records(
        messageOf([extension(0, vector(Buffer.concat([Buffer.of(0), vector(Buffer.from("a")), Buffer.of(0), vector(Buffer.from("b"))])))]),
        16_384
      ),
      /does not say one name/
    ],
    [
      "a list with something behind it",
      records(
        messageOf([extension(0, Buffer.concat([vector(Buffer.concat([Buffer.of(0), vector(Buffer.from("a"))])), Buffer.of(0)]))]),
        16_384
      ),
      /ends before/
    ],
    [
      "bytes behind its extensions",
      records(Buffer.concat([Buffer.of(1, 0, 0, 44), messageOf([]).subarray(4), Buffer.of(0)]), 16_384),
      /ends before/
    ]
  ]
  it.each(refused)("is not %s", (_, bytes, detail) => {
    expect(readHello(bytes)).toEqual({ _tag: "Not", detail: expect.stringMatching(detail) })
  })

  it("of anything at all comes to an end: no throw, and no name but one that is there", () => {
    const message = messageOf([extension(16, Buffer.of(0, 3, 2, 104, 50)), nameExtension("a.example")])
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: message.length - 1 }),
        fc.integer({ min: 0, max: 255 }),
        fc.integer({ min: 1, max: 16 }),
        (at, value, count) => {
          const changed = Buffer.from(message)
          changed[at] = value
          const read = readHello(spread(changed, count))
          if (read._tag === "Hello" && read.name !== "") expect(changed.toString("latin1").toLowerCase()).toContain(read.name)
        }
      ),
      { numRuns: 2_000 }
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void readHello(bytes)))
  })
})
