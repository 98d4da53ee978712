// Operator and proxy over real sockets: a proxy is given its own Gateway's newest snapshot, takes it from one operator and is heard by all.
import { isDeepStrictEqual } from "node:util"
import { assert, describe, it } from "vitest"
import { mostOperators } from "#src/link/client.ts"
import { everything } from "../snapshot/everything.ts"
import { caller, dial, edge, host, makeWorld, numbered, rawOperator, rule, snapshotOf, until } from "./world.ts"

describe("the link", () => {
  it("brings a proxy its Gateway's snapshots, of no other Gateway, and brings back what it says of them", async () => {
    await using world = makeWorld()
    const other = { namespace: "shop", name: "other" }
    world.tokens.set("good", caller("edge-1"))
    const operator = await world.operator({}, [edge, other])
    await operator.publish(numbered(1))
    await operator.publish(numbered(7, other))
    const pod = await world.pod([operator.port])
    await until(() => pod.current()?.version === numbered(1).version)
    assert.deepEqual(pod.current(), numbered(1))
    await operator.publish(numbered(8, other))
    await operator.publish(numbered(2))
    await until(() => pod.current()?.version === numbered(2).version)
    await until(() => pod.versions.length === 2)
    assert.deepEqual(pod.versions, [numbered(1).version, numbered(2).version])

    // What a proxy calls itself is not what it is called.
    pod.client.ack({ proxy: "somebody-else", version: numbered(2).version, sequence: 0, ready: true, refused: [] })
    await until(() => operator.acks.length > 0)
    assert.deepEqual(operator.acks.at(-1), [
      "edge",
      { proxy: "edge-1", version: numbered(2).version, sequence: 2, ready: true, refused: [] }
    ])
  })

  it("sends one changed rule among thousands as one rule, and leaves the others the same objects", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("edge-1"))
    const operator = await world.operator()
    const rules = Array.from({ length: 3_000 }, (_, at) => rule(`/${at}`))
    await operator.publish(snapshotOf({ virtualHosts: new Map([["h", { hostname: "*", rules }]]) }))
    const pod = await world.pod([operator.port])
    await until(() => pod.current() !== null)
    const before = pod.current()!.virtualHosts.get("h")!.rules
    const next = snapshotOf({ virtualHosts: new Map([["h", { hostname: "*", rules: rules.with(1_234, rule("/new")) }]]) })
    await operator.publish(next)
    await until(() => pod.current()?.version === next.version)
    assert.isTrue(isDeepStrictEqual(pod.current(), next))
    const after = pod.current()!.virtualHosts.get("h")!.rules
    assert.strictEqual(after.filter((one, at) => one === before[at]).length, 2_999)
  })

  it("takes updates from one operator and tells all: acknowledgements and reports reach each of them, the newest also those that come back", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("edge-1"))
    const operators = [await world.operator(), await world.operator(), await world.operator()]
    for (const operator of operators) await operator.publish(numbered(1))
    const pod = await world.pod(operators.map(({ port }) => port))
    await until(() => pod.client.connected().length === 3 && pod.current() !== null)
    assert.strictEqual(pod.client.connected().filter(({ following }) => following).length, 1)
    assert.deepEqual(operators.map(({ server }) => server.connected().filter(({ following }) => following).length).sort(), [0, 0, 1])
    const facts = {
      resolution: "Fresh",
      detail: "",
      addresses: 2,
      healthy: 2,
      tier: 0,
      certificateExpires: null,
      lastFailure: null
    } as const
    pod.client.ack({ proxy: "", version: numbered(1).version, sequence: 0, ready: true, refused: [] })
    pod.client.report({ proxy: "", upstreams: new Map([["a", facts]]), invalidated: new Map() })
    const stale = { ...facts, resolution: "Stale", detail: "timeout" } as const
    pod.client.report({ proxy: "", upstreams: new Map([["b", stale]]), invalidated: new Map() })
    for (const { acks, reports } of operators) {
      await until(() => acks.length === 1 && reports.at(-1)?.[1].upstreams.has("b") === true)
      assert.deepEqual(reports.at(-1), ["edge", { proxy: "edge-1", upstreams: new Map([["b", stale]]), invalidated: new Map() }])
    }

    // The one that is followed goes: another is, and nothing is sent twice.
    const source = operators.find(({ server }) => server.connected().some(({ following }) => following))!
    await source.stop()
    const others = operators.filter((one) => one !== source)
    await until(() => others.some(({ server }) => server.connected().some(({ following }) => following)))
    for (const other of others) await other.publish(numbered(2))
    await until(() => pod.current()?.version === numbered(2).version)
    await until(() => pod.versions.length === 2)
    assert.deepEqual(pod.versions, [numbered(1).version, numbered(2).version])
    assert.strictEqual(others[0]!.acks.length, 1)
  })

  it("brings reports of any size, in frames that are taken, and after the first only what changed", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("edge-1"))
    const operator = await world.operator()
    const up = [...everything.upstreams.values()][0]!
    const count = 3_000
    await operator.publish(snapshotOf({ upstreams: new Map(Array.from({ length: count }, (_, at) => [`u${at}`, up])) }))
    const pod = await world.pod([operator.port])
    await until(() => pod.current() !== null)
    const endpoint = (n: number) => ({
      name: `host-${n}.example:443`,
      resolution: "Fresh" as const,
      detail: "",
      addresses: 4,
      healthy: 4,
      tier: 0,
      certificate: { subject: `CN=host-${n}.example`, expires: "2030-01-01T00:00:00Z" },
      sample: ["192.0.2.1", "192.0.2.2"]
    })
    const facts = (n: number) => ({
      resolution: "Fresh" as const,
      detail: "",
      addresses: n,
      healthy: n,
      tier: 0,
      certificateExpires: null,
      lastFailure: null,
      endpoints: Array.from({ length: n % 100 === 0 ? 64 : 1 }, (_, at) => endpoint(at))
    })
    const all = new Map(Array.from({ length: count }, (_, at) => [`u${at}`, facts(at)] as const))
    pod.client.report({ proxy: "", upstreams: all, invalidated: new Map() })
    await until(() => operator.reports.at(-1)?.[1].upstreams.size === count)
    assert.isTrue(isDeepStrictEqual(operator.reports.at(-1)?.[1].upstreams, all))
    const before = operator.reports.length
    const next = new Map([...all].slice(1)).set("u5", { ...facts(5), healthy: 0 })
    pod.client.report({ proxy: "", upstreams: next, invalidated: new Map() })
    await until(() => operator.reports.length > before && operator.reports.at(-1)?.[1].upstreams.get("u5")?.healthy === 0)
    assert.isTrue(isDeepStrictEqual(operator.reports.at(-1)?.[1].upstreams, next))
    assert.isAtMost(operator.reports.length - before, 2)
  })

  it("chooses an operator that has something to say, and another when it has nothing left", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("edge-1"))
    const empty = await world.operator({}, [])
    const late = await world.operator()
    const pod = await world.pod([empty.port, late.port])
    await until(() => pod.client.connected().length === 2)
    assert.strictEqual(pod.client.connected().filter(({ following }) => following).length, 0)
    await late.publish(numbered(1))
    await until(() => pod.current()?.version === numbered(1).version)
    assert.strictEqual(late.server.connected()[0]?.following, true)
  })

  it("of operators that translate differently takes one's word until that one is gone, and tells the others what it has of him", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("edge-1"))
    const releases = [await world.operator(), await world.operator()]
    const say = async (round: number) => {
      for (const [at, operator] of releases.entries()) await operator.publish(numbered(10 * round + at))
    }
    await say(1)
    const pod = await world.pod(releases.map(({ port }) => port))
    await until(() => pod.client.connected().length === 2 && pod.current() !== null)
    const follows = releases.findIndex(({ server }) => server.connected().some(({ following }) => following))
    await say(2)
    await say(3)
    await until(() => pod.current()?.version === numbered(30 + follows).version)
    const own = [1, 2, 3].map((round) => numbered(10 * round + follows).version)
    assert.deepEqual(
      pod.versions.filter((version) => !own.includes(version)),
      []
    )
    pod.client.ack({ proxy: "", version: pod.current()!.version, sequence: 0, ready: true, refused: [] })
    const other = releases[1 - follows]!
    await until(() => other.acks.length > 0)
    assert.strictEqual(other.acks.at(-1)?.[1].version, numbered(30 + follows).version)
    await releases[follows]!.stop()
    await until(() => pod.current()?.version === numbered(30 + (1 - follows)).version)
  })

  it("is of a bounded number of operators, however many addresses are told: those that answer stay, and the others are tried in turn", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("edge-1"))
    const real = await Promise.all(Array.from({ length: 12 }, () => world.operator()))
    for (const operator of real) await operator.publish(numbered(1))
    let open = 0
    let most = 0
    // They are reached, and say nothing.
    const silent = await Promise.all(
      Array.from({ length: 20 }, () =>
        rawOperator((peer) => {
          open++
          most = Math.max(most, open)
          peer.socket.once("close", () => open--)
        })
      )
    )
    const times = { greeting: 5_000, resolve: 120, retry: [10, 20] } as const
    const pod = await world.pod(
      [...silent, ...real].map(({ port }) => port),
      { times }
    )
    await until(() => pod.client.connected().length === real.length)
    // A few are counted whose end is on its way.
    assert.isAtMost(most, mostOperators + 4)
    await until(() => open <= mostOperators - real.length)
    most = 0
    const since = Date.now()
    await until(() => Date.now() > since + 600 && most > 0)
    assert.strictEqual(pod.client.connected().length, real.length)
    assert.isAbove(most, 0)
    assert.isAtMost(most, mostOperators - real.length + 4)
    for (const one of silent) one.close()
  })

  it("tells when the last connection of a pod is gone, and not when a newer one took its place", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("edge-1"))
    world.tokens.set("again", caller("edge-1"))
    const operator = await world.operator()
    await operator.publish(numbered(1))
    const first = await world.pod([operator.port], { times: { retry: [60_000, 60_000] } })
    await until(() => first.current() !== null)
    const second = await world.pod([operator.port], { token: "again" })
    await until(() => second.current() !== null)
    await until(() => first.client.connected().length === 0)
    assert.deepEqual(operator.gone, [])
    assert.strictEqual(operator.server.connected().length, 1)
    await second.stop()
    await until(() => operator.gone.length === 1)
    assert.deepEqual(operator.gone, ["edge-1"])
  })

  it("gives a slow reader the newest, not everything that was published meanwhile", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("edge-1"))
    const operator = await world.operator()
    // More than the buffers of a loopback connection hold.
    const big = (count: number) =>
      snapshotOf({ virtualHosts: new Map([["h", host(Array.from({ length: 20_000 }, (_, at) => `/${count}/${at}/${"x".repeat(300)}`))]]) })
    await operator.publish(numbered(0))
    const peer = await dial(operator.port)
    peer.say({ type: "Hello", protocols: { least: 1, most: 1 }, token: "good" })
    await until(() => peer.heard.some(({ type }) => type === "Hello"))
    peer.socket.pause()
    peer.say({ type: "Follow", version: null })
    await until(() => operator.server.connected().some(({ following }) => following))
    await operator.publish(big(1))
    await until(() => peer.socket.readableLength > 0 || peer.socket.bytesRead > 0)
    for (let count = 2; count <= 20; count++) await operator.publish(numbered(count))
    peer.socket.resume()
    await until(() => peer.heard.some(({ type, head, last }) => type === "Update" && last && head.version === numbered(20).version))
    const updates = new Set(peer.heard.filter(({ type }) => type === "Update").map(({ head }) => head.version))
    assert.isAtMost(updates.size, 4)
    peer.socket.destroy()
  })
})
