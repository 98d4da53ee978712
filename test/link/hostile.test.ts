// Peers that break the protocol: they are cut off with a bound on what they cost, and everybody else is served on.
import { connect as connectPlain, type Socket } from "node:net"
import { createServer } from "node:tls"
import { assert, describe, it } from "vitest"
import { frame } from "#src/link/frame.ts"
import { alpn } from "#src/link/protocol.ts"
import { issueServer, makeRoot } from "#src/operator/certificate.ts"
import { caller, dial, edge, makeWorld, numbered, type Raw, rawOperator, rule, until } from "./world.ts"

const greeting = { type: "Hello", protocols: { least: 1, most: 1 }, token: "good" }

describe("an operator", () => {
  it("cuts off strangers that send garbage, too much, or nothing", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("edge-1"))
    const operator = await world.operator({ times: { greeting: 2_000 } })
    await operator.publish(numbered(1))
    const pod = await world.pod([operator.port])
    await until(() => pod.current() !== null)
    const said: ReadonlyArray<Buffer> = [
      Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
      frame("{"),
      frame("[]"),
      frame('"Hello"'),
      frame(JSON.stringify({ type: "Hello", protocols: { least: 1, most: 1 }, token: 5 })),
      frame(JSON.stringify({ ...greeting, token: "x".repeat(9_000) })),
      Buffer.from([0x7f, 0xff, 0xff, 0xff]),
      Buffer.alloc(0)
    ]
    for (const bytes of said) {
      const peer = await dial(operator.port)
      peer.socket.write(bytes)
      await peer.closed
      assert.deepEqual(
        peer.heard.filter(({ type }) => type !== "Refused"),
        []
      )
    }
    assert.deepEqual(operator.reviewed, ["good"])
    await operator.publish(numbered(2))
    await until(() => pod.current()?.version === numbered(2).version)
  })

  it("holds a bounded number of strangers, who do not keep the proxies out", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("edge-1"))
    const operator = await world.operator({ limits: { strangers: 4 }, times: { greeting: 2_000 } })
    await operator.publish(numbered(1))
    const sockets = Array.from({ length: 20 }, () => connectPlain(operator.port, "127.0.0.1").on("error", () => {}))
    let closed = 0
    for (const socket of sockets) socket.on("close", () => closed++)
    await until(() => closed >= 16)
    const pod = await world.pod([operator.port])
    await until(() => pod.current() !== null)
    for (const socket of sockets) socket.destroy()
  })

  it("is reached by a proxy though strangers who say nothing hold every place, and come again as often as they are closed", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("edge-1"))
    const operator = await world.operator({ limits: { strangers: 8 }, times: { greeting: 60_000 } })
    await operator.publish(numbered(1))
    const crowd = new Set<Socket>()
    let open = 0
    let over = false
    const enter = () => {
      if (over) return
      const socket = connectPlain({ port: operator.port, host: "127.0.0.1", localAddress: "127.0.0.9" })
      crowd.add(socket)
      socket.on("connect", () => open++)
      socket.on("error", () => {})
      socket.on("close", () => {
        crowd.delete(socket)
        setImmediate(enter)
      })
    }
    for (let count = 0; count < 12; count++) enter()
    await until(() => open >= 24)
    const pod = await world.pod([operator.port])
    await until(() => pod.current() !== null)
    over = true
    for (const socket of crowd) socket.destroy()
  })

  it("cuts off a proxy that says what no proxy says, or speaks of more than it was given", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("edge-1"))
    const operator = await world.operator()
    await operator.publish(numbered(1))
    const facts = { resolution: "Fresh", detail: "", addresses: 1, healthy: 1, tier: 0, certificateExpires: null, lastFailure: null }
    const report = (upstreams: object, fresh = false) => ({ type: "Report", fresh, upstreams, gone: [], invalidated: {} })
    const many = (from: number) => Object.fromEntries(Array.from({ length: 1_500 }, (_, at) => [`u${from + at}`, facts]))
    const said: ReadonlyArray<ReadonlyArray<unknown>> = [
      [greeting],
      [{ type: "Ack", version: 1 }],
      [{ type: "Ack", version: "v", sequence: -1, ready: true, refused: [] }],
      [
        {
          type: "Ack",
          version: "v",
          sequence: 1,
          ready: true,
          refused: Array.from({ length: 2_000 }, () => ({ table: "listeners", id: "a", reason: "" }))
        }
      ],
      [report({ a: { ...facts, addresses: "many" } })],
      [report({ a: { ...facts, resolution: "Splendid" } })],
      [report(many(0)), report(many(1_500))],
      Array.from({ length: 6_000 }, () => ({ type: "Pong" }))
    ]
    for (const messages of said) {
      const peer = await dial(operator.port)
      peer.say(greeting)
      await until(() => peer.heard.length > 0)
      for (const message of messages) peer.say(message)
      await peer.closed
    }
    const peer = await dial(operator.port)
    peer.say(greeting)
    // What a newer proxy says and we do not know is passed over.
    peer.say({ type: "Weather", sun: true })
    await until(() => peer.heard.length > 0)
    peer.say({
      type: "Ack",
      version: "v",
      sequence: 1,
      ready: true,
      refused: [{ table: "listeners", id: "a", reason: "r".repeat(5_000) }],
      more: 1
    })
    await until(() => operator.acks.length > 0)
    assert.strictEqual(operator.acks[0]?.[1].refused[0]?.reason.length, 512)
    peer.socket.destroy()
  })

  it("notices a proxy that is silent, and a proxy that takes nothing", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("edge-1"))
    const operator = await world.operator({ times: { silence: 2_000, ping: 50 } })
    await operator.publish(numbered(1))
    const silent = await dial(operator.port)
    silent.say(greeting)
    await silent.closed
    assert.isAbove(silent.heard.filter(({ type }) => type === "Ping").length, 0)
    await until(() => operator.gone.length === 1)
    const pod = await world.pod([operator.port])
    await until(() => pod.current() !== null)
    // Longer than the silence that is allowed: a proxy answers.
    const since = Date.now()
    await until(() => Date.now() > since + 2_500)
    assert.isAtMost(operator.server.connected()[0]?.since ?? Number.POSITIVE_INFINITY, since)
  })
})

