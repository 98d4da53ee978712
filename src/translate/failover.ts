// Who serves what a backend cannot: the references that Backends make to each other, followed into one list. It reads what is written and judges nothing, so that
// Backends that refer to each other in a circle are found out here and nowhere else.
import { Result } from "effect"
import type { Backend } from "#schemas/backend.ts"
import type { EnvoyBackend } from "#schemas/dialects/envoybackend.ts"
import { describeKey, groupKind, type ObjectKey, objectKey, parseKey } from "#schemas/meta.ts"
import { envoyGroup, experimentalGroup, ownGroup } from "#schemas/reference.ts"
import { backendNote } from "../status/backendnotes.ts"
import { backendKind, envoyBackendKind, serviceKind, xbackendKind } from "./kinds.ts"
import { describeUnpermitted, permitted } from "./reference.ts"
import type { View } from "./view.ts"

/** A backend that comes after another. */
export interface Standby {
  readonly key: ObjectKey
  readonly port: number | null
}

export interface FailoverProblem {
  readonly reason: "BackendNotFound" | "RefNotPermitted" | "InvalidKind" | "FailoverLoop"
  readonly message: string
}

export interface FailoverChain {
  /** All that come after it, each once: its own in their order, after each those that come after that one. */
  readonly standbys: ReadonlyArray<Standby>
  /** Of its own references: those are left out. */
  readonly problems: ReadonlyArray<FailoverProblem>
}

interface Written {
  readonly group: string | undefined
  readonly kind: string | undefined
  readonly name: string
  readonly namespace: string | undefined
  readonly port: number | undefined
  readonly path: string
}

/** More than these follow nobody. */
const most = 16

const writtenBy = (view: View, key: ObjectKey): ReadonlyArray<Written> => {
  const { kind } = parseKey(key)
  if (kind !== backendKind && kind !== envoyBackendKind) return []
  const object = view.get<{ readonly spec: unknown }>(key)
  if (object === null || Result.isFailure(object.value)) return []
  const { spec } = object.value.success
  const refs =
    kind === backendKind
      ? ((spec as Backend["spec"]).failover?.backendRefs ?? []).map((ref, index) => ({ ref, path: `spec.failover.backendRefs[${index}]` }))
      : [(spec as EnvoyBackend["spec"]).fallback]
          .filter((fallback) => typeof fallback === "object")
          .map(({ backendRef }) => ({ ref: backendRef, path: "spec.fallback.backendRef" }))
  return refs.map(({ ref, path }) => ({
    group: ref.group,
    kind: ref.kind,
    name: ref.name,
    namespace: ref.namespace,
    port: ref.port,
    path
  }))
}

const known: ReadonlySet<string> = new Set([serviceKind, backendKind, envoyBackendKind, xbackendKind])

/** A reference that says no kind means a Service, or else the Backend of that name. */
const unsaid: ReadonlyArray<readonly [string, string]> = [
  ["", "Service"],
  [envoyGroup, "Backend"],
  [ownGroup, "Backend"],
  [experimentalGroup, "XBackend"]
]

const find = (view: View, by: ObjectKey, ref: Written): Result.Result<Standby, FailoverProblem> => {
  const declaring = parseKey(by)
  const namespace = ref.namespace ?? declaring.namespace
  const from = { group: declaring.kind.slice(declaring.kind.indexOf(".") + 1), kind: "Backend", namespace: declaring.namespace }
  const fail = (reason: FailoverProblem["reason"], message: string) => Result.fail({ reason, message: `${ref.path}: ${message}` })
  const meant = ref.kind === undefined && ref.group === undefined ? unsaid : [[ref.group ?? "", ref.kind ?? "Service"] as const]
  let first: Result.Result<Standby, FailoverProblem> | null = null
  for (const [group, kind] of meant) {
    const full = groupKind(group, kind)
    const key = objectKey(full, namespace, ref.name)
    const to = { group, kind, namespace, name: ref.name }
    // Asked before existence, as for every reference.
    const found = !known.has(full)
      ? fail("InvalidKind", backendNote.unknownKind(group, kind))
      : full === xbackendKind && namespace !== declaring.namespace
        ? fail("RefNotPermitted", backendNote.xbackendNamespace(describeKey(key), declaring.namespace))
        : !permitted(view, from, to)
          ? fail("RefNotPermitted", describeUnpermitted(from, to))
          : view.get(key) === null
            ? fail("BackendNotFound", backendNote.notFound(describeKey(key)))
            : Result.succeed({ key, port: ref.port ?? null })
    if (Result.isSuccess(found)) return found
    first ??= found
  }
  return first!
}

/** Those that a backend names itself, in the order written: who each is, or why it is left out. */
export const ownStandbys = (view: View, key: ObjectKey): ReadonlyArray<Result.Result<Standby, FailoverProblem>> =>
  writtenBy(view, key).map((ref) => find(view, key, ref))

/** What comes after a backend. Total: loops end, and are told by those that are in them. */
export const failoverOf = (view: View, start: ObjectKey): FailoverChain => {
  const standbys = new Map<ObjectKey, Standby>()
  const problems: Array<FailoverProblem> = []
  const follow = (by: ObjectKey, way: ReadonlyArray<ObjectKey>): void => {
    for (const ref of writtenBy(view, by)) {
      const own = way.length === 1
      const found = find(view, by, ref)
      if (Result.isFailure(found)) {
        if (own) problems.push(found.failure)
        continue
      }
      const { key } = found.success
      if (key === start) {
        const loop = [...way, key].map(describeKey).join(" → ")
        problems.push({ reason: "FailoverLoop", message: backendNote.failoverLoop(own ? ref.path : "spec.failover", loop) })
        continue
      }
      if (way.includes(key) || standbys.has(key)) continue
      if (standbys.size >= most) {
        if (own) problems.push({ reason: "BackendNotFound", message: backendNote.failoverTooMany(ref.path, most) })
        continue
      }
      standbys.set(key, found.success)
      follow(key, [...way, key])
    }
  }
  follow(start, [start])
  return { standbys: [...standbys.values()], problems }
}
