// GatewayClasses: which are ours (controllerName), and whether their parameters can be had.
import { Result } from "effect"
import type { GatewayClass } from "#schemas/gatewayclass.ts"
import { type ObjectKey, objectKey } from "#schemas/meta.ts"
import type { GatewayClassOwner } from "#schemas/owner.ts"
import { ownGroup } from "#schemas/reference.ts"
import { gatewayClass, gatewayNote, observed, type Said } from "../status/conditions.ts"
import type { Verdict } from "../status/verdict.ts"
import { gatewayClassKind, parametersKind } from "./kinds.ts"
import type { TranslateSettings } from "./settings.ts"
import type { View } from "./view.ts"

/** A class of ours. */
export interface OwnClass {
  readonly accepted: boolean
  readonly said: Said
}

/** Why parameters cannot be had, as a clause after the field; null: they can, or none are asked for. */
export const parametersProblem = (
  view: View,
  ref: { readonly group: string; readonly kind: string; readonly name: string; readonly namespace: string | undefined } | undefined
): string | null => {
  if (ref === undefined) return null
  const note = gatewayNote.parametersRef
  if (ref.group !== ownGroup || ref.kind !== "GatewayParameters") return note.kind(ref.group, ref.kind)
  if (ref.namespace === undefined) return note.namespace
  const key = objectKey(parametersKind, ref.namespace, ref.name)
  const object = view.get(key)
  if (object === null) return note.missing(key)
  return Result.isFailure(object.value) ? note.undecodable(key, object.value.failure) : null
}

/** The class of a name, if it is ours: its controllerName says so. */
export const ownClass = (view: View, settings: TranslateSettings, name: string): OwnClass | null =>
  view.unit("class", name, (view) => {
    const object = view.get<GatewayClass>(objectKey(gatewayClassKind, "", name))
    if (object === null) return null
    if (Result.isFailure(object.value)) {
      const owner = object.owner as GatewayClassOwner | undefined
      if (owner?.spec.controllerName !== settings.controllerName) return null
      return { accepted: false, said: gatewayClass.undecodable(object.value.failure) }
    }
    const { spec } = object.value.success
    if (spec.controllerName !== settings.controllerName) return null
    const ref = spec.parametersRef
    const problem = parametersProblem(view, ref === undefined ? undefined : { ...ref, namespace: ref.namespace })
    return problem === null
      ? { accepted: true, said: gatewayClass.accepted(settings.allowLoopback ? gatewayClass.loopbackAllowed : "") }
      : { accepted: false, said: gatewayClass.invalidParameters(problem) }
  })

/** The verdict on a GatewayClass; null: it is another controller's, or cannot be read and nobody knows whose it is. */
export const gatewayClassVerdict = (view: View, settings: TranslateSettings, key: ObjectKey): Verdict | null =>
  view.unit("class verdict", key, (view) => {
    const object = view.get<GatewayClass>(key)
    if (object === null) return null
    const { generation } = object.meta
    const verdict = (said: Said): Verdict => ({
      object: key,
      generation,
      entries: [{ parent: null, section: null, port: null, conditions: [observed(generation, said)], listener: null }],
      upstreams: [],
      gateways: []
    })
    const own = ownClass(view, settings, key.slice(key.lastIndexOf("/") + 1))
    if (own !== null) return verdict(own.said)
    // In a cluster it may be anybody's. Among a user's own files silence would be worse.
    return Result.isFailure(object.value) && settings.role === "Standalone" ? verdict(gatewayClass.undecodable(object.value.failure)) : null
  })
