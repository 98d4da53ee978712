// With operators gone a proxy keeps what it has, starts again from its disk, and is told only the difference when they are back (law 17).
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { applied, type Copy } from "#src/link/copy.ts"
import { loadLastGood, saveLastGood } from "#src/link/lastgood.ts"
import type { Snapshot } from "#src/snapshot/snapshot.ts"
import { diff } from "#src/snapshot/update.ts"
import {
  caller,
  dial,
  edge,
  host,
  makeWorld,
  material,
  noMaterial,
  numbered,
  type Raw,
  rawOperator,
  rule,
  snapshotOf,
  until
} from "./world.ts"

const secret = material("Secret shop/tls", "the private key")
const withSecret = (path = "/a"): Snapshot =>
  snapshotOf({ virtualHosts: new Map([["h", host([path])]]), secrets: new Map([[secret.id, secret.ref]]) })
const copyOf = (snapshot: Snapshot): Copy => applied(null, { update: diff(null, snapshot, () => secret)!, unread: [] })

describe("a proxy whose operators are gone", () => {
  it("serves on, starts again from its disk, and says what it has: the rest is all that comes", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("edge-1"))
    const state = join(world.folder, "state")
    const operator = await world.operator()
    const first = snapshotOf({
      virtualHosts: new Map([["h", host(Array.from({ length: 500 }, (_, at) => `/${at}`))]]),
      secrets: new Map([[secret.id, secret.ref]])
    })
    await operator.publish(first, () => secret)
    const before = await world.pod([operator.port], { state })
    await until(() => before.current()?.version === first.version && existsSync(join(state, "snapshot.jsonl")))
    await operator.stop()
    await until(() => before.client.connected().length === 0)
    assert.strictEqual(before.current()?.version, first.version)
    await before.stop()

    const peers: Array<Raw> = []
    const raw = await rawOperator((peer) => peers.push(peer))
    const after = await world.pod([raw.port], { state })
    // Published before anybody was reached.
    assert.deepEqual(after.current(), first)
    assert.strictEqual(
      after.client
        .current()
        ?.material(secret.id)
        .key?.use((bytes) => Buffer.from(bytes).toString()),
      "the private key"
    )
    await until(() => peers.length > 0 && peers[0]!.heard.length > 0)
    peers[0]!.say({ type: "Hello", protocol: 1, version: "x" })
    await until(() => peers[0]!.heard.some(({ type }) => type === "Follow"))
    assert.deepEqual(
      peers[0]!.heard.find(({ type }) => type === "Follow"),
      { type: "Follow", version: first.version }
    )
    raw.close()
  })

  it("is sent nothing when nothing changed, and one rule when one did", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("edge-1"))
    const operator = await world.operator()
    const rules = Array.from({ length: 500 }, (_, at) => rule(`/${at}`))
    const first = snapshotOf({ virtualHosts: new Map([["h", { hostname: "*", rules }]]) })
    await operator.publish(first)
    const peer = await dial(operator.port)
    peer.say({ type: "Hello", protocols: { least: 1, most: 1 }, token: "good" })
    await until(() => peer.heard.length > 0)
    assert.strictEqual(peer.heard[0].version, first.version)
    peer.say({ type: "Follow", version: first.version })
    await until(() => operator.server.connected()[0]?.following === true)
    const second = snapshotOf({ virtualHosts: new Map([["h", { hostname: "*", rules: rules.with(250, rule("/new")) }]]) })
    await operator.publish(second)
    await until(() => peer.heard.some(({ type }) => type === "Update"))
    const updates = peer.heard.filter(({ type }) => type === "Update")
    assert.strictEqual(updates.length, 1)
    assert.strictEqual(updates[0].head.base, first.version)
    assert.isBelow(JSON.stringify(updates[0]).length, 1_000)

    // Back with an older version, that the operator still knows: the difference from there. With one that nobody knows: everything.
    const sizes: Array<number> = []
    for (const [version, base] of [
      [first.version, first.version],
      ["unheard-of", null],
      [null, null]
    ] as const) {
      peer.heard.length = 0
      peer.say({ type: "Follow", version })
      await until(() => peer.heard.some(({ type, last }) => type === "Update" && last))
      const again = peer.heard.filter(({ type }) => type === "Update")
      assert.strictEqual(again[0].head.base, base)
      sizes.push(JSON.stringify(again).length)
    }
    assert.isBelow(sizes[0]!, 1_000)
    assert.isAbove(sizes[1]!, 50_000)
    peer.socket.destroy()
  })

  it("moves nothing that is equal when an operator knows nothing of it", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("edge-1"))
    const operator = await world.operator()
    await operator.publish(
      snapshotOf({
        virtualHosts: new Map([
          ["a", host(["/a"])],
          ["b", host(["/b"])]
        ])
      })
    )
    const pod = await world.pod([operator.port])
    await until(() => pod.current() !== null)
    const before = pod.current()!.virtualHosts.get("a")
    await operator.stop()
    const restarted = await world.operator({ at: { address: "127.0.0.1", port: operator.port } })
    const next = snapshotOf({
      virtualHosts: new Map([
        ["a", host(["/a"])],
        ["b", host(["/changed"])]
      ])
    })
    await restarted.publish(next)
    await until(() => pod.current()?.version === next.version)
    assert.strictEqual(pod.current()!.virtualHosts.get("a"), before)
  })
})