describe("a proxy", () => {
  const head = (count: number, base: string | null = null, gateway = edge) => ({
    protocol: 1,
    base,
    version: numbered(count).version,
    gateway
  })
  const part = (count: number) => ({ set: { virtualHosts: { h: { hostname: "*", rules: [rule(`/${count}`)] } } } })
  const update = (sequence: number, count: number, base: string | null = null) => ({
    type: "Update",
    sequence,
    head: head(count, base),
    last: true,
    part: part(count)
  })

  /** Told the first snapshot properly, then whatever a test says. */
  const scene = async (world: ReturnType<typeof makeWorld>) => {
    const peers: Array<Raw> = []
    const operator = await rawOperator((peer) => {
      peers.push(peer)
      peer.say({ type: "Hello", protocol: 1, version: "any" })
    })
    const pod = await world.pod([operator.port], { times: { retry: [60_000, 60_000] } })
    await until(() => peers[0]?.heard.some(({ type }) => type === "Follow") === true)
    const peer = peers[0]!
    peer.say(update(5, 1))
    await until(() => pod.current()?.version === numbered(1).version)
    return { operator, pod, peer }
  }

  const wrong: ReadonlyArray<readonly [name: string, messages: ReadonlyArray<unknown>]> = [
    ["a replayed update", [update(5, 2)]],
    ["an older update", [update(4, 2)]],
    ["an update against a version it does not have", [update(6, 2, "other")]],
    ["an update of another Gateway", [{ ...update(6, 2), head: head(2, null, { namespace: "shop", name: "other" }) }]],
    ["an update of a protocol to come", [{ ...update(6, 2), head: { ...head(2), protocol: 2 } }]],
    ["parts of two updates", [{ ...update(6, 2), last: false }, update(7, 3)]],
    [
      "rules that it never had",
      [{ ...update(6, 2, numbered(1).version), part: { set: { virtualHosts: { h: { hostname: "*", rules: [[0, 9]] } } } } }]
    ],
    ["an update cut short", [{ ...update(6, 2), part: { set: { virtualHosts: { h: { hostname: "*", rules: [], more: true } } } } }]],
    ["no update at all", [{ type: "Update", sequence: 6 }]],
    ["a frame that is no message", [[1, 2, 3]]]
  ]
  for (const [name, messages] of wrong)
    it(`takes nothing of ${name}, and keeps what it has`, async () => {
      await using world = makeWorld()
      world.tokens.set("good", caller("edge-1"))
      const { operator, pod, peer } = await scene(world)
      for (const message of messages) peer.say(message)
      await peer.closed
      assert.strictEqual(pod.current()?.version, numbered(1).version)
      operator.close()
    })

  it("passes over messages and fields that it does not know", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("edge-1"))
    const { operator, pod, peer } = await scene(world)
    peer.say({ type: "Weather", sun: true })
    peer.say({ ...update(6, 2), sun: true, head: { ...head(2), sun: true }, part: { ...part(2), sun: true } })
    await until(() => pod.current()?.version === numbered(2).version)
    assert.deepEqual(pod.current(), numbered(2))
    operator.close()
  })

  it("speaks to nobody whose certificate is not of the operator's authority and name", async () => {
    await using world = makeWorld()
    world.tokens.set("good", caller("edge-1"))
    const validity = { from: new Date(Date.now() - 1_000), until: new Date(Date.now() + 60_000) }
    const forged = issueServer(makeRoot(validity), ["127.0.0.1"], validity)
    let tried = 0
    let heard = 0
    const server = createServer({ cert: forged.certificate, key: forged.key, ALPNProtocols: [alpn] }, (socket) =>
      socket.on("data", () => heard++).on("error", () => {})
    )
    server.on("tlsClientError", () => tried++)
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    await world.pod([(server.address() as { readonly port: number }).port])
    await until(() => tried >= 2)
    assert.strictEqual(heard, 0)
    server.close()
  })
})
