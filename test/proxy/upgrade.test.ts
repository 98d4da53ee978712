// Upgrades: passed as raw bytes both ways, or refused by an ordinary answer.
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { defaultTimeouts } from "#src/snapshot/behaviour.ts"
import { makeAuthority } from "../support/certificates.ts"
import { at } from "../support/live.ts"
import { echo, type Origin, startOrigin, tunnel } from "../support/origin.ts"
import { freePort } from "../support/port.ts"
import { raw, startProxy, type TestProxy, talk } from "./harness.ts"
import { material } from "./sketch.ts"

let origin: Origin
let proxy: TestProxy
beforeAll(async () => {
  origin = await startOrigin()
  proxy = await startProxy({
    listeners: {
      web: {
        hosts: {
          "*": [
            { path: { type: "Exact", value: "/idle" }, to: "quick" },
            { path: { type: "Exact", value: "/refused" }, action: { _tag: "Refuse", why: "no_backend" } },
            { to: "origin", filters: [{ _tag: "Headers", on: "Response", edits: [{ _tag: "Set", name: "X-Edited", value: "1" }] }] }
          ]
        }
      }
    },
    upstreams: {
      origin: { endpoints: [at(origin.port)] },
      quick: { endpoints: [at(origin.port)], spec: { timeouts: { ...defaultTimeouts, idle: 250 } } }
    }
  })
})
afterAll(async () => {
  await proxy.close()
  await origin.close()
})

const upgrade = (path: string, protocol = "websocket", more = "") =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: ${protocol}\r\nSec-WebSocket-Key: abc\r\nSec-WebSocket-Protocol: chat\r\n${more}\r\n`

describe("an upgrade", () => {
  it("that the upstream takes becomes a tunnel, its first bytes included", async () => {
    origin.script = tunnel
    using client = await raw(proxy.port())
    client.send(`${upgrade("/ws")}early`)
    const head = await client.until(/\r\n\r\nearly$/)
    expect(head).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n/)
    expect(head).toContain("Sec-WebSocket-Accept: ")
    expect(head).toContain("X-Edited: 1")
    const seen = origin.seen.at(-1)!
    expect(seen.header("sec-websocket-protocol")).toBe("chat")
    expect(seen.header("upgrade")).toBe("websocket")
    client.send(Buffer.from([0, 1, 2, 255]))
    await client.until(/early\0\x01\x02\xff$/)
    client.socket.end()
    await client.closed
    expect(await proxy.logged((line) => line.path === "/ws")).toMatchObject({ status: 101, bytes_in: 9, bytes_out: 9 })
  })

  it.each(["plain", "secure"])("whose client ends its side is still answered, to the end: %s", async (listener) => {
    const pair = await (await makeAuthority()).leaf({ dns: ["a"] })
    const hosts = { "*": [{ to: "late" }] }
    await using late = await startOrigin({
      script: async ({ socket, write }) => {
        socket.allowHalfOpen = true
        await write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: own\r\n\r\n")
        let text = ""
        socket.on("data", (chunk: Buffer) => (text += chunk.toString()))
        socket.on("end", () => socket.end(`${text}, heard`))
        socket.resume()
      }
    })
    await using other = await startProxy({
      listeners: { plain: { hosts }, secure: { port: await freePort(), certificates: ["site"], hosts } },
      upstreams: { late: { endpoints: [at(late.port)] } },
      materials: [material("site", pair, ["a"])]
    })
    using client = await raw(other.port(listener), listener === "secure" ? { servername: "a", rejectUnauthorized: false } : undefined)
    client.send(upgrade("/half", "own"))
    await client.until(/\r\n\r\n$/)
    client.socket.end("all of it")
    const { text, clean } = await client.closed
    expect(text).toMatch(/\r\n\r\nall of it, heard$/)
    expect(clean).toBe(true)
  })

  it("carries a large stream both ways without loss", async () => {
    origin.script = tunnel
    using client = await raw(proxy.port())
    client.send(upgrade("/large"))
    await client.until(/\r\n\r\n$/)
    const size = 8 * 1024 * 1024
    client.send(Buffer.alloc(size, "y"))
    for (;;) {
      const text = client.received()
      if (text.length - text.indexOf("\r\n\r\n") - 4 === size) break
      await new Promise((resolve) => client.socket.once("data", resolve))
    }
  })

  it("that falls silent is closed after the idle time: stream_idle", async () => {
    origin.script = tunnel
    using client = await raw(proxy.port())
    client.send(upgrade("/idle"))
    await client.until(/\r\n\r\n$/)
    await client.closed
    expect(await proxy.logged((line) => line.path === "/idle")).toMatchObject({ status: 101, reason: "stream_idle" })
  })

  it("that the upstream refuses is its ordinary answer, and the connection goes on (RFC 9110 7.8)", async () => {
    origin.script = (exchange) => exchange.reply({ status: 403, body: "no" })
    using client = await raw(proxy.port())
    client.send(upgrade("/denied"))
    await client.until(/^HTTP\/1\.1 403 .*Connection: keep-alive\r\n.*\r\n\r\nno$/s)
    client.send("GET /after HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    expect((await client.closed).text.match(/HTTP\/1\.1 403/g)).toHaveLength(2)
  })

  it("that is refused while more came already ends the connection: nobody can tell of which protocol that is", async () => {
    origin.script = (exchange) => exchange.reply({ status: 403, body: "no" })
    const text = await talk(proxy.port(), `${upgrade("/early")}GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n`)
    expect(text).toMatch(/^HTTP\/1\.1 403 .*Connection: close\r\n\r\nno$/s)
  })

  it("that a rule refuses is answered by the table", async () => {
    expect(await talk(proxy.port(), upgrade("/refused", "websocket", "Connection: close\r\n"))).toMatch(/^HTTP\/1\.1 500 /)
    expect((await proxy.logged((line) => line.path === "/refused")).reason).toBe("no_backend")
  })

  it("to h2c, or with a body, is not one: the request is served without it", async () => {
    origin.script = echo
    const plain = await talk(proxy.port(), upgrade("/h2c", "h2c", "HTTP2-Settings: AAMAAABk\r\nConnection: close\r\n"))
    expect(plain).toMatch(/^HTTP\/1\.1 200 /)
    expect(plain.toLowerCase()).not.toMatch(/"upgrade"|http2-settings/)
    const bodied = await talk(proxy.port(), `${upgrade("/bodied", "websocket", "Content-Length: 2\r\nConnection: close\r\n")}hi`)
    expect(bodied).toMatch(/^HTTP\/1\.1 200 .*"size":2/s)
  })
})
