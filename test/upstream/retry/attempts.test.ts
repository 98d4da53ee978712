// The tries of one request at the upstream's own door: which connection each takes, and what the sink is told.
import { describe, expect, it } from "vitest"
import type { Retry } from "#src/snapshot/retry.ts"
import type { Attempt, UpstreamFailure } from "#src/upstream/attempt.ts"
import { planOf } from "#src/upstream/retry/plan.ts"
import type { LiveUpstream } from "#src/upstream/upstream.ts"
import { type Http2Script, startHttp2Origin } from "../../support/http2origin.ts"
import { at, exchange, liveUpstream, request } from "../../support/live.ts"
import { withOrigin } from "../road.ts"

const base: Retry = { codes: [503], attempts: 1, backoff: 0, longest: 0, perTry: "Default" }

interface Ask {
  readonly path?: string
  readonly tryTimeout?: number
}

/** One request by the rule. said: the status, or how it failed, at its end. */
const begin = (upstream: LiveUpstream, { path = "/", tryTimeout }: Ask, said: (outcome: number | UpstreamFailure) => void): Attempt => {
  let answered = 0
  const plan = planOf(base, null, { requestDeadline: null, backendDeadline: tryTimeout ?? null, backendUnsaid: false }, performance.now())
  return upstream.send(
    request({ path }),
    {
      onInterim: () => {},
      onHead: (status) => {
        answered = status
        return true
      },
      onData: () => true,
      onEnd: () => said(answered),
      onUpgrade: () => {},
      onFailure: said
    },
    plan
  )
}

const send = (upstream: LiveUpstream, asked: Ask = {}) =>
  new Promise<number | UpstreamFailure>((resolve) => begin(upstream, asked, resolve))

describe("a further try", () => {
  it("takes no connection that was used before, though some rest", async () => {
    let fail = false
    await using road = await withOrigin(async (incoming) => {
      await incoming.read()
      const failing = fail
      fail = false
      await incoming.reply({ status: failing ? 503 : 200 })
    })
    await Promise.all([exchange(road.upstream), exchange(road.upstream), exchange(road.upstream)])
    expect(road.upstream.describe().pool).toMatchObject({ idle: 3 })
    fail = true
    expect(await send(road.upstream)).toBe(200)
    expect(road.origin.seen.slice(-2).map(({ connection, sequence }) => [connection <= 3, sequence])).toEqual([
      [true, 2],
      [false, 1]
    ])
  })
})

describe("requests that are tried once more", () => {
  it("are as many at once as the upstream allows: others have their answer; each end frees its place", async () => {
    const tries = new Map<string, number>()
    const held = new Map<string, () => void>()
    await using road = await withOrigin(
      async (incoming) => {
        const { target } = incoming.request
        const nth = (tries.get(target) ?? 0) + 1
        tries.set(target, nth)
        if (nth === 1) return incoming.reply({ status: 503 })
        await Promise.race([new Promise<void>((resolve) => held.set(target, resolve)), incoming.closed])
        await incoming.reply({ status: 200 })
      },
      { limits: { maxRetries: 1 } }
    )
    const { upstream, origin } = road
    for (const round of [1, 2]) {
      const first = send(upstream, { path: `/first${round}` })
      await origin.until(() => held.has(`/first${round}`))
      expect(upstream.describe().pool).toMatchObject({ retrying: 1 })
      expect(await send(upstream, { path: `/second${round}` })).toBe(503)
      expect(upstream.describe().pool).toMatchObject({ withheld: { limit: round, attempts: 0, budget: 0 } })
      held.get(`/first${round}`)!()
      expect(await first).toBe(200)
      expect(upstream.describe().pool).toMatchObject({ retrying: 0 })
    }
    const late = send(upstream, { path: "/late", tryTimeout: 300 })
    expect(await late).toMatchObject({ reason: "backend_timeout" })
    expect(upstream.describe().pool).toMatchObject({ retrying: 0 })
    // A client that goes away frees it too.
    const left = begin(upstream, { path: "/left" }, () => {})
    await origin.until(() => held.has("/left"))
    left.abort()
    expect(upstream.describe().pool).toMatchObject({ retrying: 0 })
  })

  it("are a share of the requests under way, where a share is said", async () => {
    const held: Array<() => void> = []
    const tries = new Map<string, number>()
    await using road = await withOrigin(
      async (incoming) => {
        const { target } = incoming.request
        const nth = (tries.get(target) ?? 0) + 1
        tries.set(target, nth)
        if (target === "/held") await Promise.race([new Promise<void>((resolve) => held.push(resolve)), incoming.closed])
        await incoming.reply({ status: target !== "/held" && nth === 1 ? 503 : 200 })
      },
      { limits: { maxRetries: { _tag: "Share", percent: 40, least: 0 } } }
    )
    const { upstream, origin } = road
    expect(await send(upstream, { path: "/alone" })).toBe(503)
    expect(upstream.describe().pool).toMatchObject({ withheld: { limit: 1, budget: 0 }, retryLimit: 0 })
    const others = [send(upstream, { path: "/held" }), send(upstream, { path: "/held" })]
    await origin.until(() => held.length === 2)
    expect(await send(upstream, { path: "/third" })).toBe(200)
    for (const release of held) release()
    expect(await Promise.all(others)).toEqual([200, 200])
  })
})

