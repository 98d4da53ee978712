// What routes of every kind say beside their rules: whom they attach to.
import { Schema } from "effect"
import { listOf } from "./absent.ts"
import { duplicateReference, ParentReference } from "./reference.ts"

export const routeFields = {
  parentRefs: listOf(ParentReference, 32).check(
    Schema.makeFilter((refs: ReadonlyArray<ParentReference>) =>
      duplicateReference(refs, (ref) => `${ref.group}/${ref.kind}/${ref.namespace ?? ""}/${ref.name}`, [
        (ref) => ref.sectionName ?? "",
        (ref) => (ref.port === undefined ? "" : String(ref.port))
      ])
    )
  ),
  /** Experimental: attach to default Gateways. */
  useDefaultGateways: Schema.optionalKey(Schema.Literals(["All", "None"]))
}

/** A route of any kind, as far as it says whom it attaches to. */
export interface AnyRoute {
  readonly spec: { readonly parentRefs: ReadonlyArray<ParentReference>; readonly useDefaultGateways?: "All" | "None" }
}
