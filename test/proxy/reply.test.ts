// Law 19 on the way to a client: one that reads nothing has few pieces waiting for it, however small they are, and loses none of them.
import { assert, it } from "vitest"
import { piecesApart } from "#src/http1/waiting.ts"
import { Reply } from "#src/proxy/reply.ts"
import { fullPair } from "../support/full.ts"

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

it.each(["length", "chunks"])("a body of single bytes, by %s: held while the client does not read, whole when it does", async (by) => {
  using pair = await fullPair()
  const { near } = pair
  let again = Promise.withResolvers<void>()
  const drained = () => {
    reply.drained()
    again.resolve()
  }
  near.on("drain", drained)
  const reply: Reply = new Reply(
    { stall: 60_000, keepLines: "Connection: keep-alive\r\n\r\n", draining: () => false },
    { socket: near, remote: { secure: false }, gone: false, final: false, last: () => {}, drained },
    "GET",
    false
  )
  assert.isTrue(reply.head(200, by === "length" ? ["Content-Length", "5000"] : [], false))
  await turn()
  let given = 0
  let rest: Promise<string> | null = null
  while (given < 5_000) {
    given++
    if (reply.data(Buffer.from("x"))) continue
    if (rest === null) {
      assert.isAtMost(given, piecesApart + 1)
      assert.isFalse(near.writableNeedDrain)
      assert.isFalse(reply.taken)
      rest = pair.rest()
    }
    await again.promise
    again = Promise.withResolvers()
  }
  reply.end(null)
  near.end()
  const text = (await rest)!
  assert.strictEqual(text.slice(text.indexOf("\r\n\r\n")).match(/x/g)?.length, 5_000)
})

it("an answer that ends with many pieces before it is taken when they are", async () => {
  using pair = await fullPair()
  const { near } = pair
  const done = Promise.withResolvers<void>()
  const reply: Reply = new Reply(
    { stall: 60_000, keepLines: "Connection: keep-alive\r\n\r\n", draining: () => false },
    { socket: near, remote: { secure: false }, gone: false, final: false, last: () => {}, drained: done.resolve },
    "GET",
    false
  )
  reply.head(200, ["Content-Length", "1000"], false)
  await turn()
  while (reply.data(Buffer.from("x")));
  reply.end(null)
  assert.isFalse(reply.taken)
  void pair.rest()
  await done.promise
})
