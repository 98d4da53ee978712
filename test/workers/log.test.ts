// What the process that leads several workers says and writes for them: what it cannot write of their access log is counted, and a Gateway has its listeners though nobody is there.
import { expect, it } from "vitest"
import { gateway } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { backend, route } from "../support/manifests.ts"
import { startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"
import { startPod } from "./pod.ts"

const manifests = (port: number, origin: number) => ({ "m.yaml": `${gateway(port)}${backend("web", [origin])}${route("web")}` })

it("lines that a full disk does not take are counted, whichever worker they are of, and told once", async () => {
  await using origin = await startOrigin({ script: ({ reply }) => reply({ body: "web" }) })
  const port = await freePort()
  await using pod = await startPod(manifests(port, origin.port), { flags: ["--access-log=/dev/full"] })
  await pod.ready()
  for (const index of [0, 1]) for (let n = 0; n < 3; n++) await pod.only(index, async () => expect((await ask(port, "/")).body).toBe("web"))
  // Workers send their lines in batches, and the disk is asked then.
  const dropped = async () => /^sluice_access_log_dropped_total (\d+)$/m.exec(String((await ask(pod.health, "/metrics")).body))?.[1]
  while ((await dropped()) !== "6") await new Promise(setImmediate)
  expect(pod.program.err().match(/access log: ENOSPC/g)).toHaveLength(1)
})

it("workers that all die are told as such, not as a Gateway without listeners", async () => {
  await using origin = await startOrigin({ script: ({ reply }) => reply({ body: "web" }) })
  const port = await freePort()
  await using pod = await startPod(manifests(port, origin.port))
  await pod.ready()
  for (const pid of pod.workers()) process.kill(pid, "SIGKILL")
  const serving = (text: string) => text.match(/worker \d \(process \d+\) serves/g)?.length ?? 0
  await pod.said((text) => serving(text) === 4)
  expect((await ask(port, "/")).body).toBe("web")
  expect(pod.program.err().match(/ended \(SIGKILL\)/g)).toHaveLength(2)
  expect(pod.program.err()).not.toContain("no listener to serve")
})
