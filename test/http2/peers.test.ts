// The HTTP/2 of Node at the other end, of a server's session and of a client's: heads, bodies, trailers, windows, and their ends.
import { once } from "node:events"
import * as http2 from "node:http2"
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"
import { afterEach, assert, describe, it } from "vitest"
import { openClient } from "../../src/http2/client.ts"
import { codes } from "../../src/http2/code.ts"
import type { ResponseHead } from "../../src/http2/head.ts"
import { openServer } from "../../src/http2/server.ts"
import type { ClientSession, ServerHandler, Session, SessionProblem } from "../../src/http2/session.ts"
import type { Reset, Stream } from "../../src/http2/stream.ts"

const undo: Array<() => void> = []
afterEach(() => {
  for (const act of undo.splice(0).reverse()) act()
})

const feed = (socket: Socket, session: Session) => {
  socket.on("data", (chunk: Buffer) => session.execute(chunk))
  socket.on("drain", () => session.drained())
  socket.on("error", () => {})
  socket.on("close", () => session.closed("closed"))
}

const portOf = (server: Server | http2.Http2Server): number => (server.address() as AddressInfo).port

/** Our server, Node's client. */
const serve = async (onRequest: ServerHandler["onRequest"]) => {
  const sessions: Array<Session> = []
  const problems: Array<SessionProblem> = []
  const server = createServer((socket) => {
    const session = openServer(socket, {
      onRequest,
      onRefused: (problem) => problems.push(problem),
      onGoaway: () => {},
      onFinished: () => socket.end(),
      onProblem: (problem) => {
        problems.push(problem)
        socket.end()
      }
    })
    sessions.push(session)
    feed(socket, session)
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const client = http2.connect(`http://127.0.0.1:${portOf(server)}`)
  client.on("error", () => {})
  undo.push(() => {
    client.destroy()
    server.close()
  })
  return { client, sessions, problems }
}

/** Says back what came. */
const echo: ServerHandler["onRequest"] = (stream, head) => {
  let waits = false
  let held = 0
  stream.head(200, ["X-Path", head.path, "X-Fields", String(head.fields.length)], false)
  return {
    onHead: () => {},
    onData: (chunk) => {
      if (!stream.data(Buffer.from(chunk))) waits = true
      if (waits) held += chunk.length
      else stream.consume(chunk.length)
    },
    onEnd: (trailers) => void stream.end(trailers),
    onDrain: () => {
      waits = false
      stream.consume(held)
      held = 0
    },
    onReset: () => {}
  }
}
const ask = async (
  client: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body: Buffer | null,
  trailers?: http2.OutgoingHttpHeaders
) => {
  const request = client.request(headers, { endStream: body === null, waitForTrailers: trailers !== undefined })
  if (trailers !== undefined) request.on("wantTrailers", () => request.sendTrailers(trailers))
  if (body !== null) request.end(body)
  let head: http2.IncomingHttpHeaders = {}
  let last: http2.IncomingHttpHeaders = {}
  request.on("response", (came) => {
    head = came
  })
  request.on("trailers", (came) => {
    last = came
  })
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return { head, trailers: last, body: Buffer.concat(chunks) }
}

const pattern = (length: number): Buffer => Buffer.from(Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) & 0xff))

