// What stands before the path at one endpoint and not at another: by the endpoint that a try goes to, whatever was tried before.
import { assert, describe, it } from "vitest"
import { endpointName } from "#src/snapshot/upstream.ts"
import { at, exchange, liveUpstream, named, request } from "../support/live.ts"
import { startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"

describe("the path prefix of an endpoint", () => {
  it("stands before path and query, which stay as they came", async () => {
    await using origin = await startOrigin({ script: (incoming) => incoming.reply({}) })
    await using upstream = await liveUpstream({ endpoints: [at(origin.port, { pathPrefix: "/tenants/a" })] })
    const targets = ["/", "/x", "/x/?q=/y", "//x%2fy", "/?"]
    const asked = targets.map((path) => request({ path }))
    for (const one of asked) await exchange(upstream, one)
    assert.deepEqual(
      origin.seen.map(({ target }) => target),
      targets.map((path) => `/tenants/a${path}`)
    )
    assert.deepEqual(
      asked.map(({ path }) => path),
      targets
    )
    assert.strictEqual(origin.connections, 1)
  })

  it("is the endpoint's that is tried: another is tried with its own, or without", async () => {
    await using origin = await startOrigin({ script: (incoming) => incoming.reply({}) })
    const dead = await freePort()
    await using upstream = await liveUpstream({ endpoints: [at(dead, { pathPrefix: "/dead" }), at(origin.port)] })
    const seen = await Promise.all([1, 2, 3, 4].map(() => exchange(upstream, { path: "/x" })))
    assert.deepEqual(
      seen.map(({ failure }) => failure?.reason ?? null),
      [null, null, null, null]
    )
    for (const { target } of origin.seen) assert.strictEqual(target, "/x")
  })

  it("tells two endpoints of one address apart, each with connections of its own", async () => {
    await using origin = await startOrigin({ script: (incoming) => incoming.reply({}) })
    await using upstream = await liveUpstream({
      endpoints: [at(origin.port, { pathPrefix: "/a" }), at(origin.port, { pathPrefix: "/b" }), at(origin.port)]
    })
    for (let n = 0; n < 6; n++) await exchange(upstream, { path: "/x" })
    assert.deepEqual(origin.seen.map(({ target }) => target).sort(), ["/a/x", "/a/x", "/b/x", "/b/x", "/x", "/x"])
    assert.deepEqual(
      upstream.describe().endpoints.map(({ name }) => name),
      [`127.0.0.1:${origin.port}/a`, `127.0.0.1:${origin.port}/b`, `127.0.0.1:${origin.port}`]
    )
    // In another order they are the same endpoints: nobody is dialled anew.
    upstream.setEndpoints([at(origin.port), at(origin.port, { pathPrefix: "/b" }), at(origin.port, { pathPrefix: "/a" })])
    for (let n = 0; n < 6; n++) await exchange(upstream, { path: "/y" })
    assert.strictEqual(origin.connections, 3)
  })

  it("is part of the name that an endpoint has in statuses, explain and logs", () => {
    const pathPrefix = "/v1"
    assert.strictEqual(endpointName(named("api.example", 443, { pathPrefix })), "api.example:443/v1")
    assert.strictEqual(endpointName(at(80, { ip: "2001:db8::1", pathPrefix })), "[2001:db8::1]:80/v1")
    assert.strictEqual(endpointName(at(0, { at: { _tag: "Unix", path: "/run/a.sock" }, pathPrefix })), "/run/a.sock:/v1")
    assert.strictEqual(endpointName(at(0, { at: { _tag: "Unix", path: "/run/a.sock" } })), "/run/a.sock")
  })
})
