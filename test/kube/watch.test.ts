// What the watch loop does about each thing that an API server says or fails to say.
import { Effect, Exit, Scope } from "effect"
import { afterEach, assert, describe, it } from "vitest"
import { Kube, type KubeError } from "#src/kube/client.ts"
import { defaultWatchTimings, type WatchTarget, type WatchTimings, watchCollection } from "#src/kube/watch.ts"
import { type Ask, item, page, type Scripted, scripted, status } from "./scripted.ts"

type Told =
  | { readonly _tag: "Listed"; readonly names: ReadonlyArray<string> }
  | { readonly _tag: "Set" | "Gone"; readonly name: string }
  | { readonly _tag: "Failed"; readonly why: string; readonly error: KubeError }

const quick: WatchTimings = {
  ...defaultWatchTimings,
  backoff: { first: 20, most: 80, healthy: 60_000 },
  silence: 10_000,
  probe: 30
}

const path = "/apis/example.dev/v1/things"

const opened: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

interface Watched {
  readonly server: Scripted
  readonly told: ReadonlyArray<Told>
  /** The next thing told that nobody has taken. */
  readonly next: () => Promise<Told>
}

const watching = async (
  more: { readonly target?: Partial<WatchTarget<string>>; readonly timings?: Partial<WatchTimings> } = {}
): Promise<Watched> => {
  const server = await scripted()
  const told: Array<Told> = []
  const takers: Array<(told: Told) => void> = []
  let taken = 0
  const tell = (one: Told) => {
    told.push(one)
    const taker = takers.shift()
    if (taker === undefined) return
    taken++
    taker(one)
  }
  const scope = Scope.makeUnsafe()
  opened.push(server.close, () => Effect.runPromise(Scope.close(scope, Exit.void)))
  const loop = watchCollection<string>(
    {
      paths: [path],
      metadataOnly: false,
      custom: false,
      decode: (raw) => (raw as { readonly metadata: { readonly name: string } }).metadata.name,
      ...more.target
    },
    {
      listed: (names) => tell({ _tag: "Listed", names }),
      set: (name) => tell({ _tag: "Set", name }),
      gone: (name) => tell({ _tag: "Gone", name }),
      alive: () => {},
      failed: (why, error) => tell({ _tag: "Failed", why, error })
    },
    { ...quick, ...more.timings }
  )
  await Effect.runPromise(Effect.forkScoped(loop.pipe(Effect.provide(Kube.layerOf(server.access)))).pipe(Scope.provide(scope)))
  return {
    server,
    told,
    next: () =>
      taken < told.length
        ? Promise.resolve(told[taken++]!)
        : new Promise((resolve, reject) => {
            const late = setTimeout(() => reject(new Error(`nothing more was told than ${JSON.stringify(told)}`)), 10_000)
            takers.push((one) => {
              clearTimeout(late)
              resolve(one)
            })
          })
  }
}

const isWatch = (ask: Ask, version: string): void => {
  assert.strictEqual(ask.query["watch"], "1")
  assert.strictEqual(ask.query["resourceVersion"], version)
}

const isList = (ask: Ask): void => assert.isUndefined(ask.query["watch"])

/** A list of `a` at version 10, and the watch that follows it, opened. */
const begun = async (watched: Watched): Promise<Ask> => {
  const list = await watched.server.next()
  isList(list)
  list.json(200, page("10", [item("a", "7")]))
  assert.deepEqual(await watched.next(), { _tag: "Listed", names: ["a"] })
  const watch = await watched.server.next()
  isWatch(watch, "10")
  watch.open()
  return watch
}

