// Sessions: a client comes back to the endpoint that served it first, for as long as that serves; what it brings names nothing.
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { LiveSession } from "#src/proxy/pin.ts"
import type { Session } from "#src/snapshot/session.ts"
import { at } from "../support/live.ts"
import { type Origin, startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"
import { type Answer, ask, raw, startProxy, type TestProxy } from "./harness.ts"
import { prefix, type Sketch, share } from "./sketch.ts"

const cookie = (more: Partial<Session> = {}): Session => ({
  key: "a key that nobody guesses",
  by: { _tag: "Cookie", name: "seat", path: "/c", permanent: false },
  lifetime: null,
  ...more
})
const header: Session = cookie({ by: { _tag: "Header", name: "X-Seat" } })

const origins: Array<Origin> = []
let silent = 0
let proxy: TestProxy

/** open: how many of the origins there are. */
const sketch = (open: number, weights: readonly [number, number] = [1, 1]): Sketch => {
  const places = origins.slice(0, open).map(({ port }) => at(port))
  const session = { session: cookie() }
  return {
    listeners: {
      web: {
        hosts: {
          "*": [
            { path: prefix("/c"), to: "all", ...session },
            { path: prefix("/h"), to: "all", session: header },
            { path: prefix("/other"), to: "all", session: cookie({ key: "another" }) },
            { path: prefix("/timed"), to: "all", session: cookie({ lifetime: 3_600_000 }) },
            { path: prefix("/shares"), to: [share("first", { weight: weights[0] }), share("second", { weight: weights[1] })], ...session },
            { path: prefix("/standby"), to: [share("dead", { standbys: [share("all")] }), share("second")], ...session },
            { path: prefix("/plain"), to: "all" }
          ]
        }
      }
    },
    upstreams: {
      all: { endpoints: places },
      first: { endpoints: places.slice(0, 2) },
      second: { endpoints: places.slice(0, 2) },
      dead: { endpoints: [at(silent)] }
    }
  }
}

beforeAll(async () => {
  for (let n = 0; n < 4; n++)
    origins.push(
      await startOrigin({
        script: async ({ reply, request, socket }) => {
          if (request.header("upgrade") === undefined) await reply({ body: String(n) })
          else socket.end("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\nhello")
        }
      })
    )
  silent = await freePort()
  proxy = await startProxy(sketch(3))
})
afterAll(async () => {
  await proxy.close()
  for (const origin of origins) await origin.close()
})

const get = (path: string, headers: Record<string, string> = {}) => ask(proxy.port(), path, { headers })
const seatOf = (answer: Answer): string => /^seat=([^;]*)/.exec(answer.headers["set-cookie"]?.[0] ?? "")?.[1] ?? ""
const seated = (seat: string) => ({ Cookie: `a=b; seat=${seat}` })

/** Where so many requests with these fields come to; each is the same as the first, or this fails. */
const stays = async (path: string, headers: Record<string, string>, times = 12): Promise<string> => {
  const answers = await Promise.all(Array.from({ length: times }, () => get(path, headers)))
  expect(answers.map(({ headers }) => headers["set-cookie"] ?? headers["x-seat"]).filter((given) => given !== undefined)).toEqual([])
  expect(new Set(answers.map(({ body }) => body)).size).toBe(1)
  return answers[0]!.body
}

describe("a session", () => {
  it("by cookie: is given once, and leads back", async () => {
    const answer = await get("/c/a")
    expect(answer.headers["set-cookie"]).toEqual([expect.stringMatching(/^seat=[A-Za-z0-9_-]{30}; Path=\/c; HttpOnly$/)])
    expect(await stays("/c/a", seated(seatOf(answer)))).toBe(answer.body)
    // Others are spread all the same.
    expect(new Set((await Promise.all(Array.from({ length: 9 }, () => get("/c")))).map(({ body }) => body)).size).toBe(3)
  })

  it("by header: the same", async () => {
    const answer = await get("/h")
    const seat = answer.headers["x-seat"]
    expect(seat).toMatch(/^[A-Za-z0-9_-]{30}$/)
    expect(answer.headers["set-cookie"]).toBeUndefined()
    expect(await stays("/h", { "x-seat": String(seat) })).toBe(answer.body)
  })

  it("is given with an upgrade too", async () => {
    using client = await raw(proxy.port())
    client.send("GET /c/chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n")
    expect(await client.until(/hello/)).toMatch(/Set-Cookie: seat=/)
  })

  it("of another rule means nothing here, nor does what is made up; each begins anew", async () => {
    const foreign = seatOf(await get("/other"))
    const own = seatOf(await get("/c"))
    for (const seat of [foreign, "", "x", `${own}x`, own.slice(1), "127.0.0.1:80", `${own.slice(0, 8)}${"A".repeat(22)}`]) {
      const answer = await get("/c", seated(seat))
      expect(answer.status).toBe(200)
      expect(seatOf(answer), seat).toMatch(/^[A-Za-z0-9_-]{30}$/)
    }
  })

  it("is no matter of rules without one", async () => {
    expect((await get("/plain")).headers["set-cookie"]).toBeUndefined()
  })

  it("stays with its backend whatever the weights, until that has none", async () => {
    const answer = await get("/shares")
    const seat = seatOf(answer)
    const before = await Promise.all(
      ["first", "second"].map((name) => proxy.metric("sluice_requests_total", { upstream: `Service test/${name}` }))
    )
    await stays("/shares", seated(seat), 20)
    const after = await Promise.all(
      ["first", "second"].map((name) => proxy.metric("sluice_requests_total", { upstream: `Service test/${name}` }))
    )
    const served = after.map((count, index) => count - before[index]!)
    expect(served.sort((a, b) => a - b)).toEqual([0, 20])
    const with_ = after[0]! > before[0]! ? 0 : 1
    await proxy.publish(sketch(3, with_ === 0 ? [0, 1] : [1, 0]))
    expect(seatOf(await get("/shares", seated(seat)))).not.toBe("")
    await proxy.publish(sketch(3))
  })

  it("holds with a standby, which serves what the backend cannot", async () => {
    // Only the standby has the third.
    let answer = await get("/standby")
    while (answer.body !== "2") answer = await get("/standby")
    expect(await stays("/standby", seated(seatOf(answer)))).toBe("2")
  })

  it("moves where its endpoint is gone, and stays there", async () => {
    let answer = await get("/c")
    while (answer.body !== "2") answer = await get("/c")
    const seat = seatOf(answer)
    expect(await stays("/c", seated(seat), 3)).toBe("2")
    await proxy.publish(sketch(2))
    const moved = await get("/c", seated(seat))
    expect(moved.body).not.toBe("2")
    expect(seatOf(moved)).not.toBe("")
    expect(await stays("/c", seated(seatOf(moved)))).toBe(moved.body)
    // It is back: those who came to it may come again.
    await proxy.publish(sketch(3))
    expect(await stays("/c", seated(seat), 3)).toBe("2")
  })

  it("moves with the very request that finds its endpoint closed", async () => {
    await proxy.publish(sketch(4))
    let answer = await get("/c")
    while (answer.body !== "3") answer = await get("/c")
    await origins[3]!.close()
    const moved = await get("/c", seated(seatOf(answer)))
    expect(moved.status).toBe(200)
    expect(moved.body).not.toBe("3")
    await proxy.publish(sketch(3))
    expect(await stays("/c", seated(seatOf(moved)))).toBe(moved.body)
  })
})

describe("its value", () => {
  const target = "Service shop/cart:80"
  const read = (session: Session, value: string, now: number) =>
    new LiveSession(session).read({ header: (name) => (name === "cookie" ? `seat=${value}` : null) }, now)
  const seatIn = (fields: ReadonlyArray<string>): string => /seat=([^;]*)/.exec(fields[1] ?? "")?.[1] ?? ""
  const given = (session: Session, value: string, now: number) => read(session, value, now).given(target, "10.0.0.1:80", false)

  it("names the address to nobody, and another key makes another", () => {
    const value = seatIn(given(cookie(), "", 0))
    expect(Buffer.from(value, "base64url").toString("latin1")).not.toContain("10.0.0.1")
    expect(seatIn(given(cookie({ key: "other" }), "", 0))).not.toBe(value)
    expect(read(cookie(), value, 0).wanted(target)!.indexOf("10.0.0.1:80")).toBe(0)
    expect(read(cookie(), value, 0).wanted(target)!.includes("10.0.0.2:80")).toBe(false)
    const other = seatIn(read(cookie(), "", 0).given("Service shop/other:80", "10.0.0.1:80", false))
    expect(other.slice(8)).not.toBe(value.slice(8))
    // An address of one backend is none of another's, even where it is the same.
    expect(read(cookie(), value, 0).wanted("Service shop/other:80")).toBeNull()
    expect(given(cookie(), value, 0)).toEqual([])
  })

  it("holds for the lifetime from its beginning, however often it is used", () => {
    const hour = 3_600_000
    const timed = cookie({ lifetime: hour })
    const begun = 1_800_000_000_000
    const value = seatIn(given(timed, "", begun))
    expect(given(timed, value, begun + hour - 1)).toEqual([])
    expect(seatIn(given(timed, value, begun + hour))).not.toBe("")
    expect(read(timed, value, begun + hour).wanted(target)).toBeNull()
    // From a time when none was set, from the future, or made up.
    for (const odd of [value.slice(0, 30), `${value.slice(0, 30)}.zzzzzzzzz`, `${value.slice(0, 30)}.0`])
      expect(seatIn(given(timed, odd, begun))).not.toBe("")
  })

  it("says how long a browser keeps it only where it is permanent, and is for TLS alone where it came by TLS", () => {
    const by = { _tag: "Cookie", name: "seat", path: "/", permanent: true } as const
    expect(given(cookie({ by, lifetime: 90_000 }), "", 0)[1]).toMatch(/; Path=\/; Max-Age=90; HttpOnly$/)
    expect(given(cookie({ lifetime: 90_000 }), "", 0)[1]).not.toContain("Max-Age")
    expect(read(cookie(), "", 0).given(target, "10.0.0.1:80", true)[1]).toMatch(/; Secure$/)
  })
})
