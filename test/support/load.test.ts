// A load that did not count its failures would prove nothing: it is made to see each sort of them.
import { assert, it } from "vitest"
import { startLoad } from "./load.ts"
import { startOrigin } from "./origin.ts"

it("counts every request and every failure by its reason", async () => {
  await using origin = await startOrigin()
  let count = 0
  const expected = { "503": 0, ECONNRESET: 0 }
  origin.script = async ({ reply, reset }) => {
    count++
    if (count % 10 === 3) {
      expected["503"]++
      await reply({ status: 503 })
    } else if (count % 10 === 7) {
      expected.ECONNRESET++
      reset()
    } else await reply({ body: "yes" })
  }
  const load = startLoad({ host: origin.host, port: origin.port, perSecond: 400 })
  await load.more(100)
  const report = await load.stop()
  assert.strictEqual(report.requests, count)
  assert.isAtLeast(expected.ECONNRESET, 1)
  assert.deepEqual(report.reasons, expected)
  assert.strictEqual(report.failed, expected["503"] + expected.ECONNRESET)
})

it("keeps its rate, and finds nothing wrong with what answers", async () => {
  await using origin = await startOrigin({ script: ({ reply }) => reply({ body: "yes" }) })
  const load = startLoad({ host: origin.host, port: origin.port, perSecond: 200 })
  const began = performance.now()
  await load.more(100)
  const report = await load.stop()
  assert.strictEqual(report.failed, 0)
  assert.isAtLeast(performance.now() - began, 400)
  assert.isAtMost(origin.connections, 8)
})
