// `sluice run` as a process: it serves what the files say, follows their edits, tells what is wrong, and leaves in order.

import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { request } from "node:http"
import { createServer, type Server } from "node:net"
import { join } from "node:path"
import { afterEach, assert, describe, it } from "vitest"
import { makeAuthority } from "../support/certificates.ts"
import { startDnsServer } from "../support/dns.ts"
import { startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"
import { folder, gateway, type Running, redirect, running, sluice } from "./program.ts"

const listening = (port: number): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(port, "127.0.0.1", () => resolve(server))
  })

const get = (
  port: number,
  path: string,
  host = "shop.example"
): Promise<{ readonly status: number; readonly location: string; readonly body: string }> =>
  new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path, headers: { Host: host }, agent: false }, (response) => {
      let body = ""
      response.on("data", (part: Buffer) => (body += part.toString()))
      response.on("end", () => resolve({ status: response.statusCode ?? 0, location: response.headers.location ?? "", body }))
    })
    sent.on("error", reject)
    sent.end()
  })

/** Asked again until the answer is this one: the edit is noticed by an event, whose moment is not ours to know. */
const answered = async (port: number, path: string, location: string): Promise<void> => {
  const deadline = performance.now() + 10_000
  for (;;) {
    const answer = await get(port, path).catch(() => null)
    if (answer?.location === location) return
    if (performance.now() > deadline) throw new Error(`${path} never led to ${location}, but: ${JSON.stringify(answer)}`)
    await new Promise(setImmediate)
  }
}

const quiet = (state: string) => ["--state-folder", state, "--listen-address", "127.0.0.1", "--health-address", "off"]
const children: Array<Running> = []
const start = (words: ReadonlyArray<string>): Running => {
  const child = running(["run", ...words])
  children.push(child)
  return child
}
afterEach(async () => {
  for (const child of children.splice(0)) await child.end("SIGKILL")
})

