// What several processes of a pod do as one: they look at addresses once, eject together, ask for a token once, keep to the pod's limits and send a client to the same place.
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { expect, it } from "vitest"
import { gateway } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { makeAuthority } from "../support/certificates.ts"
import { startDnsServer } from "../support/dns.ts"
import { backend, route } from "../support/manifests.ts"
import { startLateOrigin, startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"
import { startPod } from "./pod.ts"

/** Which of these processes has the connection whose end on this machine is the port. */
const ownerOf = (port: number, pids: ReadonlyArray<number>): number | null => {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`
  const row = readFileSync("/proc/net/tcp", "latin1")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find(([, from]) => from === local)
  const socket = `socket:[${row?.[9]}]`
  const has = (pid: number) =>
    readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`) === socket
      } catch {
        return false
      }
    })
  return pids.find(has) ?? null
}

it("addresses are looked at by the process that leads, and every worker heeds what it saw", async () => {
  let sick = false
  const lookers: Array<number | null> = []
  let known: ReadonlyArray<number> = []
  await using watched = await startOrigin({
    accept: (_connection, socket) => {
      const owner = ownerOf(socket.remotePort!, known)
      lookers.push(owner)
      return true
    },
    script: ({ request, reply }) => reply(request.target === "/healthz" && sick ? { status: 503 } : { body: "watched" })
  })
  await using other = await startOrigin({ script: ({ reply }) => reply({ body: "other" }) })
  const port = await freePort()
  const check =
    "healthCheck: {type: HTTP, http: {path: /healthz}, interval: 300ms, timeout: 5s, unhealthyThreshold: 1, healthyThreshold: 1}"
  await using pod = await startPod({ "m.yaml": `${gateway(port)}${backend("web", [watched.port, other.port], check)}${route("web")}` })
  await pod.ready()
  known = [pod.program.child.pid!, ...pod.workers()]
  const asked = watched.requests
  await watched.until(({ requests }) => requests >= asked + 8)
  sick = true
  while (!(await ask(pod.admin, "/clusters")).body.includes(`127.0.0.1:${watched.port}::health_flags::/failed_active_hc`));
  await pod.heard()
  for (const index of [0, 1])
    await pod.only(index, async () => {
      for (let n = 0; n < 4; n++) expect((await ask(port, "/")).body).toBe("other")
    })
  // Those of the start, before anybody could be told apart, are nobody's.
  const shown = JSON.parse((await ask(pod.admin, "/upstreams")).body) as ReadonlyArray<{
    readonly health: { readonly probes: { readonly passed: number } }
  }>
  expect(shown[0]!.health.probes.passed).toBeGreaterThanOrEqual(8)
  expect(new Set(lookers.filter((owner) => owner !== null))).toEqual(new Set([pod.program.child.pid]))
  sick = false
  while (!(await ask(pod.admin, "/clusters")).body.includes(`127.0.0.1:${watched.port}::health_flags::healthy`));
  await pod.heard()
  await pod.only(1, async () => {
    expect([(await ask(port, "/")).body, (await ask(port, "/")).body].sort()).toEqual(["other", "watched"])
  })
  // One that comes later is told what is known.
  sick = true
  while (!(await ask(pod.admin, "/clusters")).body.includes(`127.0.0.1:${watched.port}::health_flags::/failed_active_hc`));
  const [, second] = pod.workers()
  process.kill(second!, "SIGTERM")
  await pod.said((text) => text.includes(`(process ${second}) has left`))
  await pod.only(1, async () => {
    for (let n = 0; n < 4; n++) expect((await ask(port, "/")).body).toBe("other")
  })
}, 300_000)

it("an address that one worker ejects is out for all, and for one that comes later", async () => {
  await using bad = await startOrigin({ script: ({ reply }) => reply({ status: 500, body: "bad" }) })
  await using well = await startOrigin({ script: ({ reply }) => reply({ body: "well" }) })
  const port = await freePort()
  const outlier = "outlier: {consecutive5XxErrors: 2, baseEjectionTime: 1h}"
  await using pod = await startPod({ "m.yaml": `${gateway(port)}${backend("web", [bad.port, well.port], outlier)}${route("web")}` })
  await pod.ready()
  await pod.only(0, async () => {
    for (let n = 0; n < 4; n++) await ask(port, "/")
  })
  expect(bad.requests).toBe(2)
  await pod.heard()
  const alone = async (index: number) =>
    pod.only(index, async () => {
      for (let n = 0; n < 4; n++) expect((await ask(port, "/")).body).toBe("well")
    })
  await alone(1)
  const [first] = pod.workers()
  process.kill(first!, "SIGTERM")
  await pod.said((text) => text.includes(`(process ${first}) has left`))
  await alone(0)
  expect(bad.requests).toBe(2)
  const { body } = await ask(pod.health, "/metrics")
  expect(body).toContain('sluice_upstream_ejections_total{gateway="shop/edge",upstream="Backend shop/web",why="errors"} 1')
}, 300_000)

