// Law 9: bodies of any size in both directions, with backpressure, never buffered; and what happens when one side is slow, early or gone.
import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { raw, startProxy, type TestProxy } from "../proxy/harness.ts"
import { growth } from "../support/growth.ts"
import { at } from "../support/live.ts"
import { download, type Origin, startOrigin } from "../support/origin.ts"

const MiB = 1024 * 1024
const GiB = 1024 * MiB

let origin: Origin
let proxy: TestProxy
beforeAll(async () => {
  origin = await startOrigin()
  proxy = await startProxy(
    { listeners: { web: { hosts: { "*": [{ to: "origin" }] } } }, upstreams: { origin: { endpoints: [at(origin.port)] } } },
    { limits: { discard: { bytes: MiB, milliseconds: 500 }, stall: 400 } }
  )
})
afterAll(async () => {
  await proxy.close()
  await origin.close()
})

const dial = async (): Promise<Socket> => {
  const socket = connect({ host: "127.0.0.1", port: proxy.port(), noDelay: true })
  socket.on("error", () => {})
  await once(socket, "connect")
  return socket
}

describe("1 GiB", () => {
  it("down passes in flat memory", async () => {
    origin.script = download(GiB, MiB)
    let received = 0
    const grown = await growth(async () => {
      const socket = await dial()
      socket.on("data", (chunk) => {
        received += chunk.length
      })
      socket.write("GET /down HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
      await once(socket, "close")
    })
    expect(received).toBeGreaterThan(GiB)
    expect((await proxy.logged((line) => line.path === "/down")).bytes_out).toBe(GiB)
    expect(grown).toBeLessThan(200 * MiB)
  })

  it("up passes in flat memory", async () => {
    let size = 0
    origin.script = async (exchange) => {
      for await (const chunk of exchange.body) size += chunk.length
      await exchange.reply({ body: "done" })
    }
    const block = Buffer.alloc(MiB, "x")
    let text = ""
    const grown = await growth(async () => {
      const socket = await dial()
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1")
      })
      socket.write(`POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: ${GiB}\r\nConnection: close\r\n\r\n`)
      for (let sent = 0; sent < GiB; sent += block.length) if (!socket.write(block)) await once(socket, "drain")
      await once(socket, "close")
    })
    expect(text).toMatch(/\r\n\r\ndone$/)
    expect(size).toBe(GiB)
    expect((await proxy.logged((line) => line.path === "/up")).bytes_in).toBe(GiB)
    expect(grown).toBeLessThan(200 * MiB)
  })
})

