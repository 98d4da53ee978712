// Faults 2 and 4: watches are cut, go silent, or are answered with errors. Traffic does not notice, and nothing is listed anew.
import type { IncomingMessage, ServerResponse } from "node:http"
import { setTimeout as delay } from "node:timers/promises"
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"
import { onControlPlane } from "../cluster/shared.ts"
import { status } from "../kube/scripted.ts"
import { until } from "../operator/operator.ts"
import { type Relay, relayTo } from "../sources/relay.ts"
import { type Intermediary, intermediary } from "./intermediary.ts"
import { figures, openShop, type Shop } from "./shop.ts"

const none = { failed: 0, reasons: {} }

const json = (response: ServerResponse, code: number, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  response.writeHead(code, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))

/** In a stream that was begun well; it is left open. */
const event = (response: ServerResponse, type: string, object: unknown) =>
  response.writeHead(200, { "content-type": "application/json" }).write(`${JSON.stringify({ type, object })}\n`)

/** As API servers and what stands before them answer watches. */
const troubles: ReadonlyArray<(asked: IncomingMessage, response: ServerResponse) => void> = [
  (_, response) => event(response, "ERROR", status(500, "InternalError", "etcdserver: request timed out")),
  (_, response) => json(response, 429, status(429, "TooManyRequests"), { "retry-after": "2" }),
  (_, response) => json(response, 500, status(500, "InternalError")),
  (_, response) => event(response, "ERROR", status(504, "Timeout", "Too large resource version: 9999999, current: 8")),
  (_, response) => response.writeHead(503, { "content-type": "text/html" }).end("<html>no backend</html>"),
  (_, response) => {
    response.writeHead(200).write("<html>\n")
  }
]

await onControlPlane("the watches", (plane) => {
  let between: Intermediary
  let way: Relay
  let shop: Shop
  beforeAll(async () => {
    between = await intermediary(plane)
    way = await relayTo({ ...plane, port: between.port, ca: between.ca })
    shop = await openShop(plane, { kubeconfig: way.kubeconfig })
  }, 240_000)
  afterAll(async () => {
    await shop?.close()
    await way?.close()
    await between?.close()
  })
  const operator = () => shop.operators[0]!
  // Who had trouble in the last two minutes stays away for longer: what a scenario shows must not depend on the one before.
  beforeEach(async () => {
    await operator().stop()
    await shop.startOperator(0)
    // It stays away for 15 s at the most from an operator that was not there.
    await until("the proxy is connected to it", async () => (await operator().metric("sluice_link_proxies")) === 1, 40_000)
  })
  const lists = () => operator().metric("sluice_kube_watch_lists_total")
  const watching = () => operator().metric("sluice_kube_watch_state", { state: "Watching" })

  it("cut, and cut again: they go on where they stood, without a list", async ({ annotate }) => {
    const [before, kinds] = [await lists(), await watching()]
    const took: Array<number> = []
    const report = await shop.during(async () => {
      for (const round of [1, 2, 3]) {
        way.cut()
        await shop.makeRoute(`cut-${round}`)
        took.push(await shop.live(`cut-${round}`))
        await until("all are watched", async () => (await watching()) === kinds)
      }
    })
    await annotate(`2: ${figures(report)}; live after ${took} ms, ${(await lists()) - before} lists`)
    expect(report).toMatchObject(none)
    expect(await lists()).toBe(before)
  }, 60_000)

  it("over connections that stand open and say nothing: noticed when the lease cannot be renewed over them, without a list", async ({
    annotate
  }) => {
    const before = await lists()
    let took = 0
    const report = await shop.during(async () => {
      way.stall()
      await shop.makeRoute("stalled")
      took = await shop.live("stalled", 30_000)
    })
    await annotate(`2, half-open: ${figures(report)}; live after ${took} ms`)
    expect(report).toMatchObject(none)
    expect(took).toBeGreaterThan(500)
    expect(await lists()).toBe(before)
  }, 60_000)

  it("answered with errors, with 429 and Retry-After, with versions that are too large, with no Kubernetes at all: they stay away ever longer, and go on where they stood", async ({
    annotate
  }) => {
    const [before, kinds] = [await lists(), await watching()]
    const meddled = between.meddled()
    const seconds = 4
    let took = 0
    const report = await shop.during(async () => {
      let turn = 0
      between.meddle = (asked, response) => {
        if (!/[?&]watch=1/.test(asked.url ?? "")) return false
        troubles[turn++ % troubles.length]!(asked, response)
        return true
      }
      way.cut()
      await shop.makeRoute("troubled")
      await delay(1_000 * seconds)
      expect(await shop.answers("/troubled")).toBe(200)
      between.meddle = null
      took = await shop.live("troubled", 15_000)
      await until("all are watched", async () => (await watching()) === kinds, 30_000)
    })
    const tries = between.meddled() - meddled
    await annotate(`4: ${figures(report)}; ${tries} tries of ${kinds} watches in ${seconds} s, live after ${took} ms`)
    expect(report).toMatchObject(none)
    // After 0.8 s, 1.6 s and 3.2 s, jittered: never more than four times in that time.
    expect(tries).toBeLessThanOrEqual(4 * (kinds + 10))
    expect(await lists()).toBe(before)
  }, 60_000)

  it("that bring bookmarks and nothing else: nothing is listed, nothing is taken for gone", async ({ annotate }) => {
    const [before, kinds] = [await lists(), await watching()]
    const report = await shop.during(async () => {
      between.meddle = (asked, response) => {
        const from = /[?&]resourceVersion=(\d+)/.exec(asked.url ?? "")?.[1]
        if (from === undefined || !/[?&]watch=1/.test(asked.url ?? "")) return false
        event(response, "BOOKMARK", { metadata: { resourceVersion: from } })
        return true
      }
      const meddled = between.meddled()
      way.cut()
      await until("all are begun", () => between.meddled() >= meddled + kinds)
      await until("the bookmarks are read", async () => (await watching()) === kinds)
      expect(await shop.answers("/troubled")).toBe(302)
      between.meddle = null
      way.cut()
      await shop.makeRoute("bookmarked")
      await shop.live("bookmarked", 30_000)
    })
    await annotate(`4, bookmarks: ${figures(report)}`)
    expect(report).toMatchObject(none)
    expect(await lists()).toBe(before)
  }, 60_000)
})
