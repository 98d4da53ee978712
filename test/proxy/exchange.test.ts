import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { at } from "../support/live.ts"
import { type Origin, startOrigin } from "../support/origin.ts"
import { ask, startProxy, type TestProxy } from "./harness.ts"

describe("exchange", () => {
  let origin: Origin
  let proxy: TestProxy
  beforeAll(async () => {
    origin = await startOrigin()
    proxy = await startProxy({
      listeners: { web: { hosts: { "*": [{ to: "origin" }] } } },
      upstreams: { origin: { endpoints: [at(origin.port)] } }
    })
  })
  afterAll(async () => {
    await proxy.close()
    await origin.close()
  })

  it("relays a request and its answer", async () => {
    const answer = await ask(proxy.port(), "/hello?q=1", { headers: { "X-Test": "a" } })
    expect(answer.status).toBe(200)
    const seen = JSON.parse(answer.body)
    expect(seen.method).toBe("GET")
    expect(seen.target).toBe("/hello?q=1")
    expect(seen.headers).toContainEqual(["X-Test", "a"])
    const line = await proxy.logged((line) => line.path === "/hello")
    expect(line).toMatchObject({ status: 200, gateway: "test/gateway", listener: "web", route: "HTTPRoute/test/route" })
  })
})
