// Several processes serve on the same ports: whatever a listener speaks, any of them has it; what a pod has once there is once.
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { connect as connectTls } from "node:tls"
import { expect, it } from "vitest"
import { gateway, running, sluice } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { connect } from "../proxy/http2client.ts"
import { dialBytes, restOf, serveBytes } from "../support/bytes.ts"
import { makeAuthority } from "../support/certificates.ts"
import { datagramClient, serveDatagrams } from "../support/datagrams.ts"
import { backend, gatewayOf, route, tlsSecret } from "../support/manifests.ts"
import { startLateOrigin, startOrigin } from "../support/origin.ts"
import { freePorts } from "../support/port.ts"
import { gone, startPod } from "./pod.ts"

it("each worker serves HTTP/1.1, HTTP/2, HTTPS, TLS passed through and TCP on the ports of all; datagrams are the first one's", async () => {
  const authority = await makeAuthority()
  const { chain, key } = await authority.leaf({ dns: ["web.test"] })
  await using origin = await startOrigin({ script: ({ reply }) => reply({ body: "web" }) })
  await using bytes = await serveBytes((socket) => socket.pipe(socket))
  await using through = await startOrigin({ tls: { cert: chain, key }, script: ({ reply }) => reply({ body: "through" }) })
  await using datagrams = await serveDatagrams((text) => text.toUpperCase())
  const [http, tls, raw] = (await freePorts(3)) as [number, number, number]
  await using pod = await startPod({
    "m.yaml": [
      gatewayOf(
        `name: http, port: ${http}, protocol: HTTP`,
        `name: https, port: ${tls}, protocol: HTTPS, hostname: web.test, tls: {certificateRefs: [{name: pair}]}`,
        `name: pass, port: ${tls}, protocol: TLS, hostname: pass.test, tls: {mode: Passthrough}`,
        `name: tcp, port: ${raw}, protocol: TCP`,
        `name: udp, port: ${raw}, protocol: UDP`
      ),
      tlsSecret("pair", { chain, key }),
      ...[
        backend("web", [origin.port]),
        backend("bytes", [bytes.port]),
        backend("through", [through.port]),
        backend("datagrams", [datagrams.port])
      ],
      route("web", { parents: "{name: edge, sectionName: http}, {name: edge, sectionName: https}" }),
      route("bytes", { kind: "TCPRoute", parents: "{name: edge, sectionName: tcp}" }),
      route("through", { kind: "TLSRoute", parents: "{name: edge, sectionName: pass}", hostname: "pass.test" }),
      route("datagrams", { kind: "UDPRoute", parents: "{name: edge, sectionName: udp}" })
    ].join("")
  })
  await pod.ready()
  const trusted = { ca: authority.certificate, servername: "web.test" }
  for (const index of [0, 1])
    await pod.only(index, async () => {
      expect((await ask(http, "/")).body).toBe("web")
      {
        await using client = await connect(http)
        expect(String((await client.ask({ ":path": "/" })).body)).toBe("web")
      }
      {
        await using client = await connect(tls, trusted)
        expect(String((await client.ask({ ":path": "/", ":authority": "web.test" })).body)).toBe("web")
      }
      expect((await ask(tls, "/", { tls: trusted, headers: { host: "web.test" } })).body).toBe("web")
      const passed = connectTls({ port: tls, host: "127.0.0.1", servername: "pass.test", rejectUnauthorized: false })
      await once(passed, "secureConnect")
      passed.end("GET / HTTP/1.1\r\nHost: pass.test\r\nConnection: close\r\n\r\n")
      expect((await restOf(passed)).text).toContain("through")
      const socket = await dialBytes(raw)
      socket.end("as it is")
      expect((await restOf(socket)).text).toBe("as it is")
    })
  await using client = await datagramClient(raw)
  await pod.only(0, async () => expect(await client.ask("over udp")).toBe("OVER UDP"))
  const waits = await pod.only(1, async () => {
    const answer = client.ask("again")
    // What has this one's sockets in view has had its turns, and the datagram is not among them.
    for (let n = 0; n < 3; n++) expect((await ask(http, "/")).body).toBe("web")
    expect(datagrams.received.map(({ text }) => text)).toEqual(["over udp"])
    return [answer]
  })
  expect(await waits[0]).toBe("AGAIN")
}, 300_000)

