// Desired statuses written to the API server: by the leader alone, compared with what the watch shows, one write an object with all our conditions in it.
import { createHash } from "node:crypto"
import { Clock, Effect, Option, Queue, Stream } from "effect"
import { kindOf } from "#schemas/kinds.ts"
import { describeKey, type ObjectKey, parseKey } from "#schemas/meta.ts"
import { fieldManager, type ObjectPlace, patchStatus, type Stored } from "../kube/apply.ts"
import type { Kube } from "../kube/client.ts"
import type { KubeError } from "../kube/failure.ts"
import type { Leadership } from "../kube/lease.ts"
import type { Verdict } from "../status/verdict.ts"
import { type Agenda, makeAgenda, pace } from "./agenda.ts"
import type { Observation, Observed } from "./observed.ts"
import { type Beside, desiredStatus, leftOver, type XBackendShape } from "./status/desired.ts"
import { type Fields, field, isFields, listAt, stringAt } from "./status/json.ts"
import { type StatusPatch, statusPatch } from "./status/patch.ts"

export interface StatusesOptions {
  readonly kube: Kube["Service"]
  /** Asked before each write. */
  readonly leading: Pick<Leadership, "isLeader" | "changes">
  readonly observed: Observed
  /** GatewayClass.spec.controllerName: whose entries of shared lists are ours. */
  readonly controller: string
  readonly xbackend: () => XBackendShape
  /** What is known of an object beside its verdict, as it is now. */
  readonly beside: (key: ObjectKey, verdict: Verdict | null, now: number) => Beside
  /** After each write: `ok`, `conflict`, `gone`, `refused`, `denied`, `failed`. */
  readonly onWrite?: (kind: string, result: WriteResult) => void
  readonly onProblem?: (message: string) => void
  /** After a write that went well: what stood, and what was written over it. */
  readonly onWritten?: (written: Written) => void
}

export interface Written {
  readonly key: ObjectKey
  readonly apiVersion: string
  readonly uid: string
  /** The status that stood. */
  readonly before: unknown
  /** The fields that are ours, as they are now. */
  readonly after: Fields
}

export type WriteResult = "ok" | "conflict" | "gone" | "refused" | "denied" | "failed"

export interface StatusWriter {
  /** All desired statuses, whenever one of them has changed. */
  readonly desire: (verdicts: ReadonlyMap<ObjectKey, Verdict>) => void
  /** What stands beside its verdict may have changed. */
  readonly touch: (key: ObjectKey) => void
  /** Objects that are waiting to be looked at (law 19: at most the number of objects). */
  readonly waiting: () => number
  /** Of these, objects whose time has come. */
  readonly overdue: () => number
  readonly run: Effect.Effect<never>
}

/** Writes at once, and writes between two looks at the lease. */
const concurrency = 8
const batch = 64
/** Writes a second, in the long run: an API server has others to serve. */
const rate = 400

/** At a start, or after a change of leaders, proxies need a moment to be heard: what they said before stands until then. */
const hearing = 15_000

const longestPause = 30_000

interface Plan {
  readonly key: ObjectKey
  readonly place: ObjectPlace
  readonly from: Observation
  readonly desired: Fields
  readonly patch: StatusPatch
  /** A hash of what is asked for, of which object: made when it is needed. */
  readonly asked: () => string
}

/** What is compared to tell whether the same was asked for before: times are no part of it. */
const askedFor = (desired: Fields): string =>
  JSON.stringify(desired, (name, value: unknown) => (name === "lastTransitionTime" || name === "asOf" ? undefined : value))

const askedHash = (uid: string, desired: Fields): string => createHash("sha256").update(uid).update(askedFor(desired)).digest("base64")

/** In the version it was read in: an older API server may serve no newer one. */
const placeOf = (key: ObjectKey, { apiVersion }: Observation): ObjectPlace | null => {
  const { kind, namespace, name } = parseKey(key)
  const row = kindOf(kind)
  const version = apiVersion.slice(apiVersion.indexOf("/") + 1)
  return row === undefined ? null : { group: row.group, version, plural: row.plural, namespace, name }
}

const programmedOf = (verdict: Verdict | null, desired: Fields) => ({
  pending:
    (verdict?.entries.some(({ conditions }) => conditions.some(({ type, reason }) => type === "Programmed" && reason === "Pending")) ??
      false) ||
    // Taken up, and not to be reached yet.
    listAt(desired, "conditions").some((one) => stringAt(one, "type") === "Programmed" && stringAt(one, "reason") === "Pending"),
  generation: verdict?.generation ?? 0
})