describe("a client of Node", () => {
  it("gets back what it sent, whatever the length, many at a time", async () => {
    const { client } = await serve(echo)
    const lengths = [0, 1, 16_383, 16_384, 16_385, 65_535, 65_536, 1_000_000]
    const answers = await Promise.all(
      lengths.map((length) =>
        ask(client, { ":method": "POST", ":path": `/${length}`, "x-a": ["1", "2"] }, pattern(length), { "x-sum": `${length}` })
      )
    )
    for (const [at, answer] of answers.entries()) {
      const length = lengths[at]!
      assert.equal(Number(answer.head[":status"]), 200)
      assert.strictEqual(answer.head["x-path"], `/${length}`)
      assert.isTrue(answer.body.equals(pattern(length)), `${length}`)
      assert.strictEqual(answer.trailers["x-sum"], `${length}`)
    }
  })

  it("is told of a reset by its code, and what it resets is told", async () => {
    const resets: Array<Reset> = []
    let reached: () => void = () => {}
    const { client } = await serve((stream, head) => {
      if (head.path === "/reset") stream.reset(codes.REFUSED_STREAM)
      else reached()
      return { onHead: () => {}, onData: () => {}, onEnd: () => {}, onDrain: () => {}, onReset: (reset) => resets.push(reset) && reached() }
    })
    const refused = client.request({ ":path": "/reset" })
    const [error] = await Promise.all([once(refused, "error").then(([cause]) => cause as Error & { code: string })])
    assert.strictEqual(refused.rstCode, codes.REFUSED_STREAM)
    assert.strictEqual(error.code, "ERR_HTTP2_STREAM_ERROR")
    const canceled = client.request({ ":path": "/wait" })
    canceled.on("error", () => {})
    await new Promise<void>((resolve) => {
      reached = resolve
    })
    const told = new Promise<void>((resolve) => {
      reached = resolve
    })
    canceled.close(codes.CANCEL)
    await told
    assert.deepInclude(resets[0], { by: "Peer", code: codes.CANCEL, unprocessed: false })
  })

  it("is let go in two steps: a request on its way is answered, and then the connection ends", async () => {
    const { client, sessions } = await serve(echo)
    await ask(client, { ":path": "/first" }, null)
    const goaway: Array<number> = []
    client.on("goaway", (_code, last) => goaway.push(last))
    const slow = client.request({ ":method": "POST", ":path": "/slow" })
    await once(slow, "response")
    sessions[0]!.leave()
    assert.isTrue(sessions[0]!.leaving)
    await once(client, "goaway")
    slow.end("the end")
    const chunks: Array<Buffer> = []
    for await (const chunk of slow) chunks.push(chunk as Buffer)
    assert.strictEqual(Buffer.concat(chunks).toString(), "the end")
    if (!client.closed) await once(client, "close")
    assert.strictEqual(goaway.at(-1), slow.id)
  })

  it("is heard when its names or their values are anything that HTTP takes", async () => {
    let fields: ReadonlyArray<string> = []
    const { client, problems } = await serve((stream, head) => {
      fields = head.fields
      stream.head(204, [], true)
      return { onHead: () => {}, onData: () => {}, onEnd: () => {}, onDrain: () => {}, onReset: () => {} }
    })
    const values = { "x-empty": "", "x-latin": "caf\u00e9", "x-tab": "a\tb", "x-many": ["a", "b"], cookie: ["a=1", "b=2"] }
    const answer = await ask(client, { ":path": "/", ...values }, null)
    assert.equal(Number(answer.head[":status"]), 204)
    assert.deepEqual(problems, [])
    const pairs: Array<string> = []
    for (let at = 0; at < fields.length; at += 2) pairs.push(`${fields[at]}=${fields[at + 1]}`)
    assert.includeMembers(pairs, ["x-empty=", "x-latin=caf\u00e9", "x-tab=a\tb", "x-many=a", "x-many=b", "cookie=a=1", "cookie=b=2"])
  })
})

interface Answer {
  readonly heads: Array<ResponseHead>
  body: Buffer
  trailers: ReadonlyArray<string>
  reset: Reset | null
}

/** Our client, Node's server. */
const reach = async (
  onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
  settings: http2.Settings = {}
) => {
  const server = http2.createServer({ settings })
  server.on("stream", onStream)
  server.on("sessionError", () => {})
  const accepted: Array<http2.ServerHttp2Session> = []
  server.on("session", (session) => accepted.push(session))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const socket = connect(portOf(server), "127.0.0.1")
  let settled: () => void = () => {}
  const ready = new Promise<void>((resolve) => {
    settled = resolve
  })
  const problems: Array<SessionProblem> = []
  const session = openClient(socket, {
    onSettings: () => settled(),
    onGoaway: () => {},
    onFinished: () => socket.end(),
    onProblem: (problem) => {
      problems.push(problem)
      socket.destroy()
    }
  })
  feed(socket, session)
  undo.push(() => {
    socket.destroy()
    for (const one of accepted) one.destroy()
    server.close()
  })
  await ready
  return { session, socket, accepted, problems }
}

const send = (
  session: ClientSession,
  method: string,
  path: string,
  body: Buffer | null,
  trailers?: ReadonlyArray<string>
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const answer: Answer = { heads: [], body: Buffer.alloc(0), trailers: [], reset: null }
    const chunks: Array<Buffer> = []
    const head = { method, scheme: "http", authority: "a.test", path, protocol: null, fields: ["X-Mixed", "Case"] }
    const finish = () => {
      answer.body = Buffer.concat(chunks)
      resolve(answer)
    }
    const opened = session.request(head, body === null, {
      onHead: (came) => void answer.heads.push(came),
      onData: (chunk) => {
        chunks.push(Buffer.from(chunk))
        stream.consume(chunk.length)
      },
      onEnd: (last) => {
        answer.trailers = last
        finish()
      },
      onDrain: () => void stream.end(trailers),
      onReset: (reset) => {
        answer.reset = reset
        finish()
      }
    })
    if (opened === null || opened === "Unwritable") {
      reject(new Error(`no stream: ${opened}`))
      return
    }
    const stream: Stream = opened
    if (body !== null && stream.data(body)) stream.end(trailers)
  })

