// What is fetched by name, against a scripted API server: a failure is no answer, and what was read is not read again without a reason.
import { Effect, Exit, Result, Scope } from "effect"
import { afterEach, assert, describe, it } from "vitest"
import { kindOf } from "#schemas/kinds.ts"
import { type ObjectKey, objectKey } from "#schemas/meta.ts"
import { Kube } from "#src/kube/client.ts"
import { makeNamed, type Named } from "#src/sources/named.ts"
import type { Change } from "#src/state/change.ts"
import { type Scripted, scripted, status } from "../kube/scripted.ts"
import { digestKey } from "./follow.ts"

const opened: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

const kind = kindOf("Secret")!
const key = objectKey("Secret", "shop", "tls")

interface Fetching {
  readonly server: Scripted
  readonly named: Named
  /** `Fetched 7`, `Fetched null`, `Denied shop`: the next that nobody has taken. */
  readonly next: () => Promise<string>
  readonly told: ReadonlyArray<string>
}

const said = (change: Change): string =>
  change._tag === "Fetched"
    ? change.object !== null && Result.isFailure(change.object.value)
      ? `Closed: ${change.object.value.failure[0]?.message}`
      : `Fetched ${change.object?.meta.resourceVersion ?? null}`
    : change._tag === "Denied"
      ? `Denied ${change.namespace}`
      : change._tag

const fetching = async (): Promise<Fetching> => {
  const server = await scripted()
  const scope = Scope.makeUnsafe()
  opened.push(server.close, () => Effect.runPromise(Scope.close(scope, Exit.void)))
  const told: Array<string> = []
  const takers: Array<(one: string) => void> = []
  let taken = 0
  const put = (change: Change) => {
    told.push(said(change))
    const taker = takers.shift()
    if (taker === undefined) return
    taken++
    taker(said(change))
  }
  const named = await Effect.runPromise(
    makeNamed({
      key: digestKey,
      namespaces: null,
      put,
      onFailure: () => {},
      onDenied: () => {},
      backoff: { first: 20, most: 50, healthy: 60_000 },
      probe: 30
    }).pipe(Effect.provide(Kube.layerOf(server.access)), Effect.provideService(Scope.Scope, scope))
  )
  return {
    server,
    named,
    told,
    next: () => (taken < told.length ? Promise.resolve(told[taken++]!) : new Promise((resolve) => takers.push(resolve)))
  }
}

const secret = (version: string) => ({ metadata: { name: "tls", namespace: "shop", resourceVersion: version }, data: { a: "YQ==" } })
const sighted = (version: string, of: ObjectKey = key) => ({ key: of, version })

/** Wanted, and read at version 7. */
const read = async (one: Fetching): Promise<void> => {
  one.named.want(new Set([key]))
  ;(await one.server.next()).json(200, secret("7"))
  assert.strictEqual(await one.next(), "Fetched 7")
}

describe("a Secret that is named", () => {
  it("is not taken for absent because the server is in trouble", async () => {
    const one = await fetching()
    one.named.want(new Set([key]))
    ;(await one.server.next()).json(500, status(500, "InternalError"))
    ;(await one.server.next()).cut()
    const third = await one.server.next()
    assert.strictEqual(third.path, "/api/v1/namespaces/shop/secrets/tls")
    third.json(200, secret("7"))
    assert.strictEqual(await one.next(), "Fetched 7")
    assert.deepEqual(one.told, ["Fetched 7"])
  })

  it("is read again for a newer sighting, and not for one that it covers", async () => {
    const one = await fetching()
    await read(one)
    one.named.set(sighted("6"))
    one.named.listed(kind, "", [sighted("7")])
    one.named.gone(sighted("5"))
    one.named.set(sighted("9", objectKey("Secret", "shop", "other")))
    one.named.set(sighted("8"))
    ;(await one.server.next()).json(200, secret("8"))
    assert.strictEqual(await one.next(), "Fetched 8")
    assert.deepEqual(one.server.waiting(), [])
    assert.deepEqual(one.told, ["Fetched 7", "Fetched 8"])
  })

  it("is read once more when it changes while it is read", async () => {
    const one = await fetching()
    one.named.want(new Set([key]))
    const first = await one.server.next()
    one.named.set(sighted("8"))
    first.json(200, secret("7"))
    assert.strictEqual(await one.next(), "Fetched 7")
    ;(await one.server.next()).json(200, secret("8"))
    assert.strictEqual(await one.next(), "Fetched 8")
  })

  it("is absent when it is deleted, or missing in a list", async () => {
    for (const lose of [(named: Named) => named.gone(sighted("9")), (named: Named) => named.listed(kind, "", [])]) {
      const one = await fetching()
      await read(one)
      lose(one.named)
      assert.strictEqual(await one.next(), "Fetched null")
    }
  })

  it("is absent in the end when it is deleted while it is read", async () => {
    const one = await fetching()
    await read(one)
    one.named.set(sighted("8"))
    const under = await one.server.next()
    one.named.gone(sighted("9"))
    under.json(200, secret("8"))
    ;(await one.server.next()).json(404, status(404, "NotFound"))
    assert.strictEqual(await one.next(), "Fetched 8")
    assert.strictEqual(await one.next(), "Fetched null")
    assert.strictEqual(one.told.length, 3)
  })

  const noRight = "Closed: Sluice has no right to get secrets in namespace shop (403): bind its role there (docs/security.md)"

  it("that may not be read is answered once, and read when it may be; what was read once is kept", async () => {
    const one = await fetching()
    one.named.want(new Set([key]))
    for (let times = 0; times < 2; times++) (await one.server.next()).json(403, status(403, "Forbidden"))
    ;(await one.server.next()).json(200, secret("7"))
    for (const expected of ["Denied shop", noRight, "Fetched 7"]) assert.strictEqual(await one.next(), expected)
    one.named.set(sighted("8"))
    ;(await one.server.next()).json(403, status(403, "Forbidden"))
    assert.strictEqual(await one.next(), "Denied shop")
    ;(await one.server.next()).json(200, secret("8"))
    assert.strictEqual(await one.next(), "Fetched 8")
    assert.strictEqual(one.told.length, 5)
  })

  it("that was absent and may not be read any more is not said to be absent; deleted, it is", async () => {
    const one = await fetching()
    one.named.want(new Set([key]))
    ;(await one.server.next()).json(404, status(404, "NotFound"))
    assert.strictEqual(await one.next(), "Fetched null")
    one.named.set(sighted("8"))
    const denied = await one.server.next()
    denied.json(403, status(403, "Forbidden"))
    for (const expected of ["Denied shop", noRight]) assert.strictEqual(await one.next(), expected)
    ;(await one.server.next()).json(404, status(404, "NotFound"))
    assert.strictEqual(await one.next(), "Fetched null")
  })

  it("is not asked for any more when nobody names it", async () => {
    const one = await fetching()
    one.named.want(new Set([key]))
    const ask = await one.server.next()
    one.named.want(new Set())
    await ask.left
    one.named.set(sighted("8"))
    one.named.blind(kind, "")
    assert.deepEqual(one.told, [])
    assert.deepEqual(one.server.waiting(), [])
  })

  it("is asked for by name when its metadata may not be watched", async () => {
    const one = await fetching()
    await read(one)
    one.named.blind(kind, "")
    ;(await one.server.next()).json(200, secret("8"))
    assert.strictEqual(await one.next(), "Fetched 8")
  })
})
