// Routes of bytes as manifests have them, through the program: TCP, UDP, TLS passed through and ended beside HTTPS, edited while connections stand.
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { type ConnectionOptions, connect, createServer } from "node:tls"
import { afterEach, expect, it } from "vitest"
import { folder, type Running, serving } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { dialBytes, restOf, serveBytes } from "../support/bytes.ts"
import { makeAuthority } from "../support/certificates.ts"
import { datagramClient, serveDatagrams } from "../support/datagrams.ts"
import { backend, gatewayOf, route, tlsSecret } from "../support/manifests.ts"
import { startOrigin } from "../support/origin.ts"
import { freePorts } from "../support/port.ts"

const closes: Array<() => unknown> = []
afterEach(async () => {
  for (const close of closes.splice(0).reverse()) await close()
})

const tlsServer = async (pair: { readonly chain: string; readonly key: string }) => {
  const server = createServer({ cert: pair.chain, key: pair.key, allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {})
    socket.write("tls ")
    socket.pipe(socket)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  closes.push(() => server.close())
  return (server.address() as { readonly port: number }).port
}

it("TCP, UDP and TLS routes of one Gateway are served as written, and as they are edited", async () => {
  const authority = await makeAuthority()
  const [passed, ended] = [await authority.leaf({ dns: ["pass.test"] }), await authority.leaf({ dns: ["end.test", "web.test"] })]
  const through = await tlsServer(passed)
  const bytes = await serveBytes((socket) => socket.pipe(socket))
  const other = await serveBytes((socket) => socket.end("other"))
  const datagrams = await serveDatagrams((text) => text.toUpperCase())
  const origin = await startOrigin({ script: ({ reply }) => reply({ body: "web" }) })
  closes.push(() => Promise.all([bytes, other, datagrams].map((one) => one[Symbol.asyncDispose]())))
  closes.push(() => origin.close())
  const [tls, raw] = (await freePorts(2)) as [number, number]
  const of = (kind: string, section: string, to: string, hostname?: string) =>
    route(section, { kind, parents: `{name: edge, sectionName: ${section}}`, to, ...(hostname === undefined ? {} : { hostname }) })
  const manifest = (tcp: string) =>
    [
      gatewayOf(
        `name: tcp, port: ${raw}, protocol: TCP`,
        `name: udp, port: ${raw}, protocol: UDP`,
        `name: pass, port: ${tls}, protocol: TLS, hostname: pass.test, tls: {mode: Passthrough}`,
        `name: end, port: ${tls}, protocol: TLS, hostname: end.test, tls: {mode: Terminate, certificateRefs: [{name: pair}]}`,
        `name: web, port: ${tls}, protocol: HTTPS, hostname: web.test, tls: {certificateRefs: [{name: pair}]}`
      ),
      tlsSecret("pair", ended),
      ...[backend("bytes", [bytes.port]), backend("other", [other.port]), backend("datagrams", [datagrams.port])],
      ...[backend("through", [through]), backend("web", [origin.port])],
      of("TCPRoute", "tcp", tcp),
      of("UDPRoute", "udp", "datagrams"),
      of("TLSRoute", "pass", "through", "pass.test"),
      of("TLSRoute", "end", "bytes", "end.test"),
      of("HTTPRoute", "web", "web")
    ].join("")
  const place = folder({ "m.yaml": manifest("bytes") })
  closes.push(() => place[Symbol.dispose]())
  const program: Running = serving(place, { flags: ["--drain-delay=0s", "--drain-deadline=500ms"] })
  closes.push(() => program.end("SIGKILL"))
  const [announced] = await program.line(/Gateway shop\/edge: .*(?:tcp|udp|tls|https):.*$/m)
  for (const scheme of ["tcp", "udp", "tls", "https"]) expect(announced).toContain(`${scheme}://`)

  const standing = await dialBytes(raw)
  closes.push(() => standing.destroy())
  standing.write("over TCP")
  expect(String(await once(standing, "data"))).toBe("over TCP")

  const client = await datagramClient(raw)
  closes.push(() => client[Symbol.asyncDispose]())
  expect(await client.ask("over udp")).toBe("OVER UDP")

  const said = async (servername: string, text: string, more: ConnectionOptions = {}) => {
    const socket = connect({ port: tls, host: "127.0.0.1", servername, ca: authority.certificate, ...more })
    socket.on("error", () => {})
    closes.push(() => socket.destroy())
    await once(socket, "secureConnect")
    const heard = restOf(socket)
    socket.end(text)
    return (await heard).text
  }
  expect(await said("pass.test", "through")).toBe("tls through")
  expect(await said("end.test", "ended")).toBe("ended")
  const https = { servername: "web.test", ca: authority.certificate }
  expect((await ask(tls, "/", { headers: { host: "web.test" }, tls: https })).body).toBe("web")

  writeFileSync(join(place.path, "m.yaml"), manifest("other"))
  for (let text = ""; text !== "other"; ) {
    const next = await dialBytes(raw)
    next.end()
    text = (await restOf(next)).text
  }
  standing.write("still there")
  expect(String(await once(standing, "data"))).toBe("still there")
  standing.resetAndDestroy()
  expect(await program.end("SIGTERM")).toBe(0)
  const lines = program
    .out()
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as { protocol: string; route?: string })
  const routes = new Set(lines.map(({ protocol, route: from }) => `${protocol} ${from}`))
  for (const line of ["TCP TCPRoute/shop/tcp", "UDP UDPRoute/shop/udp", "TLS TLSRoute/shop/pass", "TLS TLSRoute/shop/end"])
    expect(routes).toContain(line)
})
