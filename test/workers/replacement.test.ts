// Workers come and go under load: one that is replaced fails nothing, one that is killed is started again, and one that cannot live waits longer each time.
import { Agent, request } from "node:http"
import { connect as connectHttp2 } from "node:http2"
import { expect, it } from "vitest"
import { gateway } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { type Client, connect, Unsent } from "../proxy/http2client.ts"
import { datagramClient, serveDatagrams } from "../support/datagrams.ts"
import { backend, route } from "../support/manifests.ts"
import { startLateOrigin, startOrigin } from "../support/origin.ts"
import { freePorts } from "../support/port.ts"
import { startPod } from "./pod.ts"

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
/** Between two requests of one client: the turn lets it see an end that has come. */
const pause = async (milliseconds: number): Promise<void> => {
  await new Promise<void>((resolve) => setTimeout(resolve, milliseconds))
  await turn()
}
/** Of all clients together: the bound of the load, which stands between two requests of a client. */
const most = 100_000
const between = 20

interface Tally {
  answered: number
  /** On a connection of their own. */
  fresh: number
  readonly failed: Array<string>
  done: boolean
}

const once = (port: number, agent: Agent | false): Promise<string | null> =>
  new Promise((resolve) => {
    const sent = request({ host: "127.0.0.1", port, agent, headers: { host: "web.test" } }, (response) => {
      let body = ""
      response.on("data", (part: Buffer) => (body += part.toString()))
      response.on("error", (error) => resolve(error.message))
      response.on("end", () => resolve(response.statusCode === 200 && body === "web" ? null : `${response.statusCode} ${body}`))
    })
    sent.on("error", (error) => resolve(error.message))
    sent.end()
  })

/** One client: request after request, on one connection for as long as that is kept, or on a new one each. */
const client = async (port: number, kept: boolean, tally: Tally): Promise<void> => {
  const agent = kept ? new Agent({ keepAlive: true, maxSockets: 1 }) : (false as const)
  while (!tally.done && tally.answered < most) {
    const failed = await once(port, agent)
    tally.answered++
    if (!kept) tally.fresh++
    if (failed !== null) tally.failed.push(`${kept ? "kept" : "fresh"}: ${failed}`)
    await pause(between)
  }
  if (agent !== false) agent.destroy()
}

/** One of HTTP/2: it leaves a connection that has said GOAWAY. */
const client2 = async (port: number, tally: Tally): Promise<void> => {
  let open: Client | null = null
  let goaway = false
  while (!tally.done && tally.answered < most) {
    if (open === null || goaway || open.session.closed || open.session.destroyed) {
      open?.session.close()
      goaway = false
      open = await connect(port).catch((error: Error) => {
        tally.failed.push(`h2 connect: ${error.message}`)
        return null
      })
      open?.session.on("goaway", () => {
        goaway = true
      })
    }
    const came = await open?.ask({ ":path": "/", ":authority": "web.test" }).catch((error: Error) => error)
    // Nothing of it left the client, which had read the GOAWAY by then: it goes to another connection. The server's own count, below, has none of these.
    if (came instanceof Unsent && goaway) continue
    tally.answered++
    if (came instanceof Error) tally.failed.push(`h2: ${came.message}`)
    else if (came !== undefined && (came.status !== 200 || String(came.body) !== "web")) tally.failed.push(`h2: ${came.status}`)
    await pause(between)
  }
  open?.session.destroy()
}

