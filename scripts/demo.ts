// `npm start`: Sluice on loopback in front of a small external world that stands in for the internet: a DNS server, an HTTPS origin
// with its own CA, a slow one, an impostor, and names that lead nowhere. Ctrl-C ends all of it.
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { get } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { makeAuthority } from "../test/support/certificates.ts"
import { startDnsServer } from "../test/support/dns.ts"
import { type Exchange, startOrigin } from "../test/support/origin.ts"

const root = join(import.meta.dirname, "..")
const manifests = join(root, "examples", "demo")
const launcher = join(root, "bin", "sluice")
const gateway = 8080
const admin = 19000
const say = (text = "") => console.log(text)

const folder = mkdtempSync(join(tmpdir(), "sluice-demo-"))
const closers: Array<() => unknown> = [() => rmSync(folder, { recursive: true, force: true })]
let child: ChildProcess | null = null
let ending = false
const end = async (code: number): Promise<never> => {
  ending = true
  if (child !== null && child.exitCode === null) {
    const gone = new Promise<void>((resolve) => child?.once("exit", () => resolve()))
    child.kill("SIGTERM")
    await gone
  }
  for (const close of closers.reverse()) await close()
  process.exit(code)
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void end(0))

/** The small external world; its ports are those that examples/demo names. */
const world = async () => {
  const authority = await makeAuthority("Demo partner CA")
  const bundle = join(folder, "partner-ca.crt")
  writeFileSync(bundle, authority.certificate)
  const leaf = await authority.leaf({ dns: ["api.partner.example"] })
  const answer =
    (who: string, delay = 0) =>
    async (exchange: Exchange): Promise<void> => {
      if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay))
      const { method, target } = exchange.request
      await exchange.reply({
        headers: [["Content-Type", "text/plain"]],
        body: `${who}: ${method} ${target}, Host ${exchange.request.header("host")}\n`
      })
    }
  const partner = await startOrigin({ port: 18443, tls: { cert: leaf.chain, key: leaf.key }, script: answer("partner API over TLS") })
  const slow = await startOrigin({ port: 18081, script: answer("slow origin", 3000) })
  const plain = await startOrigin({ port: 18080, script: answer("wandering origin") })
  const dns = await startDnsServer()
  // Five seconds is the floor of Sluice's refresh: changes show in the table as soon as they may.
  for (const name of ["api", "slow", "closed", "impostor", "wandering"]) dns.host(`${name}.partner.example`, ["127.0.0.1"], 5)
  closers.push(
    () => partner.close(),
    () => slow.close(),
    () => plain.close(),
    () => dns.close()
  )
  return { bundle, dns }
}

const fetchText = (
  url: string,
  headers: Readonly<Record<string, string>> = {}
): Promise<{ readonly status: number; readonly body: string }> =>
  new Promise((resolve, reject) => {
    const request = get(url, { headers }, (response) => {
      let body = ""
      response.setEncoding("utf8")
      response.on("data", (chunk: string) => {
        body += chunk
      })
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }))
      response.on("error", reject)
    })
    request.on("error", reject)
  })

interface UpstreamRow {
  readonly namespace: string
  readonly target: string
  readonly lastFailure: { readonly reason: string } | null
  readonly endpoints: ReadonlyArray<{
    readonly name: string
    readonly resolution: string
    readonly detail: string
    readonly addresses: ReadonlyArray<{ readonly address: string; readonly draining: boolean }>
  }>
}

const table = async (): Promise<string> => {
  const { body } = await fetchText(`http://127.0.0.1:${admin}/upstreams`)
  const rows = (JSON.parse(body) as ReadonlyArray<UpstreamRow>).flatMap((upstream) =>
    upstream.endpoints.map((endpoint) => ({
      endpoint: endpoint.name,
      resolution: endpoint.resolution,
      addresses: endpoint.addresses.map((at) => `${at.address}${at.draining ? " (draining)" : ""}`).join(", "),
      why: endpoint.detail !== "" ? endpoint.detail : upstream.lastFailure === null ? "" : `last failure: ${upstream.lastFailure.reason}`
    }))
  )
  const cells = [
    ["ENDPOINT", "RESOLUTION", "ADDRESSES", "WHY"],
    ...rows.map((row) => [row.endpoint, row.resolution, row.addresses, row.why]).sort((a, b) => (a[0] ?? "").localeCompare(b[0] ?? ""))
  ]
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}

