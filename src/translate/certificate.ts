// The certificates of an HTTPS listener: Secrets it names, authorised, fetched and judged.
import { Result } from "effect"
import { describeKey, type ObjectKey, objectKey } from "#schemas/meta.ts"
import { gatewayGroup, type SecretObjectReference } from "#schemas/reference.ts"
import type { Secret } from "#schemas/secret.ts"
import type { Material, Sealed } from "../snapshot/secret.ts"
import { listenerNote } from "../status/conditions.ts"
import { parseKeyPair } from "./keypair.ts"
import { permitted } from "./reference.ts"
import type { View } from "./view.ts"

export interface Certificates {
  /** Those that serve, in the order of the listener. */
  readonly materials: ReadonlyArray<Material>
  readonly notPermitted: ReadonlyArray<string>
  readonly invalid: ReadonlyArray<string>
  readonly notes: ReadonlyArray<string>
}

/** A certificate with its key from a Secret of type kubernetes.io/tls, or why not (with the Secret's name, never its bytes). */
export const keyPairOf = (view: View, path: string, key: ObjectKey): Result.Result<Material, string> => {
  const note = listenerNote.certificate
  const secret = view.fetched<Secret<Sealed>>(key)
  if (secret === undefined) return Result.fail(note.unread(path, describeKey(key)))
  if (secret === null) return Result.fail(note.missing(path, describeKey(key)))
  if (Result.isFailure(secret.value)) return Result.fail(note.undecodable(path, describeKey(key), secret.value.failure))
  const [, namespace, name] = key.split("/") as [string, string, string]
  return Result.mapError(parseKeyPair(key, { kind: "Secret", namespace, name, section: null }, secret.value.success), (cause) =>
    note.bad(path, describeKey(key), cause)
  )
}

/** path: of the listener's `tls`, for messages. namespace: of the Gateway. */
export const listenerCertificates = (
  view: View,
  path: string,
  namespace: string,
  refs: ReadonlyArray<SecretObjectReference>
): Certificates => {
  const note = listenerNote.certificate
  const materials = new Map<string, Material>()
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
    const key = objectKey("Secret", ref.namespace ?? namespace, ref.name)
    // Asked before anything is read: without a grant nobody learns whether the Secret exists (Gateway API v1.6, ReferenceGrant).
    if (
      !permitted(
        view,
        { group: gatewayGroup, kind: "Gateway", namespace },
        { group: "", kind: "Secret", namespace: ref.namespace ?? namespace, name: ref.name }
      )
    ) {
      notPermitted.push(note.notPermitted(at, describeKey(key), namespace))
      continue
    }
    const pair = keyPairOf(view, at, key)
    if (Result.isFailure(pair)) invalid.push(pair.failure)
    else if (!materials.has(pair.success.id)) {
      materials.set(pair.success.id, pair.success)
      notes.push(note.expires(describeKey(key), pair.success.expires))
    }
  }
  return { materials: [...materials.values()], notPermitted, invalid, notes }
}