describe("sluice run", () => {
  it("serves the manifests, follows edits, keeps what a typo broke, answers explain, and drains to exit 0", async () => {
    const port = await freePort()
    using place = folder({ "m/gateway.yaml": gateway(port), "m/a.yaml": redirect("a", "/a", "one.example") })
    const child = start([...quiet(join(place.path, "state")), "--admin-address", "127.0.0.1:0", join(place.path, "m")])
    const [, admin] = await child.line(/admin on http:\/\/(127\.0\.0\.1:\d+)/)
    await child.line(new RegExp(`Gateway shop/edge: http://127\\.0\\.0\\.1:${port} `))
    assert.strictEqual((await get(port, "/a")).location, `http://one.example:${port}/a`)

    place.write("m/b.yaml", redirect("b", "/b", "two.example"))
    await answered(port, "/b/x", `http://two.example:${port}/b/x`)

    child.forget()
    place.write("m/b.yaml", `${redirect("b", "/b", "three.example")}  broken: [`)
    await child.line(/b\.yaml:\d+: HTTPRoute.*: not YAML/)
    assert.strictEqual((await get(port, "/b")).location, `http://two.example:${port}/b`)
    assert.strictEqual((await get(port, "/a")).status, 302)
    place.write("m/b.yaml", redirect("b", "/b", "three.example"))
    await answered(port, "/b", `http://three.example:${port}/b`)

    const asked = await sluice(["explain", `http://shop.example:${port}/b`, "--admin-address", admin!, "-o", "json"])
    const offline = await sluice([
      "explain",
      `http://shop.example:${port}/b`,
      "--listen-address",
      "127.0.0.1",
      "-o",
      "json",
      join(place.path, "m")
    ])
    assert.strictEqual(asked.code, 0, asked.err)
    assert.deepEqual(JSON.parse(asked.out), JSON.parse(offline.out))

    const statuses = JSON.parse((await get(Number(admin!.split(":")[1]), "/statuses", admin!)).body)
    assert.property(statuses, "HTTPRoute.gateway.networking.k8s.io/shop/b")

    assert.strictEqual(await child.end("SIGTERM"), 0)
    assert.match(child.err(), /drained/)
    const lines = child
      .out()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { readonly status: number; readonly path: string })
    assert.isTrue(lines.some((line) => line.path === "/b" && line.status === 302))
  }, 45_000)

  it("finishes the 200 requests in flight when told to stop, and takes nothing new", async () => {
    let release: () => void = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    await using origin = await startOrigin({
      script: async ({ reply }) => {
        await held
        await reply({ body: "late" })
      }
    })
    const port = await freePort()
    using place = folder({
      "m.yaml": `${gateway(port)}---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: slow, namespace: shop}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: ${origin.port}}}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: slow, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: slow}]}]
`
    })
    const child = start([...quiet(join(place.path, "state")), "--admin-address", "off", "--allow-loopback", join(place.path, "m.yaml")])
    await child.line(/--allow-loopback: names may resolve to this machine/)
    await child.line(/Gateway shop\/edge: http:/)
    const flying = [...Array(200)].map(() => get(port, "/"))
    await origin.until(({ requests }) => requests === 200)
    child.child.kill("SIGTERM")
    await child.line(/draining/)
    // New connections are refused as soon as the sockets are closed.
    const refused = async () =>
      get(port, "/").then(
        () => false,
        () => true
      )
    while (!(await refused()));
    release()
    for (const answer of await Promise.all(flying)) assert.deepEqual(answer.body, "late")
    assert.strictEqual(await child.closed, 0)
    assert.strictEqual(origin.requests, 200)
  }, 30_000)

  it("brings a request to an external HTTPS name, and says what it saw in the statuses", async () => {
    const authority = await makeAuthority()
    const { chain, key } = await authority.leaf({ dns: ["api.vendor.example"] })
    const dns = await startDnsServer()
    await using origin = await startOrigin({ tls: { cert: chain, key }, script: ({ reply }) => reply({ body: "from outside" }) })
    dns.host("api.vendor.example", ["127.0.0.1"])
    const port = await freePort()
    using place = folder({
      "ca.pem": authority.certificate,
      "m.yaml": `${gateway(port)}---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {type: ExternalName, externalName: api.vendor.example, ports: [{port: ${origin.port}, appProtocol: https}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: api, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{name: api, port: ${origin.port}}]}]
`
    })
    const child = start([
      ...[...quiet(join(place.path, "state")), "--admin-address", "127.0.0.1:0", "--allow-loopback", "--nameserver", dns.address],
      ...["--trust-bundle", join(place.path, "ca.pem"), join(place.path, "m.yaml")]
    ])
    const [, admin] = await child.line(/admin on http:\/\/127\.0\.0\.1:(\d+)/)
    await child.line(/Gateway shop\/edge: http:/)
    const answer = await get(port, "/x")
    assert.deepEqual([answer.status, answer.body], [200, "from outside"])
    assert.strictEqual(origin.seen[0]?.header("host"), `api.vendor.example:${origin.port}`)
    await child.line(/Gateway shop\/edge: Programmed True/)
    type Statuses = Readonly<
      Record<
        string,
        { readonly entries: ReadonlyArray<{ readonly conditions: ReadonlyArray<{ readonly type: string; readonly status: string }> }> }
      >
    >
    const conditionsNow = async () => {
      const { body } = await get(Number(admin), "/statuses", `127.0.0.1:${admin}`)
      const [entry] = (JSON.parse(body) as Statuses)["HTTPRoute.gateway.networking.k8s.io/shop/api"]!.entries
      return Object.fromEntries(entry!.conditions.map(({ type, status }) => [type, status]))
    }
    // Reports come a moment after what they tell.
    let conditions = await conditionsNow()
    for (const began = performance.now(); conditions["Resolved"] !== "True" && performance.now() - began < 10_000; )
      conditions = await conditionsNow()
    assert.deepEqual(conditions, { Accepted: "True", ResolvedRefs: "True", Resolved: "True" })
    assert.strictEqual(await child.end(), 0)
    await dns.close()
  }, 30_000)

  it("says of each route that attaches to nothing why, at start and when an edit brings it, and once", async () => {
    const port = await freePort()
    const stray = (name: string) => redirect(name, "/", "one.example").replace("{name: edge}", "{name: nobody}")
    using place = folder({ "m/gateway.yaml": gateway(port), "m/a.yaml": stray("early") })
    const child = start([...quiet(join(place.path, "state")), "--admin-address", "off", join(place.path, "m")])
    await child.line(/warning HTTPRoute shop\/early: spec\.parentRefs names no Gateway/)
    child.forget()
    place.write("m/b.yaml", stray("late"))
    await child.line(/warning HTTPRoute shop\/late: spec\.parentRefs names no Gateway/)
    assert.notInclude(child.err(), "shop/early")
    assert.strictEqual(await child.end(), 0)
  }, 30_000)

  it("exits at once on a second signal", async () => {
    const port = await freePort()
    using place = folder({ "m.yaml": gateway(port) })
    const child = start([...quiet(join(place.path, "state")), "--admin-address", "off", "--drain-delay", "60s", join(place.path, "m.yaml")])
    await child.line(/Gateway shop\/edge: http:/)
    child.child.kill("SIGINT")
    await child.line(/SIGINT: draining/)
    assert.strictEqual(await child.end("SIGINT"), 130)
  }, 30_000)

  it("is ended by one signal while its start still waits: nothing is served that could be drained", async () => {
    using place = folder({ "m.yaml": gateway(await freePort()) })
    const fifo = join(place.path, "manifests.yaml")
    execFileSync("mkfifo", [fifo])
    // Nobody ever writes to it.
    const child = start([...quiet(join(place.path, "state")), "--admin-address", "off", fifo])
    await child.line(/sluice .* on Node/)
    assert.strictEqual(await child.end("SIGTERM"), 0)
    assert.include(child.err(), "before anything was served")
  }, 30_000)

  it("says what hinders it and exits: no such path, a port or a folder that cannot be had", async () => {
    using place = folder({ "m.yaml": gateway(1), file: "" })
    const path = join(place.path, "m.yaml")
    const taken = await listening(0)
    const { port } = taken.address() as { readonly port: number }
    const failed = async (code: number, said: RegExp, ...words: ReadonlyArray<string>) => {
      const outcome = await sluice(["run", ...words])
      assert.match(outcome.err, said)
      assert.strictEqual(outcome.code, code, outcome.err)
    }
    await Promise.all([
      failed(2, /none\.yaml: no such file/, ...quiet(place.path), join(place.path, "none.yaml")),
      failed(2, /--access-log/, ...quiet(place.path), "--access-log", join(place.path, "no", "log"), path),
      failed(2, /holds no PEM certificate/, ...quiet(place.path), "--trust-bundle", join(place.path, "file"), path),
      failed(1, /--state-folder/, ...quiet(join(place.path, "file")), "--admin-address", "off", path),
      failed(1, new RegExp(`${port}`), ...quiet(place.path), "--admin-address", `127.0.0.1:${port}`, path)
    ])
    await new Promise((resolve) => taken.close(resolve))
  }, 40_000)

  it("tells a listener whose port is taken, serves the others, and opens it when it is free", async () => {
    const taken = await listening(0)
    const { port: busy } = taken.address() as { readonly port: number }
    const port = await freePort()
    using place = folder({
      "m.yaml": gateway(port).replace("listeners: [", `listeners: [{name: busy, port: ${busy}, protocol: HTTP}, `),
      "r.yaml": redirect("a", "/", "one.example")
    })
    const child = start([...quiet(join(place.path, "state")), "--admin-address", "off", place.path])
    await child.line(new RegExp(`127\\.0\\.0\\.1:${busy} NOT open`))
    assert.strictEqual((await get(port, "/")).status, 302)
    await new Promise((resolve) => taken.close(resolve))
    await answered(busy, "/", `http://one.example:${busy}/`)
    writeFileSync(join(place.path, "m.yaml"), gateway(port))
    await child.line(/Gateway shop\/edge: http:\/\/127\.0\.0\.1:\d+ \(bound on 127\.0\.0\.1:\d+\)\n/)
    assert.strictEqual(await child.end(), 0)
  }, 30_000)
})
