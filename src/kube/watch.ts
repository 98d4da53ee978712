// One list and watch of one collection, for ever: a paged list, then events from its resourceVersion on; whatever breaks is resumed where it stood, and
// listed anew only when the server no longer knows that place.
import { Clock, Effect, Random, Stream } from "effect"
import { Backoff, type BackoffTimings, defaultBackoff } from "./backoff.ts"
import { Kube } from "./client.ts"
import { failureOf, KubeError } from "./failure.ts"

export interface WatchTarget<A> {
  /** The collection in each version that would do, the best first: the first that is served is taken. */
  readonly paths: ReadonlyArray<string>
  /** `fieldSelector`, for a collection of one. */
  readonly query?: Readonly<Record<string, string>>
  /** PartialObjectMetadata instead of the objects. */
  readonly metadataOnly: boolean
  /** A kind of a CustomResourceDefinition: an edit of that ends the watch and may change every object, at the resourceVersion it had. */
  readonly custom: boolean
  /** At the door, one at a time: the JSON is not kept. null: nothing can be made of it. path: where it was read, one of `paths`. */
  readonly decode: (raw: unknown, path: string) => A | null
}

/** Called synchronously, in order. */
export interface WatchObserver<A> {
  /** The whole collection: what it lacks is gone. */
  readonly listed: (items: ReadonlyArray<A>) => void
  readonly set: (item: A) => void
  readonly gone: (item: A) => void
  /** A list, an event, a bookmark or the beginning of a watch: what we hold is what the server has. */
  readonly alive: () => void
  /** Absent: no version is served (404). Denied: 403. Broken: all else, tried again. Told at each failed try. */
  readonly failed: (why: "Absent" | "Denied" | "Broken", error: KubeError) => void
}

export interface WatchTimings {
  readonly backoff: BackoffTimings
  /** Milliseconds without a byte after which a stream is taken for dead; bookmarks come every minute, of a kind that nobody edits every two. */
  readonly silence: number
  /** Seconds after which the server is to end a watch: between these. */
  readonly timeout: readonly [number, number]
  /** Milliseconds between tries of what is absent or denied, at most: the first ones come sooner. */
  readonly probe: number
  readonly page: number
}

export const defaultWatchTimings: WatchTimings = {
  backoff: defaultBackoff,
  silence: 150_000,
  timeout: [300, 600],
  probe: 30_000,
  page: 500
}

type Fields = Readonly<Record<string, unknown>>

const fieldsOf = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {})

const versionOf = (object: unknown): string => {
  const version = fieldsOf(fieldsOf(object)["metadata"])["resourceVersion"]
  return typeof version === "string" ? version : ""
}

/** Go writes no items as null (a PartialObjectMetadataList of nothing); what is no list must not pass for an empty one. */
const itemsOf = (list: Fields): ReadonlyArray<unknown> | null => {
  const items = list["items"] ?? null
  if (Array.isArray(items)) return items
  return items === null && typeof list["kind"] === "string" && list["kind"].endsWith("List") ? [] : null
}

const partial = (kind: string): string => `application/json;as=${kind};g=meta.k8s.io;v=v1`

const isExpired = (error: KubeError): boolean => error.status === 410 || error.reason === "Expired" || error.reason === "Gone"

const broken = (path: string, reason: string, message: string): KubeError =>
  new KubeError({ status: null, reason, message: `${path}: ${message}`, retryAfter: null })

/** Whether a resourceVersion is older than another; versions that are no numbers cannot be compared, and are not. */
const older = (a: string, b: string): boolean => /^\d+$/.test(a) && /^\d+$/.test(b) && BigInt(a) < BigInt(b)

/** Milliseconds over which watches come back that waited for a server to be there again. */
const mostSpread = 500

