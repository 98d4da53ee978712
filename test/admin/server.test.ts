// What the admin and health ports answer, over real sockets.
import { once } from "node:events"
import { connect } from "node:net"
import { inspect } from "node:util"
import { Effect, Exit, Scope } from "effect"
import { afterEach, describe, expect, it } from "vitest"
import { serveAdmin, serveHealth } from "#src/admin/server.ts"
import type { AdminSources, GatewayView } from "#src/admin/view.ts"
import { makeMetrics } from "#src/report/metrics.ts"
import { ask } from "../proxy/harness.ts"
import { material, snapshotOf } from "../proxy/sketch.ts"
import { at } from "../support/live.ts"

const canary = "canary-9f1c-private-key-bytes"

const scopes: Array<Scope.Closeable> = []
const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> => {
  const scope = Scope.makeUnsafe()
  scopes.push(scope)
  return Effect.runPromise(effect.pipe(Scope.provide(scope)))
}
afterEach(async () => {
  for (const scope of scopes.splice(0)) await Effect.runPromise(Scope.close(scope, Exit.void))
})

const loopback = { address: "127.0.0.1", port: 0 }

const sealed = material("pair", { chain: "chain", key: canary }, ["a.example"])

const view: GatewayView = {
  gateway: "test/gateway",
  version: "v1",
  sequence: 3,
  ready: true,
  draining: false,
  listeners: [{ id: "web", hostname: null, bind: "127.0.0.1:80", bound: true }],
  refused: [],
  snapshot: snapshotOf({
    listeners: { web: { hosts: { "*": [{ to: "origin" }] } } },
    upstreams: { origin: { endpoints: [at(80)] } },
    materials: [sealed]
  }),
  upstreams: [
    {
      description: {
        id: "origin",
        namespace: "test",
        target: "Service test/origin:80",
        endpoints: [
          {
            name: "api.example:443",
            weight: 1,
            tier: 0,
            addresses: [{ address: "192.0.2.1:443", draining: false, active: 1, idle: 2, lastFailure: null }]
          }
        ],
        pool: { active: 1, requests: 9, dialFailures: 2 }
      },
      facts: { resolution: "Fresh", detail: "", addresses: 1, healthy: 1, tier: 0, certificateExpires: null, lastFailure: null }
    }
  ]
}

const sources: AdminSources = {
  gateways: () => [view],
  statuses: () => new Map([["HTTPRoute/test/route", { Accepted: "True", from: sealed }]]),
  explain: (query) => Promise.resolve({ status: 200, body: { url: query.get("url") } })
}

