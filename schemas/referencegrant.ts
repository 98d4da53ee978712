// ReferenceGrant: the owner of a namespace lets objects of another refer into it.
import { Schema } from "effect"
import { requiredList } from "./absent.ts"
import { Group, Kind, NamespaceName, ObjectName } from "./name.ts"

export const ReferenceGrant = Schema.Struct({
  spec: Schema.Struct({
    from: requiredList(Schema.Struct({ group: Group, kind: Kind, namespace: NamespaceName }), 1, 16),
    /** name absent: every object of the kind. */
    to: requiredList(Schema.Struct({ group: Group, kind: Kind, name: Schema.optionalKey(ObjectName) }), 1, 16)
  })
})
export type ReferenceGrant = typeof ReferenceGrant.Type
