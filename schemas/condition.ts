// Conditions as they stand in a status of ours: what meta/v1 Condition and Gateway API's policy ancestors admit. The operator writes them.
import { Schema } from "effect"
import { requiredList } from "./absent.ts"
import { ControllerName, Group, integer, Kind, NamespaceName, ObjectName, PortNumber, SectionName, text } from "./name.ts"
import { uniqueBy } from "./unique.ts"

const conditionType = /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$/u
const instant = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$/u

/** RFC 3339. */
export const Instant = text(1, 35).check(Schema.isPattern(instant, { expected: "a time such as 2026-11-21T13:15:30Z" }))

/** meta/v1 Condition. `lastTransitionTime` is of the last change of `status`. */
export const WrittenCondition = Schema.Struct({
  type: text(1, 316).check(Schema.isPattern(conditionType, { expected: "a condition type" })),
  status: Schema.Literals(["True", "False", "Unknown"]),
  reason: text(1, 1024).check(Schema.isPattern(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/u, { expected: "a reason in one word" })),
  message: text(0, 32_768),
  observedGeneration: integer(0, Number.MAX_SAFE_INTEGER),
  lastTransitionTime: Instant
})
export type WrittenCondition = typeof WrittenCondition.Type

/** At least `min`, each type once. */
export const writtenConditions = (min: number) => requiredList(WrittenCondition, min, 8).check(uniqueBy("type"))

/** Gateway API's PolicyAncestorStatus: what one Gateway makes of the object. */
export const WrittenAncestor = Schema.Struct({
  ancestorRef: Schema.Struct({
    group: Group,
    kind: Kind,
    namespace: Schema.optionalKey(NamespaceName),
    name: ObjectName,
    sectionName: Schema.optionalKey(SectionName),
    port: Schema.optionalKey(PortNumber)
  }),
  controllerName: ControllerName,
  conditions: writtenConditions(1)
})
export type WrittenAncestor = typeof WrittenAncestor.Type
