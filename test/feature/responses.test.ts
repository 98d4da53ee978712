// What an upstream answers wrongly costs that one request: 502 (or a cut, when its head is relayed already), nothing of it reaches the client, and nobody
// ever reads the bytes of another's answer (http-semantics: upstream responses; RFC 9112 2.2, 5, 6.3, 9.2).
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { readAnswers } from "../fuzz/attack.ts"
import { raw } from "../proxy/harness.ts"
import { bytes, type Conversation, converse, get, request, type Said, statusesOf, valuesOf } from "./conversation.ts"

let world: Conversation
beforeAll(async () => {
  world = await converse()
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

const ok = "HTTP/1.1 200 OK\r\n"
const empty = "Content-Length: 0\r\n\r\n"
const poison = "HTTP/1.1 200 OK\r\nX-Poison: 1\r\nContent-Length: 6\r\n\r\npoison"

const malformed: Readonly<Record<string, string>> = {
  "two Content-Length that differ": `${ok}Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc`,
  "two Content-Length that agree": `${ok}Content-Length: 2\r\nContent-Length: 2\r\n\r\nab`,
  "a list in Content-Length": `${ok}Content-Length: 2, 2\r\n\r\nab`,
  "a signed Content-Length": `${ok}Content-Length: -2\r\n\r\nab`,
  "a hexadecimal Content-Length": `${ok}Content-Length: 0x2\r\n\r\nab`,
  "a Content-Length with a space inside": `${ok}Content-Length: 1 2\r\n\r\nab`,
  "a fractional Content-Length": `${ok}Content-Length: 2.0\r\n\r\nab`,
  "an empty Content-Length": `${ok}Content-Length:\r\n\r\nab`,
  "a Content-Length above any": `${ok}Content-Length: 99999999999999999999\r\n\r\nab`,
  "Content-Length beside chunks": `${ok}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
  "chunks beside Content-Length": `${ok}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
  "gzip under chunked": `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
  "chunked under gzip": `${ok}Transfer-Encoding: chunked, gzip\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
  "a coding that nobody knows": `${ok}Transfer-Encoding: cow\r\n\r\nab`,
  identity: `${ok}Transfer-Encoding: identity\r\n\r\nab`,
  "an empty Transfer-Encoding": `${ok}Transfer-Encoding:\r\n\r\nab`,
  "chunked with a parameter": `${ok}Transfer-Encoding: chunked;q=1\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
  "two Transfer-Encoding": `${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
  "NUL in a value": `${ok}X-A: a\0b\r\n${empty}`,
  "a bare CR in a value": `${ok}X-A: a\rX-B: b\r\n${empty}`,
  "a bare LF as a line end": `${ok}X-A: a\nX-B: b\r\n${empty}`,
  "a bare LF after the status line": `HTTP/1.1 200 OK\n${empty}`,
  "a control character in a value": `${ok}X-A: a\x07\r\n${empty}`,
  "DEL in a value": `${ok}X-A: a\x7f\r\n${empty}`,
  "a control character in the reason": `HTTP/1.1 200 O\0K\r\n${empty}`,
  "a folded value": `${ok}X-A: a\r\n b\r\n${empty}`,
  "a folded first line": `${ok} X-A: a\r\n${empty}`,
  "a space before the colon": `${ok}X-A : a\r\n${empty}`,
  "a tab before the colon": `${ok}X-A\t: a\r\n${empty}`,
  "a space in a name": `${ok}X A: a\r\n${empty}`,
  "a name above ASCII": `${ok}X-\xc4: a\r\n${empty}`,
  "NUL in a name": `${ok}X-\0A: a\r\n${empty}`,
  "an empty name": `${ok}: a\r\n${empty}`,
  "a line without a colon": `${ok}nonsense\r\n${empty}`,
  "a status below 100": `HTTP/1.1 099 Low\r\n${empty}`,
  "a status above 599": `HTTP/1.1 600 High\r\n${empty}`,
  "a status of 999": `HTTP/1.1 999 High\r\n${empty}`,
  "a status of two digits": `HTTP/1.1 20 OK\r\n${empty}`,
  "a status of four digits": `HTTP/1.1 2000 OK\r\n${empty}`,
  "a signed status": `HTTP/1.1 +200 OK\r\n${empty}`,
  "a status that is no number": `HTTP/1.1 2xx OK\r\n${empty}`,
  "no status": `HTTP/1.1\r\n${empty}`,
  "a version of its own": `HTTP/1,1 200 OK\r\n${empty}`,
  "HTTP/1.2": `HTTP/1.2 200 OK\r\n${empty}`,
  "HTTP/2.0 in text": `HTTP/2.0 200 OK\r\n${empty}`,
  "another protocol": `ICY 200 OK\r\n${empty}`,
  "an SMTP greeting": "220 mail.example.com ESMTP\r\n",
  "an SSH greeting": "SSH-2.0-OpenSSH_9.9\r\n",
  "HTTP/0.9": "<html>hello</html>",
  "a request": "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "a TLS alert": "\x15\x03\x03\x00\x02\x02\x46",
  "an HTTP/2 preface of settings": "\0\0\0\x04\0\0\0\0\0",
  "101 unasked": "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  "101 without Upgrade": "HTTP/1.1 101 Switching Protocols\r\n\r\n",
  "interim responses without end": `${"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100)}${ok}${empty}`,
  "an interim response with a body": `HTTP/1.1 103 Early Hints\r\nContent-Length: 2\r\n\r\nab${ok}${empty}`,
  "half a head": `${ok}X-A: half`,
  "half a status line": "HTTP/1.1 20",
  "a head above the limit": `${ok}X-A: ${"a".repeat(70_000)}\r\n${empty}`,
  "a name above the limit": `${ok}${"X".repeat(70_000)}: a\r\n${empty}`,
  "1,500 fields": `${ok}${"X-A: b\r\n".repeat(1_500)}${empty}`
}

const well = async () => {
  const said = await world.say(get("X-Well: 1"))
  assert.deepEqual(
    said.answers.map(({ status, body }) => [status, body]),
    [[200, "ok"]]
  )
  return said
}

describe("a malformed response is 502, and its connection is never used again", () => {
  for (const [name, text] of Object.entries(malformed)) {
    it(name, async () => {
      const connections = world.origin.connections
      const said = await world.say(get(), bytes(text, true))
      assert.isFalse(said.hung)
      assert.deepEqual(statusesOf(said), [502])
      assert.strictEqual(said.garbage, "")
      // An answer is an answer: the request is not sent once more.
      assert.lengthOf(said.arrived, 1)
      // Nothing of the upstream's is in ours.
      for (const [field] of said.answers[0]!.fields) assert.notMatch(field, /^x-(a|b|poison)/)
      assert.strictEqual(said.answers[0]!.body, "The backend's answer is malformed.\n")
      const next = await well()
      assert.strictEqual(world.origin.connections, next.arrived[0]!.request.connection)
      assert.isAbove(next.arrived[0]!.request.connection, Math.max(connections, said.arrived[0]!.request.connection))
    })
  }

  it("and the reason is in the log, without the upstream's bytes", async () => {
    await world.say(request("GET /logged HTTP/1.1"), bytes(`${ok}Set-Cookie: secret\0\r\n${empty}`, true))
    const line = await world.proxy.logged(({ path }) => path === "/logged")
    assert.strictEqual(line.status, 502)
    assert.strictEqual(line.reason, "upstream_malformed")
    assert.notInclude(JSON.stringify(line), "secret")
  })

  it("and the client's connection goes on", async () => {
    const said = await world.say(get() + get(), bytes("nonsense\r\n\r\n", true))
    assert.deepEqual(statusesOf(said), [502, 502])
  })
})

describe("what is odd and still valid is served", () => {
  const rows: Readonly<Record<string, string>> = {
    "no reason": "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok",
    "a reason above ASCII": "HTTP/1.1 200 \xfcber\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.0": "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "no space after the colon": "HTTP/1.1 200 OK\r\nContent-Length:2\r\n\r\nok",
    "an empty value": "HTTP/1.1 200 OK\r\nX-A:\r\nContent-Length: 2\r\n\r\nok",
    "values above ASCII": "HTTP/1.1 200 OK\r\nX-A: \xff\xfe\tx\r\nContent-Length: 2\r\n\r\nok",
    "chunks in capitals with extensions": "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n002;a=b\r\nok\r\n0\r\n\r\n",
    "no reason and no space before it": "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
    "100 that nobody asked for": "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "200 fields": `HTTP/1.1 200 OK\r\n${"X-A: b\r\n".repeat(199)}Content-Length: 2\r\n\r\nok`
  }
  for (const [name, text] of Object.entries(rows)) {
    it(name, async () => {
      const said = await world.say(get(), bytes(text))
      assert.deepEqual(
        said.answers.map(({ status, body }) => [status, body]),
        [[200, "ok"]]
      )
    })
  }
})

describe("a body that goes wrong after its head was relayed is cut, never ended (RFC 9112 8)", () => {
  const rows: Readonly<Record<string, string>> = {
    "a chunk size that is no number": "zz\r\nab\r\n0\r\n\r\n",
    "a signed chunk size": "-2\r\nab\r\n0\r\n\r\n",
    "a chunk longer than it says": "2\r\nabX\r\n0\r\n\r\n",
    "a bare LF after a size": "2\nab\r\n0\r\n\r\n",
    "a bare CR in an extension": "2;a\rb\r\nab\r\n0\r\n\r\n",
    "no last chunk": "2\r\nab\r\n",
    "half the last chunk": "2\r\nab\r\n0\r\n",
    "a folded trailer": "2\r\nab\r\n0\r\nX-A: b\r\n c\r\n\r\n",
    "a trailer without a colon": "2\r\nab\r\n0\r\nnonsense\r\n\r\n",
    "NUL in a trailer": "2\r\nab\r\n0\r\nX-A: \0\r\n\r\n",
    "framing in a trailer": "2\r\nab\r\n0\r\nContent-Length: 9\r\n\r\n"
  }
  for (const [name, text] of Object.entries(rows)) {
    it(name, async () => {
      world.play(bytes(`${ok}Transfer-Encoding: chunked\r\n\r\n${text}`, true))
      using client = await raw(world.port)
      client.send(get("TE: trailers"))
      const received = (await client.closed).text
      const read = readAnswers(received, ["GET"])
      // Or, when it was seen before anything was said, 502.
      assert.isTrue(read.answers.length === 0 || read.answers[0]!.status === 502, received)
      await well()
    })
  }
})

describe("nobody reads the answer of another (RFC 9112 9.2)", () => {
  const extras: Readonly<Record<string, string>> = {
    "after a length": `${ok}Content-Length: 2\r\n\r\nok`,
    "after a length of 0": `${ok}${empty}`,
    "after chunks": `${ok}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
    "after 204": "HTTP/1.1 204 No Content\r\n\r\n",
    "after 304": "HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n",
    "after an error": "HTTP/1.1 500 Broken\r\nContent-Length: 2\r\n\r\nok"
  }
  const unpoisoned = (said: Said) => {
    for (const { fields, body } of said.answers) {
      assert.deepEqual(valuesOf(fields, "X-Poison"), [])
      assert.notInclude(body, "poison")
    }
  }
  for (const [name, text] of Object.entries(extras)) {
    it(`a second response ${name}, in the same packet`, async () => {
      for (let times = 0; times < 3; times++) {
        unpoisoned(await world.say(get(), bytes(text + poison)))
        await well()
      }
    })

    it(`a second response ${name}, while the connection rests: it is closed`, async () => {
      let speak: () => void = () => {}
      const asked = new Promise<void>((resolve) => {
        speak = resolve
      })
      const said = await world.say(get(), async ({ write, closed }) => {
        await write(text)
        await asked
        await write(poison)
        await closed
      })
      unpoisoned(said)
      const { connection } = said.arrived[0]!.request
      speak()
      // What came after this moment could not be told from an answer; before it, bytes that nobody asked for end the connection.
      await world.origin.until(({ open }) => open === 0)
      assert.isAbove((await well()).arrived[0]!.request.connection, connection)
    })
  }

  it("a body after the head of a HEAD's answer", async () => {
    for (let times = 0; times < 3; times++) {
      unpoisoned(await world.say(request("HEAD / HTTP/1.1"), bytes(`${ok}Content-Length: ${poison.length}\r\n\r\n${poison}`)))
      await well()
    }
  })

  it("requests that come at once, each answered twice", async () => {
    world.play(async (exchange) => {
      const body = exchange.request.target
      await exchange.write(`${ok}Content-Length: ${body.length}\r\n\r\n${body}${poison}`)
    })
    const texts = await Promise.all(
      Array.from({ length: 40 }, async (_, n) => {
        using client = await raw(world.port)
        client.send(request(`GET /${n} HTTP/1.1`, ["Connection: close"]))
        return (await client.closed).text
      })
    )
    texts.forEach((text, n) => {
      assert.deepEqual(
        readAnswers(text, ["GET"]).answers.map(({ status, body }) => [status, body]),
        [[200, `/${n}`]]
      )
    })
  })
})
