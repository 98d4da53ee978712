// Each answer that is not plainly valid is refused as `upstream_malformed` (docs/request.md), and its connection is never used again.
import { assert, describe, it } from "vitest"
import { defaultReaderLimits } from "#src/http1/limits.ts"
import { at, exchange, liveUpstream } from "../support/live.ts"
import { startOrigin } from "../support/origin.ts"

const ok = "HTTP/1.1 200 OK\r\n"

const malformed: Record<string, string> = {
  "two Content-Length that differ": `${ok}Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc`,
  "two Content-Length that agree": `${ok}Content-Length: 2\r\nContent-Length: 2\r\n\r\nab`,
  "a list in Content-Length": `${ok}Content-Length: 2, 2\r\n\r\nab`,
  "a signed Content-Length": `${ok}Content-Length: +2\r\n\r\nab`,
  "a hexadecimal Content-Length": `${ok}Content-Length: 0x2\r\n\r\nab`,
  "Content-Length beside Transfer-Encoding": `${ok}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
  "Transfer-Encoding beside Content-Length": `${ok}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
  "a coding that is not undone": `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
  "an unknown coding": `${ok}Transfer-Encoding: identity\r\n\r\nab`,
  "chunked twice": `${ok}Transfer-Encoding: chunked, chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
  "two Transfer-Encoding": `${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
  "a NUL in a value": `${ok}X-A: a\u0000b\r\nContent-Length: 0\r\n\r\n`,
  "a bare CR in a value": `${ok}X-A: a\rX-B: b\r\nContent-Length: 0\r\n\r\n`,
  "a bare LF between fields": `${ok}X-A: a\nX-B: b\r\nContent-Length: 0\r\n\r\n`,
  "a control character in a value": `${ok}X-A: a\u0007\r\nContent-Length: 0\r\n\r\n`,
  "DEL in a value": `${ok}X-A: a\u007f\r\nContent-Length: 0\r\n\r\n`,
  "a folded value": `${ok}X-A: a\r\n b\r\nContent-Length: 0\r\n\r\n`,
  "a space before the colon": `${ok}X-A : a\r\nContent-Length: 0\r\n\r\n`,
  "a space in a name": `${ok}X A: a\r\nContent-Length: 0\r\n\r\n`,
  "an empty name": `${ok}: a\r\nContent-Length: 0\r\n\r\n`,
  "a line without a colon": `${ok}nonsense\r\nContent-Length: 0\r\n\r\n`,
  "a status below 100": "HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n",
  "a status above 599": "HTTP/1.1 600 High\r\nContent-Length: 0\r\n\r\n",
  "a status of two digits": "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
  "a status of four digits": "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
  "another protocol": "ICY 200 OK\r\nContent-Length: 0\r\n\r\n",
  "no status line at all": "<html>HTTP/0.9</html>",
  "a TLS alert": "\u0015\u0003\u0003\u0000\u0002\u0002\u0046",
  "101 unasked": "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  "101 without Upgrade": "HTTP/1.1 101 Switching Protocols\r\n\r\n",
  "interim responses without end": "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100),
  "a head that breaks off": `${ok}X-A: half`,
  "a head above the limit": `${ok}X-A: ${"a".repeat(70_000)}\r\nContent-Length: 0\r\n\r\n`,
  "too many fields": `${ok}${"X-A: b\r\n".repeat(defaultReaderLimits.fields + 1)}Content-Length: 0\r\n\r\n`
}

describe("a malformed response", () => {
  for (const [name, bytes] of Object.entries(malformed)) {
    it(`is refused: ${name}`, async () => {
      await using origin = await startOrigin({
        script: async (incoming) => {
          if (incoming.request.target === "/well") return incoming.reply({ body: "well" })
          await incoming.write(bytes)
          incoming.end()
        }
      })
      await using upstream = await liveUpstream({ endpoints: [at(origin.port)] })
      const outcome = await exchange(upstream)
      assert.strictEqual(outcome.failure?.reason, "upstream_malformed", JSON.stringify(outcome.failure ?? outcome.headers))
      assert.isFalse(outcome.failure?.headed)
      assert.strictEqual(outcome.failure?.sent, "Some")
      assert.strictEqual((await exchange(upstream, { path: "/well" })).body.toString(), "well")
      // A malformed answer is an answer: the request is not sent once more.
      assert.strictEqual(origin.requests, 2)
      assert.strictEqual(origin.connections, 2)
    })
  }

  it("is refused without its bytes in the words", async () => {
    await using origin = await startOrigin({
      script: async (incoming) => {
        await incoming.write(`${ok}Set-Cookie: session=secret\r\nTransfer-Encoding: secret\r\n\r\n`)
      }
    })
    await using upstream = await liveUpstream({ endpoints: [at(origin.port)] })
    assert.notInclude((await exchange(upstream)).failure?.detail, "secret")
  })

  it("is told from a chunk that is malformed, whose head was already relayed", async () => {
    for (const chunk of ["zz\r\nab\r\n0\r\n\r\n", "-2\r\nab\r\n0\r\n\r\n", "2\r\nabX\r\n0\r\n\r\n"]) {
      await using origin = await startOrigin({
        script: async (incoming) => {
          await incoming.write(`${ok}Transfer-Encoding: chunked\r\n\r\n${chunk}`)
          incoming.end()
        }
      })
      await using upstream = await liveUpstream({ endpoints: [at(origin.port)] })
      const { failure } = await exchange(upstream)
      assert.strictEqual(failure?.reason, "upstream_malformed", chunk)
      assert.isTrue(failure?.headed)
    }
  })
})
