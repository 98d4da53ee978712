// The ONE authoriser of references across namespaces (law 10): listeners' Secrets, backends, CA bundles and client certificates all ask here.
import { Result } from "effect"
import { groupKind } from "#schemas/meta.ts"
import { gatewayGroup } from "#schemas/reference.ts"
import type { ReferenceGrant } from "#schemas/referencegrant.ts"
import type { View } from "./view.ts"

export interface ReferenceFrom {
  readonly group: string
  readonly kind: string
  readonly namespace: string
}

export interface ReferenceTo {
  readonly group: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
}

const grantKind = groupKind(gatewayGroup, "ReferenceGrant")

/**
 * Whether `from` may refer to `to`: always inside a namespace; across, when any ReferenceGrant of the target's namespace has a matching from and a matching to
 * (Gateway API, ReferenceGrant: grants are additive, an absent `to.name` means every object of the kind). A grant that does not decode grants nothing.
 */
export const permitted = (view: View, from: ReferenceFrom, to: ReferenceTo): boolean =>
  from.namespace === to.namespace ||
  view
    .inNamespace<ReferenceGrant>(grantKind, to.namespace)
    .some(
      ({ value }) =>
        Result.isSuccess(value) &&
        value.success.spec.from.some(
          (entry) => entry.group === from.group && entry.kind === from.kind && entry.namespace === from.namespace
        ) &&
        value.success.spec.to.some(
          (entry) => entry.group === to.group && entry.kind === to.kind && (entry.name === undefined || entry.name === to.name)
        )
    )

/** What to say where `permitted` says no: who, what, and the grant that would help. */
export const describeUnpermitted = (from: ReferenceFrom, to: ReferenceTo): string =>
  `${from.kind} of namespace ${from.namespace} may not refer to ${to.kind} ${to.namespace}/${to.name}: a ReferenceGrant in namespace ${to.namespace} with ` +
  `from {group: ${JSON.stringify(from.group)}, kind: ${from.kind}, namespace: ${from.namespace}} and to {group: ${JSON.stringify(to.group)}, kind: ${to.kind}} is needed`
