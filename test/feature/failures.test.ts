// Each upstream row of the failure table, provoked over real sockets, real DNS and real certificates: the status, the line in the log, the count.
import { once } from "node:events"
import { type AddressInfo, createServer, type Server, type Socket } from "node:net"
import { Effect, ManagedRuntime } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { failures } from "#src/proxy/response.ts"
import { defaultLimits, defaultTimeouts, type UpstreamTimeouts } from "#src/snapshot/behaviour.ts"
import type { Reason, UpstreamReason } from "#src/snapshot/reason.ts"
import type { UpstreamTls } from "#src/snapshot/upstream.ts"
import { Names } from "#src/upstream/discovery/names.ts"
import { ask, raw, startProxy, type TestProxy } from "../proxy/harness.ts"
import { exact, type RuleSketch, type UpstreamSketch } from "../proxy/sketch.ts"
import { expired, makeAuthority, notYetValid, selfSigned } from "../support/certificates.ts"
import { type DnsServer, startDnsServer } from "../support/dns.ts"
import { at, named } from "../support/live.ts"
import { type Origin, type Script, startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"
import { silentHost } from "../support/silent.ts"

const verified: UpstreamTls = { ca: "System", names: [], client: null, verify: true, minVersion: "TLSv1.2", maxVersion: "TLSv1.3" }
const name = "api.example"

const closing: Array<() => Promise<unknown> | unknown> = []
let proxy: TestProxy
let dns: DnsServer
let origin: Origin
/** Answers nothing. */
let held: Origin
/** What a path is expected to end in. */
const rows: Array<{ readonly path: string; readonly reason: UpstreamReason; readonly status?: number }> = []

const timeouts = (some: Partial<UpstreamTimeouts>): UpstreamTimeouts => ({ ...defaultTimeouts, ...some })

const startRaw = async (serve: (socket: Socket) => void): Promise<{ port: number; server: Server }> => {
  const server = createServer(serve)
  server.on("error", () => {})
  server.listen({ port: 0, host: "127.0.0.1" })
  await once(server, "listening")
  closing.push(() => server.close())
  return { port: (server.address() as AddressInfo).port, server }
}

const started = async (options: Parameters<typeof startOrigin>[0]): Promise<Origin> => {
  const made = await startOrigin(options)
  closing.push(made.close)
  return made
}

beforeAll(async () => {
  dns = await startDnsServer()
  closing.push(dns.close)
  const runtime = ManagedRuntime.make(
    Names.layer({ nameservers: [{ ip: "127.0.0.1", port: dns.port, transport: "Udp", name: null }], timings: { perTry: 2_000, tries: 1 } })
  )
  closing.push(() => runtime.dispose())
  const names = await runtime.runPromise(Names.use((names) => Effect.succeed(names)))
  const authority = await makeAuthority()
  const stranger = await makeAuthority("a stranger")
  const pair = async (made: Promise<{ chain: string; key: string }>) => {
    const { chain, key } = await made
    return { cert: chain, key }
  }

  dns.host(name, ["127.0.0.1"])
  dns.host("metadata.example", ["169.254.169.254"])
  dns.answer("refused.example", "A", { rcode: "REFUSED" })
  dns.answer("refused.example", "AAAA", { rcode: "REFUSED" })
  dns.answer("servfail.example", "A", { rcode: "SERVFAIL" })
  dns.answer("servfail.example", "AAAA", { rcode: "SERVFAIL" })
  dns.answer("empty.example", "A", { nodata: true })
  dns.answer("empty.example", "AAAA", { nodata: true })
  dns.answer("silent.example", "A", { drop: true })
  dns.answer("silent.example", "AAAA", { drop: true })

  origin = await started({})
  held = await started({ script: (exchange) => exchange.closed })
  const good = await pair(authority.leaf({ dns: [name] }))
  const upstreams: Record<string, UpstreamSketch> = { origin: { endpoints: [at(origin.port)] } }
  const rules: Array<RuleSketch> = []
  const add = (reason: UpstreamReason, upstream: UpstreamSketch, more: Partial<RuleSketch> = {}, path = `/${reason}`) => {
    upstreams[reason + path] = upstream
    rules.push({ path: exact(path), to: reason + path, ...more })
    rows.push({ path, reason })
  }
  const tlsOrigin = async (tls: Parameters<typeof startOrigin>[0] & object) => {
    const made = await started(tls)
    return [named(name, made.port, { tls: true })]
  }
  const spec = { tls: verified }

  add("no_endpoints", { endpoints: [] })
  add("dns_nxdomain", { endpoints: [named("nothing.example", 80)] })
  add("dns_empty", { endpoints: [named("empty.example", 80)] })
  add("dns_servfail", { endpoints: [named("servfail.example", 80)] })
  add("dns_refused", { endpoints: [named("refused.example", 80)] })
  add("dns_timeout", { endpoints: [named("silent.example", 80)] })
  add("address_denied", { endpoints: [named("metadata.example", 80)] })
  add("egress_denied", {
    endpoints: [named(name, origin.port)],
    spec: {
      addresses: {
        cluster: [],
        allowLoopback: true,
        egress: {
          mode: "Enforce",
          allow: [{ hosts: ["other.example"], ports: [], cidrs: [] }],
          permitPrivate: true,
          sources: [{ kind: "EgressPolicy", namespace: "", name: "strict", section: null }]
        }
      }
    }
  })

  add("connect_refused", { endpoints: [at(await freePort())] })

  // Accepted and reset before the dialling side is told that it is connected: on loopback the listener's event comes first in the loop of one process.
  const resetting = await startRaw((socket) => socket.resetAndDestroy())
  add("connect_reset", { endpoints: [at(resetting.port)] })

  // No folder leads through a file.
  add("connect_unreachable", { endpoints: [at(0, { at: { _tag: "Unix", path: `${import.meta.filename}/x.sock` } })] })

  const silent = await silentHost()
  closing.push(silent.close)
  add("connect_timeout", { endpoints: [at(silent.port)], spec: { timeouts: timeouts({ connect: 200 }) } })

  add("tls_expired", { endpoints: await tlsOrigin({ tls: await pair(expired(authority, { dns: [name] })) }), spec })
  add("tls_not_yet_valid", { endpoints: await tlsOrigin({ tls: await pair(notYetValid(authority, { dns: [name] })) }), spec })
  add("tls_name_mismatch", { endpoints: await tlsOrigin({ tls: await pair(authority.leaf({ dns: ["other.example"] })) }), spec })
  add("tls_unknown_ca", { endpoints: await tlsOrigin({ tls: await pair(stranger.leaf({ dns: [name] })) }), spec })
  add("tls_self_signed", { endpoints: await tlsOrigin({ tls: await pair(selfSigned({ dns: [name] })) }), spec })
  add("tls_handshake", { endpoints: await tlsOrigin({ tls: { ...good, maxVersion: "TLSv1.1", minVersion: "TLSv1.1" } }), spec })
  add("tls_client_rejected", {
    endpoints: await tlsOrigin({ tls: { ...good, requestCert: true, rejectUnauthorized: true, ca: stranger.certificate } }),
    spec
  })
  const mute = await startRaw((socket) => socket.on("error", () => {}))
  add("tls_timeout", { endpoints: [named(name, mute.port, { tls: true })], spec: { ...spec, timeouts: timeouts({ tlsHandshake: 200 }) } })

  const scripted = async (script: Script) => [at((await started({ script })).port)]
  add("overflow", {
    endpoints: await scripted((exchange) => exchange.closed),
    spec: { limits: { ...defaultLimits, maxConnections: 1, maxPending: 0 } }
  })
  add("upstream_reset", { endpoints: await scripted((exchange) => exchange.reset()) })
  add("first_byte_timeout", { endpoints: await scripted((exchange) => exchange.closed), spec: { timeouts: timeouts({ firstByte: 150 }) } })
  add("backend_timeout", { endpoints: await scripted((exchange) => exchange.closed) }, { deadlines: { backendRequest: 150 } })
  add("upstream_malformed", { endpoints: [at(origin.port)] }, {}, "/malformed")
  rules.push({ path: exact("/request_timeout"), to: "backend_timeout/backend_timeout", deadlines: { request: 150, backendRequest: 5_000 } })
  rules.push({ path: exact("/drip"), to: "dripping", deadlines: { request: 1_000 } })
  upstreams["dripping"] = {
    endpoints: await scripted(async (exchange) => {
      await exchange.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
      await exchange.closed
    })
  }
  rules.push({ path: exact("/stream_idle"), to: "silent" })
  upstreams["silent"] = { endpoints: upstreams["dripping"]!.endpoints, spec: { timeouts: timeouts({ idle: 150 }) } }
  for (const path of ["/short", "/reset/body"]) rules.push({ path: exact(path), to: "origin" })
  rules.push({ path: exact("/slow"), to: "backend_timeout/backend_timeout" })

  proxy = await startProxy({ listeners: { web: { hosts: { "*": rules } } }, upstreams }, { names, roots: [authority.certificate] })
  closing.push(proxy.close)
  await proxy.until(() => proxy.proxy.ready())
})

afterAll(async () => {
  for (const close of closing.reverse()) await close()
})

const count = (reason: Reason) => proxy.metric("sluice_failures_total", { reason })

/** The next line of this path with this reason, and that it was counted once. */
const expectRecorded = async (path: string, reason: Reason, before: number, lines: number) => {
  const line = await proxy.logged((line) => proxy.lines.indexOf(line) >= lines && line.path === path)
  expect(line.reason).toBe(reason)
  expect(await count(reason)).toBe(before + 1)
  return line
}

describe("before the head of a response", () => {
  // The rows are known before the servers behind them are: vitest wants the names of tests at once.
  const reasons: ReadonlyArray<UpstreamReason> = [
    "no_endpoints",
    "dns_nxdomain",
    "dns_empty",
    "dns_servfail",
    "dns_refused",
    "dns_timeout",
    "address_denied",
    "egress_denied",
    "connect_refused",
    "connect_reset",
    "connect_unreachable",
    "connect_timeout",
    "tls_expired",
    "tls_not_yet_valid",
    "tls_name_mismatch",
    "tls_unknown_ca",
    "tls_self_signed",
    "tls_handshake",
    "tls_client_rejected",
    "tls_timeout",
    "upstream_reset",
    "first_byte_timeout",
    "backend_timeout",
    "upstream_malformed"
  ]
  for (const reason of reasons) {
    it(`${reason}: ${failures[reason].status}, its line and its count`, async () => {
      const { path } = rows.find((row) => row.reason === reason)!
      const before = await count(reason)
      const lines = proxy.lines.length
      // POST: nothing that could be repeated for us.
      const answer = await ask(proxy.port(), path, { method: "POST", body: "x" })
      expect(answer.status).toBe(failures[reason].status)
      expect(answer.headers["x-content-type-options"]).toBe("nosniff")
      expect(answer.body).not.toMatch(/127\.0\.0\.1|example|_/)
      const line = await expectRecorded(path, reason, before, lines)
      expect(line).toMatchObject({ status: failures[reason].status, upstream: `Service test/${reason}${path}` })
      expect(line["flag"] ?? "").toBe(failures[reason].flag)
      expect(line["detail"]).toBeTypeOf("string")
    })
  }

  it("overflow: 503 with Retry-After and x-envoy-overloaded", async () => {
    const before = await count("overflow")
    using first = await raw(proxy.port())
    first.send("GET /overflow HTTP/1.1\r\nHost: a\r\n\r\n")
    const busy = () => proxy.proxy.describe()!.upstreams.find(({ description }) => description.id.startsWith("overflow"))!.description
    while (busy().pool.active === 0) await new Promise((resolve) => setImmediate(resolve))
    const lines = proxy.lines.length
    const answer = await ask(proxy.port(), "/overflow")
    expect(answer.status).toBe(503)
    expect(answer.headers).toMatchObject({ "retry-after": "1", "x-envoy-overloaded": "true" })
    await expectRecorded("/overflow", "overflow", before, lines)
  })

  it("upstream_unsent: 503 for a request that still waits for a connection when the time of replaced settings is over", async () => {
    const of = { namespace: "test", target: "Service test/narrow" }
    const serving = (id: string, maxConnections: number) => ({
      listeners: { web: { hosts: { "*": [{ to: id }] } } },
      upstreams: {
        [id]: {
          endpoints: [at(held.port)],
          spec: { of, limits: { ...defaultLimits, maxConnections, maxPending: 1 } }
        }
      }
    })
    await using other = await startProxy(serving("narrow", 1), { limits: { drainDeadline: 100 } })
    const pool = () => other.proxy.describe()!.upstreams.find(({ description }) => description.id === "narrow")!.description.pool
    const seen = held.requests
    const first = ask(other.port(), "/first")
    await held.until(({ requests }) => requests > seen)
    const waiting = ask(other.port(), "/waiting", { method: "POST", body: "x" })
    while (pool().pending === 0) await new Promise((resolve) => setImmediate(resolve))
    await other.publish(serving("wide", 2))
    const answers = await Promise.all([first, waiting])
    expect(answers.map(({ status }) => status)).toEqual([503, failures.upstream_unsent.status])
    expect(answers[1]!.headers["x-content-type-options"]).toBe("nosniff")
    expect(await other.logged((line) => line.path === "/waiting")).toMatchObject({
      status: failures.upstream_unsent.status,
      reason: "upstream_unsent",
      flag: failures.upstream_unsent.flag,
      upstream: of.target
    })
    expect(await other.metric("sluice_failures_total", { reason: "upstream_unsent" })).toBe(1)
    // Its neighbour was sent, and the label says so: that the backend acted on it cannot be ruled out.
    expect((await other.logged((line) => line.path === "/first")).reason).toBe("upstream_reset")
    expect(held.requests).toBe(seen + 1)
  })

  it("request_timeout: 504, and the upstream is let go", async () => {
    const before = await count("request_timeout")
    const lines = proxy.lines.length
    const started = performance.now()
    expect((await ask(proxy.port(), "/request_timeout")).status).toBe(504)
    expect(performance.now() - started).toBeLessThan(2_000)
    await expectRecorded("/request_timeout", "request_timeout", before, lines)
  })

  it("client_abort: 499 in the log, within 100 ms of the abort", async () => {
    const before = await count("client_abort")
    const lines = proxy.lines.length
    const client = await raw(proxy.port())
    client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
    const busy = () =>
      proxy.proxy.describe()!.upstreams.find(({ description }) => description.id.startsWith("backend_timeout"))!.description
    while (busy().pool.active === 0) await new Promise((resolve) => setImmediate(resolve))
    const left = performance.now()
    client.socket.destroy()
    while (busy().pool.active > 0) await new Promise((resolve) => setImmediate(resolve))
    expect(performance.now() - left).toBeLessThan(100)
    const line = await expectRecorded("/slow", "client_abort", before, lines)
    expect(line.status).toBe(499)
  })
})

describe("after the head: the status stands and the connection is cut", () => {
  const cut = async (path: string, reason: Reason, head = /^HTTP\/1\.1 200 /) => {
    const before = await count(reason)
    const lines = proxy.lines.length
    using client = await raw(proxy.port())
    client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    const { text } = await client.closed
    expect(text).toMatch(head)
    // Never a clean end: no last chunk, fewer bytes than declared.
    expect(text).not.toMatch(/\r\n0\r\n\r\n$/)
    const declared = /Content-Length: (\d+)/i.exec(text)?.[1]
    if (declared !== undefined) expect(text.length - text.indexOf("\r\n\r\n") - 4).toBeLessThan(Number(declared))
    const line = await expectRecorded(path, reason, before, lines)
    expect(line.status).toBe(200)
  }
  it("a short body: upstream_truncated", () => cut("/short", "upstream_truncated"))
  it("a reset in the body: upstream_truncated", () => cut("/reset/body", "upstream_truncated"))
  it("silence in the body: stream_idle", () => cut("/stream_idle", "stream_idle"))
  it("the request's time is over: request_timeout", () => cut("/drip", "request_timeout"))

  it("an HTTP/1.0 client, to whom an end would look whole, gets a reset", async () => {
    using client = await raw(proxy.port())
    client.send("GET /stream_idle HTTP/1.0\r\nHost: a\r\n\r\n")
    expect((await client.closed).clean).toBe(false)
  })
})
