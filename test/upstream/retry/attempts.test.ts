// The tries of one request at the upstream's own door: which connection each takes, and what the sink is told.
import { describe, expect, it } from "vitest"
import type { UpstreamFailure } from "#src/upstream/attempt.ts"
import { planOf } from "#src/upstream/retry/plan.ts"
import type { LiveUpstream } from "#src/upstream/upstream.ts"
import { exchange, request } from "../../support/live.ts"
import { withOrigin } from "../road.ts"

const rule = { codes: [503], attempts: 1, backoff: 0 }

/** One request by the rule, to its end: the status, or how it failed. */
const send = (upstream: LiveUpstream, tryTimeout: number | null = null) =>
  new Promise<number | UpstreamFailure>((resolve) => {
    let said = 0
    const plan = planOf(rule, { requestDeadline: null, backendDeadline: tryTimeout }, performance.now())
    upstream.send(
      request(),
      {
        onInterim: () => {},
        onHead: (status) => {
          said = status
          return true
        },
        onData: () => true,
        onEnd: () => resolve(said),
        onUpgrade: () => {},
        onFailure: resolve
      },
      plan
    )
  })

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

describe("a try that has its time", () => {
  it("says whether its head was relayed: nobody may answer instead", async () => {
    await using road = await withOrigin(async (incoming) => {
      await incoming.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
      await incoming.closed
    })
    expect(await send(road.upstream, 700)).toMatchObject({ reason: "backend_timeout", headed: true, sent: "Some" })
    road.origin.script = (incoming) => incoming.closed
    expect(await send(road.upstream, 700)).toMatchObject({ reason: "backend_timeout", headed: false, sent: "Some" })
    expect(road.upstream.describe().pool).toMatchObject({ retries: 1, withheld: { attempts: 1 } })
  })
})
