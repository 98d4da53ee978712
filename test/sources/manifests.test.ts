// The live source over real folders: it says what changed when it changed, whole readings at a time.
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue, Stream, SubscriptionRef } from "effect"
import type { ObjectKey } from "#schemas/meta.ts"
import { digestKey } from "#src/sources/digestkey.ts"
import { manifests } from "#src/sources/manifests.ts"
import type { Problem } from "#src/sources/problem.ts"
import { read } from "#src/sources/reading.ts"
import { makeWatching } from "#src/sources/watching.ts"
import type { Change } from "#src/state/change.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "sluice-manifests-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)
const service = (name: string, port = 80) =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, namespace: shop}\nspec: {ports: [{port: ${port}}]}\n`

const watched = (paths: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const problems = yield* SubscriptionRef.make<ReadonlyArray<Problem>>([])
    const interest = yield* SubscriptionRef.make<ReadonlySet<ObjectKey>>(new Set())
    const arrays = yield* Queue.unbounded<ReadonlyArray<Change>>()
    yield* manifests({ paths, stdin: null, key: new Uint8Array(32), problems })(SubscriptionRef.changes(interest)).pipe(
      Stream.runForEachArray((changes) => Queue.offer(arrays, changes)),
      Effect.forkScoped
    )
    const next = Queue.take(arrays).pipe(Effect.timeout("10 seconds"))
    return { problems, interest, next }
  })

const names = (changes: ReadonlyArray<Change>, kind: string): ReadonlyArray<string> | null => {
  const found = changes.find((change) => change._tag === "Replaced" && change.kind === kind)
  return found?._tag === "Replaced" ? found.objects.map((object) => `${object.meta.key}@${object.meta.generation}`) : null
}

describe("manifests", () => {
  it.live("say every kind at first, then only what an edit changed, in one array", () =>
    Effect.gen(function* () {
      const path = yield* folder
      writeFileSync(join(path, "a.yaml"), service("cart"))
      const { next } = yield* watched([path])
      const first = yield* next
      assert.isAbove(first.length, 10)
      assert.deepEqual(names(first, "Service"), ["Service/shop/cart@1"])
      writeFileSync(join(path, "a.yaml"), service("cart", 81))
      writeFileSync(join(path, "b.yaml"), "apiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n")
      const second = yield* next
      assert.deepEqual(names(second, "Service"), ["Service/shop/cart@2"])
      assert.deepEqual(names(second, "Namespace"), ["Namespace//other@1", "Namespace//shop@1"])
      assert.lengthOf(second, 2)
    })
  )

  it.live("notice an editor's rename, a new folder and a swap of links as a ConfigMap volume does", () =>
    Effect.gen(function* () {
      const path = yield* folder
      mkdirSync(join(path, "..v1"))
      writeFileSync(join(path, "..v1", "a.yaml"), service("cart", 1))
      symlinkSync("..v1", join(path, "..data"))
      symlinkSync("..data/a.yaml", join(path, "a.yaml"))
      const { next } = yield* watched([path])
      assert.deepEqual(names(yield* next, "Service"), ["Service/shop/cart@1"])
      mkdirSync(join(path, "..v2"))
      writeFileSync(join(path, "..v2", "a.yaml"), service("cart", 2))
      symlinkSync("..v2", join(path, "..data_tmp"))
      renameSync(join(path, "..data_tmp"), join(path, "..data"))
      assert.deepEqual(names(yield* next, "Service"), ["Service/shop/cart@2"])
      mkdirSync(join(path, "sub"))
      writeFileSync(join(path, "sub", "b.yaml"), service("pay"))
      assert.deepEqual(names(yield* next, "Service"), ["Service/shop/cart@2", "Service/shop/pay@1"])
      writeFileSync(join(path, "sub", ".b.swp"), service("pay", 7))
      renameSync(join(path, "sub", ".b.swp"), join(path, "sub", "b.yaml"))
      assert.deepEqual(names(yield* next, "Service"), ["Service/shop/cart@2", "Service/shop/pay@2"])
    })
  )

  it.live("go on noticing edits in a folder that was removed and made again", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const sub = join(path, "sub")
      mkdirSync(sub)
      writeFileSync(join(sub, "a.yaml"), service("cart", 1))
      const { next } = yield* watched([path])
      yield* next
      rmSync(sub, { recursive: true })
      mkdirSync(sub)
      writeFileSync(join(sub, "a.yaml"), service("cart", 2))
      assert.deepEqual(names(yield* next, "Service"), ["Service/shop/cart@2"])
      // Events of the removal may still be on their way at first: an edit later than all of them is seen by the new watch alone.
      for (let edit = 3; edit <= 5; edit++) {
        writeFileSync(join(sub, "a.yaml"), service("cart", edit))
        assert.deepEqual(names(yield* next, "Service"), [`Service/shop/cart@${edit}`])
      }
    })
  )

  it.live("tell problems beside the stream, and keep what a deleted operand said", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const file = join(path, "a.yaml")
      writeFileSync(file, service("cart"))
      const { next, problems } = yield* watched([file])
      yield* next
      assert.deepEqual(SubscriptionRef.getUnsafe(problems), [])
      rmSync(file)
      const told = yield* SubscriptionRef.changes(problems).pipe(
        Stream.filter((list) => list.length > 0),
        Stream.runHead,
        Effect.timeout("10 seconds")
      )
      assert.isTrue(told._tag === "Some" && told.value.some((problem) => problem.file === file && /no such file/.test(problem.message)))
      writeFileSync(file, service("cart", 9))
      assert.deepEqual(names(yield* next, "Service"), ["Service/shop/cart@2"])
      assert.deepEqual(SubscriptionRef.getUnsafe(problems), [])
    })
  )

  it.live("answer again what was let go and is named again, though the set between was never seen", () =>
    Effect.gen(function* () {
      const path = yield* folder
      writeFileSync(join(path, "s.yaml"), "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: one}\n")
      const { next, interest } = yield* watched([path])
      yield* next
      // As the pipeline's buffer shows it: named, let go and named again comes as the same set twice.
      for (let times = 0; times < 2; times++) {
        yield* SubscriptionRef.set(interest, new Set<ObjectKey>(["Secret/default/s"]))
        const answer = yield* next
        assert.deepEqual(
          answer.map((change) => (change._tag === "Fetched" ? change.key : change._tag)),
          ["Secret/default/s"]
        )
      }
    })
  )

  it.live("answer interest at once, and again when the object changes", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const secret = (value: string) => `apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: ${value}}\n`
      writeFileSync(join(path, "s.yaml"), secret("one"))
      const { next, interest } = yield* watched([path])
      assert.isFalse((yield* next).some((change) => change._tag === "Fetched"))
      yield* SubscriptionRef.set(interest, new Set<ObjectKey>(["Secret/default/s", "ConfigMap/default/none"]))
      const answer = yield* next
      assert.deepEqual(
        answer.map((change) => (change._tag === "Fetched" ? [change.key, change.object?.meta.generation ?? null] : change._tag)),
        [
          ["Secret/default/s", 1],
          ["ConfigMap/default/none", null]
        ]
      )
      writeFileSync(join(path, "s.yaml"), secret("two"))
      const again = yield* next
      assert.deepEqual(
        again.map((change) => (change._tag === "Fetched" ? [change.key, change.object?.meta.generation ?? null] : change._tag)),
        [["Secret/default/s", 2]]
      )
    })
  )
})

describe("watching", () => {
  it.live("polls what cannot be watched, and nothing else", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const calls = yield* Queue.unbounded<void>()
      const watching = yield* Effect.acquireRelease(
        Effect.sync(() => makeWatching(() => Queue.offerUnsafe(calls, undefined), 5, 50, 10)),
        (one) => Effect.sync(one.close)
      )
      assert.isTrue(watching.set(new Map([[join(path, "absent"), "absent"]])))
      for (let poll = 0; poll < 3; poll++) yield* Queue.take(calls).pipe(Effect.timeout("5 seconds"))
      assert.isFalse(watching.set(new Map([[join(path, "absent"), "absent"]])), "it is not new")
      watching.set(new Map([[path, "present"]]))
      yield* Queue.clear(calls)
      assert.strictEqual((yield* Queue.take(calls).pipe(Effect.timeoutOption("100 millis")))._tag, "None")
      writeFileSync(join(path, "a.yaml"), "")
      yield* Queue.take(calls).pipe(Effect.timeout("5 seconds"))
    })
  )
})

describe("a reading", () => {
  it.live("is sorted, skips hidden names and other files, follows links but enters no folder twice", () =>
    Effect.gen(function* () {
      const path = yield* folder
      for (const name of ["b.yml", "a.yaml", "c.json", "notes.txt", ".hidden.yaml"]) writeFileSync(join(path, name), "")
      mkdirSync(join(path, "d"))
      symlinkSync("..", join(path, "d", "loop"))
      symlinkSync("../a.yaml", join(path, "d", "again.yaml"))
      writeFileSync(join(path, "d", "e.yaml"), "")
      const { files, faults } = yield* Effect.promise(() => read([path, join(path, "a.yaml")], null))
      assert.deepEqual(
        [...files.keys()].map((file) => file.slice(path.length + 1)),
        ["a.yaml", "b.yml", "c.json", "d/e.yaml"]
      )
      assert.deepEqual(faults, [])
    })
  )

  it.live("names what it could not read", () =>
    Effect.gen(function* () {
      const path = yield* folder
      symlinkSync("x.yaml", join(path, "x.yaml"))
      const { faults } = yield* Effect.promise(() => read([path, join(path, "none")], null))
      assert.deepEqual(
        faults.map((fault) => [fault.path.slice(path.length + 1), fault.missing]),
        [
          ["x.yaml", false],
          ["none", true]
        ]
      )
    })
  )
})

describe("the digest key", () => {
  it.live("is made once, for its owner alone, by however many start together", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const state = join(path, "state")
      const keys = yield* Effect.forEach([1, 2, 3, 4], () => digestKey(state), { concurrency: "unbounded" })
      for (const key of keys) assert.deepEqual(Buffer.from(key), Buffer.from(keys[0]!))
      assert.strictEqual(keys[0]!.length, 32)
      assert.strictEqual(statSync(join(state, "digest.key")).mode & 0o777, 0o600)
      chmodSync(join(state, "digest.key"), 0o644)
      assert.deepEqual(Buffer.from(yield* digestKey(state)), Buffer.from(keys[0]!))
      assert.strictEqual(statSync(join(state, "digest.key")).mode & 0o777, 0o600)
      writeFileSync(join(state, "digest.key"), "short")
      const error = yield* Effect.flip(digestKey(state))
      assert.match(error.message, /--state-folder/)
    })
  )
})
