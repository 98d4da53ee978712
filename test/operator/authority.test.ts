// The authority of the link: made once by whoever comes first, kept over restarts, rotated so that nobody is ever trusted too late or too early.
import { X509Certificate } from "node:crypto"
import { Clock, Effect, Exit, Fiber, Layer, Logger, Scope, Stream } from "effect"
import * as Context from "effect/Context"
import { assert, describe, it } from "vitest"
import { findAccess } from "#src/kube/access.ts"
import { Kube } from "#src/kube/client.ts"
import { type Authority, makeAuthority, secretNames } from "#src/operator/authority.ts"
import { issueServer } from "#src/operator/certificate.ts"
import { bundleOf, firstKeyring, type Keyring, times, turned } from "#src/operator/keyring.ts"
import type { Access } from "../cluster/access.ts"
import { onControlPlane } from "../cluster/shared.ts"

const day = 86_400_000

describe("the keyring of the link", () => {
  it("makes the next authority long before the end, lets it sign when all know it, and forgets the old one after that", () => {
    const start = Date.parse("2026-01-01T00:00:00Z")
    let ring: Keyring = firstKeyring(start)
    const first = ring.current
    assert.strictEqual(turned(ring, start + 274 * day), ring)

    const published = start + 276 * day
    ring = turned(ring, published)
    assert.strictEqual(ring.current, first)
    assert.isNotNull(ring.next)
    assert.strictEqual(bundleOf(ring), first.certificate + ring.next!.certificate)
    // Not before every proxy's volume had time to show it.
    assert.strictEqual(turned(ring, published + times.overlap - 60_000), ring)

    const signing = published + times.overlap + 60_000
    const second = ring.next!
    ring = turned(ring, signing)
    assert.deepEqual(ring, { current: second, next: null, previous: first.certificate })
    assert.strictEqual(turned(ring, signing + times.overlap - 3_600_000), ring)
    ring = turned(ring, signing + times.overlap + 60_000)
    assert.deepEqual(ring, { current: second, next: null, previous: null })
    assert.strictEqual(turned(ring, signing + 30 * day), ring)
  })

  it("leaves no moment in which a certificate that is served is not trusted by a proxy that lags by a day", () => {
    let ring: Keyring = firstKeyring(0)
    const bundles: Array<readonly [at: number, bundle: string]> = [[0, bundleOf(ring)]]
    for (let now = 0; now < 800 * day; now += day) {
      for (let next = turned(ring, now); next !== ring; next = turned(ring, now)) {
        ring = next
        bundles.push([now, bundleOf(ring)])
      }
      const lagging = bundles.findLast(([at]) => at <= Math.max(0, now - day))![1]
      assert.include(lagging, ring.current.certificate, `day ${now / day}`)
    }
    assert.isAbove(bundles.length, 5)
  })

  it("that lay still for longer than its authority lives begins anew", () => {
    const ring = turned(firstKeyring(0), 400 * day)
    assert.strictEqual(turned(ring, 400 * day), ring)
    assert.isAbove(Date.parse(new X509Certificate(ring.current.certificate).validTo), 700 * day)
  })
})

