// Law 19 on the way to an upstream: one that takes nothing has few pieces waiting for it, however small they are.
import { Readable } from "node:stream"
import { assert, it } from "vitest"
import { piecesApart } from "#src/http1/waiting.ts"
import type { UpstreamRequest } from "#src/upstream/attempt.ts"
import { requestHead, Sending } from "#src/upstream/sending.ts"
import { fullPair } from "../support/full.ts"

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

it.each([null, 5_000])(
  "a body of single bytes waits when the upstream does, and arrives whole when it reads (length %s)",
  async (contentLength) => {
    using pair = await fullPair()
    const { near } = pair
    // It has room: that alone would take thousands of pieces.
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
      idempotent: false,
      affinity: null
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
    const rest = pair.rest()
    await sent.promise
    near.end()
    const text = await rest
    const [, after = ""] = text.split("\r\n\r\n", 2)
    assert.strictEqual(contentLength === null ? text.match(/\r\n(?=x)/g)?.length : after.length, 5_000)
    assert.strictEqual(given, 5_000)
  }
)
