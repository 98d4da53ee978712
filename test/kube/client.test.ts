// Requests to the API server: what comes back, what is told of failures, and what is never told.
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import { afterEach, assert, describe, it } from "vitest"
import type { Access } from "#src/kube/access.ts"
import { Kube, type KubeError } from "#src/kube/client.ts"
import { kubePath } from "#src/kube/path.ts"
import { type Scripted, scripted, status } from "./scripted.ts"

const opened: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

const connect = async (credentials?: Access["credentials"]): Promise<{ readonly server: Scripted; readonly kube: Kube["Service"] }> => {
  const server = await scripted(credentials)
  const scope = Scope.makeUnsafe()
  const kube = await Effect.runPromise(
    Kube.pipe(Effect.provide(Kube.layerOf(server.access, "sluice/1.2.3")), Effect.provideService(Scope.Scope, scope))
  )
  opened.push(server.close, () => Effect.runPromise(Scope.close(scope, Exit.void)))
  return { server, kube }
}

const failure = (effect: Effect.Effect<unknown, KubeError>): Promise<KubeError> => Effect.runPromise(Effect.flip(effect))

describe("a path", () => {
  it("has the parts that it is made of", () => {
    const route = { group: "gateway.networking.k8s.io", version: "v1", plural: "httproutes" }
    assert.strictEqual(kubePath({ group: "", version: "v1", plural: "nodes" }), "/api/v1/nodes")
    assert.strictEqual(
      kubePath({ ...route, namespace: "shop", name: "cart", subresource: "status" }),
      "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/cart/status"
    )
  })

  it("leads nowhere else, whatever the name", () => {
    const place = { group: "", version: "v1", plural: "secrets", namespace: "shop" }
    assert.strictEqual(kubePath({ ...place, name: "../../x?a=b#c" }), "/api/v1/namespaces/shop/secrets/..%2F..%2Fx%3Fa%3Db%23c")
    assert.strictEqual(kubePath({ ...place, name: ".." }), "/api/v1/namespaces/shop/secrets/%2E%2E")
  })
})

describe("a request", () => {
  it("carries the body, its type and who asks, and gives the JSON of the answer", async () => {
    const { server, kube } = await connect()
    const answer = Effect.runPromise(
      kube.request({ method: "PATCH", path: "/x", query: { force: "true" }, contentType: "application/apply-patch+yaml", body: { a: "ü" } })
    )
    const ask = await server.next()
    assert.deepEqual([ask.method, ask.path, ask.query, ask.body], ["PATCH", "/x", { force: "true" }, { a: "ü" }])
    assert.deepInclude(ask.headers, {
      "content-type": "application/apply-patch+yaml",
      authorization: "Bearer own",
      "user-agent": "sluice/1.2.3",
      accept: "application/json"
    })
    ask.json(201, { ok: true })
    assert.deepEqual(await answer, { ok: true })
  })

  it("that is refused fails with what the Status says", async () => {
    const { server, kube } = await connect()
    const error = failure(kube.request({ method: "GET", path: "/x" }))
    ;(await server.next()).json(409, { ...(status(409, "Conflict", "changed") as object), details: { retryAfterSeconds: 3 } })
    const { status: code, reason, message, retryAfter } = await error
    assert.deepEqual([code, reason, message, retryAfter], [409, "Conflict", "changed", 3000])
  })

  it("that comes while the server starts asks for no pause: its five seconds are said whatever it takes", async () => {
    const { server, kube } = await connect()
    const message = "the request has been made before all known HTTP paths have been installed, please try again"
    for (const path of ["/x", "/api/v1/namespaces/shop/secrets/a"]) {
      const error = failure(kube.request({ method: "GET", path }))
      const answer = { ...(status(503, "ServiceUnavailable", message) as object), details: { retryAfterSeconds: 5 } }
      ;(await server.next()).json(503, answer, { "retry-after": "5" })
      assert.isNull((await error).retryAfter)
    }
  })

  it("never quotes a body: not of what is no Status, not of what is about a Secret or a token", async () => {
    const { server, kube } = await connect()
    const canary = "hunter2"
    for (const [path, answer] of [
      ["/x", canary],
      ["/x", { message: canary }],
      ["/api/v1/namespaces/shop/secrets/a", status(422, "Invalid", canary)],
      ["/apis/authentication.k8s.io/v1/tokenreviews", status(400, "BadRequest", canary)]
    ] as const) {
      const error = failure(kube.request({ method: "GET", path }))
      ;(await server.next()).json(500, answer)
      assert.notInclude(JSON.stringify(await error) + String(await error), canary)
    }
  })

  it("has a deadline for the whole answer", async () => {
    const { server, kube } = await connect()
    const error = failure(kube.request({ method: "GET", path: "/x", timeout: 1_000 }))
    const ask = await server.next()
    ask.open()
    ask.write('{"a":')
    assert.strictEqual((await error).reason, "Timeout")
    await ask.left
  })

  it("that is not wanted any more is cut", async () => {
    const { server, kube } = await connect()
    const fiber = Effect.runFork(kube.request({ method: "GET", path: "/x" }))
    const ask = await server.next()
    await Effect.runPromise(Fiber.interrupt(fiber))
    await ask.left
  })

  it("that nobody answers says whom it asked", async () => {
    const { server, kube } = await connect()
    await server.close()
    const error = await failure(kube.request({ method: "GET", path: "/x" }))
    assert.deepEqual([error.status, error.reason], [null, "ECONNREFUSED"])
    assert.include(error.message, server.access.server)
  })

  it("is asked once more with fresh credentials when they were refused, and only once", async () => {
    const asked: Array<boolean> = []
    const { server, kube } = await connect((renew) => {
      asked.push(renew)
      return Promise.resolve({ trust: {}, headers: { authorization: renew ? "Bearer new" : "Bearer old" } })
    })
    const answer = failure(kube.request({ method: "GET", path: "/x" }))
    ;(await server.next()).json(401, status(401, "Unauthorized"))
    const again = await server.next()
    assert.strictEqual(again.headers.authorization, "Bearer new")
    again.json(401, status(401, "Unauthorized"))
    assert.strictEqual((await answer).status, 401)
    assert.deepEqual(asked, [false, true])
  })

  it("without credentials fails, and says why", async () => {
    const { kube } = await connect(() => Promise.reject(new Error("exec plugin: not logged in")))
    const error = await failure(kube.request({ method: "GET", path: "/x" }))
    assert.deepEqual([error.status, error.reason], [null, "Credentials"])
    assert.include(error.message, "not logged in")
  })

  it("of reading is sent again when the kept connection turns out to be dead; of writing never", async () => {
    for (const method of ["GET", "POST"] as const) {
      const { server, kube } = await connect()
      const first = Effect.runPromise(kube.request({ method: "GET", path: "/first" }))
      ;(await server.next()).json(200, {})
      await first
      const result = Effect.runPromise(Effect.result(kube.request({ method, path: "/second" })))
      ;(await server.next()).cut()
      if (method === "GET") (await server.next()).json(200, "again")
      const { _tag } = await result
      assert.strictEqual(_tag, method === "GET" ? "Success" : "Failure")
    }
  })
})

