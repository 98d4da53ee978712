// Nobody reads what the program says, or the disk is full: it serves all the same, and what only prints says so and fails.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, openSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { ask } from "../proxy/harness.ts"
import { freePort } from "../support/port.ts"
import { folder } from "./program.ts"

const main = join(import.meta.dirname, "..", "..", "src", "main.ts")
const manifest = (port: number, to: string) => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec: {gatewayClassName: sluice, listeners: [{name: web, port: ${port}, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules: [{filters: [{type: RequestRedirect, requestRedirect: {hostname: ${to}}}]}]
`
const location = async (port: number): Promise<string> =>
  await ask(port, "/").then(
    ({ headers }) => String(headers.location),
    () => ""
  )
const until = async (holds: () => Promise<boolean>): Promise<void> => {
  while (!(await holds())) await new Promise(setImmediate)
}

describe.each(["1", "2"])("with %s workers", (workers) => {
  it.each(["a reader that left", "a full disk"])("standard error of %s ends nothing: it serves, and follows edits", async (what) => {
    const port = await freePort()
    using place = folder({ "m.yaml": manifest(port, "one.example") })
    const full = openSync("/dev/full", "w")
    const child = spawn(
      process.execPath,
      [
        ...[main, "run", "--listen-address=127.0.0.1", "--admin-address=off", "--health-address=off", `--workers=${workers}`],
        ...[`--state-folder=${join(place.path, "state")}`, join(place.path, "m.yaml")]
      ],
      { stdio: ["ignore", "ignore", what === "a full disk" ? full : "pipe"] }
    )
    child.stderr?.destroy()
    let ended = false
    const closed = once(child, "exit")
    void closed.then(() => {
      ended = true
    })
    await until(async () => ended || (await location(port)).includes("one.example"))
    writeFileSync(join(place.path, "m.yaml"), manifest(port, "two.example"))
    await until(async () => ended || (await location(port)).includes("two.example"))
    expect(ended).toBe(false)
    child.kill("SIGTERM")
    expect(await closed).toEqual([0, null])
    closeSync(full)
  })
})

it("an answer that cannot be written is told in one line, with exit code 1", async () => {
  using place = folder({ "m.yaml": manifest(8080, "one.example") })
  const full = openSync("/dev/full", "w")
  const child = spawn(process.execPath, [main, "check", join(place.path, "m.yaml")], { stdio: ["ignore", full, "pipe"] })
  let said = ""
  child.stderr!.on("data", (part: Buffer) => (said += part.toString()))
  expect(await once(child, "close")).toEqual([1, null])
  expect(said).toMatch(/^sluice: standard output: ENOSPC.*\n$/)
  closeSync(full)
})
