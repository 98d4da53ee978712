// A body for several tries: each reads all of it from the beginning, what is kept is bounded, and what is broken off is not taken for whole.
import { once } from "node:events"
import { PassThrough, Readable } from "node:stream"
import { buffer } from "node:stream/consumers"
import { describe, expect, it } from "vitest"
import { mostKept, Replay } from "#src/upstream/retry/replay.ts"
import { pattern } from "../../support/origin.ts"

const read = async (body: Readable, bytes: number): Promise<Buffer> => {
  const chunks: Array<Buffer> = []
  let length = 0
  body.on("data", (chunk: Buffer) => {
    chunks.push(chunk)
    length += chunk.length
    if (length >= bytes) body.emit("enough")
  })
  await once(body, "enough")
  return Buffer.concat(chunks)
}

describe("a replayed body", () => {
  it("begins anew for each try, also when more has come meanwhile", async () => {
    const source = new PassThrough()
    const all = pattern(3000)
    const replay = new Replay(source, null)
    source.write(all.subarray(0, 1000))
    const first = replay.open()
    expect(await read(first, 1000)).toEqual(all.subarray(0, 1000))
    first.destroy()
    await once(first, "close")
    source.write(all.subarray(1000, 2000))
    expect(replay.whole).toBe(true)
    const second = replay.open()
    expect(await read(second, 2000)).toEqual(all.subarray(0, 2000))
    second.destroy()
    await once(second, "close")
    const third = replay.open()
    source.end(all.subarray(2000))
    expect(await buffer(third)).toEqual(all)
    expect(await buffer(replay.open())).toEqual(all)
  })

  it("of the largest size that is kept is repeated, of one byte more is streamed once", async () => {
    for (const [size, whole] of [
      [mostKept, true],
      [mostKept + 1, false]
    ] as const) {
      for (const declared of [null, size]) {
        const source = new PassThrough()
        const all = pattern(size)
        const replay = new Replay(source, declared)
        const first = replay.open()
        source.end(all)
        expect(await buffer(first)).toEqual(all)
        expect([size, declared, replay.whole]).toEqual([size, declared, whole])
        if (whole) expect(await buffer(replay.open())).toEqual(all)
      }
    }
  })

  it("of any size is whole while nothing of it was read", async () => {
    const source = new PassThrough()
    const replay = new Replay(source, 10 * mostKept)
    replay.open().destroy()
    expect(replay.whole).toBe(true)
    const all = pattern(10 * mostKept)
    source.end(all)
    expect(await buffer(replay.open())).toEqual(all)
    expect(replay.whole).toBe(false)
  })

  it("reads no more than is read of it", async () => {
    let made = 0
    const endless = new Readable({
      highWaterMark: 1000,
      read() {
        made++
        this.push(pattern(500))
      }
    })
    const copy = new Replay(endless, null).open()
    copy.on("data", () => copy.pause())
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    expect(made).toBeGreaterThan(0)
    expect(made).toBeLessThan(8)
    endless.destroy()
  })

  it("survives that a try gives back the memory of its chunks", async () => {
    const source = new PassThrough()
    const all = pattern(40_000)
    const replay = new Replay(source, null)
    source.end(Buffer.from(all))
    for (let n = 0; n < 3; n++) {
      const copy = replay.open()
      const chunks: Array<string> = []
      copy.on("data", (chunk: Buffer) => {
        chunks.push(chunk.toString("latin1"))
        chunk.fill(0)
      })
      await once(copy, "end")
      expect(chunks.join("")).toBe(all.toString("latin1"))
    }
  })

  it("that breaks off breaks the try that reads it, and is not whole", async () => {
    const source = new PassThrough()
    source.on("error", () => {})
    const replay = new Replay(source, 100)
    const copy = replay.open()
    copy.resume()
    source.write("a")
    source.destroy()
    await once(copy, "close")
    expect(copy.readableEnded).toBe(false)
    expect(replay.whole).toBe(false)
  })

  it("keeps nothing once no other try will be", async () => {
    const source = new PassThrough()
    const replay = new Replay(source, null)
    const first = replay.open()
    source.write("abc")
    await read(first, 3)
    first.destroy()
    const last = replay.open()
    replay.settle()
    source.end("def")
    expect((await buffer(last)).toString()).toBe("abcdef")
    expect(replay.whole).toBe(false)
  })
})