describe("a server of Node", () => {
  it("gets what is sent and is heard, whatever the length, many at a time", async () => {
    const { session } = await reach((stream, headers) => {
      stream.respond({ ":status": 200, "x-mixed": headers["x-mixed"] }, { waitForTrailers: true })
      let last: http2.IncomingHttpHeaders = {}
      stream.on("trailers", (came) => {
        last = came
      })
      stream.on("wantTrailers", () => stream.sendTrailers({ "x-back": String(last["x-sum"]) }))
      stream.pipe(stream)
    })
    const lengths = [1, 16_384, 65_535, 65_536, 1_000_000]
    const answers = await Promise.all(lengths.map((length) => send(session, "POST", "/", pattern(length), ["X-Sum", `${length}`])))
    for (const [at, answer] of answers.entries()) {
      assert.deepEqual(answer.heads.at(-1)!.fields.slice(0, 2), ["x-mixed", "Case"])
      assert.isTrue(answer.body.equals(pattern(lengths[at]!)), `${lengths[at]}`)
      assert.deepEqual(answer.trailers, ["x-back", `${lengths[at]}`])
    }
  })

  it("may answer before, without a body, and with interim heads", async () => {
    const { session } = await reach((stream, headers) => {
      if (headers[":path"] === "/interim") {
        stream.additionalHeaders({ ":status": 103, link: "</a>" })
        stream.respond({ ":status": 200 }, { endStream: true })
      } else stream.respond({ ":status": 304, "content-length": "5" }, { endStream: true })
    })
    const interim = await send(session, "GET", "/interim", null)
    assert.deepEqual(
      interim.heads.map((head) => head.status),
      [103, 200]
    )
    const none = await send(session, "HEAD", "/", null)
    assert.strictEqual(none.heads[0]!.status, 304)
    assert.strictEqual(none.reset, null)
    assert.strictEqual(session.streams, 0)
  })

  it("may allow few streams, refuse one, and go away", async () => {
    const { session, accepted } = await reach(
      (stream, headers) => {
        stream.on("error", () => {})
        if (headers[":path"] === "/refuse") stream.close(codes.REFUSED_STREAM)
        else if (headers[":path"] === "/slow") accepted[0]!.goaway(codes.NO_ERROR, stream.id! - 2)
        else stream.respond({ ":status": 200 }, { endStream: true })
      },
      { maxConcurrentStreams: 2 }
    )
    assert.strictEqual(session.room, 2)
    const refused = await send(session, "GET", "/refuse", null)
    assert.deepInclude(refused.reset, { by: "Peer", code: codes.REFUSED_STREAM, unprocessed: true })
    const waiting = send(session, "GET", "/slow", null)
    assert.strictEqual(session.room, 1)
    // What the server says it has not looked at may be sent again elsewhere.
    assert.deepInclude((await waiting).reset, { by: "Session", unprocessed: true })
    assert.strictEqual(session.room, 0)
    assert.isTrue(session.leaving)
  })

  it("holds back what is sent until its window opens, and our window holds back what it sends", async () => {
    let arrived = 0
    let open: () => void = () => {}
    const { session } = await reach((stream) => {
      stream.respond({ ":status": 200 })
      stream.write(Buffer.alloc(500_000))
      open = () => {
        stream.on("data", (chunk: Buffer) => {
          arrived += chunk.length
        })
        stream.on("end", () => stream.end())
      }
    })
    let got = 0
    let headed: () => void = () => {}
    const head = new Promise<void>((resolve) => {
      headed = resolve
    })
    let full: () => void = () => {}
    const window = new Promise<void>((resolve) => {
      full = resolve
    })
    let ended: () => void = () => {}
    const end = new Promise<void>((resolve) => {
      ended = resolve
    })
    const stream = session.request({ method: "POST", scheme: "http", authority: "a.test", path: "/", protocol: null, fields: [] }, false, {
      onHead: () => headed(),
      onData: (chunk) => {
        got += chunk.length
        if (got === 65_535) full()
        if (consumed) stream.consume(chunk.length)
      },
      onEnd: () => ended(),
      onDrain: () => void stream.end(),
      onReset: () => {}
    }) as Stream
    let consumed = false
    assert.isFalse(stream.data(Buffer.alloc(300_000)))
    await head
    await window
    // Nothing is consumed, so no more comes than the window; nothing is read there, so what was given waits here.
    assert.strictEqual(got, 65_535)
    assert.isAbove(stream.unsent, 0)
    consumed = true
    stream.consume(got)
    open()
    await end
    assert.strictEqual(got, 500_000)
    assert.strictEqual(arrived, 300_000)
  })
})
