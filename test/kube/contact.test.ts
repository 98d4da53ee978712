// The way to the API server: who stays away because nobody answered hears when somebody does, and a stream that was silent meanwhile is begun anew.
import { createServer, type Server, type Socket } from "node:net"
import { Effect, Exit, Scope } from "effect"
import { afterEach, assert, describe, it } from "vitest"
import { Kube } from "#src/kube/client.ts"
import { Contact } from "#src/kube/contact.ts"
import { defaultWatchTimings, watchCollection } from "#src/kube/watch.ts"
import { freePorts } from "../support/port.ts"
import { item, page, type Scripted, scripted, status } from "./scripted.ts"

describe("contact", () => {
  it("tells once those who wait, when an answer follows what was not answered", () => {
    const contact = new Contact()
    let told = 0
    contact.whenBack(() => told++)
    contact.answered(20)
    assert.strictEqual(told, 0)
    contact.refused()
    contact.answered(20)
    contact.refused()
    contact.answered(20)
    assert.strictEqual(told, 1)
  })

  it("is settling for half a minute after an answer that follows what was not answered, and at no other time", () => {
    const contact = new Contact()
    contact.answered(1)
    assert.isFalse(contact.settling(1))
    contact.refused()
    assert.isFalse(contact.settling(5))
    contact.answered(10)
    assert.isTrue(contact.settling(30_009))
    contact.answered(20_000)
    assert.isFalse(contact.settling(30_010))
  })

  it("gives up the streams that said nothing in the last half of a request's time, and no others", () => {
    const contact = new Contact()
    const given: Array<string> = []
    const stand = (name: string, now: number) => contact.stand(() => given.push(name), now)
    stand("silent", 1)
    // The request was under way when all went silent.
    const heard = stand("heard after it was sent", 1)
    const since = stand("heard since", 1)
    stand("begun since", 30)
    stand("over", 1).over()
    heard.heard(14)
    since.heard(16)
    contact.unanswered(10, 20)
    assert.deepEqual(given, [])
    contact.answered(30)
    assert.deepEqual(given, ["silent", "heard after it was sent"])
    contact.unanswered(10, 20)
    contact.answered(30)
    assert.lengthOf(given, 2)
  })

  it("refused says nothing of the streams that stand", () => {
    const contact = new Contact()
    let given = false
    contact.stand(() => {
      given = true
    }, 1)
    contact.refused()
    contact.answered(20)
    assert.isFalse(given)
  })
})

const path = "/apis/example.dev/v1/things"
const opened: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

