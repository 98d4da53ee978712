// Streams of every kind through `sluice run`, silent for SILENT_MINUTES (5) all at once while the configuration is edited: a WebSocket, events over either version of HTTP, calls of
// gRPC by prior knowledge and over TLS, and connections of TCP and of TLS that is passed through. Each is heard again after it; then a drain ends them in their own words.
import { once } from "node:events"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import * as http2 from "node:http2"
import { type AddressInfo, connect, createServer as createTcpServer } from "node:net"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { connect as connectTls, createServer as createTlsServer } from "node:tls"
import { credentials } from "@grpc/grpc-js"
import { expect, it } from "vitest"
import { folder, serving } from "../cli/program.ts"
import { makeAuthority } from "../support/certificates.ts"
import { openChat, openEvents, openEvents2, openWebSocket, overBytes, startChat, startEventOrigin } from "../support/longlived.ts"
import { backend, gatewayOf, route, tlsSecret } from "../support/manifests.ts"
import { freePorts } from "../support/port.ts"
import { startWebSocketOrigin } from "../support/websocket.ts"

const minutes = Number(process.env["SILENT_MINUTES"] ?? "5")

const section = (name: string): string => `{name: edge, sectionName: ${name}}`

it("outlives silence and edits, and is ended by a drain in its own words", async () => {
  await using stack = new AsyncDisposableStack()
  const authority = await makeAuthority()
  const [passed, ended] = [await authority.leaf({ dns: ["pass.test"] }), await authority.leaf({ dns: ["web.test"] })]
  const tcp = createTcpServer((socket) => socket.on("error", () => {}).pipe(socket)).listen(0, "127.0.0.1")
  const tls = createTlsServer({ cert: passed.chain, key: passed.key }, (socket) => socket.on("error", () => {}).pipe(socket)).listen(
    0,
    "127.0.0.1"
  )
  for (const server of [tcp, tls]) stack.defer(() => void server.close())
  await Promise.all([once(tcp, "listening"), once(tls, "listening")])
  const portOf = (server: typeof tcp): number => (server.address() as AddressInfo).port
  const chat = stack.use(await startChat())
  const events = stack.use(await startEventOrigin())
  const sockets = stack.use(await startWebSocketOrigin())
  const [http, https, bytes, through] = (await freePorts(4)) as [number, number, number, number]
  // Twice the silence, and longer than the drain.
  const idle = `timeouts: {idle: ${Math.ceil(minutes * 120) + 20}s}`
  const manifest = (edit: number) =>
    [
      gatewayOf(
        `name: http, port: ${http}, protocol: HTTP`,
        `name: https, port: ${https}, protocol: HTTPS, hostname: web.test, tls: {certificateRefs: [{name: pair}]}`,
        `name: tcp, port: ${bytes}, protocol: TCP`,
        `name: tls, port: ${through}, protocol: TLS, hostname: pass.test, tls: {mode: Passthrough}`
      ),
      tlsSecret("pair", ended),
      ...[backend("sockets", [sockets.port], idle), backend("events", [events.port], idle), backend("bytes", [portOf(tcp)], idle)],
      ...[backend("chat", [chat.port], `${idle}, protocol: GRPC`), backend("through", [portOf(tls)], idle)],
      route("bytes", { kind: "TCPRoute", parents: section("tcp") }),
      route("through", { kind: "TLSRoute", parents: section("tls"), hostname: "pass.test" }),
      route("events", { parents: section("http") }),
      route("sockets", { parents: section("http"), rule: "matches: [{path: {value: /socket}}]" }),
      route("calls", { kind: "GRPCRoute", parents: section("http"), hostname: "calls.test", to: "chat" }),
      route("secure", { kind: "GRPCRoute", parents: section("https"), to: "chat" }),
      route(`edit${edit}`, { parents: section("http"), hostname: `edit${edit}.test`, to: "events" })
    ].join("")
  const place = stack.adopt(folder({ "m.yaml": manifest(0) }), (one) => one[Symbol.dispose]())
  const program = serving(place, { flags: ["--drain-delay=0s", "--drain-deadline=10s"] })
  stack.defer(async () => void (await program.end("SIGKILL")))
  await program.line(/Gateway shop\/edge: .*tls:/)

  const session = stack.adopt(http2.connect(`http://127.0.0.1:${http}`), (one) => one.destroy())
  session.on("error", () => {})
  const goaway = once(session, "goaway")
  const plain = openChat(`127.0.0.1:${http}`, credentials.createInsecure(), { "grpc.default_authority": "calls.test" })
  const secure = openChat(`127.0.0.1:${https}`, credentials.createSsl(Buffer.from(authority.certificate)), {
    "grpc.default_authority": "web.test",
    "grpc.ssl_target_name_override": "web.test"
  })
  for (const one of [plain, secure]) stack.use(one)
  const overTcp = connect({ port: bytes, host: "127.0.0.1" })
  const overTls = connectTls({ port: through, host: "127.0.0.1", servername: "pass.test", ca: authority.certificate })
  for (const socket of [overTcp, overTls]) stack.defer(() => void socket.destroy())
  await Promise.all([once(overTcp, "connect"), once(overTls, "secureConnect")])
  const worded = [
    await openWebSocket(`ws://127.0.0.1:${http}/socket`),
    await openEvents(http, "/one", events),
    await openEvents2(session, "/two", events),
    plain,
    secure
  ]
  const streams = [...worded, overBytes("TCP", overTcp), overBytes("TLS passed through", overTls)]
  for (const one of streams) await one.say("hello")

  const over: Array<string> = []
  for (const one of streams) void one.ended.then((how) => over.push(`${one.name}: ${JSON.stringify(how)}`))
  const pid = program.child.pid ?? 0
  const descriptors = () => readdirSync(`/proc/${pid}/fd`).length
  const before = descriptors()
  const until = Date.now() + minutes * 60_000
  for (let edit = 1; Date.now() < until; edit++) {
    writeFileSync(join(place.path, "m.yaml"), manifest(edit))
    await pause(Math.min(1_000, Math.max(0, until - Date.now())))
  }
  expect(over).toEqual([])
  for (const one of streams) await one.say("still there")
  const rss = Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/VmRSS:\s+(\d+)/)?.[1] ?? 0) / 1024
  console.log(
    `silent for ${minutes} min: ${streams.length} streams heard again; RSS ${rss.toFixed(0)} MiB, descriptors ${before} → ${descriptors()}`
  )

  const stopped = program.end("SIGTERM")
  await goaway
  expect(await Promise.all(worded.map(({ ended: how }) => how))).toEqual([
    { code: 1001, wasClean: true },
    { complete: true },
    { complete: true, code: http2.constants.NGHTTP2_NO_ERROR },
    ...[1, 2].map(() => ({ code: 14, details: "The gateway is going away." }))
  ])
  expect(await stopped).toBe(0)
  expect(sockets.closes).toEqual([1001])
})
