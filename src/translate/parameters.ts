// GatewayParameters of a Gateway: its class's and its own, and what of them nothing here heeds. Apart from features.ts, which reads the switches that are heeded.
import { Result } from "effect"
import type { Gateway } from "#schemas/gateway.ts"
import type { GatewayClass } from "#schemas/gatewayclass.ts"
import type { GatewayParameters } from "#schemas/gatewayparameters.ts"
import { describeKey, groupKind, type ObjectKey, objectKey, parseKey } from "#schemas/meta.ts"
import { gatewayNote } from "../status/conditions.ts"
import { gatewayClassKind, parametersKind } from "./kinds.ts"
import { overridden } from "./labels.ts"
import type { TranslateSettings } from "./settings.ts"
import type { View } from "./view.ts"

export type ParametersSpec = GatewayParameters["spec"]

interface Parameters {
  readonly key: ObjectKey
  readonly spec: ParametersSpec
}

const read = (
  view: View,
  namespace: string | undefined,
  ref: { readonly group: string; readonly kind: string; readonly name: string } | undefined
): Parameters | null => {
  if (ref === undefined || namespace === undefined || groupKind(ref.group, ref.kind) !== parametersKind) return null
  const key = objectKey(parametersKind, namespace, ref.name)
  const object = view.get<GatewayParameters>(key)
  // Parameters that are absent or do not decode make the Gateway not accepted; nothing is served through it.
  return object === null || Result.isFailure(object.value) ? null : { key, spec: object.value.success.spec }
}

/** Of the Gateway's class, and its own, which win field by field; null: there are none, or they cannot be read. */
export const parametersOf = (
  view: View,
  key: ObjectKey,
  { spec }: Gateway
): { readonly shared: Parameters | null; readonly own: Parameters | null } => {
  const found = view.get<GatewayClass>(objectKey(gatewayClassKind, "", spec.gatewayClassName))
  const ref = found !== null && Result.isSuccess(found.value) ? found.value.success.spec.parametersRef : undefined
  return { shared: read(view, ref?.namespace, ref), own: read(view, parseKey(key).namespace, spec.infrastructure?.parametersRef) }
}

/** What shapes pods and Services, which a standalone process has none of. */
const ofPods = ["replicas", "autoscaling", "pod", "service", "podDisruptionBudget"] as const

/** What the flags of a standalone process say. */
const ofFlags = ["drain", "logging", "workers"] as const

export interface Unheeded {
  /** Served by nothing yet: a refusal. */
  readonly refused: ReadonlyArray<string>
  /** Without effect in this role: a note. */
  readonly notes: ReadonlyArray<string>
}

/** Fields of a Gateway's parameters that change nothing here, in sentences that name them. */
export const unheededParameters = (view: View, settings: TranslateSettings, key: ObjectKey, gateway: Gateway): Unheeded => {
  const { shared, own } = parametersOf(view, key, gateway)
  const refused: Array<string> = []
  const notes: Array<string> = []
  for (const one of [shared, own]) {
    if (one === null) continue
    const { spec } = one
    const later = [
      ...(spec.features?.forwardedHeaders === undefined ? [] : ["spec.features.forwardedHeaders"]),
      ...(settings.role === "Cluster" && typeof spec.logging?.accessLog === "object" ? ["spec.logging.accessLog.fields"] : [])
    ]
    if (later.length > 0) refused.push(gatewayNote.parameters.later(one.key, later))
    if (settings.role === "Cluster")
      for (const block of ["pod", "service"] as const) {
        const kept = overridden(spec[block]?.labels)
        if (kept.length > 0) notes.push(gatewayNote.ownLabels(`${describeKey(one.key)}: spec.${block}.labels`, kept))
      }
    if (settings.role !== "Standalone") continue
    const said = (fields: ReadonlyArray<keyof ParametersSpec>) =>
      fields.filter((field) => spec[field] !== undefined).map((field) => `spec.${field}`)
    const [pods, flags] = [said(ofPods), said(ofFlags)]
    if (pods.length > 0) notes.push(gatewayNote.parameters.ofPods(one.key, pods))
    if (flags.length > 0) notes.push(gatewayNote.parameters.ofFlags(one.key, flags))
  }
  return { refused, notes }
}