// With internet: `npm start -- --real api.github.com` puts a real HTTPS host behind the gateway instead of the small world.
const real = process.argv.indexOf("--real")
if (real !== -1) {
  const host = process.argv[real + 1] ?? "example.com"
  const manifest = join(folder, "real.yaml")
  writeFileSync(
    manifest,
    readFileSync(join(root, "examples", "internet.yaml"), "utf8").replace(
      "externalName: example.com",
      `externalName: ${JSON.stringify(host)}`
    )
  )
  say(
    `== sluice run examples/internet.yaml, with ${host}\n   curl -i http://127.0.0.1:${gateway}/ ; bin/sluice explain http://127.0.0.1:${gateway}/ --probe\n`
  )
  child = spawn(launcher, ["run", manifest, "--listen-address", "127.0.0.1", "--state-folder", join(folder, "state")], {
    cwd: root,
    stdio: "inherit",
    detached: true
  })
  const code = await new Promise<number>((resolve) => child?.once("exit", (status) => resolve(status ?? 1)))
  await end(code)
}

say("== Starting the external world: DNS, an HTTPS origin with its own CA, a slow one, an impostor")
const { bundle, dns } = await world().catch((error: NodeJS.ErrnoException) => {
  console.error(
    error.code === "EADDRINUSE"
      ? `demo: ${error.message}: the demo needs ports 18080, 18081 and 18443 of 127.0.0.1: stop what uses them`
      : error
  )
  return end(1)
})

const common = ["--nameserver", dns.address, "--trust-bundle", bundle, "--allow-loopback"]
const args = [
  "run",
  manifests,
  ...common,
  "--listen-address",
  "127.0.0.1",
  "--access-log",
  join(folder, "access.log"),
  "--state-folder",
  join(folder, "state")
]
say(`\n== sluice ${args.map((word) => word.replace(root, ".").replace(folder, "$DEMO")).join(" ")}\n`)
child = spawn(launcher, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"], detached: true })
child.once("exit", (code) => {
  if (ending) return
  console.error(`demo: sluice ended with ${code}; its reason is above`)
  void end(1)
})

const base = `http://127.0.0.1:${gateway}`
const ready = async (): Promise<void> => {
  for (let tries = 0; tries < 300 && !ending; tries++) {
    const answer = await fetchText("http://127.0.0.1:19001/readyz").catch(() => null)
    if (answer?.status === 200) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  console.error("demo: sluice did not become ready in 30 s; its messages are above")
  await end(1)
}
await ready()

say("\n== One request, proxied")
const curl = "curl -H 'Host: partner.localhost'"
say(`$ ${curl} ${base}/api/orders`)
say((await fetchText(`${base}/api/orders`, { host: "partner.localhost" })).body.trimEnd())
say(`\n$ bin/sluice explain http://partner.localhost:${gateway}/api/orders --probe`)
// Not spawnSync: the DNS server and the origins answer from this very process.
await new Promise((resolve) =>
  spawn(launcher, ["explain", `http://partner.localhost:${gateway}/api/orders`, "--probe"], { cwd: root, stdio: "inherit" }).once(
    "exit",
    resolve
  )
)

say("\n== Lines to paste in another terminal")
for (const [host, path, comment] of [
  ["partner.localhost", "/api/orders", "over TLS to the partner, /api rewritten to /v1"],
  ["partner.localhost", "/old/orders", "301 to /api"],
  ["slow.localhost", "/", "504: the origin takes 3 s, the route gives it 2"],
  ["failing.localhost", "/missing", "503: the name does not exist"],
  ["failing.localhost", "/closed", "503: nobody listens there"],
  ["failing.localhost", "/impostor", "502: the certificate is for somebody else"],
  ["wandering.localhost", "/", "200: also while its name does not resolve"],
  ["nobody.localhost", "/", "404: no route for that host"]
] as const) {
  say(`${`curl -i -H 'Host: ${host}' ${base}${path}`.padEnd(70)}# ${comment}`)
}
say(`tail -f ${join(folder, "access.log")}`)
say(`curl -s http://127.0.0.1:${admin}/upstreams       # also /snapshot, /statuses, /clusters; metrics: http://127.0.0.1:19001/metrics`)
say(`bin/sluice explain http://failing.localhost:${gateway}/impostor --probe`)
say("With internet: npm start -- --real api.github.com")

say("\n== Upstreams, as they change (wandering.partner.example loses and regains its DNS record every 15 s; Ctrl-C ends the demo)")
for (const path of ["/missing", "/closed", "/impostor"]) await fetchText(`${base}${path}`, { host: "failing.localhost" }).catch(() => null)
let present = true
const flip = setInterval(() => {
  present = !present
  if (present) dns.host("wandering.partner.example", ["127.0.0.1"], 5)
  else for (const type of ["A", "AAAA"] as const) dns.answer("wandering.partner.example", type, { rcode: "NXDOMAIN" })
}, 15_000)
closers.push(() => clearInterval(flip))
let shown = ""
const watch = setInterval(() => {
  void table()
    .then((text) => {
      if (text === shown || ending) return
      shown = text
      say(`\n${new Date().toISOString().slice(11, 19)}\n${text}`)
    })
    .catch(() => undefined)
}, 500)
closers.push(() => clearInterval(watch))
