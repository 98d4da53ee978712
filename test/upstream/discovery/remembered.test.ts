// The last good answers over a restart (law 7): kept in a file of their own, used until a question is answered, and no longer than the stale limit.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Context, Effect, Exit, Layer, Logger, Scope } from "effect"
import { afterEach, describe, expect, it } from "vitest"
import { type DnsContract, defaultDns } from "#src/snapshot/behaviour.ts"
import { Names, type NamesOptions } from "#src/upstream/discovery/names.ts"
import { parseNameserver } from "#src/upstream/discovery/nameserver.ts"
import { openRemembered, rememberedFile } from "#src/upstream/discovery/remembered.ts"
import type { NameWatch, Resolution } from "#src/upstream/discovery/resolution.ts"
import { type DnsServer, startDnsServer } from "../../support/dns.ts"
import { until as comes, exchange, liveUpstream, named } from "../../support/live.ts"
import { startOrigin } from "../../support/origin.ts"

const closing: Array<() => unknown> = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const place = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-dns-"))
  closing.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const dnsServer = async (): Promise<DnsServer> => {
  const server = await startDnsServer()
  closing.push(server.close)
  return server
}

const policy = { cluster: [], allowLoopback: true, egress: null }

/** A process, as far as names are concerned. */
const start = async (server: DnsServer, folder: string, more: Partial<NamesOptions> = {}) => {
  const scope = Scope.makeUnsafe()
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(({ message }) => {
    lines.push(String(Array.isArray(message) ? message[0] : message))
  })
  const layer = Names.layer({ nameservers: [parseNameserver(server.address)!], timings: { perTry: 1_000, tries: 2 }, folder, ...more })
  const names = Context.get(
    await Effect.runPromise(Layer.build(layer).pipe(Scope.provide(scope), Effect.provide(Logger.layer([logger])))),
    Names
  )
  let over = false
  const stop = async () => {
    if (over) return
    over = true
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
  closing.push(stop)
  const watch = (name: string, contract: Partial<DnsContract> = {}): Promise<NameWatch> =>
    Effect.runPromise(names.watch(name, { ...defaultDns, ...contract }, policy, "shop").pipe(Scope.provide(scope)))
  return { names, watch, stop, lines }
}

const until = (watch: NameWatch, good: (resolution: Resolution) => boolean): Promise<Resolution> =>
  new Promise((resolve) => {
    if (good(watch.current())) return resolve(watch.current())
    const stop = watch.subscribe((resolution) => {
      if (!good(resolution)) return
      stop()
      resolve(resolution)
    })
  })

const settled = (watch: NameWatch): Promise<void> => Effect.runPromise(watch.settled)

/** A process that resolved the name, and ended. */
const knew = async (server: DnsServer, folder: string, contract: Partial<DnsContract> = {}): Promise<void> => {
  const before = await start(server, folder)
  await settled(await before.watch("a.example", contract))
  await before.stop()
}

const silent = (server: DnsServer): void => {
  server.answer("a.example", "A", { drop: true })
  server.answer("a.example", "AAAA", { drop: true })
}

describe("a process that starts while DNS is down", () => {
  it("dials what the one before it dialled, from the first request on, and says that it is stale once that is known", async () => {
    await using origin = await startOrigin()
    const [server, folder] = [await dnsServer(), place()]
    server.host("a.example", ["127.0.0.1"])
    await knew(server, folder)
    silent(server)
    const now = await start(server, folder)
    await using upstream = await liveUpstream({ endpoints: [named("a.example", origin.port)], names: now.names })
    expect((await exchange(upstream)).status).toBe(200)
    expect(upstream.facts()).toMatchObject({ resolution: "Pending", addresses: 1 })
    await Effect.runPromise(upstream.ready)
    expect(upstream.facts()).toMatchObject({ resolution: "Stale", detail: "no nameserver answered for a.example", addresses: 1 })
    expect((await exchange(upstream)).status).toBe(200)
  })
  it("no longer than the stale limit since the answer was last good", async () => {
    const [server, folder] = [await dnsServer(), place()]
    server.host("a.example", ["203.0.113.1"])
    const contract = { staleLimit: 6_000 }
    await knew(server, folder, contract)
    silent(server)
    const watch = await (await start(server, folder)).watch("a.example", contract)
    expect(watch.current()).toMatchObject({ state: "Pending", addresses: ["203.0.113.1"] })
    expect(await until(watch, ({ state }) => state === "Failed")).toMatchObject({ addresses: [], reason: "dns_timeout" })
    const late = await (await start(server, folder)).watch("a.example", contract)
    expect(late.current()).toMatchObject({ state: "Pending", addresses: [] })
  })
})

describe("a process that starts while DNS is well", () => {
  it("asks at once; what left the answer meanwhile has its grace", async () => {
    const [server, folder] = [await dnsServer(), place()]
    server.host("a.example", ["203.0.113.1"])
    await knew(server, folder)
    server.host("a.example", ["203.0.113.2"])
    const watch = await (await start(server, folder)).watch("a.example")
    await settled(watch)
    expect(watch.current()).toMatchObject({ state: "Fresh", addresses: ["203.0.113.2", "203.0.113.1"], draining: ["203.0.113.1"] })
  })
  it("under another contract, with other nameservers perhaps, nothing is taken over", async () => {
    const [server, folder, other] = [await dnsServer(), place(), await dnsServer()]
    server.host("a.example", ["203.0.113.1"])
    await knew(server, folder)
    const watch = await (await start(server, folder)).watch("a.example", { nameservers: [other.address] })
    expect(watch.current()).toMatchObject({ state: "Pending", addresses: [] })
  })
})

describe("the file", () => {
  it("is for this user alone, and what nobody asked for since outlives the next process too", async () => {
    const [server, folder] = [await dnsServer(), place()]
    server.host("a.example", ["203.0.113.1"])
    server.host("b.example", ["203.0.113.2"])
    await knew(server, folder)
    expect(statSync(join(folder, rememberedFile)).mode & 0o777).toBe(0o600)
    const between = await start(server, folder)
    await settled(await between.watch("b.example"))
    await between.stop()
    expect((await (await start(server, folder)).watch("a.example")).current().addresses).toEqual(["203.0.113.1"])
  })
  it("is written while the process runs: one that is killed loses a second", async () => {
    const [server, folder] = [await dnsServer(), place()]
    server.host("a.example", ["203.0.113.1"])
    const running = await start(server, folder)
    await settled(await running.watch("a.example"))
    const read = () => {
      try {
        return readFileSync(join(folder, rememberedFile), "utf8")
      } catch {
        return ""
      }
    }
    await expect.poll(read, { timeout: 5_000, interval: 50 }).toContain("203.0.113.1")
  })
  it("may be cut, odd or of a clock that ran ahead: that is no answer, and the rest is", async () => {
    const [server, folder] = [await dnsServer(), place()]
    server.host("a.example", ["203.0.113.1"])
    server.host("b.example", ["203.0.113.2"])
    server.host("c.example", ["203.0.113.3"])
    const before = await start(server, folder)
    for (const name of ["a.example", "b.example", "c.example"]) await settled(await before.watch(name))
    await before.stop()
    const path = join(folder, rememberedFile)
    const [a, b, c] = ["a.example", "b.example", "c.example"].map(
      (name) =>
        readFileSync(path, "utf8")
          .split("\n")
          .find((line) => line.includes(name))!
    ) as [string, string, string]
    const ahead = b.replace(/"asOf":\d+/g, `"asOf":${Date.now() + 3_600_000}`)
    writeFileSync(path, ["null", "7", '{"key":1}', "{", c.replace("203.0.113.3", "not an address"), ahead, a, a.slice(0, 20)].join("\n"))
    server.answer("b.example", "A", { drop: true })
    const now = await start(server, folder)
    const known = await Promise.all(
      ["a.example", "b.example", "c.example"].map(async (name) => (await now.watch(name)).current().addresses)
    )
    expect(known).toEqual([["203.0.113.1"], [], []])
  })
  it("are written one time after the other: a stop in the middle of a write waits for it and has the last word", async () => {
    const folder = place()
    const remembered = await openRemembered(folder)
    const now = Date.now()
    const answer = { v4: { addresses: ["203.0.113.1"], asOf: now }, v6: null }
    for (let at = 0; at < 4_096; at++) remembered.note(`name ${at}`, answer)
    const ended: Array<string> = []
    const interrupted = remembered.save(now).finally(() => ended.push("interrupted"))
    // It is under way.
    await new Promise(setImmediate)
    remembered.note("last", answer)
    const last = remembered.save(now + 1).finally(() => ended.push("last"))
    expect([await last, await interrupted, ended]).toEqual([null, null, ["interrupted", "last"]])
    const again = await openRemembered(folder)
    expect(["name 0", "name 4095", "last"].every((key) => again.recall(key) !== null)).toBe(true)
  })

  it("has the newest answers when there are more than it holds", async () => {
    const folder = place()
    const remembered = await openRemembered(folder)
    const now = Date.now()
    const answer = { v4: { addresses: ["203.0.113.1"], asOf: now }, v6: null }
    for (let at = 0; at <= 16_384; at++) remembered.note(`name ${at}`, answer)
    remembered.note("name 1", answer)
    remembered.note("one more", answer)
    expect(await remembered.save(now)).toBeNull()
    const again = await openRemembered(folder)
    expect(["name 0", "name 1", "name 2", "name 3", "one more"].map((key) => again.recall(key) !== null)).toEqual([
      false,
      true,
      false,
      true,
      true
    ])
  })
  it("that cannot be written is told, once, and names resolve all the same", async () => {
    const [server, folder] = [await dnsServer(), place()]
    server.host("a.example", ["203.0.113.1"])
    writeFileSync(join(folder, "file"), "")
    const running = await start(server, join(folder, "file", "state"))
    const watch = await running.watch("a.example")
    await settled(watch)
    expect(watch.current()).toMatchObject({ state: "Fresh", addresses: ["203.0.113.1"] })
    await running.stop()
    expect(running.lines.filter((line) => line.includes("cannot be written"))).toEqual([
      expect.stringMatching(/^the last good DNS answers cannot be written to .*ENOTDIR/)
    ])
  })
})

describe("an address that leaves the answer", () => {
  it("keeps its connections for the grace and loses them then: sockets age out with their address", async () => {
    await using one = await startOrigin({ host: "127.0.0.1" })
    await using _two = await startOrigin({ host: "127.0.0.2", port: one.port })
    const server = await dnsServer()
    server.host("a.example", ["127.0.0.1"])
    const { names } = await start(server, place())
    const dns = { ...defaultDns, minTtl: 50, maxTtl: 50, obsoleteGrace: 5_000 }
    const timeouts = { keepAliveIdle: 60_000 }
    await using upstream = await liveUpstream({ endpoints: [named("a.example", one.port)], names, spec: { dns }, timeouts })
    expect((await exchange(upstream)).status).toBe(200)
    expect(one.open).toBe(1)
    server.host("a.example", ["127.0.0.2"])
    await comes(() => upstream.describe().endpoints[0]?.addresses.length === 2)
    expect([one.open, upstream.describe().endpoints[0]?.addresses.map(({ draining }) => draining)]).toEqual([1, [false, false]])
    await one.until(({ open }) => open === 0)
    expect((await exchange(upstream)).peer?.address).toBe(`127.0.0.2:${one.port}`)
  })
})
