// A defect in whoever takes the response costs that request: the connection closes, the process and the requests beside it go on.
import { assert, describe, it } from "vitest"
import type { ResponseSink, UpstreamFailure } from "#src/upstream/attempt.ts"
import { at, exchange, liveUpstream, request } from "../support/live.ts"
import { type Script, startOrigin } from "../support/origin.ts"

const script: Script = async (incoming) => {
  if (incoming.request.target === "/up") {
    await incoming.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
    return
  }
  await incoming.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
  await incoming.reply({ body: "whole" })
}

const callbacks = ["onInterim", "onHead", "onData", "onEnd", "onUpgrade"] as const

describe("a sink that throws", () => {
  for (const name of callbacks) {
    it(`in ${name} is told, and nothing else of the upstream suffers`, async () => {
      const origin = await startOrigin({ script })
      await using upstream = await liveUpstream({ endpoints: [at(origin.port)] })
      const called: Array<string> = []
      const failed = new Promise<UpstreamFailure>((resolve) => {
        const step = (at: (typeof callbacks)[number]): true => {
          called.push(at)
          if (at === name) throw new TypeError("a bug")
          return true
        }
        const sink: ResponseSink = {
          onInterim: () => step("onInterim"),
          onHead: () => step("onHead"),
          onData: () => step("onData"),
          onEnd: () => step("onEnd"),
          onUpgrade: () => step("onUpgrade"),
          onFailure: resolve
        }
        const upgrade = name === "onUpgrade" ? "x" : null
        upstream.send(request(upgrade === null ? {} : { path: "/up", upgrade }), sink)
      })
      const { reason, detail } = await failed
      assert.deepEqual([reason, detail], ["internal", "TypeError: a bug"])
      assert.strictEqual(called.at(-1), name)
      assert.strictEqual((await exchange(upstream)).body.toString(), "whole")
      assert.strictEqual(upstream.describe().pool.active, 0)
      await origin.close()
    })
  }
})