describe("admin port", () => {
  it("shows snapshot, statuses and upstreams as JSON, Maps as objects", async () => {
    const { port } = await run(serveAdmin(loopback, sources))
    const [snapshot] = JSON.parse((await ask(port, "/snapshot")).body)
    expect(snapshot.version).toBe("v1")
    expect(Object.keys(snapshot.snapshot.listeners)).toEqual(["web"])
    expect(JSON.parse((await ask(port, "/statuses")).body)["HTTPRoute/test/route"].Accepted).toBe("True")
    const [upstream] = JSON.parse((await ask(port, "/upstreams")).body)
    expect(upstream.endpoints[0].addresses[0].address).toBe("192.0.2.1:443")
  })

  it("prints /clusters line by line as Envoy does", async () => {
    const { port } = await run(serveAdmin(loopback, sources))
    const { body } = await ask(port, "/clusters")
    expect(body).toContain("Service_test/origin:80::192.0.2.1:443::cx_active::3\n")
    expect(body).toContain("Service_test/origin:80::192.0.2.1:443::hostname::api.example:443\n")
    expect(body).toContain("Service_test/origin:80::default_priority::max_connections::1024\n")
  })

  it("never shows the bytes of a Secret, on any page", async () => {
    const { port } = await run(serveAdmin(loopback, sources))
    for (const page of ["/", "/snapshot", "/statuses", "/upstreams", "/clusters", "/explain?url=http://a"]) {
      const { status, body } = await ask(port, page)
      expect(status).toBe(200)
      expect(body).not.toContain(canary)
    }
    expect(JSON.stringify(sealed)).not.toContain(canary)
    expect(inspect(sealed, { depth: 9, showHidden: true })).not.toContain(canary)
  })

  it("hands /explain its query, asks for a URL, and says when it cannot", async () => {
    const { port } = await run(serveAdmin(loopback, sources))
    expect(JSON.parse((await ask(port, "/explain?url=http://a/b")).body)).toEqual({ url: "http://a/b" })
    expect(JSON.parse((await ask(port, "/explain?url=http://a/b?c=d")).body)).toEqual({ url: "http://a/b?c=d" })
    expect((await ask(port, "/explain")).status).toBe(400)
    const without = await run(serveAdmin(loopback, { ...sources, explain: null }))
    expect((await ask(without.port, "/explain?url=http://a")).status).toBe(501)
  })

  it("on loopback is asked by address or as localhost only: a page in a browser cannot rebind a name to it", async () => {
    const { port } = await run(serveAdmin(loopback, sources))
    const status = async (host: string) => (await ask(port, "/upstreams", { headers: { host } })).status
    expect(await status("rebound.example")).toBe(403)
    expect(await status(`rebound.example:${port}`)).toBe(403)
    expect(await status("localhost")).toBe(200)
    expect(await status(`127.0.0.1:${port}`)).toBe(200)
    expect(await status(`[::1]:${port}`)).toBe(200)
  })

  it("answers 404, 405 and 500, the last without quoting what went wrong", async () => {
    const { port } = await run(
      serveAdmin(loopback, {
        ...sources,
        statuses: () => {
          throw new Error(canary)
        }
      })
    )
    expect((await ask(port, "/nothing")).status).toBe(404)
    expect((await ask(port, "/snapshot", { method: "POST" })).status).toBe(405)
    const failed = await ask(port, "/statuses")
    expect(failed.status).toBe(500)
    expect(failed.body).not.toContain(canary)
  })

  it("takes a bounded number of connections (law 19)", async () => {
    const { port } = await run(serveAdmin(loopback, sources))
    const open = await Promise.all(
      [...Array(256)].map(async () => {
        const socket = connect({ host: "127.0.0.1", port })
        await once(socket, "connect")
        return socket
      })
    )
    await expect(ask(port, "/")).rejects.toThrow()
    for (const socket of open.slice(0, 10)) socket.destroy()
    await Promise.all(open.slice(0, 10).map((socket) => socket.closed || once(socket, "close")))
    while ((await ask(port, "/").catch(() => null))?.status !== 200) await new Promise((resolve) => setImmediate(resolve))
    for (const socket of open) socket.destroy()
  })

  it("names the port and the remedy when it is taken", async () => {
    const { port } = await run(serveAdmin(loopback, sources))
    const error = await run(Effect.flip(serveAdmin({ address: "127.0.0.1", port }, sources)))
    expect(error.message).toContain(`127.0.0.1:${port}`)
    expect(error.message).toContain("choose another")
  })
})

describe("health port", () => {
  it("is healthy when it answers, ready when the proxy says so", async () => {
    let ready = false
    const { port } = await run(serveHealth(loopback, { ready: () => ready, metrics: makeMetrics({ version: "1.2.3" }) }))
    expect((await ask(port, "/healthz")).status).toBe(200)
    expect((await ask(port, "/readyz")).status).toBe(503)
    ready = true
    expect((await ask(port, "/readyz")).status).toBe(200)
  })

  it("serves the metrics in Prometheus' text format", async () => {
    const { port } = await run(serveHealth(loopback, { ready: () => true, metrics: makeMetrics({ version: "1.2.3" }) }))
    const answer = await ask(port, "/metrics")
    expect(answer.headers["content-type"]).toContain("text/plain; version=0.0.4")
    expect(answer.body).toContain(`sluice_build_info{version="1.2.3",node="${process.version}"} 1`)
  })
})
