// The certificates of an HTTPS listener: Secrets it names, authorised, fetched and judged.
import { Result } from "effect"
import { describeKey, type ObjectKey, objectKey } from "#schemas/meta.ts"
import type { SecretObjectReference } from "#schemas/reference.ts"
import type { Secret } from "#schemas/secret.ts"
import type { Id } from "../snapshot/id.ts"
import type { Material, Sealed } from "../snapshot/secret.ts"
import { listenerNote } from "../status/conditions.ts"
import { parseKeyPair } from "./keypair.ts"
import { permitted, type ReferenceFrom } from "./reference.ts"
import type { View } from "./view.ts"

export interface Certificates {
  /**
   * What the listener names, in its order: also Secrets that are there but hold no pair that can be used, so without material. A proxy goes on with
   * the pair it has of such a one: translate sees only the present bytes, and the state alone decides what it says (law 13).
   */
  readonly ids: ReadonlyArray<Id>
  /** Those that serve, in the order of the listener. */
  readonly materials: ReadonlyArray<Material>
  readonly notPermitted: ReadonlyArray<string>
  readonly invalid: ReadonlyArray<string>
  readonly notes: ReadonlyArray<string>
}

interface BadPair {
  /** With the Secret's name, never its bytes. */
  readonly message: string
  /** The Secret is there: a pair that a proxy has from before is still meant. */
  readonly there: boolean
}

/** A certificate with its key from a Secret of type kubernetes.io/tls, or why not. path: of the field that names it. */
export const keyPairOf = (view: View, path: string, key: ObjectKey): Result.Result<Material, BadPair> => {
  const note = listenerNote.certificate
  const secret = view.fetched<Secret<Sealed>>(key)
  if (secret === undefined) return Result.fail({ message: note.unread(path, describeKey(key)), there: false })
  if (secret === null) return Result.fail({ message: note.missing(path, describeKey(key)), there: false })
  if (Result.isFailure(secret.value))
    return Result.fail({ message: note.undecodable(path, describeKey(key), secret.value.failure), there: true })
  const [, namespace, name] = key.split("/") as [string, string, string]
  return Result.mapError(parseKeyPair(key, { kind: "Secret", namespace, name, section: null }, secret.value.success), (cause) => ({
    message: note.bad(path, describeKey(key), cause),
    there: true
  }))
}

/** path: of the listener's `tls`, for messages. from: the Gateway or ListenerSet that has the listener. */
export const listenerCertificates = (
  view: View,
  path: string,
  from: ReferenceFrom,
  refs: ReadonlyArray<SecretObjectReference>
): Certificates => {
  const note = listenerNote.certificate
  const ids = new Set<Id>()
  const materials = new Map<Id, Material>()
  const notPermitted: Array<string> = []
  const invalid: Array<string> = []
  const notes: Array<string> = []
  if (refs.length === 0) invalid.push(note.none(path))
  for (const [index, ref] of refs.entries()) {
    const at = `${path}.certificateRefs[${index}]`
    if (ref.group !== "" || ref.kind !== "Secret") {
      invalid.push(note.kind(at, ref.group, ref.kind))
      continue
    }
    const namespace = ref.namespace ?? from.namespace
    const key = objectKey("Secret", namespace, ref.name)
    // Asked before anything is read: without a grant nobody learns whether the Secret exists (Gateway API v1.6, ReferenceGrant).
    if (!permitted(view, from, { group: "", kind: "Secret", namespace, name: ref.name })) {
      notPermitted.push(note.notPermitted(at, describeKey(key), from))
      continue
    }
    const pair = keyPairOf(view, at, key)
    if (Result.isFailure(pair)) {
      invalid.push(pair.failure.message)
      if (pair.failure.there) ids.add(key)
    } else if (!materials.has(pair.success.id)) {
      ids.add(pair.success.id)
      materials.set(pair.success.id, pair.success)
      notes.push(note.expires(describeKey(key), pair.success.expires))
    }
  }
  return { ids: [...ids], materials: [...materials.values()], notPermitted, invalid, notes }
}
