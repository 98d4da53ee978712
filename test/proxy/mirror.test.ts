// Copies of requests: what they are, how many there are, and that the request itself notices none of what becomes of them.
import { createHash, randomBytes } from "node:crypto"
import { once } from "node:events"
import { request as httpRequest } from "node:http"
import { createServer } from "node:net"
import { buffer } from "node:stream/consumers"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { MirrorRoom } from "#src/proxy/mirror.ts"
import type { Filter } from "#src/snapshot/route.ts"
import { at } from "../support/live.ts"
import { type Origin, startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"
import { ask, raw, startProxy, type TestProxy } from "./harness.ts"
import { exact, prefix, share } from "./sketch.ts"

let main: Origin
let shadow: Origin
let other: Origin
let silent: ReturnType<typeof createServer>
let proxy: TestProxy

const mirror = (to: string, fraction = 1): Filter => ({ _tag: "Mirror", to, fraction })
const digests = new Map<string, Array<string>>()

/** Remembers what bodies came, by origin. */
const remembering = (name: string) =>
  startOrigin({
    script: async ({ body, reply, request }) => {
      const known = digests.get(name) ?? []
      digests.set(name, known)
      const bytes = await buffer(body)
      known.push(`${request.method} ${bytes.length} ${createHash("sha256").update(bytes).digest("hex")}`)
      await reply({ body: name })
    }
  })

/** An endpoint that takes connections and never reads. */
const startSilent = async () => {
  const server = createServer((socket) => {
    socket.pause()
    socket.on("error", () => {})
  })
  server.listen(await freePort(), "127.0.0.1")
  await once(server, "listening")
  return server
}

beforeAll(async () => {
  main = await remembering("main")
  shadow = await remembering("shadow")
  other = await remembering("other")
  silent = await startSilent()
  const closed = await freePort()
  const { port: deaf } = silent.address() as { readonly port: number }
  const edits: Filter = { _tag: "Headers", on: "Request", edits: [{ _tag: "Set", name: "X-Edit", value: "edited" }] }
  proxy = await startProxy({
    listeners: {
      web: {
        hosts: {
          "*": [
            { path: prefix("/both"), to: "main", filters: [mirror("shadow"), edits, mirror("other")] },
            {
              path: prefix("/rewritten"),
              to: "main",
              filters: [
                { _tag: "Rewrite", hostname: "rewritten.example", path: { _tag: "ReplacePrefixMatch", value: "/new" } },
                mirror("shadow"),
                mirror("named")
              ]
            },
            { path: exact("/none"), to: "main", filters: [mirror("shadow", 0)] },
            { path: exact("/half"), to: "main", filters: [mirror("shadow", 0.5)] },
            { path: exact("/share"), to: [share("main", { filters: [mirror("other")] })], filters: [mirror("shadow")] },
            { path: prefix("/dead"), to: "main", filters: [mirror("dead"), mirror("shadow")] },
            { path: prefix("/deaf"), to: "main", filters: [mirror("deaf")] },
            { path: exact("/hasty"), to: "main", filters: [mirror("deaf")], deadlines: { backendRequest: 2_000 } },
            { path: exact("/unserved"), to: "main", filters: [mirror("unserved"), mirror("shadow")] },
            { path: exact("/failing"), to: "dead", filters: [mirror("shadow")] },
            { path: exact("/moved"), action: { _tag: "Refuse", why: "no_backend" }, filters: [mirror("shadow")] }
          ]
        }
      }
    },
    upstreams: {
      main: { endpoints: [at(main.port)], spec: { identity: { host: "Request", sni: null, certificateName: null }, external: false } },
      shadow: { endpoints: [at(shadow.port)], spec: { identity: { host: "Request", sni: null, certificateName: null }, external: false } },
      other: { endpoints: [at(other.port)], spec: { external: true } },
      named: { endpoints: [at(other.port)], spec: { identity: { host: { name: "named.example" }, sni: null, certificateName: null } } },
      dead: { endpoints: [at(closed)] },
      deaf: { endpoints: [at(deaf)] },
      unserved: { endpoints: [at(shadow.port)], spec: { via: [hop, hop] } }
    }
  })
})
const hop = { at: { _tag: "Address", ip: "127.0.0.1", port: 3128 }, tls: null, certificateName: null, authorization: null } as const

afterAll(async () => {
  await proxy.close()
  for (const origin of [main, shadow, other]) await origin.close()
  silent.close()
})
beforeEach(() => digests.clear())
// A copy holds its upstream to its end, and no longer: none is left for the counts of the next test.
afterEach(async () => {
  const holders = () => proxy.proxy.describe()!.upstreams.map(({ description }) => description.holders)
  await expect.poll(() => holders().every((number) => number === 0), { timeout: 10_000 }).toBe(true)
})

const counted = (to: string, result: string) => proxy.metric("sluice_mirrored_requests_total", { upstream: `Service test/${to}`, result })

/** Waits until so many copies to it ended so; a copy is counted at its end. */
const ended = (to: string, result: string, number: number) => expect.poll(() => counted(to, result), { timeout: 10_000 }).toBe(number)

describe("a copy", () => {
  it("has the method, target, body and edited fields of the request, at each upstream that is named; its answer goes nowhere", async () => {
    const [before, beside] = [await counted("shadow", "ok"), await counted("other", "ok")]
    const answer = await ask(proxy.port(), "/both/x?y=1", { method: "PUT", body: "content", headers: { "X-Edit": "a", Host: "a.example" } })
    expect([answer.status, answer.body]).toEqual([200, "main"])
    await ended("shadow", "ok", before + 1)
    await ended("other", "ok", beside + 1)
    for (const origin of [main, shadow, other]) {
      const seen = origin.seen.at(-1)!
      expect([seen.method, seen.target, seen.header("x-edit")]).toEqual(["PUT", "/both/x?y=1", "edited"])
    }
    expect(digests.get("shadow")).toEqual(digests.get("main"))
    expect(digests.get("other")).toEqual(digests.get("main"))
    // What is told of the client, and the Host, are each upstream's own matter.
    expect(shadow.seen.at(-1)!.header("x-forwarded-for")).toBe("127.0.0.1")
    expect(other.seen.at(-1)!.header("x-forwarded-for")).toBeUndefined()
    expect(shadow.seen.at(-1)!.header("host")).toBe("a.example")
  })

  it("is rewritten as the request is; an upstream with a name of its own is called by that", async () => {
    const before = await counted("named", "ok")
    await ask(proxy.port(), "/rewritten/x")
    await ended("named", "ok", before + 1)
    await shadow.until(({ seen }) => seen.at(-1)!.target === "/new/x")
    expect(shadow.seen.at(-1)!.header("host")).toBe("rewritten.example")
    expect([other.seen.at(-1)!.target, other.seen.at(-1)!.header("host")]).toEqual(["/new/x", "named.example"])
  })

  it("is sent for a share of the requests", async () => {
    const before = await counted("shadow", "ok")
    for (let n = 0; n < 200; n += 20) await Promise.all(Array.from({ length: 20 }, () => ask(proxy.port(), "/half")))
    await ask(proxy.port(), "/none")
    // Seven deviations of 200 throws.
    await expect.poll(() => counted("shadow", "ok"), { timeout: 10_000 }).toBeGreaterThan(before + 50)
    await ask(proxy.port(), "/both")
    await shadow.until(({ seen }) => seen.at(-1)!.target === "/both")
    expect(shadow.seen.some(({ target }) => target === "/none")).toBe(false)
    expect(shadow.seen.filter(({ target }) => target === "/half").length).toBeLessThan(150)
  })

  it("is what the rule says and what the backendRef says", async () => {
    const [before, beside] = [await counted("shadow", "ok"), await counted("other", "ok")]
    await ask(proxy.port(), "/share")
    await ended("shadow", "ok", before + 1)
    await ended("other", "ok", beside + 1)
  })

  it("is sent once, also where the request itself fails", async () => {
    const before = await counted("shadow", "ok")
    expect((await ask(proxy.port(), "/failing")).status).toBe(503)
    await ended("shadow", "ok", before + 1)
  })

  it("of what is answered here there is none", async () => {
    const { requests } = shadow
    expect((await ask(proxy.port(), "/moved")).status).toBe(500)
    expect(shadow.requests).toBe(requests)
  })

  it("of a conversation there is none", async () => {
    const before = shadow.requests
    const script = main.script
    try {
      main.script = ({ socket }) => {
        socket.end("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\nhello")
      }
      using client = await raw(proxy.port())
      client.send("GET /both/chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n")
      await client.until(/hello/)
    } finally {
      main.script = script
    }
    await ask(proxy.port(), "/both/after")
    await shadow.until(({ seen }) => seen.at(-1)!.target === "/both/after")
    expect(shadow.requests).toBe(before + 1)
  })

  it("to what is not served here is not made, and the Ack says so; others are", async () => {
    const before = await counted("shadow", "ok")
    expect((await ask(proxy.port(), "/unserved")).status).toBe(200)
    await ended("shadow", "ok", before + 1)
    expect(proxy.acks.at(-1)!.refused.some(({ reason }) => reason.includes("more than one proxy"))).toBe(true)
  })
})

describe("a request notices nothing", () => {
  it("of an upstream that cannot be reached", async () => {
    const before = await counted("shadow", "ok")
    const answer = await ask(proxy.port(), "/dead", { method: "POST", body: "x".repeat(100_000) })
    expect([answer.status, answer.body]).toEqual([200, "main"])
    await ended("dead", "connect_refused", 1)
    await ended("shadow", "ok", before + 1)
  })

  it("of one that never answers: the copy ends with the time of a try", async () => {
    expect((await ask(proxy.port(), "/hasty")).body).toBe("main")
    await ended("deaf", "backend_timeout", 1)
  })

  it("of one that reads nothing: the copy of a large body is given up, and the body is whole", async () => {
    const before = await counted("deaf", "behind")
    const bytes = randomBytes(24 * 1024 * 1024)
    const answer = await ask(proxy.port(), "/deaf", { method: "PUT", body: bytes })
    expect(answer.body).toBe("main")
    expect(digests.get("main")!.at(-1)).toBe(`PUT ${bytes.length} ${createHash("sha256").update(bytes).digest("hex")}`)
    await ended("deaf", "behind", before + 1)
  }, 30_000)

  it("of a long answer, which is not read to its end", async () => {
    const before = await counted("shadow", "ok")
    const script = shadow.script
    const whole = 100 * 1024 * 1024
    let sent = 0
    try {
      shadow.script = async ({ socket, closed }) => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${whole}\r\n\r\n`)
        const fill = () => {
          while (sent < whole && !socket.destroyed) {
            sent += 65_536
            if (!socket.write(Buffer.alloc(65_536))) return
          }
        }
        socket.on("drain", fill)
        fill()
        await closed
      }
      expect((await ask(proxy.port(), "/both")).body).toBe("main")
      await ended("shadow", "ok", before + 1)
      expect(sent).toBeLessThan(whole / 2)
    } finally {
      shadow.script = script
    }
  })
})

it("a request whose body breaks off leaves no whole copy", async () => {
  const { requests, aborted } = shadow
  const before = await counted("shadow", "incomplete")
  const sent = httpRequest({
    host: "127.0.0.1",
    port: proxy.port(),
    path: "/both",
    method: "POST",
    headers: { "Content-Length": 10 },
    agent: false
  })
  sent.on("error", () => {})
  sent.write("half")
  await shadow.until((origin) => origin.requests > requests)
  sent.destroy()
  await ended("shadow", "incomplete", before + 1)
  await shadow.until((origin) => origin.aborted > aborted)
  expect(digests.get("shadow") ?? []).toEqual([])
})

it("what all copies keep together is bounded, and given back", () => {
  const room = new MirrorRoom()
  const whole = 32 * 1024 * 1024
  expect(room.take(whole)).toBe(true)
  expect(room.take(1)).toBe(false)
  room.free(whole)
  expect(room.take(whole)).toBe(true)
})