describe("backpressure", () => {
  it("a client that does not read holds the upstream back, and is cut after its time", async () => {
    let written = 0
    let full = false
    origin.script = async (exchange) => {
      await exchange.write(`HTTP/1.1 200 OK\r\nContent-Length: ${GiB}\r\n\r\n`)
      const block = Buffer.alloc(256 * 1024)
      for (;;) {
        const taken = await Promise.race([exchange.write(block), exchange.closed.then(() => false)])
        if (!taken) break
        written += block.length
      }
      full = true
    }
    const socket = await dial()
    socket.pause()
    socket.write("GET /stalled HTTP/1.1\r\nHost: a\r\n\r\n")
    const line = await proxy.logged((line) => line.path === "/stalled")
    expect(line).toMatchObject({ reason: "client_abort", status: 200 })
    await origin.until(() => full)
    // What kernels and one high-water mark hold, nothing near the whole.
    expect(written).toBeLessThan(64 * MiB)
    socket.destroy()
  })

  it("a client that reads no answer at all is cut, though each of them is short and finished", async () => {
    origin.script = async (exchange) => exchange.reply({ body: "x".repeat(60_000) })
    const socket = await dial()
    socket.pause()
    socket.write("GET /short HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100))
    const line = await proxy.logged((line) => line.path === "/short" && line.reason !== undefined)
    expect(line).toMatchObject({ reason: "client_abort", status: 200 })
    // Those behind it were never begun: each waits for the answer before it.
    expect(proxy.lines.filter((line) => line.path === "/short").length).toBeLessThan(100)
    socket.destroy()
  })

  it("a client that has read everything is not cut while the upstream pauses, nor for a neighbour before it in the pipeline", async () => {
    origin.script = async (exchange) => {
      if (exchange.request.target === "/second") return exchange.reply({ body: "y".repeat(60_000) })
      await exchange.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
      // More than sockets hold, so that the client's reading is waited for once.
      const block = `100000\r\n${"x".repeat(MiB)}\r\n`
      for (let n = 0; n < 32; n++) await exchange.write(block)
      await exchange.delay(1_000)
      await exchange.write("0\r\n\r\n")
    }
    using client = await raw(proxy.port())
    client.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    const { text, clean } = await client.closed
    expect(clean).toBe(true)
    expect(text.length).toBeGreaterThan(32 * MiB + 60_000)
    expect(text.endsWith("y")).toBe(true)
  })

  it("an upstream that does not read holds the client back", async () => {
    let end = () => {}
    origin.script = async (exchange) => {
      await new Promise<void>((resolve) => {
        end = resolve
      })
      exchange.reset()
    }
    const socket = await dial()
    socket.write(`POST /held HTTP/1.1\r\nHost: a\r\nContent-Length: ${GiB}\r\n\r\n`)
    const block = Buffer.alloc(MiB)
    let sent = 0
    let idle = 0
    while (idle < 5 && sent < 256 * MiB) {
      if (socket.write(block)) idle = 0
      else
        idle = (await Promise.race([once(socket, "drain").then(() => true), new Promise((resolve) => setTimeout(resolve, 100, false))]))
          ? 0
          : idle + 1
      if (idle === 0) sent += block.length
    }
    expect(sent).toBeLessThan(128 * MiB)
    end()
    const line = await proxy.logged((line) => line.path === "/held")
    expect(line).toMatchObject({ status: 503, reason: "upstream_reset" })
    expect(line["bytes_in"]).toBeLessThan(128 * MiB)
    socket.destroy()
  })
})

describe("the head of a response", () => {
  it("comes at once, though its body is silent", async () => {
    let go = () => {}
    origin.script = async (exchange) => {
      await exchange.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
      await new Promise<void>((resolve) => {
        go = resolve
      })
      await exchange.write("2\r\nhi\r\n0\r\n\r\n")
    }
    using client = await raw(proxy.port())
    client.send("GET /silent HTTP/1.1\r\nHost: a\r\n\r\n")
    await client.until(/text\/event-stream\r\n.*\r\n\r\n$/s)
    go()
    await client.until(/2\r\nhi\r\n0\r\n\r\n$/)
  })

  it("comes while the upload runs; the rest is read on within bounds, then cut", async () => {
    origin.script = async (exchange) => {
      await exchange.write("HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno")
      await exchange.closed
    }
    using client = await raw(proxy.port())
    client.send(`POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: ${GiB}\r\n\r\n`)
    client.send(Buffer.alloc(MiB / 2))
    await client.until(/^HTTP\/1\.1 401 .*\r\n\r\nno$/s)
    const block = Buffer.alloc(256 * 1024)
    let sent = 0
    while (!client.socket.destroyed && sent < 64 * MiB) {
      client.send(block)
      sent += block.length
      await new Promise((resolve) => setImmediate(resolve))
    }
    await client.closed
    expect((await proxy.logged((line) => line.path === "/early")).status).toBe(401)
  })

  it("that came early is the only one, whatever the rest of the upload is", async () => {
    origin.script = async (exchange) => {
      await exchange.write("HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno")
      await exchange.closed
    }
    using client = await raw(proxy.port())
    client.send("POST /garbage HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    await client.until(/\r\n\r\nno$/)
    client.send("garbage\r\n")
    expect((await client.closed).text).toMatch(/^HTTP\/1\.1 401 .*\r\n\r\nno$/s)
  })

  it("of 103 is relayed before the answer", async () => {
    origin.script = async (exchange) => {
      await exchange.write("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
      await exchange.reply({ body: "ok" })
    }
    using client = await raw(proxy.port())
    client.send("GET /hints HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    expect((await client.closed).text).toMatch(/^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>; rel=preload\r\n\r\nHTTP\/1\.1 200 /)
  })
})

describe("a client that leaves", () => {
  const leaves = async (head: string, more: (socket: Socket) => void): Promise<number> => {
    const { aborted } = origin
    const socket = await dial()
    socket.write(head)
    more(socket)
    await origin.until((origin) => origin.seen.at(-1)?.target === head.split(" ")[1])
    const left = performance.now()
    socket.destroy()
    await origin.until((origin) => origin.aborted > aborted)
    return performance.now() - left
  }

  it("cancels its upstream within 100 ms: waiting, uploading, downloading", async () => {
    origin.script = (exchange) => exchange.closed
    expect(await leaves("GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n", () => {})).toBeLessThan(100)
    origin.script = async (exchange) => {
      exchange.body.resume()
      await exchange.closed
    }
    expect(
      await leaves("POST /uploading HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", (socket) => socket.write("half"))
    ).toBeLessThan(100)
    origin.script = async (exchange) => {
      await exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
      await exchange.closed
    }
    expect(await leaves("GET /downloading HTTP/1.1\r\nHost: a\r\n\r\n", (socket) => socket.resume())).toBeLessThan(100)
    expect((await proxy.logged((line) => line.path === "/uploading")).reason).toBe("client_abort")
  })
})