describe("a try that has its time", () => {
  it("says whether its head was relayed: nobody may answer instead", async () => {
    await using road = await withOrigin(async (incoming) => {
      await incoming.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
      await incoming.closed
    })
    expect(await send(road.upstream, { tryTimeout: 700 })).toMatchObject({ reason: "backend_timeout", headed: true, sent: "Some" })
    road.origin.script = (incoming) => incoming.closed
    expect(await send(road.upstream, { tryTimeout: 700 })).toMatchObject({ reason: "backend_timeout", headed: false, sent: "Some" })
    expect(road.upstream.describe().pool).toMatchObject({ retries: 1, withheld: { attempts: 1 } })
  })
})

describe("a call of gRPC", () => {
  /** The statuses that it was answered with, and what came of it. first: how the first try is answered. */
  const called = async (rule: Partial<Retry>, first: Http2Script) => {
    let tries = 0
    const served: Http2Script = (stream) => {
      stream.respond({ ":status": 200 }, { waitForTrailers: true })
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }))
      stream.end("done")
    }
    await using origin = await startHttp2Origin((...args) => (++tries === 1 ? first : served)(...args))
    await using upstream = await liveUpstream({ endpoints: [at(origin.port)], spec: { protocol: "h2c" } })
    const plan = planOf({ ...base, ...rule }, null, { requestDeadline: null, backendDeadline: null, backendUnsaid: false }, 0)
    const status = await new Promise<string | undefined>((resolve, reject) => {
      let said: string | undefined
      const statusOf = (fields: ReadonlyArray<string>) => fields[fields.indexOf("grpc-status") + 1]
      const sink = {
        onInterim: () => {},
        onHead: (_status: number, fields: ReadonlyArray<string>) => {
          if (fields.includes("grpc-status")) said = statusOf(fields)
          return true
        },
        onData: () => true,
        onEnd: (trailers: ReadonlyArray<string>) => resolve(trailers.includes("grpc-status") ? statusOf(trailers) : said),
        onUpgrade: () => {},
        onFailure: reject
      }
      upstream.send(request({ method: "POST", path: "/test.Echo/Echo", takesTrailers: true }), sink, plan)
    })
    return { status, tries: origin.requests }
  }
  const refused =
    (status: string): Http2Script =>
    (stream) =>
      stream.respond({ ":status": 200, "grpc-status": status }, { endStream: true })

  it("is tried once more after a status that the rule names, where it stands in the place of content", async () => {
    expect(await called({ codes: [], grpc: [8, 14] }, refused("14"))).toEqual({ status: "0", tries: 2 })
    expect(await called({ codes: [], grpc: [8] }, refused("14"))).toEqual({ status: "14", tries: 1 })
    expect(await called({ codes: [503] }, refused("14"))).toEqual({ status: "14", tries: 1 })
    expect(await called({ codes: [], grpc: [14], attempts: 0 }, refused("14"))).toEqual({ status: "14", tries: 1 })
  })

  it("is not after one that comes behind content: its client has begun to read", async () => {
    const late: Http2Script = (stream) => {
      stream.respond({ ":status": 200 }, { waitForTrailers: true })
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "14" }))
      stream.end("half")
    }
    expect(await called({ codes: [], grpc: [14] }, late)).toEqual({ status: "14", tries: 1 })
  })
})
