// References between Backends, from one to those that stand by: what they become where the one that is named becomes something else.
import { Result } from "effect"
import { describeKey, type ObjectKey, parseKey } from "#schemas/meta.ts"
import { ownStandbys } from "../translate/failover.ts"
import { serviceKind } from "../translate/kinds.ts"
import type { Ground } from "./ground.ts"
import type { Fields } from "./manifest.ts"
import { convertNote } from "./note.ts"

/** A reference to an object, as `failover.backendRefs` has it. from: the namespace of the Backend that names it. */
export const standbyReference = (key: ObjectKey, port: number | null, from: string): Fields => {
  const { kind, namespace, name } = parseKey(key)
  const dot = kind.indexOf(".")
  return {
    ...(dot === -1 ? {} : { group: kind.slice(dot + 1) }),
    ...(kind === serviceKind ? {} : { kind: kind.slice(0, dot) }),
    name,
    ...(namespace === from ? {} : { namespace }),
    ...(port === null ? {} : { port })
  }
}

/** What a Backend of Envoy Gateway names by `fallback.backendRef`, before anything of it is renamed. What is left out there is left out here, and told. */
export const fallbackReferences = ({ view, say }: Ground, key: ObjectKey): ReadonlyArray<Fields> =>
  ownStandbys(view, key).flatMap((found) => {
    if (Result.isFailure(found)) {
      say(key, convertNote.standby("spec.fallback", found.failure.message))
      return []
    }
    const { key: standby, port } = found.success
    // A Service without a port is left out by whoever resolves it.
    if (parseKey(standby).kind === serviceKind && port === null) {
      say(key, convertNote.standby("spec.fallback.backendRef.port", `${describeKey(standby)} needs one`))
      return []
    }
    return [standbyReference(standby, port, parseKey(key).namespace)]
  })
