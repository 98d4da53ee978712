// Clients of HTTP/2, beside those of HTTP/1.1 on the same port: by ALPN over TLS, by prior knowledge without. What reaches the origin, what comes back,
// and how streams and connections end.
import { once } from "node:events"
import { createServer } from "node:http"
import * as http2 from "node:http2"
import { type AddressInfo, connect as connectSocket } from "node:net"
import { connect as connectTls } from "node:tls"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { openClient } from "#src/http2/client.ts"
import type { Reset, Stream, StreamHandler } from "#src/http2/stream.ts"
import { type Authority, makeAuthority } from "../support/certificates.ts"
import { at } from "../support/live.ts"
import { type Origin, pattern, standard, startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"
import { ask, raw, startProxy, type TestProxy } from "./harness.ts"
import { connect } from "./http2client.ts"
import { exact, material, type Sketch } from "./sketch.ts"

let origin: Origin
let authority: Authority
let proxy: TestProxy

const sketch = async (port: number, securePort = 0): Promise<Sketch> => ({
  listeners: {
    plain: { hosts: { "*": [{ path: exact("/refused"), action: { _tag: "Refuse", why: "no_backend" } }, { to: "origin" }] } },
    secure: { port: securePort, certificates: ["site"], hosts: { "site.test": [{ to: "origin" }] }, hostname: "site.test" },
    other: { port: securePort, certificates: ["site"], hosts: { "other.test": [{ to: "origin" }] }, hostname: "other.test" }
  },
  upstreams: { origin: { endpoints: [at(port)], spec: { external: false } } },
  materials: [material("site", await authority.leaf({ dns: ["site.test"] }), ["site.test"])]
})

const discard = { bytes: 1024 * 1024, milliseconds: 500 }

beforeAll(async () => {
  authority = await makeAuthority()
  origin = await startOrigin()
  proxy = await startProxy(await sketch(origin.port, await freePort()), { limits: { discard } })
})
afterAll(async () => {
  await proxy.close()
  await origin.close()
})

/** A client of our own, which tells what it could not send and why a stream ended. */
const own = async (to: number) => {
  const socket = connectSocket({ host: "127.0.0.1", port: to })
  socket.on("error", () => {})
  await once(socket, "connect")
  const session = openClient(socket, { onGoaway: () => {}, onFinished: () => {}, onProblem: () => socket.destroy() })
  socket.on("data", (chunk: Buffer) => session.execute(chunk))
  socket.on("drain", () => session.drained())
  socket.on("close", () => session.closed("closed"))
  return {
    request: (method: string, path: string, handler: Partial<StreamHandler>): Stream => {
      const stream = session.request({ method, scheme: "http", authority: "a.test", path, protocol: null, fields: [] }, false, {
        onHead: () => {},
        onEnd: () => {},
        onDrain: () => {},
        onReset: () => {},
        ...handler,
        onData: (chunk) => {
          handler.onData?.(chunk)
          ;(stream as Stream).consume(chunk.length)
        }
      })
      return stream as Stream
    },
    [Symbol.dispose]: () => socket.destroy()
  }
}

const valuesOf = (seen: { headers: Array<[string, string]> }, name: string): ReadonlyArray<string> =>
  seen.headers.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value)

const port = (name = "plain") => proxy.port(name)

describe("how a client comes to speak HTTP/2", () => {
  it("by prior knowledge on a plain port, where others speak HTTP/1.1", async () => {
    await using client = await connect(port())
    const [answer, old] = await Promise.all([client.ask({ ":path": "/a?b=c", ":authority": "a.test:8080" }), ask(port(), "/x")])
    expect(answer.status).toBe(200)
    expect(answer.seen()).toMatchObject({ method: "GET", target: "/a?b=c", size: 0 })
    expect(valuesOf(answer.seen(), "host").length).toBe(1)
    expect(valuesOf(answer.seen(), "x-forwarded-host")).toEqual(["a.test:8080"])
    expect(valuesOf(answer.seen(), "via")).toEqual(["2 sluice"])
    expect(old.status).toBe(200)
    const line = await proxy.logged(({ path, protocol }) => path === "/a" && protocol === "HTTP/2")
    expect(line).toMatchObject({ status: 200, method: "GET", host: "a.test:8080" })
  })

  it("by prior knowledge in whatever pieces it comes", async () => {
    const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"
    for (const cut of [1, 17, 18, 19, 24, 30]) {
      using client = await raw(port())
      client.send(preface.slice(0, cut))
      await new Promise((resolve) => setImmediate(resolve))
      client.send(preface.slice(cut))
      // SETTINGS of the server, and the acknowledgement of ours.
      await client.until(/\0\0\0\x04\x01\0\0\0\0/)
    }
  })

  it("by ALPN, and HTTP/1.1 by ALPN or without", async () => {
    const tls = { servername: "site.test", ca: authority.certificate }
    await using client = await connect(port("secure"), tls)
    expect(client.session.alpnProtocol).toBe("h2")
    const answer = await client.ask({ ":path": "/tls", ":authority": "site.test" })
    expect([answer.status, answer.seen().target]).toEqual([200, "/tls"])
    expect(await proxy.logged(({ path }) => path === "/tls")).toMatchObject({ protocol: "HTTP/2", tls: "TLSv1.3" })
    for (const ALPNProtocols of [["http/1.1"], undefined]) {
      using old = await raw(port("secure"), { ...tls, ...(ALPNProtocols === undefined ? {} : { ALPNProtocols }) })
      old.send("GET / HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n")
      expect((await old.closed).text).toMatch(/^HTTP\/1\.1 200 /)
    }
    // Not without ALPN: RFC 9113 section 3.2.
    using none = await raw(port("secure"), tls)
    none.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    expect((await none.closed).text).toMatch(/^HTTP\/1\.1 505 /)
  })

  it("an authority that another listener than SNI's is for is 421, and the connection goes on", async () => {
    await using client = await connect(port("secure"), { servername: "site.test", ca: authority.certificate })
    const answer = await client.ask({ ":path": "/", ":authority": "other.test" })
    expect(answer.status).toBe(421)
    expect((await client.ask({ ":path": "/", ":authority": "site.test" })).status).toBe(200)
  })
})