/** Never fails, never ends. */
export const watchCollection = <A>(
  target: WatchTarget<A>,
  observer: WatchObserver<A>,
  timings: WatchTimings = defaultWatchTimings
): Effect.Effect<never, never, Kube> =>
  Effect.gen(function* () {
    const kube = yield* Kube
    const clock = yield* Clock.Clock
    const now = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
    const backoff = new Backoff(timings.backoff)
    let path = target.paths[0]!
    /** Where the watch goes on; null: a list is due. */
    let version: string | null = null
    /** At the last failure nobody answered. */
    let alone = false

    const listAccept = target.metadataOnly ? { accept: partial("PartialObjectMetadataList") } : {}
    const page = (limit: number | null, token: string, timeout: number) =>
      kube.request({
        method: "GET",
        path,
        query: { ...target.query, ...(limit === null ? {} : { limit: String(limit) }), ...(token === "" ? {} : { continue: token }) },
        ...listAccept,
        timeout
      })

    const pagesOf = (limit: number | null): Effect.Effect<{ readonly items: ReadonlyArray<A>; readonly version: string }, KubeError> =>
      Effect.gen(function* () {
        const items: Array<A> = []
        let token = ""
        for (;;) {
          const list = fieldsOf(yield* page(limit, token, 60_000))
          const found = itemsOf(list)
          if (found === null || versionOf(list) === "") return yield* broken(path, "Malformed", "the answer is not a list")
          for (const raw of found) {
            const item = target.decode(raw, path)
            if (item !== null) items.push(item)
          }
          const next = fieldsOf(list["metadata"])["continue"]
          if (typeof next !== "string" || next === "") return { items, version: versionOf(list) }
          token = next
        }
      })

    const listOnce = pagesOf(timings.page).pipe(
      // A list that takes so long that its beginning is forgotten is asked for in one piece.
      Effect.catchTag("KubeError", (error) => (isExpired(error) ? pagesOf(null) : Effect.fail(error)))
    )

    /** The versions in their order: which are served may have changed since. */
    const list = Effect.gen(function* () {
      for (const [at, candidate] of target.paths.entries()) {
        path = candidate
        const result = yield* Effect.result(listOnce)
        if (result._tag === "Success") {
          version = result.success.version
          observer.listed(result.success.items)
          observer.alive()
          return
        }
        if (result.failure.status !== 404 || at === target.paths.length - 1) return yield* result.failure
      }
    })

    /** A server that was restored from a backup counts from further back, and would say nothing until it has caught up with us. */
    const rewound = Effect.fnUntraced(function* (from: string) {
      return older(versionOf(yield* page(1, "", 10_000)), from)
    })

    const onEvent = (line: unknown): KubeError | null => {
      const { type, object } = fieldsOf(line)
      if (type === "ERROR") {
        const code = fieldsOf(object)["code"]
        return failureOf(path, typeof code === "number" ? code : 500, object)
      }
      const at = versionOf(object)
      if (at === "") return broken(path, "Malformed", "an event without an object")
      if (type === "ADDED" || type === "MODIFIED" || type === "DELETED") {
        const item = target.decode(object, path)
        if (item !== null) type === "DELETED" ? observer.gone(item) : observer.set(item)
      } else if (type !== "BOOKMARK") return broken(path, "Malformed", "an event of an unknown type")
      version = at
      observer.alive()
      return null
    }

    /** Ends as the server ends it: true when that was before its time. */
    const watchOnce = Effect.fnUntraced(function* (from: string) {
      const [least, most] = timings.timeout
      const seconds = yield* Random.nextIntBetween(least, most)
      const began = now()
      yield* kube
        .lines(
          {
            method: "GET",
            path,
            query: {
              ...target.query,
              watch: "1",
              allowWatchBookmarks: "true",
              resourceVersion: from,
              timeoutSeconds: String(seconds)
            },
            ...(target.metadataOnly ? { accept: partial("PartialObjectMetadata") } : {})
          },
          timings.silence,
          observer.alive
        )
        .pipe(
          Stream.runForEachArray((lines) => {
            for (const line of lines) {
              const error = onEvent(line)
              if (error !== null) return Effect.fail(error)
            }
            return Effect.void
          })
        )
      return now() - began < seconds * 1000 - 2000
    })

    /** A server that has just come back says for a moment that it may not, cannot or does not know, and ends watches: that is no long trouble. */
    const answered = (): void => {
      if (alone) backoff.forget()
      alone = false
    }

    const pauseFor = (chance: number, asked: number | null): number => backoff.next(now(), chance, asked, kube.settling())

    /** What to do about a failure: how long to stay away, having decided whether to list anew. */
    const recover = Effect.fnUntraced(function* (error: KubeError) {
      const chance = yield* Random.next
      if (error.status !== null) answered()
      alone = error.status === null
      if (error.status === 404 || error.status === 403) {
        version = null
        observer.failed(error.status === 404 ? "Absent" : "Denied", error)
        return Math.min(timings.probe * (0.75 + chance / 2), pauseFor(chance, error.retryAfter))
      }
      if (isExpired(error)) {
        version = null
        // After quiet times and after an outage at once: deletions wait to be noticed.
        const calm = backoff.calm(now())
        const pause = pauseFor(chance, error.retryAfter)
        return calm && error.retryAfter === null ? 0 : pause
      }
      const suspect = error.reason === "Silent" || /^Too large resource version/i.test(error.message)
      if (suspect && version !== null) {
        const back = yield* Effect.result(rewound(version))
        if (back._tag === "Success" && back.success) version = null
        // A collection that nobody edits is silent too: the server answers, so the watch is simply begun again.
        if (back._tag === "Success" && error.reason === "Silent") return 0
      }
      observer.failed("Broken", error)
      return pauseFor(chance, error.retryAfter)
    })

    const early = Effect.fnUntraced(function* () {
      answered()
      if (target.custom) version = null
      return pauseFor(yield* Random.next, null)
    })

    /** Where nobody answered, until somebody does; not all in one moment. */
    const rest = Effect.fnUntraced(function* (pause: number) {
      if (!alone) return yield* Effect.sleep(pause)
      const spread = mostSpread * (yield* Random.next)
      yield* Effect.timeoutOption(Effect.andThen(kube.back, Effect.sleep(spread)), pause)
    })

    while (true) {
      const pause = yield* (version === null ? Effect.as(list, false) : watchOnce(version)).pipe(
        Effect.flatMap((cut) => (cut ? early() : Effect.succeed(0))),
        Effect.catchTag("KubeError", recover)
      )
      if (pause > 0) yield* rest(pause)
    }
  })
