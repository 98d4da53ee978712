// A pod of several processes and its operator: to it they are one proxy, that says what all of them have taken up.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { type Running, running } from "../cli/program.ts"
import { caller, makeWorld, until, type World } from "../link/world.ts"
import { ask } from "../proxy/harness.ts"
import { material, snapshotOf } from "../proxy/sketch.ts"
import { makeAuthority } from "../support/certificates.ts"
import { freePorts } from "../support/port.ts"
import { without, workersOf } from "./pod.ts"

const gateway = { namespace: "test", name: "gateway" }

/** As the operator says it in a Deployment. */
const startProxy = (world: World, port: number, settings: Readonly<Record<string, string>> = {}): Running =>
  running(
    [
      ...["proxy", `--operator=127.0.0.1:${port}`, "--gateway=test/gateway", "--admin-address=off"],
      ...[`--token-file=${world.tokenFile("good")}`, `--ca-file=${join(world.folder, "ca.crt")}`],
      ...[`--state-folder=${join(world.folder, "state")}`, "--health-address=127.0.0.1:0"]
    ],
    { SLUICE_WORKERS: "2", ...settings }
  )

it("they serve what an operator says, acknowledge as one, go on without it, start again from the disk, and drain", async () => {
  await using world = makeWorld()
  world.tokens.set("good", caller("gateway-1", gateway))
  const [http, https] = (await freePorts(2)) as [number, number]
  const authority = await makeAuthority()
  const secret = material("Secret test/tls", await authority.leaf({ dns: ["shop.example"] }), ["shop.example"])
  const sketch = (to: string) => {
    const action = { _tag: "Redirect", status: 302, to: { scheme: null, hostname: to, port: null, path: null } } as const
    return {
      listeners: {
        http: { port: http, hosts: { "*": [{ action }] } },
        https: { port: https, certificates: [secret.id], hosts: { "*": [{ action }] } }
      },
      materials: [secret]
    }
  }
  const first = snapshotOf(sketch("a.example"))
  const operator = await world.operator({}, [gateway])
  const children: Array<Running> = []
  const start = (): Running => {
    const child = startProxy(world, operator.port)
    children.push(child)
    return child
  }
  const healthOf = (child: Running): number | null => {
    const [, port] = /health on http:\/\/127\.0\.0\.1:(\d+)/.exec(child.err()) ?? []
    return port === undefined ? null : Number(port)
  }
  const leads = async (port: number, tls?: object) => (await ask(port, "/", tls === undefined ? {} : { tls })).headers.location
  const trusted = { ca: authority.certificate, servername: "shop.example" }
  try {
    const child = start()
    await operator.publish(first, () => secret)
    await until(() => operator.acks.some(([, ack]) => ack.ready), 60_000)
    expect(operator.acks.at(-1)?.[1]).toEqual({ proxy: "gateway-1", version: first.version, sequence: 1, ready: true, refused: [] })
    for (let n = 0; n < 4; n++)
      expect([await leads(http), await leads(https, trusted)]).toEqual([`http://a.example:${http}/`, `https://a.example:${https}/`])

    const workers = workersOf(child.err())
    expect(workers.filter(() => true)).toHaveLength(2)

    // What one has not taken up yet the pod has not, whatever the other serves.
    let now = first
    for (const [index, to] of ["b.example", "c.example"].entries()) {
      const next = snapshotOf(sketch(to), now)
      await without([workers[index]!], async () => {
        await operator.publish(next, () => secret)
        while ((await leads(http)) !== `http://${to}:${http}/`);
        // The process that leads has heard what the worker said before it answers.
        await ask(healthOf(child)!, "/metrics")
        expect(operator.acks.map(([, { version }]) => version)).not.toContain(next.version)
      })
      await until(() => operator.acks.some(([, { version, ready }]) => version === next.version && ready), 60_000)
      for (let n = 0; n < 4; n++) expect(await leads(http)).toBe(`http://${to}:${http}/`)
      now = next
    }

    await operator.stop()
    expect(await leads(http)).toBe(`http://c.example:${http}/`)
    await until(() => readFileSync(join(world.folder, "state", "snapshot.jsonl"), "utf8").includes("c.example"), 60_000)
    await child.end("SIGKILL")
    const again = start()
    await until(() => healthOf(again) !== null, 60_000)
    while ((await ask(healthOf(again)!, "/readyz")).status !== 200);
    expect(await leads(https, trusted)).toBe(`https://c.example:${https}/`)
    // Law 11: no bytes of the key anywhere but in the one file.
    expect(again.out() + again.err() + child.out() + child.err()).not.toContain("PRIVATE KEY")
    expect(await again.end()).toBe(0)
    expect(again.err()).toContain("drained, bye")
  } finally {
    for (const child of children) {
      await child.end("SIGKILL")
    }
  }
}, 300_000)

it.each([1, 2])(
  "a drain is told to the operator as it begins, though all go on serving: %i",
  async (workers) => {
    await using world = makeWorld()
    world.tokens.set("good", caller("gateway-1", gateway))
    const [port] = (await freePorts(1)) as [number]
    const operator = await world.operator({}, [gateway])
    // Nobody waits for its end.
    const child = startProxy(world, operator.port, { SLUICE_WORKERS: `${workers}`, SLUICE_DRAIN_DELAY: "10m" })
    try {
      await operator.publish(snapshotOf({ listeners: { http: { port, hosts: {} } } }))
      await until(() => operator.acks.some(([, { ready }]) => ready), 60_000)
      child.child.kill("SIGTERM")
      await until(() => operator.acks.at(-1)?.[1].ready === false, 60_000)
      expect((await ask(port, "/")).status).toBe(404)
    } finally {
      await child.end("SIGKILL")
    }
  },
  300_000
)