describe("what reaches the origin", () => {
  it("a body with its length or, where none is said, in chunks; none where there is none", async () => {
    await using client = await connect(port())
    const body = pattern(300_000)
    const counted = (await client.ask({ ":method": "POST", ":path": "/", "content-length": body.length }, body)).seen()
    expect([counted.size, valuesOf(counted, "content-length"), valuesOf(counted, "transfer-encoding")]).toEqual([300_000, ["300000"], []])
    const open = (await client.ask({ ":method": "PUT", ":path": "/" }, body)).seen()
    expect([open.size, valuesOf(open, "content-length"), valuesOf(open, "transfer-encoding")]).toEqual([300_000, [], ["chunked"]])
    const none = (await client.ask({ ":method": "DELETE", ":path": "/" })).seen()
    expect([none.size, valuesOf(none, "transfer-encoding")]).toEqual([0, []])
  })

  it("one Cookie of all parts, one Host of the authority, no field of the connection", async () => {
    await using client = await connect(port())
    const seen = (
      await client.ask({ ":path": "/", ":authority": "a.test", cookie: ["a=1", "b=2", "c=3"], te: "trailers", "x-a": ["1", "2"] })
    ).seen()
    expect(valuesOf(seen, "cookie")).toEqual(["a=1; b=2; c=3"])
    expect([valuesOf(seen, "host").length, valuesOf(seen, "x-forwarded-host")]).toEqual([1, ["a.test"]])
    expect(valuesOf(seen, "x-a")).toEqual(["1", "2"])
    expect(seen.headers.filter(([name]) => name.startsWith(":"))).toEqual([])
  })
})

