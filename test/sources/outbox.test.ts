// Changes that wait for a slow fold: no more of them than there are objects, and their fold is that of all that was put (law 19).
import { Effect, Result, Stream } from "effect"
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { groupKind, objectKey } from "#schemas/meta.ts"
import { makeOutbox } from "#src/sources/outbox.ts"
import type { Change, Decoded } from "#src/state/change.ts"
import { same } from "#src/state/content.ts"
import { apply, type ClusterState, empty, objectsOf } from "#src/state/state.ts"

const kinds = ["Service", groupKind("example.dev", "Thing")]
const keyOf = (kind: string, name: number) => objectKey(kind, "shop", `n${name}`)

const objectOf = (kind: string, name: number, value: number): Decoded => ({
  meta: { key: keyOf(kind, name), uid: "", resourceVersion: "", generation: 1, created: "", labels: new Map(), annotations: new Map() },
  value: Result.succeed(value)
})

const kind = fc.constantFrom(...kinds)
const name = fc.integer({ min: 0, max: 3 })
const value = fc.integer({ min: 0, max: 9 })
const change: fc.Arbitrary<Change> = fc.oneof(
  fc
    .tuple(kind, fc.uniqueArray(name), value)
    .map(([of, names, said]): Change => ({ _tag: "Replaced", kind: of, objects: names.map((one) => objectOf(of, one, said)) })),
  fc.tuple(kind, name, value).map(([of, one, said]): Change => ({ _tag: "Upserted", object: objectOf(of, one, said) })),
  fc.tuple(kind, name).map(([of, one]): Change => ({ _tag: "Deleted", key: keyOf(of, one) })),
  fc.tuple(name, fc.option(value)).map(
    ([one, said]): Change => ({
      _tag: "Fetched",
      key: keyOf("Secret", one),
      object: said === null ? null : objectOf("Secret", one, said)
    })
  )
)

const fold = (changes: ReadonlyArray<Change>): ClusterState => changes.reduce(apply, empty)

const plain = (state: ClusterState): unknown => [
  kinds.map((of) => {
    const { sync, byKey } = objectsOf(state, of)
    return [sync, new Map([...byKey].map(([key, object]) => [key, Result.getOrThrow(object.value)]))]
  }),
  new Map([...state.fetched].map(([key, object]) => [key, object === null ? null : Result.getOrThrow(object.value)]))
]

const taken = (changes: ReadonlyArray<Change>): Promise<ReadonlyArray<Change>> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const outbox = yield* makeOutbox
      for (const one of changes) outbox.put(one)
      let got: ReadonlyArray<Change> = []
      yield* outbox.stream.pipe(
        Stream.chunks,
        Stream.take(1),
        Stream.runForEach((array) =>
          Effect.sync(() => {
            got = array
          })
        )
      )
      return got
    })
  )

describe("the outbox", () => {
  it("gives at once what folds to the same, however much was put", async () => {
    await fc.assert(
      // A kind is listed before anything else is said of it.
      fc.asyncProperty(fc.array(change), async (later) => {
        const changes = [...kinds.map((of): Change => ({ _tag: "Replaced", kind: of, objects: [] })), ...later]
        const got = await taken(changes)
        assert.isTrue(same(plain(fold(got)), plain(fold(changes))))
        // Of each kind a list and four objects, and four answers.
        assert.isAtMost(got.length, kinds.length * 5 + 4)
      })
    )
  })

  it("keeps one change of an object that is edited ten thousand times", async () => {
    const changes = Array.from({ length: 10_000 }, (_, said): Change => ({ _tag: "Upserted", object: objectOf("Service", 1, said) }))
    const got = await taken(changes)
    assert.deepEqual(got, [changes.at(-1)!])
  })

  it("does not let a removal of the kind take back a list that nobody has seen", async () => {
    const listed: Change = { _tag: "Replaced", kind: "Service", objects: [objectOf("Service", 1, 1)] }
    assert.deepEqual(await taken([listed, { _tag: "Unserved", kind: "Service" }]), [listed])
  })
})