await onControlPlane("the authority", (plane: Access) => {
  const names = ["sluice-operator.sluice-system.svc", "127.0.0.1"]

  const operator = async (namespace: string, every = 600_000) => {
    const scope = Scope.makeUnsafe()
    const access = await Effect.runPromise(findAccess({ kubeconfig: plane.kubeconfig }).pipe(Scope.provide(scope)) as Effect.Effect<never>)
    const kube = Context.get(await Effect.runPromise(Layer.build(Kube.layerOf(access)).pipe(Scope.provide(scope))), Kube)
    const authority: Promise<Authority> = Effect.runPromise(makeAuthority({ kube, namespace, names, every }).pipe(Scope.provide(scope)))
    return { authority, [Symbol.asyncDispose]: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
  }
  const until = async (condition: () => boolean) => {
    const deadline = performance.now() + 10_000
    while (!condition()) {
      if (performance.now() > deadline) throw new Error(`never true: ${condition}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  const path = (namespace: string, name: string) => `/api/v1/namespaces/${namespace}/secrets/${name}`

  it("is made once: of five operators that start together, all come to the same, and so does the next", async () => {
    const namespace = await plane.namespace("authority")
    const together = await Promise.all(Array.from({ length: 5 }, () => operator(namespace)))
    const made = await Promise.all(together.map(({ authority }) => authority))
    await using later = await operator(namespace)
    const last = await later.authority
    for (const one of made) {
      assert.strictEqual(one.bundle(), last.bundle())
      assert.deepEqual(one.digestKey, last.digestKey)
    }
    assert.strictEqual(last.digestKey.length, 32)
    // Each pod has a certificate of its own, under the one authority.
    assert.strictEqual(new Set(made.map((one) => one.identity().chain)).size, 5)
    for (const one of made) assert.isTrue(new X509Certificate(one.identity().chain).verify(new X509Certificate(last.bundle()).publicKey))
    await Promise.all(together.map((one) => one[Symbol.asyncDispose]()))
  })

  it("that was rotated by another pod is taken over: the bundle first, then the certificate that it signs", async () => {
    const namespace = await plane.namespace("authority")
    await using one = await operator(namespace, 20)
    const authority = await one.authority
    const running = Effect.runFork(authority.run)
    const bundles: Array<string> = []
    const chains: Array<string> = []
    const following = Effect.runFork(
      Effect.all(
        [
          Stream.runForEach(authority.bundles, (bundle) => Effect.sync(() => bundles.push(bundle))),
          Stream.runForEach(authority.identities, ({ chain }) => Effect.sync(() => chains.push(chain)))
        ],
        { concurrency: "unbounded" }
      )
    )
    await until(() => bundles.length === 1 && chains.length === 1)
    const old = authority.bundle()
    const next = firstKeyring(Date.now()).current
    const data = (entries: Readonly<Record<string, string>>) =>
      plane.request("PATCH", path(namespace, secretNames.authority), {
        body: { data: Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, Buffer.from(value).toString("base64")])) }
      })
    await data({ "next.crt": next.certificate, "next.key": next.key })
    await until(() => bundles.length === 2)
    assert.strictEqual(authority.bundle(), old + next.certificate)
    assert.strictEqual(chains.length, 1)
    await data({ "ca.crt": next.certificate, "ca.key": next.key, "previous.crt": old })
    await until(() => chains.length === 2)
    assert.isTrue(new X509Certificate(authority.identity().chain).verify(new X509Certificate(next.certificate).publicKey))
    assert.include(authority.bundle(), old)

    // What somebody writes over it is told and changes nothing: what is held goes on being good.
    const held = authority.bundle()
    const leaf = issueServer(next, names, { from: new Date(), until: new Date(Date.now() + day) })
    // For several looks.
    for (const bad of [{ "ca.crt": "nonsense" }, { "ca.crt": leaf.certificate }, { "ca.crt": leaf.certificate, "ca.key": leaf.key }])
      for (let times = 0; times < 8; times++) await data({ ...bad, again: String(times) })
    await data({ "ca.crt": next.certificate, "ca.key": next.key, "previous.crt": "" })
    await until(() => !authority.bundle().includes(old))
    assert.deepEqual(bundles.slice(-2), [held, authority.bundle()])
    await Effect.runPromise(Fiber.interrupt(running))
    await Effect.runPromise(Fiber.interrupt(following))
  })

  it("comes back as it was, with the digest key, when its Secrets are deleted while an operator runs", async () => {
    const namespace = await plane.namespace("authority")
    await using one = await operator(namespace, 20)
    await using two = await operator(namespace, 20)
    const [first, second] = [await one.authority, await two.authority]
    const running = [first, second].map((authority) => Effect.runFork(authority.run))
    const before = await Promise.all(Object.values(secretNames).map((name) => plane.request("GET", path(namespace, name))))
    for (const { body } of before) {
      await plane.request("DELETE", path(namespace, body.metadata.name))
      await plane.eventually(
        path(namespace, body.metadata.name),
        (now) => now.status === 200 && now.body.metadata.uid !== body.metadata.uid
      )
      const back = await plane.request("GET", path(namespace, body.metadata.name))
      assert.deepEqual(back.body.data, body.data)
    }
    assert.strictEqual(first.bundle(), second.bundle())
    await using late = await operator(namespace)
    assert.strictEqual((await late.authority).bundle(), first.bundle())
    assert.deepEqual((await late.authority).digestKey, first.digestKey)
    for (const fiber of running) await Effect.runPromise(Fiber.interrupt(fiber))
  })

  it("says what to do about a digest key that is another one by now, once, and digests on with its own", async () => {
    const namespace = await plane.namespace("authority")
    await using one = await operator(namespace, 20)
    const authority = await one.authority
    const own = Buffer.from(authority.digestKey)
    const told: Array<string> = []
    const journal = Logger.layer([Logger.make(({ message }) => told.push(String(message)))])
    const running = Effect.runFork(authority.run.pipe(Effect.provide(journal)))
    const write = (key: string) => plane.request("PATCH", path(namespace, secretNames.digestKey), { body: { data: { key } } })
    await write(Buffer.alloc(32, 7).toString("base64"))
    await until(() => told.length > 0)
    assert.match(told[0]!, /another key .* Restart all: kubectl -n authority\S* rollout restart deployment\/sluice-operator/)
    assert.notInclude(told[0]!, Buffer.alloc(32, 7).toString("base64"))
    // For several looks.
    for (let times = 0; times < 8; times++) await write(Buffer.alloc(32, 7).toString("base64"))
    assert.strictEqual(told.length, 1)
    await write(Buffer.from("short").toString("base64"))
    await until(() => told.length > 1)
    assert.match(told[1]!, /5 bytes instead of 32/)
    await write(own.toString("base64"))
    await write(Buffer.from("short").toString("base64"))
    assert.deepEqual(Buffer.from(authority.digestKey), own)
    await Effect.runPromise(Fiber.interrupt(running))
    assert.isAtMost(told.length, 3)
  })

  it("renews its certificate though its Secret has become unreadable", async () => {
    const namespace = await plane.namespace("authority")
    await using one = await operator(namespace, 20)
    const authority = await one.authority
    const clock = await Effect.runPromise(Clock.Clock)
    let ahead = 0
    const later: Clock.Clock = Object.assign(Object.create(clock) as Clock.Clock, {
      currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + ahead,
      currentTimeMillis: Effect.sync(() => clock.currentTimeMillisUnsafe() + ahead)
    })
    const chains: Array<string> = []
    const running = Effect.runFork(authority.run.pipe(Effect.provideService(Clock.Clock, later)))
    const following = Effect.runFork(Stream.runForEach(authority.identities, ({ chain }) => Effect.sync(() => chains.push(chain))))
    await plane.request("PATCH", path(namespace, secretNames.authority), { body: { data: { "ca.crt": "bm9uc2Vuc2U=" } } })
    ahead = times.leaf / 2
    await until(() => chains.length === 2)
    assert.isTrue(new X509Certificate(chains[1]!).verify(new X509Certificate(authority.bundle()).publicKey))
    assert.isAbove(Date.parse(new X509Certificate(chains[1]!).validTo), Date.parse(new X509Certificate(chains[0]!).validTo))
    await Effect.runPromise(Fiber.interrupt(running))
    await Effect.runPromise(Fiber.interrupt(following))
  })

  it("waits for Secrets that it can read, and goes on when they are there", async () => {
    const namespace = await plane.namespace("authority")
    await plane.request("POST", `/api/v1/namespaces/${namespace}/secrets`, {
      body: { metadata: { name: secretNames.digestKey }, data: { key: Buffer.from("short").toString("base64") } }
    })
    await using one = await operator(namespace)
    const first = await Promise.race([
      one.authority.then(() => "ready"),
      plane.eventually(path(namespace, secretNames.digestKey), () => true).then(() => "waits")
    ])
    assert.strictEqual(first, "waits")
    await plane.request("DELETE", path(namespace, secretNames.digestKey))
    assert.strictEqual((await one.authority).digestKey.length, 32)
    const stored = await plane.request("GET", path(namespace, secretNames.authority))
    assert.deepEqual(Object.keys(stored.body.data).sort(), ["ca.crt", "ca.key"])
  })
})