describe("what comes back", () => {
  it("long answers, many at a time, whole", async () => {
    await using client = await connect(port())
    const answers = await Promise.all([1, 70_000, 1_000_000, 5_000_000].map((length) => client.ask({ ":path": `/bytes/${length}` })))
    expect(answers.map(({ body, headers }) => [body.length, headers["content-length"]])).toEqual([
      [1, "1"],
      [70_000, "70000"],
      [1_000_000, "1000000"],
      [5_000_000, "5000000"]
    ])
  })

  it("long bodies, many at a time, as they were sent", async () => {
    const echo = createServer((request, response) => request.pipe(response))
    await once(echo.listen(0, "127.0.0.1"), "listening")
    const echoing = await startProxy(await sketch((echo.address() as AddressInfo).port))
    await using client = await connect(echoing.port("plain"))
    // Of different sizes and beginnings, so that frames of one stream stand between those of the others in every way.
    const bodies = Array.from({ length: 8 }, (_, at) => pattern(700_000 + at * 12_345).subarray(at * 251))
    const answers = await Promise.all(
      bodies.map((body) => client.ask({ ":method": "POST", ":path": "/echo", ":authority": "a.test" }, body))
    )
    for (const [at, answer] of answers.entries()) expect(bodies[at]!.equals(answer.body)).toBe(true)
    await echoing.close()
    echo.close()
  })

  it("HEAD, 204 and 304 without a body, trailers where the origin has them, a Date always, nothing of the connection", async () => {
    await using mine = await startOrigin({
      script: (exchange) => {
        if (exchange.request.target === "/304") return exchange.reply({ status: 304, headers: [["ETag", '"a"']] })
        return exchange.reply({ chunked: true, body: "text", headers: [["Keep-Alive", "timeout=4"]], trailers: [["X-Sum", "1"]] })
      }
    })
    await using other = await startProxy(await sketch(mine.port))
    await using client = await connect(other.port("plain"))
    const whole = await client.ask({ ":path": "/" })
    expect([whole.status, whole.body.toString(), whole.trailers["x-sum"], whole.headers["keep-alive"]]).toEqual([
      200,
      "text",
      "1",
      undefined
    ])
    expect(typeof whole.headers["date"]).toBe("string")
    const head = await client.ask({ ":method": "HEAD", ":path": "/" })
    expect([head.status, head.body.length]).toEqual([200, 0])
    const same = await client.ask({ ":path": "/304" })
    expect([same.status, same.headers["etag"], same.body.length]).toEqual([304, '"a"', 0])
  })

  it("answers of our own: refused, too large, not served, no authority", async () => {
    await using client = await connect(port())
    const refused = await client.ask({ ":path": "/refused" })
    expect([refused.status, refused.headers["content-type"], refused.body.length > 0]).toEqual([500, "text/plain; charset=utf-8", true])
    expect((await client.ask({ ":method": "HEAD", ":path": "/refused" })).body.length).toBe(0)
    expect(
      (await client.ask({ ":path": "/", "x-long": "x".repeat(15_000), "x-more": "y".repeat(15_000), "x-most": "z".repeat(15_000) })).status
    ).toBe(431)
    expect((await client.ask({ ":path": `/${"p".repeat(9_000)}` })).status).toBe(414)
    expect((await client.ask({ ":method": "CONNECT", ":authority": "a.test:443" })).status).toBe(405)
    expect((await client.ask({ ":method": "TRACE", ":path": "/" })).status).toBe(405)
    // And the connection goes on.
    expect((await client.ask({ ":path": "/" })).status).toBe(200)
  })

  it("100 Continue where it is asked for", async () => {
    await using client = await connect(port())
    const request = client.session.request({ ":method": "POST", ":path": "/", expect: "100-continue" })
    await once(request, "continue")
    request.end("abc")
    const [head] = (await once(request, "response")) as [http2.IncomingHttpHeaders]
    expect(Number(head[":status"])).toBe(200)
    request.destroy()
  })

  it("a broken answer as a reset, never as a whole one", async () => {
    await using client = await connect(port())
    for (const path of ["/reset/body", "/short"]) {
      const request = client.session.request({ ":path": path })
      const [error] = (await once(request, "error")) as [Error & { code: string }]
      expect([path, error.code, request.rstCode]).toEqual([path, "ERR_HTTP2_STREAM_ERROR", http2.constants.NGHTTP2_INTERNAL_ERROR])
    }
    expect((await client.ask({ ":path": "/" })).status).toBe(200)
  })
})

describe("a drain", () => {
  it("tells a connection whose handshake was under way as it tells the others", async () => {
    await using other = await startProxy(await sketch(origin.port, await freePort()))
    const secure = other.port("secure")
    const socket = connectSocket({ host: "127.0.0.1", port: secure })
    await once(socket, "connect")
    while ((await other.metric("sluice_connections_active", {})) === 0) await new Promise(setImmediate)
    const drained = other.run(other.proxy.drain({ propagation: 0, deadline: 10_000 }))
    // Nobody is accepted any more: it has begun.
    while (await ask(secure, "/").catch(({ code }) => code !== "ECONNREFUSED"));
    const session = http2.connect("https://site.test", {
      createConnection: () => connectTls({ socket, servername: "site.test", ca: authority.certificate, ALPNProtocols: ["h2"] })
    })
    session.on("error", () => {})
    const over = once(session, "close")
    const [code] = (await Promise.race([once(session, "goaway"), over])) as [number]
    expect(code).toBe(http2.constants.NGHTTP2_NO_ERROR)
    await over
    await drained
  })
})

