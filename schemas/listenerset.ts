// ListenerSet: listeners that others bring to a Gateway which admits them (Gateway API, GEP-1713).
import { Schema } from "effect"
import { defaulted } from "./absent.ts"
import { listeners } from "./listener.ts"
import { Group, Kind, NamespaceName, ObjectName } from "./name.ts"
import { gatewayGroup } from "./reference.ts"

/** The Gateway it is for; it has no section. */
export const ListenerSetParent = Schema.Struct({
  group: defaulted(Group, gatewayGroup),
  kind: defaulted(Kind, "Gateway"),
  name: ObjectName,
  /** Absent: the set's own. */
  namespace: Schema.optionalKey(NamespaceName)
})
export type ListenerSetParent = typeof ListenerSetParent.Type

export const ListenerSet = Schema.Struct({ spec: Schema.Struct({ parentRef: ListenerSetParent, listeners }) })
export type ListenerSet = typeof ListenerSet.Type
