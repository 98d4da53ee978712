// The bytes of a credential, opened where they are used: one function, so that one search finds who holds them (law 11).
import type { Id } from "../../snapshot/id.ts"
import type { MaterialLookup } from "../../snapshot/secret.ts"

/** As text; null: the Secret is not there, or holds nothing that can be used. */
export const openSecret = (material: MaterialLookup, id: Id): string | null => {
  try {
    return material(id).key?.use((bytes) => Buffer.from(bytes).toString("utf8")) ?? null
  } catch {
    return null
  }
}