it("limits are the pod's, in equal parts: requests at once, connections, and those that wait for one", async () => {
  await using origin = await startLateOrigin()
  const port = await freePort()
  const limits = "circuitBreaker: {maxParallelRequests: 3}"
  const few = "connections: {maxConnections: 2, maxPending: 2}"
  const tight = route("tight").replace("{backendRefs", "{matches: [{path: {value: /tight}}], backendRefs")
  await using pod = await startPod({
    "m.yaml": `${gateway(port)}${backend("web", [origin.port], limits)}${route("web")}${backend("tight", [origin.port], few)}${tight}`
  })
  await pod.ready()
  const held: Array<ReturnType<typeof ask>> = []
  // Two are the first one's part, one the second's.
  for (const [index, part] of [2, 1].entries())
    await pod.only(index, async () => {
      for (let n = 0; n < part; n++) {
        held.push(ask(port, "/"))
        await origin.until(({ requests }) => requests === held.length)
      }
      expect((await ask(port, "/")).status).toBe(503)
    })
  expect((await ask(pod.health, "/metrics")).body).toContain(
    'sluice_upstream_limit{gateway="shop/edge",upstream="Backend shop/web",limit="requests"} 3'
  )
  // Of four one has the connection, one waits for it, and two are refused.
  const refused: Array<number> = []
  const all: Array<Promise<number>> = []
  for (const index of [0, 1])
    await pod.only(index, async () => {
      for (let n = 0; n < 4; n++)
        all.push(
          ask(port, "/tight").then(({ status }) => {
            if (status === 503) refused.push(status)
            return status
          })
        )
      await expect.poll(() => refused.length, { timeout: 60_000 }).toBe(2 * (index + 1))
    })
  origin.release()
  expect((await Promise.all(held)).map(({ status }) => status)).toEqual([200, 200, 200])
  expect((await Promise.all(all)).sort()).toEqual([200, 200, 200, 200, 503, 503, 503, 503])
}, 300_000)

it("repetitions that are free are the pod's, in equal parts", async () => {
  await using origin = await startOrigin({ script: ({ reply }) => reply({ status: 503 }) })
  const port = await freePort()
  const retried = route("web", { rule: "retry: {codes: [503], attempts: 1, backoff: 1ms}" })
  const policy = `---
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackendTrafficPolicy
metadata: {name: web, namespace: shop}
spec:
  targetRefs: [{group: gateway.sluice.dev, kind: Backend, name: web}]
  retryConstraint: {budget: {percent: 0}, minRetryRate: {count: 4, interval: 1h}}
`
  await using pod = await startPod({ "m.yaml": `${gateway(port)}${backend("web", [origin.port])}${retried}${policy}` })
  await pod.ready()
  const hour = () => Math.floor(Date.now() / 3_600_000)
  for (const index of [0, 1])
    await pod.only(index, async () => {
      const [began, before] = [hour(), origin.requests]
      for (let n = 0; n < 6; n++) expect((await ask(port, "/")).status).toBe(503)
      const again = origin.requests - before - 6
      // A full hour may strike: each has its own.
      expect(again).toBeGreaterThanOrEqual(2)
      expect(again).toBeLessThanOrEqual(2 * (1 + hour() - began))
    })
}, 300_000)