it("a scrape adds up what all have counted, and what has gone had counted", async () => {
  await using origin = await startOrigin({ script: ({ reply }) => reply({ body: "web" }) })
  const [port] = (await freePorts(1)) as [number]
  await using pod = await startPod({
    "m.yaml": `${gateway(port)}${backend("web", [origin.port])}${route("web")}`
  })
  await pod.ready()
  const asks = async (index: number, times: number) =>
    pod.only(index, async () => {
      for (let n = 0; n < times; n++) expect((await ask(port, "/")).status).toBe(200)
    })
  const value = async (name: string) => {
    const { body } = await ask(pod.health, "/metrics")
    const lines = body.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0)
  }
  await asks(0, 3)
  await asks(1, 4)
  expect(await value("sluice_requests_total")).toBe(7)
  expect(await value("sluice_request_duration_seconds_count")).toBe(7)
  expect(await value("sluice_upstream_addresses")).toBe(1)
  expect(await value("sluice_ready")).toBe(1)
  expect(await value("sluice_build_info")).toBe(1)
  expect((await ask(pod.health, "/metrics")).body).toContain('sluice_workers{state="serving"} 2')
  // What one had counted stays when it ends, as its last scrape had it.
  const [first, second] = pod.workers()
  process.kill(first!, "SIGKILL")
  await pod.said(() => pod.workers()[0] !== first)
  await asks(1, 1)
  expect(pod.workers()[1]).toBe(second)
  expect(await value("sluice_requests_total")).toBe(8)
  expect((await ask(pod.health, "/metrics")).body).toContain('sluice_worker_ends_total{why="died"} 1')
  // What the admin port shows is of all, too.
  const shown = JSON.parse((await ask(pod.admin, "/upstreams")).body) as ReadonlyArray<{ readonly pool: { readonly requests: number } }>
  expect(shown.map(({ pool }) => pool.requests)).toEqual([5])
  expect((await ask(pod.admin, "/clusters")).body).toContain(`127.0.0.1:${origin.port}::health_flags::healthy`)
  const explained = await sluice(["explain", `http://web.test:${port}/`, "--admin-address", `127.0.0.1:${pod.admin}`])
  expect([explained.code, explained.out]).toEqual([0, expect.stringContaining("Backend shop/web")])
}, 300_000)

it("an update is acknowledged when every worker has it, and a worker serves it from then on", async () => {
  await using origin = await startOrigin({ script: ({ reply }) => reply({ body: "web" }) })
  const [port] = (await freePorts(1)) as [number]
  const whole = (path: string) =>
    `${gateway(port)}${backend("web", [origin.port])}${route("web", { rule: `matches: [{path: {value: ${path}}}]` })}`
  await using pod = await startPod({ "m.yaml": whole("/old") })
  await pod.ready()
  const version = async () =>
    (JSON.parse((await ask(pod.admin, "/snapshot")).body) as ReadonlyArray<{ readonly version: string }>)[0]!.version
  const before = await version()
  await pod.only(0, async () => {
    writeFileSync(join(pod.place.path, "m/m.yaml"), whole("/new"))
    while ((await ask(port, "/new")).status !== 200);
    // The other has not: it is asked too, and left out of the answer.
    expect(await version()).toBe(before)
  })
  while ((await version()) === before);
  await pod.only(1, async () => {
    expect((await ask(port, "/new")).status).toBe(200)
    expect((await ask(port, "/old")).status).toBe(404)
  })
}, 300_000)

it("a drain ends all: what is under way is answered, by each of them, and the process leaves with 0", async () => {
  await using origin = await startLateOrigin()
  const [port] = (await freePorts(1)) as [number]
  await using pod = await startPod(
    { "m.yaml": `${gateway(port)}${backend("web", [origin.port])}${route("web")}` },
    { flags: ["--drain-delay=1s"] }
  )
  await pod.ready()
  const pids = pod.workers()
  const answers: Array<ReturnType<typeof ask>> = []
  for (const index of [0, 1])
    await pod.only(index, async () => {
      for (let n = 0; n < 3; n++) answers.push(ask(port, "/"))
      await origin.until(({ requests }) => requests === answers.length)
    })
  const told = performance.now()
  pod.program.child.kill("SIGTERM")
  await pod.said((text) => text.includes("draining"))
  // Though every request that came is still under way.
  while ((await ask(pod.health, "/readyz")).status !== 503);
  origin.release()
  expect((await Promise.all(answers)).map(({ body }) => body)).toEqual(answers.map(() => "late"))
  expect(await pod.program.closed).toBe(0)
  // Whoever still sends clients here had the time to hear of it.
  expect(performance.now() - told).toBeGreaterThanOrEqual(1_000)
  expect(pod.program.err()).not.toContain("no listener to serve")
  await gone(pids)
  const lines = pod.program.out().trim().split("\n")
  expect(lines.map((line) => (JSON.parse(line) as { readonly status: number }).status)).toEqual(answers.map(() => 200))
}, 300_000)

it("workers end with the process that leads them, though it is killed", async () => {
  const [port] = (await freePorts(1)) as [number]
  await using pod = await startPod({ "m.yaml": gateway(port) })
  await pod.ready()
  const pids = pod.workers()
  pod.program.child.kill("SIGKILL")
  await gone(pids)
}, 300_000)

it("one worker is none: the process serves itself, and starts nobody", async () => {
  const [port] = (await freePorts(1)) as [number]
  await using pod = await startPod({ "m.yaml": gateway(port) }, { workers: 1 })
  await pod.said((text) => text.includes("Gateway shop/edge: http:"))
  const { pid } = pod.program.child
  expect((await ask(port, "/")).status).toBe(404)
  const children = await import("node:fs/promises").then(({ readFile }) => readFile(`/proc/${pid}/task/${pid}/children`, "utf8"))
  expect(children.trim()).toBe("")
  expect((await ask(pod.health, "/metrics")).body).not.toContain("sluice_workers{")
}, 300_000)

it("a number of workers is a number from 1 to 128", async () => {
  for (const workers of ["0", "129", "-1", "two", "1.5"]) {
    const { code, err } = await sluice(["run", `--workers=${workers}`, "nowhere.yaml"])
    expect([code, err]).toEqual([2, expect.stringMatching(/--workers.*a number from 1 to 128/)])
  }
  // Nobody but a process that leads starts one.
  const alone = running(["worker"])
  expect(await alone.closed).toBe(2)
  expect(alone.err()).toContain('no command "worker"')
}, 300_000)
