// Law 14: nothing is given to whoever is not proven to belong to the Gateway, and nothing it says is heard.
import { writeFileSync } from "node:fs"
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { CallerRefused } from "#src/link/caller.ts"
import { caller, dial, edge, makeWorld, numbered, type Raw, until } from "./world.ts"

const greeting = (token: string, protocols = { least: 1, most: 1 }) => ({ type: "Hello", protocols, token })
const given = (peer: Raw) => peer.heard.filter(({ type }) => type === "Update" || type === "Hello")
const ack = { type: "Ack", version: "v", sequence: 1, ready: true, refused: [] }

describe("a caller", () => {
  it("whose token is refused, or cannot be judged now, is told so and given nothing", async () => {
    await using world = makeWorld()
    world.tokens.set("unknown", "unknown")
    const operator = await world.operator()
    await operator.publish(numbered(1))
    for (const [token, reason] of [
      ["expired", /not good/],
      ["unknown", /could not be asked/]
    ] as const) {
      const peer = await dial(operator.port)
      peer.say(greeting(token))
      peer.say({ type: "Follow", version: null })
      await peer.closed
      assert.deepEqual(given(peer), [])
      if (peer.heard.length > 0) assert.match(peer.heard[0].reason, reason)
    }
    assert.deepEqual(operator.server.connected(), [])
  })

  it("is judged with the address that it calls from", async () => {
    await using world = makeWorld()
    const judged: Array<readonly [token: string, from: string]> = []
    const operator = await world.operator({
      review: (token, from) =>
        Effect.suspend(() => {
          judged.push([token, from])
          return Effect.fail(new CallerRefused({ message: "nobody" }))
        })
    })
    const peer = await dial(operator.port)
    peer.say(greeting("made up"))
    await peer.closed
    assert.deepEqual(judged, [["made up", "127.0.0.1"]])
  })

  it("that asks or tells before it is known is cut off: nothing comes before the judgement", async () => {
    await using world = makeWorld()
    const operator = await world.operator()
    await operator.publish(numbered(1))
    for (const message of [{ type: "Follow", version: null }, ack, { type: "Token", token: "good" }, { type: "Pong" }]) {
      const peer = await dial(operator.port)
      peer.say(message)
      await peer.closed
      assert.deepEqual(given(peer), [])
    }
    assert.deepEqual(operator.acks, [])
    assert.deepEqual(operator.reviewed, [])
  })

  it("of another Gateway gets that one, whatever it says of itself", async () => {
    await using world = makeWorld()
    const other = { namespace: "shop", name: "other" }
    world.tokens.set("theirs", caller("other-1", other))
    const operator = await world.operator({}, [edge, other])
    await operator.publish(numbered(1))
    await operator.publish(numbered(5, other))
    const peer = await dial(operator.port)
    peer.say({ ...greeting("theirs"), gateway: edge, proxy: "edge-1" })
    await until(() => peer.heard.length > 0)
    peer.say({ type: "Follow", version: null })
    peer.say(ack)
    await until(() => peer.heard.some(({ type }) => type === "Update") && operator.acks.length > 0)
    assert.deepEqual([...new Set(peer.heard.filter(({ type }) => type === "Update").map(({ head }) => head.gateway.name))], ["other"])
    assert.deepEqual(
      operator.acks.map(([gateway, { proxy }]) => `${gateway} ${proxy}`),
      ["other other-1"]
    )
    // A proxy that was told to serve another Gateway than its pod's takes nothing of it.
    const pod = await world.pod([operator.port], { token: "theirs", times: { retry: [10, 20] } })
    await until(() => operator.reviewed.filter((token) => token === "theirs").length >= 3)
    assert.strictEqual(pod.current(), null)
    peer.socket.destroy()
  })

  it("stays as long as its token is good: a newer one of the same pod extends it, one of another pod ends it", async () => {
    await using world = makeWorld()
    world.tokens.set("first", caller("edge-1", edge, Date.now() + 1_500))
    world.tokens.set("newer", caller("edge-1", edge, Date.now() + 60_000))
    world.tokens.set("foreign", caller("edge-2"))
    const operator = await world.operator()
    await operator.publish(numbered(1))
    const [left, extended, foreign] = [await dial(operator.port), await dial(operator.port), await dial(operator.port)]
    const enter = async (peer: Raw, token: string) => {
      peer.say(greeting(token))
      await until(() => peer.heard.some(({ type }) => type === "Hello"))
    }
    await enter(left, "first")
    await left.closed
    assert.match(left.heard.at(-1).reason, /expired/)

    const ends = Date.now() + 1_500
    world.tokens.set("first", caller("edge-1", edge, ends))
    await enter(extended, "first")
    extended.say({ type: "Token", token: "newer" })
    await until(() => operator.reviewed.includes("newer"))
    await until(() => Date.now() > ends + 50)
    assert.isFalse(extended.ended())

    world.tokens.set("third", caller("edge-3"))
    await enter(foreign, "third")
    foreign.say({ type: "Token", token: "foreign" })
    await foreign.closed
    assert.match(foreign.heard.at(-1).reason, /another pod/)
    extended.socket.destroy()
  })

  it("shows its newer token file without being asked", async () => {
    await using world = makeWorld()
    world.tokens.set("old", caller("edge-1"))
    world.tokens.set("new", caller("edge-1"))
    const operator = await world.operator()
    await operator.publish(numbered(1))
    const pod = await world.pod([operator.port], { token: "old" })
    await until(() => pod.current() !== null)
    writeFileSync(world.tokenFile("old"), "new\n")
    await until(() => operator.reviewed.includes("new"))
    assert.strictEqual(operator.server.connected().length, 1)
  })

  it("that speaks no protocol of ours is told which, and one of another application is not answered", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("edge-1"))
    const operator = await world.operator()
    const newer = await dial(operator.port)
    newer.say(greeting("good", { least: 7, most: 8 }))
    await newer.closed
    assert.match(newer.heard[0].reason, /protocols 7 to 8 .* upgrade one version at a time/)
    assert.deepEqual(operator.reviewed, [])
    const web = await dial(operator.port, []).then(
      (peer) => peer.closed,
      () => undefined
    )
    assert.isUndefined(web)
    // N and N-1: what both speak is taken.
    const both = await dial(operator.port)
    both.say(greeting("good", { least: 1, most: 2 }))
    await until(() => both.heard.length > 0)
    assert.deepEqual(both.heard[0], { type: "Hello", protocol: 1, version: null })
    both.socket.destroy()
  })
})
