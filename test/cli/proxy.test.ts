// `sluice proxy` as a process: it serves what an operator says, goes on without one, starts again from its disk, and leaves in order. It loads nothing of
// the control plane.
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, describe, it } from "vitest"
import { commands, parse } from "#src/cli/grammar.ts"
import { resolveSettings } from "#src/config/resolve.ts"
import { caller, makeWorld, until } from "../link/world.ts"
import { ask } from "../proxy/harness.ts"
import { material, snapshotOf } from "../proxy/sketch.ts"
import { makeAuthority } from "../support/certificates.ts"
import { at } from "../support/live.ts"
import { standard, startOrigin } from "../support/origin.ts"
import { type Running, running, sluice } from "./program.ts"

const gateway = { namespace: "test", name: "gateway" }
type World = ReturnType<typeof makeWorld>

const children: Array<Running> = []
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.end("SIGKILL")))
})

const start = (
  world: World,
  ports: ReadonlyArray<number>,
  more: ReadonlyArray<string> = [],
  env: Readonly<Record<string, string>> = {}
): Running => {
  const child = running(
    [
      "proxy",
      ...ports.flatMap((port) => ["--operator", `127.0.0.1:${port}`]),
      "--gateway=test/gateway",
      `--token-file=${world.tokenFile("good")}`,
      `--ca-file=${join(world.folder, "ca.crt")}`,
      `--state-folder=${join(world.folder, "state")}`,
      "--health-address=127.0.0.1:0",
      "--admin-address=127.0.0.1:0",
      ...more
    ],
    env
  )
  children.push(child)
  return child
}

const portsOf = async (child: Running) => ({
  health: Number((await child.line(/health on http:\/\/127\.0\.0\.1:(\d+)/))[1]),
  admin: Number((await child.line(/admin on http:\/\/127\.0\.0\.1:(\d+)/))[1])
})
const listening = async (child: Running) => ({
  http: Number((await child.line(/http:\/\/\S+ \(bound on 127\.0\.0\.1:(\d+)\)/))[1]),
  https: Number((await child.line(/https:\/\/\S+ \(bound on 127\.0\.0\.1:(\d+)\)/))[1])
})

