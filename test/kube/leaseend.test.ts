// A lease whose holder goes in the middle of a renewal is given back as well: the next leader does not wait for it to run out.
import { Effect, Exit, Scope } from "effect"
import { assert, it } from "vitest"
import { Kube } from "#src/kube/client.ts"
import { makeLeadership } from "#src/kube/lease.ts"
import { scripted, status } from "./scripted.ts"

interface Written {
  readonly metadata: { readonly resourceVersion?: string }
  readonly spec: { readonly holderIdentity: string }
}

it("is given back though a renewal that was under way has changed it", async () => {
  const server = await scripted()
  const scope = Scope.makeUnsafe()
  try {
    const leading = Effect.runPromise(
      makeLeadership({ namespace: "system", name: "sluice", identity: "a", duration: 20_000, renewDeadline: 15_000, retry: 10 }).pipe(
        Effect.provide(Kube.layerOf(server.access, "sluice/1.2.3")),
        Effect.provideService(Scope.Scope, scope)
      )
    )
    ;(await server.next()).json(404, status(404, "NotFound"))
    const taken = await server.next()
    const { spec } = taken.body as Written
    const lease = (resourceVersion: string) => ({ metadata: { name: "sluice", namespace: "system", resourceVersion }, spec })
    taken.json(201, lease("1"))
    const renewal = await server.next()
    assert.strictEqual(renewal.method, "PUT")
    const closed = leading.then(() => Effect.runPromise(Scope.close(scope, Exit.void)))
    // Written, and its answer never read.
    await renewal.left
    const early = await server.next()
    assert.strictEqual((early.body as Written).metadata.resourceVersion, "1")
    early.json(409, status(409, "Conflict"))
    ;(await server.next()).json(200, lease("2"))
    const last = await server.next()
    assert.deepInclude(last.body as Written, { metadata: lease("2").metadata })
    assert.strictEqual((last.body as Written).spec.holderIdentity, "")
    last.json(200, lease("3"))
    await closed
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    await server.close()
  }
})