/** What only proxies can have said stands in a status: it was programmed, names were looked up, facts of a backend. */
const heardIn = (status: unknown): boolean =>
  isFields(field(status, "live")) ||
  listAt(status, "conditions").some((one) => stringAt(one, "type") === "Programmed" && field(one, "status") !== "Unknown") ||
  [...listAt(status, "parents"), ...listAt(status, "ancestors")].some((entry) =>
    listAt(entry, "conditions").some((one) => stringAt(one, "type") === "Resolved")
  )

export const makeStatusWriter = Effect.fnUntraced(function* (options: StatusesOptions): Effect.fn.Return<StatusWriter> {
  const { kube, leading, observed, controller } = options
  const clock = yield* Clock.Clock
  const wake = yield* Queue.sliding<void>(1)
  let verdicts: ReadonlyMap<ObjectKey, Verdict> = new Map()
  /** Before the first statuses are known, what stands without one is not ours to take back. */
  let told = false
  let began = yield* Clock.currentTimeMillis
  let agenda: Agenda = makeAgenda(began)
  let pausedUntil = 0
  let failures = 0
  /** What our own last write made of an object, until the watch shows something newer than what it was made from. */
  const ahead = new Map<ObjectKey, { readonly from: string; readonly is: Observation }>()
  /** What the API server made of a write when that is not what was asked for (a field that the installed CRD does not know). */
  const altered = new Map<ObjectKey, { readonly asked: string; readonly status: string }>()

  const forget = (key: ObjectKey): void => {
    agenda.forget(key)
    ahead.delete(key)
    altered.delete(key)
  }
  const look = (key: ObjectKey, at = 0): void => {
    agenda.add(key, at)
    Queue.offerUnsafe(wake, undefined)
  }
  observed.onChange((key) => {
    if (!leading.isLeader()) return
    if (observed.get(key) === undefined && !verdicts.has(key)) forget(key)
    else look(key)
  })

  const standing = (key: ObjectKey): Observation | undefined => {
    const seen = observed.get(key)
    const own = ahead.get(key)
    if (own === undefined || seen === undefined) return seen
    if (seen.resourceVersion === own.from && seen.uid === own.is.uid) return own.is
    ahead.delete(key)
    return seen
  }

  const contextOf = ({ accepters, generation }: Observation) => ({
    controller,
    xbackend: options.xbackend(),
    ...(accepters.includes(fieldManager) ? { accepted: generation } : {})
  })

  /** Null: nothing to write now; a later look is on the agenda where one is needed. */
  const planOf = (key: ObjectKey, now: number): Plan | null => {
    const from = standing(key)
    const place = from === undefined ? null : placeOf(key, from)
    const verdict = verdicts.get(key) ?? null
    if (from === undefined || place === null) {
      if (verdict === null) forget(key)
      return null
    }
    const beside = options.beside(key, verdict, now)
    const desired = desiredStatus(key, verdict, from.status, beside, {
      ...contextOf(from),
      now: new Date(now).toISOString().replace(/\.[0-9]{3}Z$/, "Z")
    })
    if (desired === null) return null
    const patch = statusPatch(from.status, desired)
    if (patch === null) return null
    const known = altered.get(key)
    if (known !== undefined && known.status === JSON.stringify(from.status) && known.asked === askedFor(desired)) return null
    const programmed = programmedOf(verdict, desired)
    const asked = () => askedHash(from.uid, desired)
    const due = Math.max(
      agenda.due(key, patch, programmed, now, asked),
      verdict !== null && heardIn(from.status) && !heardIn(desired) ? began + hearing : 0
    )
    if (due > now) {
      agenda.add(key, due)
      return null
    }
    return { key, place, from, desired, patch, asked }
  }

  /** Law 1: what one object's status makes us stumble over costs that object its status. */
  const planned = (key: ObjectKey, now: number): Plan | null => {
    try {
      return planOf(key, now)
    } catch (error) {
      options.onProblem?.(
        `status of ${describeKey(key)} cannot be made, a fault of Sluice itself: ${error instanceof Error ? error.stack : String(error)}`
      )
      agenda.add(key, now + pace.message)
      return null
    }
  }

  const failed = (plan: Plan, error: KubeError, now: number): WriteResult => {
    const { key } = plan
    const what = `status of ${describeKey(key)}`
    switch (error.status) {
      case 409:
        // Somebody was faster. The watch will show what stands now.
        look(key, now + pace.conflict)
        return "conflict"
      case 404:
        return "gone"
      case 400:
      case 422:
        options.onProblem?.(`${what} was refused: ${error.message}`)
        look(key, now + pace.message)
        return "refused"
      case 401:
      case 403:
        options.onProblem?.(`${what} may not be written: ${error.message}`)
        look(key, now + 2 * longestPause)
        return "denied"
      default: {
        // Nobody is there, or it asks for a rest: everything rests.
        failures++
        const backoff = Math.min(1_000 * 2 ** Math.min(failures - 1, 5), longestPause) * (0.8 + Math.random() * 0.4)
        pausedUntil = Math.max(pausedUntil, now + Math.max(error.retryAfter ?? 0, backoff))
        look(key, pausedUntil)
        return "failed"
      }
    }
  }

  const succeeded = (plan: Plan, stored: Stored, now: number): WriteResult => {
    const { key, from, desired, patch, asked } = plan
    failures = 0
    agenda.wrote(key, patch, now, asked)
    const status = field(stored, "status")
    ahead.set(key, {
      from: from.resourceVersion,
      is: { ...from, uid: stored.metadata.uid, resourceVersion: stored.metadata.resourceVersion, status, accepters: [fieldManager] }
    })
    if (statusPatch(status, desired) === null) altered.delete(key)
    else altered.set(key, { asked: askedFor(desired), status: JSON.stringify(status) })
    options.onWritten?.({ key, apiVersion: from.apiVersion, uid: from.uid, before: from.status, after: desired })
    // What changed meanwhile is looked at again.
    look(key, now + pace.least)
    return "ok"
  }

  const write = Effect.fnUntraced(function* (plan: Plan) {
    // A batch may take longer than what is left of the lease.
    if (!leading.isLeader()) return
    const answer = yield* Effect.result(patchStatus(kube, plan.place, plan.from.resourceVersion, plan.patch.status))
    const now = yield* Clock.currentTimeMillis
    const result = answer._tag === "Success" ? succeeded(plan, answer.success, now) : failed(plan, answer.failure, now)
    options.onWrite?.(parseKey(plan.key).kind, result)
  })

  /** All there is to look at: what is desired, and what of ours still stands though nothing is desired any more. */
  const begin = (now: number): void => {
    began = now
    agenda = makeAgenda(now)
    ahead.clear()
    pausedUntil = 0
    for (const key of verdicts.keys()) agenda.add(key, 0)
    for (const key of observed.keys()) {
      const stands = observed.get(key)
      if (stands !== undefined && !verdicts.has(key) && leftOver(key, stands.status, contextOf(stands))) agenda.add(key, 0)
    }
  }

  const run = Effect.gen(function* () {
    let led = false
    while (true) {
      const now = yield* Clock.currentTimeMillis
      if (!leading.isLeader()) {
        if (led) agenda.clear()
        led = false
        yield* Stream.runHead(Stream.filter(leading.changes, (leads) => leads))
        // It may have ended since it was told.
        yield* Effect.sleep(20)
        continue
      }
      if (!told) {
        yield* Effect.timeoutOption(Queue.take(wake), 100)
        continue
      }
      if (!led) begin(now)
      led = true
      const plans = now < pausedUntil ? [] : agenda.take(now, batch).flatMap((key) => planned(key, now) ?? [])
      if (plans.length > 0) {
        yield* Effect.forEach(plans, write, { concurrency, discard: true })
        const took = (yield* Clock.currentTimeMillis) - now
        // At least as long as it took: an API server that is slow has others waiting.
        yield* Effect.sleep(Math.max(took, (plans.length * 1_000) / rate - took))
        continue
      }
      const next = agenda.next()
      const wait = next === null ? longestPause : Math.max(next, pausedUntil) - (yield* Clock.currentTimeMillis)
      // Bounded, because leadership may be lost without anything else happening.
      if (wait > 0) yield* Effect.timeoutOption(Queue.take(wake), Math.min(wait, 1_000)).pipe(Effect.map(Option.isSome))
    }
  })

  return {
    desire: (next) => {
      const before = verdicts
      verdicts = next
      told = true
      if (!leading.isLeader()) return
      for (const [key, verdict] of next) if (before.get(key) !== verdict) look(key)
      for (const key of before.keys()) if (!next.has(key)) look(key)
    },
    touch: (key) => {
      if (leading.isLeader()) look(key)
    },
    waiting: () => agenda.size(),
    overdue: () => agenda.overdue(clock.currentTimeMillisUnsafe()),
    run
  }
})
