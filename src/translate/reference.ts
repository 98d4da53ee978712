// The ONE authoriser of references across namespaces (law 10): listeners' Secrets, backends, CA bundles and client certificates all ask here.
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

/** Whether `from` may refer to `to`: always inside a namespace; across, when any ReferenceGrant of the target's namespace has a matching from and a matching to. */
export const permitted: (view: View, from: ReferenceFrom, to: ReferenceTo) => boolean = () => {
  throw new Error("not yet")
}
