// From a primary's death to the standby's first answer, and what clients notice of it: `sluice run`, two tiers, a look at each every second.
import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { request } from "node:http"
import { join } from "node:path"
import { type Origin, type Script, startOrigin } from "../support/origin.ts"
import { freePorts } from "../support/port.ts"
import { median } from "./measure.ts"
import type { FigureRow } from "./row.ts"
import { until } from "./stage.ts"

export interface FailoverOptions {
  readonly launcher: string
  readonly folder: string
  readonly quick: boolean
}

const says =
  (body: string): Script =>
  ({ reply }) =>
    reply({ body })

const frozen: Script = () => {}

const manifest = (port: number, primary: number, standby: number) => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: bench }
spec: { gatewayClassName: sluice, listeners: [{ name: http, protocol: HTTP, port: ${port} }] }
---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: { name: search }
spec:
  endpoints:
    - { ip: { address: 127.0.0.1, port: ${primary} } }
    - { ip: { address: 127.0.0.1, port: ${standby} }, tier: 1 }
  healthCheck: { type: HTTP, http: { path: / }, interval: 1s, timeout: 1s }
  failover: { returnAfter: 0s }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: search }
spec:
  parentRefs: [{ name: bench }]
  rules:
    - timeouts: { backendRequest: 1s }
      retry: { codes: [503], attempts: 2, backoff: 25ms }
      backendRefs: [{ group: gateway.sluice.dev, kind: Backend, name: search }]
`

/** `200 primary`, or what went wrong. */
const asked = (port: number): Promise<string> =>
  new Promise((resolve) => {
    const sent = request({ host: "127.0.0.1", port, agent: false }, (response) => {
      let body = ""
      response.on("data", (chunk: Buffer) => (body += chunk.toString()))
      response.on("end", () => resolve(`${response.statusCode} ${body}`))
      response.on("error", (error) => resolve(error.message))
    })
    sent.on("error", (error) => resolve(error.message))
    sent.end()
  })

interface Round {
  readonly first: number
  readonly slowest: number
  readonly requests: number
  readonly failed: number
}

const clients = 4

/** Four clients ask without a pause; the primary dies once all are at it. */
const round = async (port: number, die: () => Promise<void>): Promise<Round> => {
  let died = Number.POSITIVE_INFINITY
  let first = 0
  let slowest = 0
  let requests = 0
  let failed = 0
  const client = async () => {
    // Long enough that what the looks find out is within it.
    while (performance.now() - died < 6_000 || died === Number.POSITIVE_INFINITY) {
      const began = performance.now()
      const answer = await asked(port)
      const now = performance.now()
      requests++
      if (now > died) slowest = Math.max(slowest, now - began)
      if (answer === "200 standby" && first === 0) first = now - died
      if (!answer.startsWith("200 ")) failed++
    }
  }
  const all = Array.from({ length: clients }, client)
  await until("the primary serves", async () => requests > 200)
  died = performance.now()
  await die()
  await Promise.all(all)
  return { first, slowest, requests, failed }
}

const row = (work: string, rounds: ReadonlyArray<Round>): FigureRow => {
  const sum = (of: (one: Round) => number) => rounds.reduce((total, one) => total + of(one), 0)
  const firsts = rounds.map(({ first }) => first)
  return {
    work,
    figure: `${median(firsts).toFixed(1)} ms (of ${rounds.length}: ${Math.min(...firsts).toFixed(1)} to ${Math.max(...firsts).toFixed(1)}); ${sum(({ failed }) => failed)} of ${sum(({ requests }) => requests)} requests failed, the slowest took ${Math.max(...rounds.map(({ slowest }) => slowest)).toFixed(0)} ms`,
    bar: "0 failed"
  }
}

export const failingOver = async ({ launcher, folder, quick }: FailoverOptions): Promise<ReadonlyArray<FigureRow>> => {
  const [port = 0, health = 0] = await freePorts(2)
  let primary: Origin = await startOrigin({ script: says("primary") })
  const place = primary.port
  const standby = await startOrigin({ script: says("standby") })
  const file = join(folder, "failover.yaml")
  writeFileSync(file, manifest(port, place, standby.port))
  const words = ["--listen-address=127.0.0.1", "--admin-address=off", `--health-address=127.0.0.1:${health}`, "--access-log=off"]
  const child = spawn(launcher, ["run", file, "--allow-loopback", ...words, `--state-folder=${join(folder, "state-failover")}`], {
    stdio: ["ignore", "ignore", "inherit"]
  })
  try {
    await until("sluice is ready", async () => (await fetch(`http://127.0.0.1:${health}/readyz`)).status === 200)
    const back = () => until("the primary serves again", async () => (await asked(port)) === "200 primary")
    const count = quick ? 1 : 5
    const ended: Array<Round> = []
    const froze: Array<Round> = []
    for (let n = 0; n < count; n++) {
      await back()
      ended.push(await round(port, () => primary.close()))
      primary = await startOrigin({ port: place, script: says("primary") })
      await back()
      froze.push(
        await round(port, async () => {
          primary.script = frozen
        })
      )
      primary.script = says("primary")
    }
    return [
      row("the primary's process ends", ended),
      row("the primary takes connections and answers nothing; a try has 1 s (`timeouts.backendRequest`)", froze)
    ]
  } finally {
    const gone = new Promise((resolve) => child.once("exit", resolve))
    child.kill("SIGTERM")
    await gone
    await primary.close()
    await standby.close()
  }
}
