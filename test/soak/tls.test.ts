// Law 9 where both sides are TLS: records are cut and joined on the way, and memory is as flat as in plain (test/feature/streaming.test.ts).
import { once } from "node:events"
import { connect, type TLSSocket } from "node:tls"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { UpstreamTls } from "#src/snapshot/upstream.ts"
import { startProxy, type TestProxy } from "../proxy/harness.ts"
import { material } from "../proxy/sketch.ts"
import { makeAuthority } from "../support/certificates.ts"
import { growth } from "../support/growth.ts"
import { at } from "../support/live.ts"
import { download, type Origin, startOrigin } from "../support/origin.ts"

const MiB = 1024 * 1024
const GiB = 1024 * MiB
const outside = "api.example"
const inside = "shop.example"

let origin: Origin
let proxy: TestProxy
let ca: string
beforeAll(async () => {
  const authority = await makeAuthority()
  ca = authority.certificate
  const leaf = await authority.leaf({ dns: [outside] })
  origin = await startOrigin({ tls: { cert: leaf.chain, key: leaf.key } })
  const tls: UpstreamTls = { ca: "System", names: [outside], client: null, verify: true, minVersion: "TLSv1.2", maxVersion: "TLSv1.3" }
  proxy = await startProxy(
    {
      listeners: { web: { hostname: inside, certificates: ["web"], hosts: { [inside]: [{ to: "origin" }] } } },
      upstreams: { origin: { endpoints: [at(origin.port, { tls: true })], spec: { tls } } },
      materials: [material("web", await authority.leaf({ dns: [inside] }), [inside])]
    },
    { roots: [ca] }
  )
})
afterAll(async () => {
  await proxy.close()
  await origin.close()
})

const dial = async (): Promise<TLSSocket> => {
  const socket = connect({ host: "127.0.0.1", port: proxy.port(), servername: inside, ca })
  socket.on("error", () => {})
  await once(socket, "secureConnect")
  return socket
}

describe("1 GiB over TLS on both sides", () => {
  it("down passes in flat memory", async () => {
    origin.script = download(GiB, MiB)
    let received = 0
    const grown = await growth(async () => {
      const socket = await dial()
      socket.on("data", (chunk) => {
        received += chunk.length
      })
      socket.write(`GET /down HTTP/1.1\r\nHost: ${inside}\r\nConnection: close\r\n\r\n`)
      await once(socket, "close")
    })
    expect(received).toBeGreaterThan(GiB)
    expect(await proxy.logged((line) => line.path === "/down")).toMatchObject({ status: 200, bytes_out: GiB })
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
      socket.write(`POST /up HTTP/1.1\r\nHost: ${inside}\r\nContent-Length: ${GiB}\r\nConnection: close\r\n\r\n`)
      for (let sent = 0; sent < GiB; sent += block.length) if (!socket.write(block)) await once(socket, "drain")
      await once(socket, "close")
    })
    expect(text).toMatch(/\r\n\r\ndone$/)
    expect(size).toBe(GiB)
    expect(await proxy.logged((line) => line.path === "/up")).toMatchObject({ status: 200, bytes_in: GiB })
    expect(grown).toBeLessThan(200 * MiB)
  })
})