describe("lines", () => {
  it("are decoded as they come, in whatever pieces", async () => {
    const { server, kube } = await connect()
    const lines = Effect.runPromise(Stream.runCollect(kube.lines({ method: "GET", path: "/w" }, 5000)))
    const ask = await server.next()
    ask.open()
    const text = '{"a":"é"}\n\n{"b":2}\r\n{"c":[]}\n'
    for (const byte of Buffer.from(text)) ask.write(Buffer.of(byte))
    ask.end()
    assert.deepEqual(await lines, [{ a: "é" }, { b: 2 }, { c: [] }])
  })

  it("end in a failure when nothing comes, before the head and after it", async () => {
    const { server, kube } = await connect()
    for (const speak of [false, true]) {
      const result = failure(Stream.runDrain(kube.lines({ method: "GET", path: "/w" }, 1_000)))
      const ask = await server.next()
      if (speak) {
        ask.open()
        ask.write('{"a":1}\n')
      }
      assert.strictEqual((await result).reason, "Silent")
      await ask.left
    }
  })

  it("are not read faster than they are taken", async () => {
    const { server, kube } = await connect()
    let taken = 0
    const gate = Promise.withResolvers<void>()
    const reading = Effect.runPromise(
      Stream.runForEachArray(kube.lines({ method: "GET", path: "/w" }, 60_000), (lines) =>
        Effect.promise(async () => {
          taken += lines.length
          await gate.promise
        })
      )
    )
    const ask = await server.next()
    ask.open()
    const line = `${JSON.stringify({ filler: "x".repeat(100_000) })}\n`
    // What the sockets of both sides buffer is some megabytes; what is sent is more.
    for (let sent = 0; sent < 400; sent++) ask.write(line)
    ask.end()
    await new Promise((resolve) => setImmediate(resolve))
    while (taken === 0) await new Promise((resolve) => setImmediate(resolve))
    for (let turn = 0; turn < 2000; turn++) await new Promise((resolve) => setImmediate(resolve))
    assert.isAbove(ask.unsent(), 20_000_000)
    gate.resolve()
    await reading
    assert.strictEqual(taken, 400)
  })
})