/** A way to the scripted server that can be shut, and can go silent. */
const wayTo = async (server: Scripted, port: number) => {
  const target = Number(new URL(server.access.server).port)
  const sockets = new Set<Socket>()
  let listening: Server | null = null
  const open = () =>
    new Promise<void>((resolve) => {
      listening = createServer((client) => {
        const onward = new (client.constructor as typeof Socket)().connect(target, "127.0.0.1")
        for (const socket of [client, onward]) {
          sockets.add(socket)
          socket.on("error", () => {}).on("close", () => sockets.delete(socket))
        }
        client.pipe(onward)
        onward.pipe(client)
      }).listen(port, "127.0.0.1", resolve)
    })
  const shut = () =>
    new Promise<void>((resolve) => {
      for (const socket of sockets) socket.resetAndDestroy()
      listening === null ? resolve() : listening.close(() => resolve())
    })
  opened.push(shut)
  return {
    open,
    shut,
    cut: () => {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    stall: () => {
      for (const socket of sockets) socket.unpipe().pause()
    }
  }
}

/** first: milliseconds that a watch stays away after its first failure; most: at most. */
const watched = async (first: number, most = first) => {
  const server = await scripted()
  opened.push(server.close)
  const [port = 0] = await freePorts(1)
  const way = await wayTo(server, port)
  await way.open()
  const scope = Scope.makeUnsafe()
  opened.push(() => Effect.runPromise(Scope.close(scope, Exit.void)))
  const broken = Promise.withResolvers<string>()
  const stands = Promise.withResolvers<void>()
  let alive = 0
  const program = Effect.gen(function* () {
    const kube = yield* Kube
    yield* Effect.forkScoped(
      watchCollection<string>(
        { paths: [path], metadataOnly: false, custom: false, decode: () => "" },
        {
          listed: () => {},
          set: () => {},
          gone: () => {},
          alive: () => ++alive === 2 && stands.resolve(),
          failed: (_, error) => broken.resolve(error.reason)
        },
        { ...defaultWatchTimings, backoff: { first, most, healthy: 60_000 } }
      )
    )
    return kube
  })
  const kube = await Effect.runPromise(
    program.pipe(
      Effect.provide(Kube.layerOf({ ...server.access, server: `http://127.0.0.1:${port}` })),
      Effect.provideService(Scope.Scope, scope)
    )
  )
  ;(await server.next()).json(200, page("10", [item("a", "7")]))
  ;(await server.next()).open()
  // The list, and the head of the watch.
  await stands.promise
  return { server, way, kube, broken: broken.promise }
}

const asked = (kube: Kube["Service"]) => Effect.runPromise(Effect.result(kube.request({ method: "GET", path: "/lease" })))

/** Nobody was there when a request was sent. */
const lost = async ({ way, kube, broken }: Awaited<ReturnType<typeof watched>>) => {
  await way.shut()
  await broken
  assert.strictEqual((await asked(kube))._tag, "Failure")
}

/** Opens the way again; the watch that comes back then, on its own time or after others were answered. */
const found = async ({ server, way }: Awaited<ReturnType<typeof watched>>) => {
  await way.open()
  for (;;) {
    const ask = await server.next()
    if (ask.path === path) return ask
    ask.json(200, {})
  }
}

describe("a watch", () => {
  it("that waits for a server which cannot be reached has it looked for, however long its own pause, and goes on when it is there", async () => {
    const world = await watched(600_000)
    let waits = true
    const back = Effect.runPromise(world.kube.back).then(() => {
      waits = false
    })
    await lost(world)
    assert.isTrue(waits)
    assert.strictEqual((await found(world)).query["resourceVersion"], "10")
    await back
  })

  it("does not take a kept connection that is dead for a server that is gone", async () => {
    const { server, way, kube } = await watched(600_000)
    const ask = (method: "GET" | "POST") => Effect.runPromise(Effect.result(kube.request({ method, path: "/lease" })))
    const first = ask("GET")
    ;(await server.next()).json(200, {})
    assert.strictEqual((await first)._tag, "Success")
    const dead = ask("POST")
    await server.next()
    way.cut()
    assert.strictEqual((await dead)._tag, "Failure")
    const next = ask("GET")
    ;(await server.next()).json(200, {})
    assert.strictEqual((await next)._tag, "Success")
    assert.isFalse(kube.settling())
  })

  it("that was cut off from a server which answers others has nothing looked for: it waits for its own time", async () => {
    const world = await watched(2_000)
    world.way.cut()
    await world.broken
    const again = await world.server.next()
    assert.strictEqual(again.path, path)
  })

  it("whose place was forgotten while the server was gone lists anew at once", async () => {
    const world = await watched(600_000)
    await lost(world)
    ;(await found(world)).json(410, status(410, "Expired"))
    assert.deepEqual((await world.server.next()).query, { limit: "500" })
  })

  it("asks a server that has just come back again and again, whatever it refuses: pauses do not grow yet", async () => {
    const world = await watched(20, 600_000)
    await lost(world)
    ;(await found(world)).json(403, status(403, "Forbidden"))
    // Doubled each time, the last pause would be half a minute.
    for (let round = 0; round < 11; round++) (await world.server.next()).json(403, status(403, "Forbidden"))
    const last = await world.server.next()
    if (last.path === "/version") last.json(200, {})
    assert.strictEqual((last.path === "/version" ? await world.server.next() : last).path, path)
  })

  it("over a connection that is half-open is begun anew once a request in vain is followed by an answer", async () => {
    const { server, way, kube, broken } = await watched(100)
    way.stall()
    const asking = (path: string, timeout: number) => Effect.runPromise(Effect.result(kube.request({ method: "GET", path, timeout })))
    assert.strictEqual((await asking("/lost", 200))._tag, "Failure")
    const found = asking("/found", 10_000)
    let ask = await server.next()
    while (ask.path !== "/found") ask = await server.next()
    ask.json(200, {})
    assert.strictEqual((await found)._tag, "Success")
    assert.strictEqual(await broken, "Unheard")
    const again = await server.next()
    assert.strictEqual(again.query["resourceVersion"], "10")
  })
})