it("each process has its part of the memory that the pod may use, the one that leads included", async () => {
  // What the kernel says: 900 MB for all, of which this one has 330. A third is more than that by what all have mapped together, and 80 percent of it is not.
  const told = "process.constrainedMemory = () => 900e6\nprocess.memoryUsage.rss = () => 330e6\n"
  await using origin = await startOrigin({ script: ({ reply }) => reply({ body: "web" }) })
  const port = await freePort()
  await using pod = await startPod(
    { "m.yaml": `${gateway(port)}${backend("web", [origin.port])}${route("web")}` },
    { files: { "told.mjs": told }, preload: "told.mjs" }
  )
  await pod.ready()
  const short = /memory is short, requests are answered 503 until there is more: resident memory: 330 of 3\d\d MB in use/g
  await pod.said((text) => text.match(short)?.length === 2)
  for (const index of [0, 1]) await pod.only(index, async () => expect((await ask(port, "/")).status).toBe(503))
  expect(origin.requests).toBe(0)
}, 60_000)

it("a token is asked for once, whichever worker needs it", async () => {
  const authority = await makeAuthority()
  const { chain, key } = await authority.leaf({ dns: ["api.vendor.example", "login.vendor.example"] })
  let asked = 0
  await using vendor = await startOrigin({
    tls: { cert: chain, key },
    script: ({ request, reply }) =>
      request.target === "/oauth2/token"
        ? reply({ body: JSON.stringify({ access_token: `t-${++asked}`, token_type: "Bearer", expires_in: 3600 }) })
        : reply({ body: request.header("authorization") ?? "" })
  })
  await using dns = await startDnsServer().then((server) => Object.assign(server, { [Symbol.asyncDispose]: () => server.close() }))
  for (const name of ["api", "login"]) dns.host(`${name}.vendor.example`, ["127.0.0.1"])
  const port = await freePort()
  await using pod = await startPod(
    {
      "m.yaml": `${gateway(port)}---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{fqdn: {hostname: api.vendor.example, port: ${vendor.port}}}]
  tls: {}
  credentials: {oauth2: {tokenEndpoint: "https://login.vendor.example:${vendor.port}/oauth2/token", clientID: shop, secretRef: {name: user}, key: password}}
---
apiVersion: v1
kind: Secret
metadata: {name: user, namespace: shop}
stringData: {password: p}
${route("web")}`
    },
    { files: { "ca.pem": authority.certificate }, flags: [`--nameserver=${dns.address}`], bundle: "ca.pem" }
  )
  await pod.ready()
  for (const index of [0, 1, 0])
    await pod.only(index, async () => {
      expect((await ask(port, "/")).body).toBe("Bearer t-1")
    })
  expect(asked).toBe(1)
  expect((await ask(pod.health, "/metrics")).body).toContain(
    'sluice_upstream_token_requests_total{gateway="shop/edge",upstream="Backend shop/web"} 1'
  )
  expect(pod.program.out() + pod.program.err()).not.toMatch(/t-1\b/)
}, 300_000)

it("a client is sent to the same endpoint by every worker: by a hash, by the cookie of a session", async () => {
  const origins = await Promise.all(["a", "b", "c"].map((name) => startOrigin({ script: ({ reply }) => reply({ body: name }) })))
  const ports = origins.map((origin) => origin.port)
  const port = await freePort()
  const hash = "loadBalancer: {type: ConsistentHash, consistentHash: {type: Headers, headers: [{name: X-User}]}}"
  const session = route("kept", { rule: "matches: [{path: {value: /kept}}], sessionPersistence: {sessionName: kept}" })
  await using pod = await startPod({
    "m.yaml": `${gateway(port)}${backend("web", ports, hash)}${route("web")}${backend("kept", ports)}${session}`
  })
  try {
    await pod.ready()
    const users = Array.from({ length: 12 }, (_, n) => `user-${n}`)
    const placed = async (index: number) =>
      pod.only(index, () => Promise.all(users.map(async (user) => (await ask(port, "/", { headers: { "X-User": user } })).body)))
    const first = await placed(0)
    expect(new Set(first).size).toBeGreaterThan(1)
    expect(await placed(1)).toEqual(first)
    for (let n = 0; n < 3; n++) {
      const given = await pod.only(0, () => ask(port, "/kept"))
      const cookie = given.headers["set-cookie"]![0]!.split(";")[0]!
      // More often than there are endpoints: none of them is met by taking turns.
      await pod.only(1, async () => {
        for (let again = 0; again < 4; again++) {
          const { status, body, headers: more } = await ask(port, "/kept", { headers: { cookie } })
          expect([status, body, more["set-cookie"]]).toEqual([200, given.body, undefined])
        }
      })
    }
  } finally {
    for (const origin of origins) await origin.close()
  }
}, 300_000)
