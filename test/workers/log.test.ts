// The access log of several workers is written by the process that leads them: what that cannot write is counted as what one process cannot.
import { expect, it } from "vitest"
import { ask } from "../proxy/harness.ts"
import { startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"
import { backend, route, startPod } from "./pod.ts"

it("lines that a full disk does not take are counted, whichever worker they are of, and told once", async () => {
  await using origin = await startOrigin({ script: ({ reply }) => reply({ body: "web" }) })
  const port = await freePort()
  await using pod = await startPod(
    {
      "m.yaml": `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec: {gatewayClassName: sluice, listeners: [{name: web, port: ${port}, protocol: HTTP}]}
${backend("web", [origin.port])}${route("web")}`
    },
    { flags: ["--access-log=/dev/full"] }
  )
  await pod.ready()
  for (const index of [0, 1]) for (let n = 0; n < 3; n++) await pod.only(index, async () => expect((await ask(port, "/")).body).toBe("web"))
  // Workers send their lines in batches, and the disk is asked then.
  const dropped = async () => /^sluice_access_log_dropped_total (\d+)$/m.exec(String((await ask(pod.health, "/metrics")).body))?.[1]
  while ((await dropped()) !== "6") await new Promise(setImmediate)
  expect(pod.program.err().match(/access log: ENOSPC/g)).toHaveLength(1)
})