describe("the list", () => {
  it("is taken in pages and told as one, then watched from its version on", async () => {
    const watched = await watching()
    const first = await watched.server.next()
    assert.deepEqual(first.query, { limit: "500" })
    assert.strictEqual(first.path, path)
    assert.strictEqual(first.headers.authorization, "Bearer own")
    first.json(200, page("10", [item("a", "1")], "next/page"))
    const second = await watched.server.next()
    assert.deepEqual(second.query, { limit: "500", continue: "next/page" })
    second.json(200, page("10", [item("b", "2")]))
    assert.deepEqual(await watched.next(), { _tag: "Listed", names: ["a", "b"] })
    const watch = await watched.server.next()
    isWatch(watch, "10")
    assert.strictEqual(watch.query["allowWatchBookmarks"], "true")
    assert.isAtLeast(Number(watch.query["timeoutSeconds"]), 300)
    assert.isAtMost(Number(watch.query["timeoutSeconds"]), 600)
  })

  it("whose beginning is forgotten half-way is asked for in one piece", async () => {
    const watched = await watching()
    ;(await watched.server.next()).json(200, page("10", [item("a", "1")], "token"))
    ;(await watched.server.next()).json(410, status(410, "Expired"))
    const whole = await watched.server.next()
    assert.deepEqual(whole.query, {})
    whole.json(200, page("12", [item("a", "1"), item("b", "11")]))
    assert.deepEqual(await watched.next(), { _tag: "Listed", names: ["a", "b"] })
    isWatch(await watched.server.next(), "12")
  })

  it("is asked for in the first version that is served", async () => {
    const watched = await watching({ target: { paths: ["/apis/example.dev/v1/things", "/apis/example.dev/v1beta1/things"] } })
    ;(await watched.server.next()).raw(404, "404 page not found")
    const second = await watched.server.next()
    assert.strictEqual(second.path, "/apis/example.dev/v1beta1/things")
    second.json(200, page("10", []))
    assert.deepEqual(await watched.next(), { _tag: "Listed", names: [] })
    assert.strictEqual((await watched.server.next()).path, "/apis/example.dev/v1beta1/things")
  })

  it("of a kind that is absent or denied is probed again until it is there", async () => {
    const watched = await watching()
    ;(await watched.server.next()).raw(404, "404 page not found")
    const absent = await watched.next()
    assert.strictEqual(absent._tag === "Failed" && absent.why, "Absent")
    ;(await watched.server.next()).json(403, status(403, "Forbidden", "things is forbidden"))
    const denied = await watched.next()
    assert.deepEqual(denied._tag === "Failed" && [denied.why, denied.error.message], ["Denied", "things is forbidden"])
    await begun(watched)
  })

  it("stays away as long as Retry-After says", async () => {
    const watched = await watching()
    const first = await watched.server.next()
    first.json(429, status(429, "TooManyRequests"), { "retry-after": "3" })
    const second = await watched.server.next()
    assert.isAtLeast(second.at - first.at, 3000)
    second.json(500, status(500, "InternalError"))
    const third = await watched.server.next()
    assert.isBelow(third.at - second.at, 3000)
    assert.deepEqual(
      watched.told.map((one) => one._tag === "Failed" && [one.why, one.error.status]),
      [
        ["Broken", 429],
        ["Broken", 500]
      ]
    )
  })

  it("that is no list is a failure, not an empty cluster", async () => {
    const watched = await watching()
    ;(await watched.server.next()).json(200, { kind: "Hello" })
    const told = await watched.next()
    assert.strictEqual(told._tag === "Failed" && told.error.reason, "Malformed")
    await begun(watched)
  })

  it("of nothing has no items at all", async () => {
    const watched = await watching({ target: { metadataOnly: true } })
    ;(await watched.server.next()).json(200, { kind: "PartialObjectMetadataList", metadata: { resourceVersion: "10" }, items: null })
    assert.deepEqual(await watched.next(), { _tag: "Listed", names: [] })
  })

  it("of metadata asks for nothing else", async () => {
    const watched = await watching({ target: { metadataOnly: true } })
    const list = await watched.server.next()
    assert.strictEqual(list.headers.accept, "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")
    list.json(200, page("10", [item("a", "7")]))
    assert.strictEqual((await watched.server.next()).headers.accept, "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
  })
})

describe("the watch", () => {
  it("tells events and goes on from the last of them when it is cut, in the middle of a line too", async () => {
    const watched = await watching()
    const watch = await begun(watched)
    watch.event("ADDED", item("b", "11"))
    watch.event("MODIFIED", item("a", "12"))
    watch.event("DELETED", item("b", "13"))
    watch.write('{"type":"ADDED","obj')
    for (const expected of [
      { _tag: "Set", name: "b" },
      { _tag: "Set", name: "a" },
      { _tag: "Gone", name: "b" }
    ])
      assert.deepEqual(await watched.next(), expected as Told)
    watch.cut()
    const told = await watched.next()
    assert.strictEqual(told._tag === "Failed" && told.why, "Broken")
    isWatch(await watched.server.next(), "13")
  })

  it("goes on from a bookmark", async () => {
    const watched = await watching()
    const watch = await begun(watched)
    watch.event("BOOKMARK", { metadata: { resourceVersion: "90" } })
    watch.event("ADDED", item("b", "91"))
    await watched.next()
    watch.event("BOOKMARK", { metadata: { resourceVersion: "95" } })
    watch.end()
    isWatch(await watched.server.next(), "95")
  })

  it("that has expired is followed by one list, and what was deleted meanwhile is missing in it", async () => {
    for (const expire of [
      (watch: Ask) => {
        watch.open()
        watch.event("ERROR", status(410, "Expired", "too old resource version: 10 (99)"))
      },
      (watch: Ask) => watch.json(410, status(410, "Gone"))
    ]) {
      const watched = await watching()
      ;(await watched.server.next()).json(200, page("10", [item("a", "7")]))
      await watched.next()
      expire(await watched.server.next())
      const list = await watched.server.next()
      isList(list)
      list.json(200, page("99", [item("b", "98")]))
      assert.deepEqual(await watched.next(), { _tag: "Listed", names: ["b"] })
      isWatch(await watched.server.next(), "99")
      assert.strictEqual(watched.told.length, 2)
    }
  })

  it("goes on where it stood after error events and malformed lines", async () => {
    const watched = await watching()
    let watch = await begun(watched)
    for (const say of [
      () => watch.event("ERROR", status(500, "InternalError", "etcdserver: request timed out")),
      () => watch.event("ERROR", status(429, "TooManyRequests")),
      () => watch.write("<html>\n"),
      () => watch.write('{"type":"ADDED"}\n'),
      () => watch.event("UNHEARD", item("a", "11"))
    ]) {
      say()
      const told = await watched.next()
      assert.strictEqual(told._tag === "Failed" && told.why, "Broken")
      await watch.left
      watch = await watched.server.next()
      isWatch(watch, "10")
      watch.open()
    }
  })

  it("that says nothing is left, and begun where it stood once the server has said where it stands", async () => {
    const watched = await watching({ timings: { silence: 1_000 } })
    const watch = await begun(watched)
    await watch.left
    const probe = await watched.server.next()
    assert.deepEqual(probe.query, { limit: "1" })
    probe.json(200, page("10", [item("a", "7")]))
    isWatch(await watched.server.next(), "10")
    assert.strictEqual(watched.told.length, 1)
  })

  it("on a server that counts from further back than we do is followed by a list", async () => {
    const watched = await watching({ timings: { silence: 1_000 } })
    await (await begun(watched)).left
    ;(await watched.server.next()).json(200, page("9", []))
    const list = await watched.server.next()
    assert.deepEqual(list.query, { limit: "500" })
    list.json(200, page("9", []))
    assert.deepEqual(await watched.next(), { _tag: "Listed", names: [] })
  })

  it("with a version that is too large for a server that lags is tried again, without a list", async () => {
    const watched = await watching()
    const watch = await begun(watched)
    watch.event("ERROR", { ...(status(504, "Timeout", "Too large resource version: 10, current: 8") as object) })
    ;(await watched.server.next()).json(200, page("11", []))
    isWatch(await watched.server.next(), "10")
  })

  it("of a CustomResourceDefinition's kind that ends early is followed by a list: its schema may have changed", async () => {
    const watched = await watching({ target: { custom: true } })
    ;(await begun(watched)).end()
    isList(await watched.server.next())
  })

  it("of a built-in kind that ends early goes on", async () => {
    const watched = await watching()
    ;(await begun(watched)).end()
    isWatch(await watched.server.next(), "10")
  })

  it("of a kind that is taken away, or of which the right is, is probed by lists", async () => {
    const watched = await watching()
    const watch = await begun(watched)
    watch.cut()
    await watched.next()
    ;(await watched.server.next()).json(403, status(403, "Forbidden"))
    const told = await watched.next()
    assert.strictEqual(told._tag === "Failed" && told.why, "Denied")
    isList(await watched.server.next())
  })
})