it("a worker is replaced twenty times under load, and no request fails", async () => {
  await using origin = await startOrigin({ script: ({ reply }) => reply({ body: "web" }) })
  const [port] = (await freePorts(1)) as [number]
  await using pod = await startPod({ "m.yaml": `${gateway(port)}${backend("web", [origin.port])}${route("web")}` })
  await pod.ready()
  const tally: Tally = { answered: 0, fresh: 0, failed: [], done: false }
  const clients = [true, true, true, false, false].map((kept) => client(port, kept, tally))
  clients.push(client2(port, tally))
  for (let n = 0; n < 20; n++) {
    const before = pod.workers()[n % 2]!
    const answered = tally.answered
    process.kill(before, "SIGTERM")
    await pod.said(() => pod.workers()[n % 2] !== before)
    // Traffic goes on between them.
    while (tally.answered === answered) await turn()
  }
  await pod.said((text) => [...text.matchAll(/has left/g)].length === 20)
  tally.done = true
  await Promise.all(clients)
  expect(tally.failed).toEqual([])
  expect(tally.answered).toBeGreaterThan(200)
  const { body } = await ask(pod.health, "/metrics")
  expect(body).toContain('sluice_worker_ends_total{why="replaced"} 20')
  expect(body).toContain('sluice_worker_ends_total{why="died"} 0')
  // What those that have left had counted is there: they said it with their last word.
  const counted = [...body.matchAll(/^sluice_requests_total\{.*code="200"\} (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0)
  expect(counted).toBe(tally.answered)
  const accepted = /^sluice_connections_total\{.*\} (\d+)$/m.exec(body)
  expect(Number(accepted?.[1])).toBeGreaterThanOrEqual(tally.fresh)
}, 900_000)

it("streams of HTTP/2 and what is under way finish at the worker that leaves, after its GOAWAY", async () => {
  await using origin = await startLateOrigin()
  const [port] = (await freePorts(1)) as [number]
  await using pod = await startPod({ "m.yaml": `${gateway(port)}${backend("web", [origin.port])}${route("web")}` })
  await pod.ready()
  const [first] = pod.workers()
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  session.on("error", () => {})
  const goaway = new Promise((resolve) => session.once("goaway", resolve))
  const answers = await pod.only(0, async () => {
    const two = new Promise<string>((resolve, reject) => {
      const stream = session.request({ ":path": "/" })
      let body = ""
      stream.on("data", (part: Buffer) => (body += part.toString()))
      stream.on("end", () => resolve(body))
      stream.on("error", reject)
    })
    const one = ask(port, "/")
    await origin.until(({ requests }) => requests === 2)
    return [two, one.then(({ body }) => body)]
  })
  process.kill(first!, "SIGTERM")
  await goaway
  origin.release()
  expect(await Promise.all(answers)).toEqual(["late", "late"])
  await pod.said((text) => text.includes(`(process ${first}) has left`))
}, 300_000)

it("a worker that is killed is started again; the other serves meanwhile, and the pod stays ready", async () => {
  await using origin = await startOrigin({ script: ({ reply }) => reply({ body: "web" }) })
  const [port] = (await freePorts(1)) as [number]
  await using pod = await startPod({ "m.yaml": `${gateway(port)}${backend("web", [origin.port])}${route("web")}` })
  await pod.ready()
  const [first, second] = pod.workers()
  process.kill(second!, "SIGKILL")
  await pod.said((text) =>
    text.includes(`worker 2 (process ${second}) ended (SIGKILL), and its connections with it; another is started in 100 ms`)
  )
  expect((await ask(pod.health, "/readyz")).status).toBe(200)
  expect((await ask(port, "/")).body).toBe("web")
  await pod.said(() => pod.workers()[1] !== second)
  expect(pod.workers()[0]).toBe(first)
  await pod.only(1, async () => expect((await ask(port, "/")).body).toBe("web"))
  // With nobody left it is not ready, and is again.
  for (const pid of pod.workers()) process.kill(pid, "SIGKILL")
  await pod.said((text) => [...text.matchAll(/ended \(SIGKILL\)/g)].length === 3)
  while ((await ask(pod.health, "/readyz")).status !== 200);
  expect((await ask(port, "/")).body).toBe("web")
}, 300_000)

it("a worker that cannot live is started again after ever longer pauses, and the process says so", async () => {
  const [port] = (await freePorts(1)) as [number]
  const ill =
    'import { existsSync } from "node:fs"\nif (process.argv[2] === "worker" && !existsSync(new URL("well", import.meta.url))) process.exit(7)\n'
  await using pod = await startPod({ "m.yaml": gateway(port) }, { files: { "ill.mjs": ill }, preload: "ill.mjs" })
  for (const [again, wait] of [
    ["", 100],
    [", 2 times in a row", 200],
    [", 3 times in a row", 400]
  ])
    await pod.said((text) => text.includes(`ended (code 7)${again}, and its connections with it; another is started in ${wait} ms`))
  expect((await ask(pod.health, "/readyz")).status).toBe(503)
  expect((await ask(pod.health, "/healthz")).status).toBe(200)
  pod.place.write("well", "")
  await pod.ready()
  while ((await ask(pod.health, "/readyz")).status !== 200);
  expect((await ask(port, "/")).status).toBe(404)
}, 300_000)

it("the worker that has the datagrams is replaced: who comes then, and who was there, is served by the next", async () => {
  await using datagrams = await serveDatagrams((text) => text.toUpperCase())
  const [port] = (await freePorts(1)) as [number]
  const listener = gateway(port).replace("name: http", "name: udp").replace("HTTP}", "UDP}")
  // It leaves at once: a session that it kept for as long would have what the next one is to answer.
  await using pod = await startPod(
    { "m.yaml": `${listener}${backend("web", [datagrams.port])}${route("web", { kind: "UDPRoute" })}` },
    { flags: ["--drain-deadline=10m"] }
  )
  await pod.ready()
  await using client = await datagramClient(port)
  expect(await client.ask("before")).toBe("BEFORE")
  const [first] = pod.workers()
  process.kill(first!, "SIGTERM")
  await pod.said((text) => text.includes(`(process ${first}) has left`))
  expect(await client.ask("after")).toBe("AFTER")
  await using other = await datagramClient(port)
  expect(await other.ask("new")).toBe("NEW")
  expect(new Set(datagrams.received.map(({ from }) => from)).size).toBe(3)
}, 60_000)

it("a worker that begins while a Gateway goes has nothing of it: its port stays closed", async () => {
  await using origin = await startLateOrigin()
  const [port, other] = (await freePorts(2)) as [number, number]
  const rest = `${backend("web", [origin.port])}${route("web", { parents: "{name: edge}, {name: other}" })}`
  await using pod = await startPod({ "m.yaml": `${gateway(port)}---\n${gateway(other, "other")}${rest}` })
  await pod.ready()
  const late = await pod.only(0, async () => {
    const answer = ask(other, "/")
    await origin.until(({ requests }) => requests === 1)
    return [answer]
  })
  pod.place.write("m/m.yaml", `${gateway(port)}${rest}`)
  await pod.said((text) => text.includes("Gateway shop/other: gone, draining"))
  const [, second] = pod.workers()
  process.kill(second!, "SIGKILL")
  await pod.said(() => pod.workers()[1] !== second)
  // Whatever it was told is done when it has said as much.
  await pod.heard()
  await expect(ask(other, "/")).rejects.toThrow(/ECONNREFUSED/)
  origin.release()
  expect((await late[0]!).body).toBe("late")
}, 120_000)
