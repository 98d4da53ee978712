// Events (events.k8s.io/v1): a transition told once, its repetitions counted in the same object. Apart from apply: an Event is never worth a failure.
import { randomBytes } from "node:crypto"
import { Clock, Effect } from "effect"
import type { Kube } from "./client.ts"
import type { KubeError } from "./failure.ts"
import { kubePath } from "./path.ts"

/** What an Event is about. */
export interface Regarding {
  readonly apiVersion: string
  readonly kind: string
  /** "" for a cluster-scoped object: its Events live in `default`. */
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly resourceVersion?: string
}

export interface EventSaid {
  readonly regarding: Regarding
  readonly type: "Normal" | "Warning"
  /** UpperCamelCase, at most 128 characters: `ResolutionFailed`. */
  readonly reason: string
  /** What was done or found out: `Resolve`, `Provision`. */
  readonly action: string
  /** For people; cut at 1,024 bytes. */
  readonly note: string
}

export interface EventOptions {
  /** `sluice.dev/gateway-controller`. */
  readonly controller: string
  /** The pod, at most 128 characters. */
  readonly instance: string
  /** Series that are remembered; beyond it the oldest begin anew (law 19). */
  readonly remembered?: number
}

export interface Events {
  /**
   * Tells it: a new Event, or, within six minutes of the same having been said of the same object, one more in that Event's series. A failure is the caller's to
   * count, nothing is repeated.
   */
  readonly say: (said: EventSaid) => Effect.Effect<void, KubeError>
}

/** A series is over when nothing was added for so long (as client-go has it). */
const seriesAge = 6 * 60_000

const longestNote = 1024

interface Series {
  readonly name: string
  count: number
  last: number
}

const collection = (namespace: string, name?: string) =>
  kubePath({
    group: "events.k8s.io",
    version: "v1",
    plural: "events",
    namespace: namespace === "" ? "default" : namespace,
    ...(name === undefined ? {} : { name })
  })

const micros = (millis: number): string => new Date(millis).toISOString().replace("Z", "000Z")

/** Whole characters only: a cut inside one would be refused by the API server. */
const cut = (note: string): string => {
  if (Buffer.byteLength(note) <= longestNote) return note
  const kept = Buffer.from(note).subarray(0, longestNote - 3)
  return `${new TextDecoder().decode(kept).replace(/\uFFFD+$/u, "")}…`
}

export const makeEvents = (kube: Kube["Service"], options: EventOptions): Events => {
  const known = new Map<string, Series>()
  const bound = options.remembered ?? 4096

  const begin = Effect.fnUntraced(function* (key: string, said: EventSaid, now: number) {
    const { regarding, type, reason, action, note } = said
    // As kubectl expects: the object's name and a suffix; names are at most 253 characters.
    const name = `${regarding.name.slice(0, 230)}.${randomBytes(8).toString("hex")}`
    const namespace = regarding.namespace === "" ? "default" : regarding.namespace
    yield* kube.request({
      method: "POST",
      path: collection(namespace),
      body: {
        apiVersion: "events.k8s.io/v1",
        kind: "Event",
        metadata: { name, namespace },
        eventTime: micros(now),
        reportingController: options.controller,
        reportingInstance: options.instance.slice(0, 128),
        action,
        reason,
        type,
        note: cut(note),
        regarding
      }
    })
    known.delete(key)
    known.set(key, { name, count: 1, last: now })
    for (const oldest of known.keys()) {
      if (known.size <= bound) break
      known.delete(oldest)
    }
  })

  return {
    say: Effect.fnUntraced(function* (said) {
      const { regarding, type, reason, action, note } = said
      const key = [regarding.uid, regarding.kind, regarding.namespace, regarding.name, type, reason, action, note].join("\u0000")
      const now = yield* Clock.currentTimeMillis
      const series = known.get(key)
      if (series === undefined || now - series.last > seriesAge) return yield* begin(key, said, now)
      // Counted before it is written: two that are said at once are two.
      series.count += 1
      series.last = now
      yield* kube
        .request({
          method: "PATCH",
          path: collection(regarding.namespace, series.name),
          contentType: "application/merge-patch+json",
          body: { series: { count: series.count, lastObservedTime: micros(now) } }
        })
        .pipe(
          // The API server forgets Events after an hour, whatever their series.
          Effect.catchTag("KubeError", (error) => (error.status === 404 ? begin(key, said, now) : Effect.fail(error)))
        )
    })
  }
}
