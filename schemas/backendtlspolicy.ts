// BackendTLSPolicy: TLS from the gateway to a Service, and how its certificate is judged.
import { Schema } from "effect"
import { requiredList } from "./absent.ts"
import { elementOf } from "./element.ts"
import { optionalEntriesOf } from "./entries.ts"
import { text } from "./name.ts"
import { duplicateReference, PolicyTargetReference } from "./reference.ts"
import { BackendTLSValidation } from "./trust.ts"

export const BackendTLSPolicy = Schema.Struct({
  spec: Schema.Struct({
    targetRefs: requiredList(PolicyTargetReference, 1, 16).check(
      Schema.makeFilter((refs) =>
        duplicateReference(refs, (ref) => `${ref.group}/${ref.kind}/${ref.name}`, [(ref) => ref.sectionName ?? ""])
      )
    ),
    /** On its own: whom a policy that cannot be read speaks of is still known, so that they are not dialled in plaintext instead. */
    validation: elementOf(BackendTLSValidation, "spec.validation"),
    /** Implementation-specific; Sluice serves none, so any key is refused by condition. */
    options: optionalEntriesOf(text(0, 4096), { max: 16 })
  })
})
export type BackendTLSPolicy = typeof BackendTLSPolicy.Type
