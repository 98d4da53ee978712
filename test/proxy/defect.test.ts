// A bug of ours costs the request it happens in, never the process: here the access log, which is told of each request at its end, throws.
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { readAnswers } from "../fuzz/attack.ts"
import { at } from "../support/live.ts"
import { type Origin, standard, startOrigin } from "../support/origin.ts"
import { ask, raw, startProxy, type TestProxy } from "./harness.ts"
import { exact } from "./sketch.ts"

let origin: Origin
let proxy: TestProxy
let broken = ""
let thrown = 0

beforeAll(async () => {
  origin = await startOrigin({ script: standard })
  proxy = await startProxy(
    {
      listeners: {
        web: {
          hosts: {
            "*": [
              { path: exact("/refused"), action: { _tag: "Refuse", why: "no_backend" } },
              { path: exact("/delay/3000"), to: "origin", deadlines: { request: 50 } },
              { path: exact("/nowhere"), to: "nowhere" },
              { to: "origin" }
            ]
          }
        }
      },
      upstreams: { origin: { endpoints: [at(origin.port)] }, nowhere: { endpoints: [] } }
    },
    {
      log: {
        write: (entry) => {
          if (broken === "" || !entry.path.startsWith(broken)) return
          thrown++
          throw new TypeError("a bug")
        },
        pass: (_lines, done) => done(),
        dropped: () => 0,
        flush: () => Promise.resolve()
      }
    }
  )
})
afterAll(async () => {
  await proxy.close()
  await origin.close()
})

describe("a defect", () => {
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
  const rows: ReadonlyArray<readonly [string, string, number]> = [
    ["while a request is answered here", "/refused", 500],
    ["while an answer is relayed", "/bytes/5", 200],
    ["when a failure is told", "/nowhere", 503],
    ["when a time is over", "/delay/3000", 504]
  ]
  for (const [when, path, status] of rows) {
    it(`${when} costs at most the connection`, async () => {
      broken = path
      const before = thrown
      using beside = await raw(proxy.port())
      beside.send(get("/delay/200"))
      using client = await raw(proxy.port())
      client.send(get(path))
      const [answer] = readAnswers(await client.until(/\r\n\r\n/), []).answers
      expect(answer?.status).toBe(status)
      expect(thrown).toBe(before + 1)
      broken = ""
      expect(await beside.until(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 200 /)
      expect((await ask(proxy.port(), "/bytes/5")).status).toBe(200)
      expect(await proxy.metric("sluice_requests_active", {})).toBe(0)
    })
  }

  it("when a client has left is as if there were none", async () => {
    broken = "/delay"
    const before = thrown
    const { requests } = origin
    const client = await raw(proxy.port())
    client.send(get("/delay/5000"))
    await origin.until((seen) => seen.requests > requests)
    client.socket.destroy()
    await origin.until((seen) => seen.open === 0 || thrown > before)
    broken = ""
    expect((await ask(proxy.port(), "/bytes/5")).status).toBe(200)
    expect(thrown).toBe(before + 1)
  })
})