describe("a proxy whose files are not what they should be", () => {
  it("serves on, trusts nobody, and is back when they are", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("edge-1"))
    const operator = await world.operator()
    await operator.publish(numbered(1))
    const file = join(world.folder, "ca.crt")
    const good = readFileSync(file, "utf8")
    const pod = await world.pod([operator.port])
    await until(() => pod.current() !== null)
    for (const wrong of ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]) {
      writeFileSync(file, wrong)
      // Cut off by the connection that takes its place, it reads the file again.
      const peer = await dial(operator.port)
      peer.say({ type: "Hello", protocols: { least: 1, most: 1 }, token: "good" })
      await until(() => pod.client.connected().length === 0)
      assert.strictEqual(pod.current()?.version, numbered(1).version)
      peer.socket.destroy()
      writeFileSync(file, good)
      await until(() => pod.client.connected().length === 1)
    }
    await operator.publish(numbered(2))
    await until(() => pod.current()?.version === numbered(2).version)
  })
})

describe("the last good state", () => {
  it("is two files of which only one holds bytes of Secrets, and nobody else reads that one", async () => {
    await using world = makeWorld()
    const folder = join(world.folder, "new", "state")
    await saveLastGood(folder, copyOf(withSecret()))
    assert.strictEqual(statSync(folder).mode & 0o777, 0o700)
    assert.strictEqual(statSync(join(folder, "material.jsonl")).mode & 0o777, 0o600)
    const encoded = Buffer.from("the private key").toString("base64")
    assert.include(readFileSync(join(folder, "material.jsonl"), "utf8"), encoded)
    assert.notInclude(readFileSync(join(folder, "snapshot.jsonl"), "utf8"), encoded)
    const found = await loadLastGood(folder, edge)
    assert.isTrue(typeof found === "object" && found?.complete === true)
    if (typeof found === "object" && found !== null) assert.deepEqual(found.copy.snapshot, withSecret())
  })

  it("is nothing at first, and of no use when it is of another Gateway, cut, or not ours", async () => {
    await using world = makeWorld()
    const folder = join(world.folder, "state")
    assert.isNull(await loadLastGood(folder, edge))
    await saveLastGood(folder, copyOf(withSecret()))
    assert.match(String(await loadLastGood(folder, { namespace: "shop", name: "other" })), /is of Gateway shop\/edge/)
    const path = join(folder, "snapshot.jsonl")
    const text = readFileSync(path, "utf8")
    for (const [broken, reason] of [
      [text.slice(0, text.length / 2), /its end is missing/],
      ["", /its end is missing/],
      [`nonsense\n{"end":true}\n`, /JSON, a line each/],
      [text.replace('"protocol":1', '"protocol":9'), /newer proxy/]
    ] as const) {
      writeFileSync(path, broken)
      assert.match(String(await loadLastGood(folder, edge)), reason)
    }
  })

  it("without its material, or with that of another time, serves what it can and asks for everything", async () => {
    await using world = makeWorld()
    const folder = join(world.folder, "state")
    const rotated = material(secret.id, "a newer key")
    const newer = snapshotOf({ secrets: new Map([[secret.id, rotated.ref]]) })
    await saveLastGood(folder, copyOf(withSecret()))
    const old = readFileSync(join(folder, "snapshot.jsonl"))
    await saveLastGood(folder, applied(null, { update: diff(null, newer, () => rotated)!, unread: [] }))
    writeFileSync(join(folder, "snapshot.jsonl"), old)
    const torn = await loadLastGood(folder, edge)
    assert.isTrue(typeof torn === "object" && torn?.complete === false)
    writeFileSync(join(folder, "material.jsonl"), "cut")
    const without = await loadLastGood(folder, edge)
    assert.isTrue(typeof without === "object" && without?.complete === false)
    if (typeof without === "object" && without !== null) assert.deepEqual(without.copy.snapshot, withSecret())

    world.tokens.set("good", caller("edge-1"))
    const peers: Array<Raw> = []
    const raw = await rawOperator((peer) => {
      peers.push(peer)
      peer.say({ type: "Hello", protocol: 1, version: "x" })
    })
    await world.pod([raw.port], { state: folder })
    await until(() => peers[0]?.heard.some(({ type }) => type === "Follow") === true)
    assert.isNull(peers[0]!.heard.find(({ type }) => type === "Follow").version)
    raw.close()
  })

  it("that cannot be written is told, and serving goes on", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("edge-1"))
    const folder = join(world.folder, "a-file")
    writeFileSync(folder, "")
    const operator = await world.operator()
    await operator.publish(numbered(1), noMaterial)
    const pod = await world.pod([operator.port], { state: join(folder, "state") })
    await until(() => pod.current() !== null)
    await operator.publish(numbered(2))
    await until(() => pod.current()?.version === numbered(2).version)
  })
})