describe("sluice proxy", () => {
  it("serves what an operator says, on without it, and again from its disk; drains to exit 0", async () => {
    await using world = makeWorld()
    await using origin = await startOrigin({ script: standard })
    const authority = await makeAuthority()
    const pair = await authority.leaf({ dns: ["shop.example"] })
    const secret = material("Secret test/tls", pair, ["shop.example"])
    world.tokens.set("good", caller("gateway-1", gateway))
    const sketch = (to: string) => ({
      listeners: {
        http: {
          hosts: {
            "*": [
              {
                path: { type: "Prefix", value: "/old" } as const,
                action: { _tag: "Redirect", status: 302, to: { scheme: null, hostname: to, port: null, path: null } } as const
              },
              { to: "origin" }
            ]
          }
        },
        https: { certificates: [secret.id], hosts: { "*": [{ to: "origin" }] } }
      },
      upstreams: { origin: { endpoints: [at(origin.port)] } },
      materials: [secret]
    })
    const first = snapshotOf(sketch("a.example"))
    const operator = await world.operator({}, [gateway])
    const child = start(world, [operator.port])
    const { health, admin } = await portsOf(child)
    // Law 16: it answers, and is not ready, before there is anything to serve.
    assert.strictEqual((await ask(health, "/healthz")).status, 200)
    assert.strictEqual((await ask(health, "/readyz")).status, 503)
    await operator.publish(first, () => secret)
    const bound = await listening(child)
    await until(() => operator.acks.some(([, ack]) => ack.ready))
    assert.strictEqual((await ask(health, "/readyz")).status, 200)
    assert.strictEqual((await ask(bound.http, "/anything")).status, 200)
    const tls = { ca: authority.certificate, servername: "shop.example" }
    assert.strictEqual((await ask(bound.https, "/anything", { tls })).status, 200)
    assert.deepEqual(operator.acks.at(-1)?.[1], { proxy: "gateway-1", version: first.version, sequence: 1, ready: true, refused: [] })
    await until(() => operator.reports.some(([, { upstreams }]) => upstreams.get("origin")?.resolution === "NotNeeded"))
    assert.include((await ask(health, "/metrics")).body, "sluice_snapshot_sequence")
    assert.include((await ask(admin, "/explain?url=http://shop.example/old")).body, "a.example")

    // Another version; ports are those of before.
    await operator.publish(snapshotOf(sketch("b.example"), first), () => secret)
    await until(() => operator.acks.some(([, { version }]) => version !== first.version))
    assert.strictEqual((await ask(bound.http, "/old")).headers.location, "http://b.example/old")

    // The operator goes; the container is killed and starts again with nobody to ask.
    await operator.stop()
    assert.strictEqual((await ask(bound.http, "/anything")).status, 200)
    await until(() => readFileSync(join(world.folder, "state", "snapshot.jsonl"), "utf8").includes("b.example"))
    await child.end("SIGKILL")
    const again = start(world, [operator.port])
    const rebound = await listening(again)
    assert.strictEqual((await ask(rebound.http, "/old")).headers.location, "http://b.example/old")
    assert.strictEqual((await ask(rebound.https, "/anything", { tls })).status, 200)
    const { health: checked } = await portsOf(again)
    let ready = 0
    while (ready !== 200) ready = (await ask(checked, "/readyz")).status
    // Law 11: no bytes of the key, no token, anywhere but in the one file.
    assert.notInclude(again.out() + again.err() + child.out() + child.err(), "PRIVATE KEY")
    assert.notInclude(readFileSync(join(world.folder, "state", "snapshot.jsonl"), "utf8"), "PRIVATE")

    assert.strictEqual(await again.end(), 0)
    assert.include(again.err(), "drained, bye")
    const lines = again
      .out()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { readonly path: string })
    assert.deepEqual(
      lines.map(({ path }) => path),
      ["/old", "/anything"]
    )
  })

  it("tells its operators, the age of what it was told, and the version that it serves, in metrics", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("gateway-1", gateway))
    const operators = [await world.operator({}, [gateway]), await world.operator({}, [gateway])]
    const sketch = { listeners: { http: { hosts: { "*": [{ action: { _tag: "Refuse", why: "no_backend" } as const }] } } } }
    const first = snapshotOf(sketch)
    const child = start(
      world,
      operators.map(({ port }) => port)
    )
    const { health } = await portsOf(child)
    const metrics = async () => (await ask(health, "/metrics")).body
    const holds = async (pattern: RegExp) => {
      while (!pattern.test(await metrics())) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await holds(/sluice_link_operators\{gateway="test\/gateway",following="false"\} 2/)
    assert.notMatch(await metrics(), /sluice_(link_update_age_seconds|snapshot_info)\{/)
    for (const operator of operators) await operator.publish(first)
    await holds(new RegExp(`sluice_snapshot_info\\{gateway="test/gateway",version="${first.version}"\\} 1`))
    const said = await metrics()
    for (const following of ["true", "false"])
      assert.include(said, `sluice_link_operators{gateway="test/gateway",following="${following}"} 1`)
    const age = Number(/sluice_link_update_age_seconds\{gateway="test\/gateway"\} (\S+)/.exec(said)?.[1])
    assert.isTrue(age >= 0 && age < 30, String(age))
    for (const operator of operators) await operator.stop()
    await holds(/sluice_link_operators\{gateway="test\/gateway",following="true"\} 0\n.*following="false"\} 0/)
  })

  it("drains as the pod's times say: not ready at once, accepting until the world has noticed", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("gateway-1", gateway))
    const operator = await world.operator({}, [gateway])
    await operator.publish(snapshotOf({ listeners: { http: { hosts: { "*": [{ action: { _tag: "Refuse", why: "no_backend" } }] } } } }))
    const child = start(world, [operator.port], [], { SLUICE_DRAIN_DELAY: "5s", SLUICE_DRAIN_DEADLINE: "5s" })
    const { health } = await portsOf(child)
    const [, port] = await child.line(/\(bound on 127\.0\.0\.1:(\d+)\)/)
    await until(() => operator.acks.some(([, ack]) => ack.ready))
    child.child.kill("SIGTERM")
    await child.line(/draining, at most 10000 ms/)
    let status = 200
    while (status !== 503) status = (await ask(health, "/readyz")).status
    const answer = await ask(Number(port), "/")
    assert.strictEqual(answer.status, 500)
    assert.strictEqual(answer.headers.connection, "close")
    assert.strictEqual(await child.closed, 0)
    // The operators heard that it is not ready any more, or saw it go.
    await until(() => operator.gone.includes("gateway-1"))
  })

  it("loads no Kubernetes client, no schemas, no translate, and no package that it does not need", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("gateway-1", gateway))
    const operator = await world.operator({}, [gateway])
    await operator.publish(snapshotOf({ listeners: { http: { hosts: { "*": [{ action: { _tag: "Refuse", why: "no_backend" } }] } } } }))
    const list = join(world.folder, "loaded")
    const hook = join(world.folder, "hook.mjs")
    writeFileSync(
      hook,
      `import { appendFileSync } from "node:fs"
import { registerHooks } from "node:module"
registerHooks({ load: (url, context, next) => { appendFileSync(${JSON.stringify(list)}, url + "\\n"); return next(url, context) } })
`
    )
    const child = start(world, [operator.port], [], { NODE_OPTIONS: `--import ${hook}` })
    await until(() => operator.acks.some(([, ack]) => ack.ready), 15_000)
    assert.strictEqual(await child.end(), 0)
    const loaded = readFileSync(list, "utf8").trim().split("\n")
    const own = loaded.filter((url) => !url.includes("/node_modules/")).map((url) => url.replace(/^.*\/(src|schemas)\//, "$1/"))
    const rooms = [
      ...new Set(
        own
          .filter((path) => /^(src|schemas)\//.test(path))
          .map((path) => (path.startsWith("schemas/") ? "schemas" : (/^src\/[^/]+(?=\/)/.exec(path)?.[0] ?? path)))
      )
    ].sort()
    assert.deepEqual(rooms, [
      "src/admin",
      "src/cli",
      "src/config",
      "src/files",
      "src/http1",
      "src/http2",
      "src/link",
      "src/main.ts",
      "src/proxy",
      "src/report",
      "src/routing",
      "src/snapshot",
      "src/upstream"
    ])
    assert.deepEqual(
      own.filter((path) => /^src\/cli\/(standalone|run|check|operator|evaluation|translation)\.ts$/.test(path)),
      []
    )
    const packages = [...new Set(loaded.flatMap((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []))].sort()
    assert.deepEqual(
      packages.filter((name) => /kubernetes|yaml|x509/.test(name)),
      [],
      packages.join(", ")
    )
  })

  it("says what is missing or wrong on its command line", async () => {
    const said = (name: string, ...words: ReadonlyArray<string>): string => {
      const invocation = parse(commands.find((one) => one.name === name)!, words)
      return typeof invocation === "string" ? invocation : resolveSettings(invocation.flags, {}, null).problems.join()
    }
    assert.match(said("proxy", "--operator", "nowhere", "--gateway", "shop/edge"), /--operator: "nowhere" is not HOST:PORT/)
    assert.match(said("proxy", "--operator", "a:1", "--gateway", "edge"), /--gateway: "edge" is not NAMESPACE\/NAME/)
    assert.match(said("proxy", "--operator", "a:1", "--allow-loopback"), /it is a setting of sluice run/)
    assert.match(said("run", "--gateway", "shop/edge", "."), /it is a setting of sluice proxy/)
    for (const host of ["sluice-operator.sluice-system.svc:18000", "10.0.0.1:1", "[fd00::1]:18000"])
      assert.strictEqual(said("proxy", "--operator", host, "--gateway", "shop/edge"), "")
    const { code, err } = await sluice(["proxy", "--gateway", "shop/edge"])
    assert.strictEqual(code, 2)
    assert.match(err, /--operator: name where the operators answer/)
  })
})
