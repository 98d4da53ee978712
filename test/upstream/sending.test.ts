// Law 19 on the way to an upstream: one that takes nothing has few pieces waiting for it, however small they are.
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { Readable } from "node:stream"
import { assert, it } from "vitest"
import { piecesApart } from "#src/http1/waiting.ts"
import type { UpstreamRequest } from "#src/upstream/attempt.ts"
import { requestHead, Sending } from "#src/upstream/sending.ts"

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

it.each([null, 5_000])(
  "a body of single bytes waits when the upstream does, and arrives whole when it reads (length %s)",
  async (contentLength) => {
    const server = createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1")
    await once(server, "listening")
    const near = connect((server.address() as AddressInfo).port, "127.0.0.1")
    const [far] = (await once(server, "connection")) as [Socket]
    let filled = 0
    // Full, and with room in our own buffer: that alone would take thousands of pieces.
    for (; near.writableLength === 0; await turn()) {
      filled += 4096
      near.write(Buffer.alloc(4096, "-"))
    }
    assert.isFalse(near.writableNeedDrain)
    const body = new Readable({ read() {} })
    const request: UpstreamRequest = {
      method: "POST",
      path: "/",
      headers: [],
      body,
      contentLength,
      upgrade: null,
      clientHost: "a",
      hostOverride: null,
      idempotent: false
    }
    let given = 0
    const sent = Promise.withResolvers<void>()
    new Sending(near, requestHead(request, "a", false)!, body, request, {
      onBodyData: () => given++,
      onBodySent: sent.resolve,
      onBodyFailed: () => sent.reject(new Error("the body failed"))
    })
    for (let piece = 0; piece < 5_000; piece++) {
      body.push("x")
      if (piece % 50 === 0) await turn()
    }
    body.push(null)
    assert.isAtMost(given, piecesApart + 1)
    let text = ""
    far.setEncoding("latin1").on("data", (more: string) => {
      text += more
    })
    far.resume()
    await sent.promise
    near.end()
    await once(far, "end")
    const [, after = ""] = text.slice(filled).split("\r\n\r\n", 2)
    assert.strictEqual(contentLength === null ? text.slice(filled).match(/\r\n(?=x)/g)?.length : after.length, 5_000)
    assert.strictEqual(given, 5_000)
    far.destroy()
    server.close()
  }
)
