// A port that another process has: the workers go on with what they could open, and take it once it is free.
import { once } from "node:events"
import { createServer } from "node:net"
import { expect, it } from "vitest"
import { ask } from "../proxy/harness.ts"
import { backend, gatewayOf, route } from "../support/manifests.ts"
import { startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"
import { startPod } from "./pod.ts"

it("a port that is taken ends no worker: the other listeners are served, and each worker opens it when it is free", async () => {
  await using origin = await startOrigin({ script: ({ reply }) => reply({ body: "web" }) })
  const other = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1")
  await once(other, "listening")
  const taken = (other.address() as { port: number }).port
  const open = await freePort()
  await using pod = await startPod({
    "m.yaml": [
      gatewayOf(`name: open, port: ${open}, protocol: HTTP`, `name: taken, port: ${taken}, protocol: HTTP`),
      backend("web", [origin.port]),
      route("web")
    ].join("")
  })
  await pod.ready()
  const workers = pod.workers()
  await pod.said((text) => text.includes("listener taken: Programmed False PortUnavailable"))
  expect((await ask(open, "/")).body).toBe("web")
  other.close()
  await once(other, "close")
  await pod.said((text) => text.includes(`http://127.0.0.1:${taken} (bound on`))
  for (const index of [0, 1]) await pod.only(index, async () => expect((await ask(taken, "/")).body).toBe("web"))
  expect(pod.workers()).toEqual(workers)
  expect(pod.program.err()).not.toContain("ended")
})
