// All Backends of Envoy Gateway together: which of them become Backends of ours, by what name, and who comes to stand behind whom.
import { Result } from "effect"
import { decodeObject } from "#schemas/decode.ts"
import type { EnvoyBackend } from "#schemas/dialects/envoybackend.ts"
import { describeKey, type ObjectKey, parseKey } from "#schemas/meta.ts"
import { ownGroup } from "#schemas/reference.ts"
import { describeIssues } from "../status/conditions.ts"
import { ownStandbys } from "../translate/failover.ts"
import { backendKind, envoyBackendKind } from "../translate/kinds.ts"
import { envoyBackendSpec } from "./envoybackend.ts"
import { fallbacksOf } from "./fallback.ts"
import type { Ground } from "./ground.ts"
import { type Fields, isFields, itemsOf, metadataAs, specOf } from "./manifest.ts"
import { convertNote, lost } from "./note.ts"
import { type Becoming, rerouted, standbyRef } from "./reroute.ts"
import { standbyReference } from "./standby.ts"

export interface EnvoyBackends {
  /** The name of the Backend that it becomes; null: it stays. */
  readonly name: (key: ObjectKey) => string | null
  readonly behind: (key: ObjectKey) => ReadonlyArray<ObjectKey>
  /** What stands in its place. */
  readonly document: (key: ObjectKey, value: Fields, becoming: Becoming) => Fields
}

const backendOf = (value: Fields, name: string, spec: Fields): Fields => ({
  apiVersion: `${ownGroup}/v1alpha1`,
  kind: "Backend",
  metadata: metadataAs(value, name),
  spec
})

/** The object that is made of it, if the schemas take that. */
const sound = (made: Fields): Result.Result<Fields, ReadonlyArray<string>> => {
  const decoded = decodeObject(made)
  return decoded._tag !== "Decoded" || Result.isFailure(decoded.value)
    ? Result.fail([
        convertNote.unsound(decoded._tag === "Decoded" && Result.isFailure(decoded.value) ? describeIssues(decoded.value.failure) : "")
      ])
    : Result.succeed(made)
}

export const makeEnvoyBackends = (ground: Ground): EnvoyBackends => {
  const { view, settings, given, say, stays } = ground
  const specs = new Map<ObjectKey, Fields>()
  for (const [key, { value }] of given) {
    const object = parseKey(key).kind === envoyBackendKind ? view.get<EnvoyBackend>(key) : null
    if (object === null) continue
    const made = Result.isFailure(object.value)
      ? Result.fail([describeIssues(object.value.failure)])
      : envoyBackendSpec(ground, key, object.value.success.spec)
    const whole = Result.flatMap(made, (spec) => sound(backendOf(value, parseKey(key).name, spec)))
    if (Result.isFailure(whole)) stays(key, whole.failure)
    else specs.set(key, specOf(whole.success))
  }
  const fallbacks = fallbacksOf(view, settings, (key) => specs.has(key))
  for (const [key, where] of fallbacks.stay) if (specs.delete(key)) stays(key, [convertNote.fallback(where)])
  for (const key of fallbacks.alone) if (specs.has(key)) say(key, lost(convertNote.fallbackNowhere))
  const names = new Map<ObjectKey, string>()
  for (const key of specs.keys()) {
    const { namespace, name } = parseKey(key)
    names.set(key, ground.names.take(backendKind, namespace, name))
  }
  const behind = (key: ObjectKey): ReadonlyArray<ObjectKey> => fallbacks.behind.get(key) ?? []

  /** What stays says by its kind what it said by a name alone, as that name may be another's then. */
  const unconverted = (key: ObjectKey, value: Fields, becoming: Becoming): Fields => {
    const { namespace } = parseKey(key)
    const [standby] = ownStandbys(view, key)
    if (standby === undefined || Result.isFailure(standby)) return value
    const ref = standbyReference(standby.success.key, standby.success.port, namespace)
    const next = standbyRef(ref, namespace, describeKey(key), becoming, (made) => made)
    return next === ref ? value : { ...value, spec: { ...specOf(value), fallback: { backendRef: next } } }
  }

  return {
    name: (key) => names.get(key) ?? null,
    behind,
    document: (key, value, becoming) => {
      const spec = specs.get(key)
      if (spec === undefined) return unconverted(key, value, becoming)
      const own = isFields(spec["failover"]) ? itemsOf(spec["failover"]["backendRefs"]) : []
      const refs = [...own, ...behind(key).map((one) => standbyReference(one, null, parseKey(key).namespace))]
      const made = backendOf(value, names.get(key)!, { ...spec, ...(refs.length === 0 ? {} : { failover: { backendRefs: refs } }) })
      return rerouted(made, key, becoming, (note) => say(key, note))
    }
  }
}