describe("how streams end", () => {
  it("one that the client gives up is given up at the origin, and the others go on", async () => {
    await using client = await connect(port())
    const slow = client.session.request({ ":path": "/delay/20000" })
    slow.on("error", () => {})
    await origin.until((now) => now.seen.some(({ target }) => target === "/delay/20000"))
    const before = origin.aborted
    slow.close(http2.constants.NGHTTP2_CANCEL)
    await origin.until((now) => now.aborted > before)
    expect(await proxy.logged(({ path }) => path === "/delay/20000")).toMatchObject({
      reason: "client_abort",
      detail: "the peer reset the stream: CANCEL"
    })
    expect((await client.ask({ ":path": "/" })).status).toBe(200)
  })

  it("a body that nobody waits for is not asked for: the answer is whole, and then the stream ends without an error", async () => {
    using client = await own(port())
    const told = Promise.withResolvers<Reset>()
    let status = 0
    let ended = false
    client.request("POST", "/refused", {
      onHead: (head) => {
        status = head.status
      },
      onEnd: () => {
        ended = true
      },
      onReset: told.resolve
    })
    expect(await told.promise).toMatchObject({ by: "Peer", code: http2.constants.NGHTTP2_NO_ERROR })
    expect([status, ended]).toEqual([500, true])
  })

  it("an upload waits for an origin that does not read, in its client's window and not here, and holds up no other", async () => {
    let go: () => void = () => {}
    await using mine = await startOrigin({
      script: async (exchange) => {
        if (exchange.request.target !== "/upload") return standard(exchange)
        exchange.socket.pause()
        await new Promise<void>((resolve) => {
          go = resolve
        })
        exchange.socket.resume()
        return standard(exchange)
      }
    })
    await using other = await startProxy(await sketch(mine.port))
    using client = await own(other.port("plain"))
    const whole = Buffer.alloc(30_000_000, "x")
    const answer = Promise.withResolvers<string>()
    let text = ""
    const upload = client.request("POST", "/upload", {
      onData: (chunk) => {
        text += chunk.toString()
      },
      onEnd: () => answer.resolve(text),
      onReset: ({ detail }) => answer.reject(new Error(detail))
    })
    upload.data(whole)
    upload.end()
    await mine.until((now) => now.requests === 1)
    // Other streams of the connection come through, and while they do the upload comes to a stand.
    for (let before = -1, same = 0; same < 20; before = upload.unsent) {
      const beside = Promise.withResolvers<void>()
      client.request("GET", "/beside", { onEnd: () => beside.resolve(), onReset: ({ detail }) => beside.reject(new Error(detail)) }).end()
      await beside.promise
      same = upload.unsent === before ? same + 1 : 0
    }
    expect(upload.unsent).toBeGreaterThan(0)
    go()
    expect(JSON.parse(await answer.promise)).toMatchObject({ size: whole.length })
  })

  it("an answer waits for a client that does not read, and for no longer than the stall time", async () => {
    await using other = await startProxy(await sketch(origin.port), { limits: { stall: 300 } })
    const session = http2.connect(`http://127.0.0.1:${other.port("plain")}`, { settings: { initialWindowSize: 0 } })
    session.on("error", () => {})
    const request = session.request({ ":path": "/bytes/1000000" })
    request.on("error", () => {})
    await new Promise((resolve) => request.on("close", resolve))
    expect(request.rstCode).toBe(http2.constants.NGHTTP2_INTERNAL_ERROR)
    expect(await other.logged(({ path }) => path === "/bytes/1000000")).toMatchObject({
      reason: "client_abort",
      detail: "the client read nothing for 300 ms"
    })
    session.destroy()
  })
})

describe("how connections end", () => {
  it("a drain lets what is under way end, takes nothing new, and is done when the last answer is out", async () => {
    const other = await startProxy(await sketch(origin.port), { limits: { discard } })
    await using client = await connect(other.port("plain"))
    await client.ask({ ":path": "/" })
    await using idle = await connect(other.port("plain"))
    await idle.ask({ ":path": "/" })
    const slow = client.ask({ ":path": "/drip/5/40" })
    await origin.until((now) => now.seen.some(({ target }) => target === "/drip/5/40"))
    const drained = other.run(other.proxy.drain({ propagation: 0, deadline: 20_000 }))
    await once(idle.session, "close")
    const answer = await slow
    expect(answer.body.toString()).toContain("data: 5")
    if (!client.session.closed) await once(client.session, "close")
    await drained
    await other.close()
  })

  it("a connection that begins nothing, or not whole, has the time of a head; an idle one is let go", async () => {
    const times = { head: 200, handshake: 1_000, keepAlive: 300 }
    await using other = await startProxy(await sketch(origin.port), { limits: { times, discard } })
    using half = await raw(other.port("plain"))
    half.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    // GOAWAY.
    expect((await half.closed).text).toMatch(/\x07\0\0\0\0\0/)
    using block = await raw(other.port("plain"))
    block.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\0\0\0\0\x01\x82")
    expect((await block.closed).text).toMatch(/\x07\0\0\0\0\0/)
    await other.until(() => other.lines.filter(({ reason }) => reason === "header_timeout").length === 2)
    await using rests = await startProxy(await sketch(origin.port), { limits: { times: { ...times, head: 60_000 }, discard } })
    await using idle = await connect(rests.port("plain"))
    const over = once(idle.session, "close")
    expect((await idle.ask({ ":path": "/" })).status).toBe(200)
    await over
  })

  it("what is no HTTP/2 costs its connection, with a line in the log", async () => {
    using client = await raw(port())
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x01\0\0\0\0\0\0x")
    expect((await client.closed).text).toMatch(/\x07\0\0\0\0\0/)
    expect(await proxy.logged(({ detail }) => detail === "DATA of no stream")).toMatchObject({ reason: "bad_request" })
  })
})
