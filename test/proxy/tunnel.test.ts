// Bytes both ways: what one side has said reaches the other, whoever ends first.
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { afterEach, expect, it } from "vitest"
import { piecesApart } from "#src/http1/waiting.ts"
import { joinTunnel, type TunnelEnd } from "#src/proxy/tunnel.ts"
import { fullPair } from "../support/full.ts"

const closes: Array<() => void> = []
afterEach(() => {
  for (const close of closes.splice(0)) close()
})

/** near: the gateway's end. */
const pair = async (allowHalfOpen: boolean): Promise<{ readonly near: Socket; readonly far: Socket }> => {
  const server = createServer({ allowHalfOpen, pauseOnConnect: true })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const far = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", allowHalfOpen: true })
  const [near] = (await once(server, "connection")) as [Socket]
  for (const socket of [near, far]) socket.on("error", () => {})
  closes.push(() => {
    near.destroy()
    far.destroy()
    server.close()
  })
  return { near, far }
}

it("what came before the upstream's end reaches a client that reads late, and speaks though nobody listens any more", async () => {
  const client = await pair(true)
  // As the dialler makes them: the peer's end is the end of both ways.
  const upstream = await pair(false)
  // Neither reads for now.
  const fill = (socket: Socket) => {
    for (let filled = 0; ; filled += 1 << 20) {
      if (socket.writableLength > 0) return filled
      socket.write(Buffer.alloc(1 << 20, "x"))
    }
  }
  const filled = fill(client.near)
  fill(upstream.near)
  const none = new Uint8Array()
  const ended = new Promise<TunnelEnd>((onEnd) => joinTunnel(client.near, upstream.near, { client: none, upstream: none }, null, onEnd))
  upstream.far.end("tail")
  await once(upstream.near, "end")
  client.far.write("still here")
  await once(client.near, "data")
  let text = ""
  client.far.setEncoding("latin1").on("data", (more: string) => {
    text += more
  })
  client.far.resume()
  await Promise.race([once(client.far, "end"), once(client.far, "close")])
  expect([text.length, text.slice(-4)]).toEqual([filled + 4, "tail"])
  client.far.end()
  upstream.far.resume()
  expect(await ended).toEqual({ bytesIn: 10, bytesOut: 4, reason: null, failed: null })
})

it("single bytes wait where the other side does not read, and none of them is lost (law 19)", async () => {
  using slow = await fullPair()
  const client = await pair(true)
  const none = new Uint8Array()
  let taken = 0
  client.near.on("data", () => taken++)
  const ended = new Promise<TunnelEnd>((onEnd) => joinTunnel(client.near, slow.near, { client: none, upstream: none }, null, onEnd))
  client.far.setNoDelay(true)
  // A packet each, as long as they are taken.
  for (let sent = 1; sent < 400 && !client.near.isPaused(); sent++) {
    client.far.write("x")
    while (taken < sent && !client.near.isPaused()) await new Promise<void>((resolve) => setImmediate(resolve))
  }
  expect(client.near.isPaused()).toBe(true)
  expect(taken).toBe(piecesApart)
  expect(slow.near.writableNeedDrain).toBe(false)
  client.far.end("last")
  const text = await slow.rest()
  expect(text).toMatch(/^x+last$/)
  slow.far.end()
  client.far.resume()
  expect((await ended).bytesIn).toBe(text.length)
})

/** Starts with all of it there to be read at once. → each piece as the tunnel had it, in the same memory. */
const passed = async (client: { readonly near: Socket; readonly far: Socket }, to: Socket, text: string) => {
  const pieces: Array<Buffer> = []
  client.far.end(text)
  while (client.far.writableLength > 0) await new Promise<void>((resolve) => setImmediate(resolve))
  client.near.on("data", (piece: Buffer) => pieces.push(piece))
  const none = new Uint8Array()
  const ended = new Promise<TunnelEnd>((onEnd) => joinTunnel(client.near, to, { client: none, upstream: none }, null, onEnd))
  return { pieces, ended }
}
const long = Array.from({ length: 16_384 }, (_, n) => n.toString(36).padStart(8, ".")).join("")

it("memory of what the other side has taken is given back", async () => {
  const [client, upstream] = [await pair(true), await pair(true)]
  const { pieces, ended } = await passed(client, upstream.near, long)
  let text = ""
  upstream.far.setEncoding("latin1").on("data", (more: string) => {
    text += more
  })
  await once(upstream.far, "end")
  expect(text).toBe(long)
  expect(pieces.filter(({ length }) => length === 0).length).toBeGreaterThan(0)
  upstream.far.end()
  client.far.resume()
  expect((await ended).bytesIn).toBe(long.length)
})

it("memory of what is still to be written is not", async () => {
  using slow = await fullPair()
  const client = await pair(true)
  const { pieces, ended } = await passed(client, slow.near, long)
  while (!client.near.isPaused()) await new Promise<void>((resolve) => setImmediate(resolve))
  await new Promise<void>((resolve) => setImmediate(resolve))
  expect(pieces.map(({ length }) => length).filter((length) => length >= 32_768).length).toBeGreaterThan(0)
  expect(pieces.filter(({ length }) => length === 0)).toEqual([])
  expect(await slow.rest()).toBe(long)
  slow.far.end()
  client.far.resume()
  expect((await ended).bytesIn).toBe(long.length)
})
