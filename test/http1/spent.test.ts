// What has passed through is given back at once, and never while somebody may still read it.
import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
import { assert, describe, it } from "vitest"
import { given, readInParts, spent } from "#src/http1/spent.ts"

const pair = async (): Promise<{ readonly near: Socket; readonly far: Socket; readonly close: () => void }> => {
  const server = createServer({ pauseOnConnect: true })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const at = server.address()
  if (at === null || typeof at === "string") throw new Error("no port")
  const near = connect(at.port, "127.0.0.1")
  const [far] = (await once(server, "connection")) as [Socket]
  if (near.connecting) await once(near, "connect").catch(() => {})
  return {
    near,
    far,
    close: () => {
      near.destroy()
      far.destroy()
      server.close()
    }
  }
}

const chunkOf = (bytes: number): Buffer => Buffer.from(new ArrayBuffer(bytes)).fill("x")

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe("memory of a chunk that was written", () => {
  it("is given back when the socket took all of it, and what arrives is what was written", async () => {
    const { near, far, close } = await pair()
    const chunk = chunkOf(40_000)
    near.write(chunk)
    assert.strictEqual(near.writableLength, 0)
    spent(near, chunk)
    assert.strictEqual(chunk.length, 40_000)
    await turn()
    assert.strictEqual(chunk.length, 0)
    let got = ""
    far.setEncoding("latin1").on("data", (text: string) => {
      got += text
    })
    far.resume()
    near.end()
    await once(far, "end")
    assert.strictEqual(got, "x".repeat(40_000))
    close()
  })

  it("stays while the socket holds some of it, while it is a part of more, and where it is small", async () => {
    const { near, close } = await pair()
    const part = Buffer.from(new ArrayBuffer(80_000)).subarray(0, 40_000)
    const small = chunkOf(1000)
    spent(near, part)
    spent(near, small)
    // Nobody reads: the kernel's buffers fill.
    let held = chunkOf(1 << 20)
    while (near.write(held)) held = chunkOf(1 << 20)
    spent(near, held)
    await turn()
    assert.deepEqual([part.length, small.length, held.length], [40_000, 1000, 1 << 20])
    close()
  })

  it("that is read in parts is given back with the last of them that somebody has, cut up or not", async () => {
    const { near, close } = await pair()
    near.resume()
    const chunk = chunkOf(60_000)
    const first = chunk.subarray(10, 20_000)
    const second = chunk.subarray(20_000, 50_000)
    readInParts(chunk, () => {
      given(first)
      // While it is read nothing is given back, though nobody has a part any more.
      near.write(first)
      spent(near, first)
      given(second)
    })
    await turn()
    assert.strictEqual(chunk.length, 60_000)
    for (const half of [second.subarray(0, 7), second.subarray(7)]) {
      assert.strictEqual(chunk.length, 60_000)
      near.write(half)
      spent(near, half)
      await turn()
    }
    assert.strictEqual(chunk.length, 0)
    close()
  })

  it("that is read in parts stays while one part is somebody's, and goes at once when none is", async () => {
    const { near, close } = await pair()
    const kept = chunkOf(60_000)
    readInParts(kept, () => {
      given(kept.subarray(0, 20_000))
      given(kept.subarray(20_000, 40_000))
    })
    spent(near, kept.subarray(0, 20_000))
    const unwanted = chunkOf(60_000)
    readInParts(unwanted, () => {})
    const held = chunkOf(60_000)
    readInParts(held, () => given(held.subarray(0, 20_000)))
    // Nobody reads: the kernel's buffers fill.
    while (near.write(chunkOf(1 << 20))) {}
    near.write(held.subarray(0, 20_000))
    spent(near, held.subarray(0, 20_000))
    await turn()
    assert.deepEqual([kept.length, unwanted.length, held.length], [60_000, 0, 60_000])
    close()
  })
})
