// The rules of TLSRoute, TCPRoute and UDPRoute, which are the same: one rule, and whom its bytes go to. v1alpha2 admitted more rules and said nothing of what they were for.
import { Schema } from "effect"
import { defaulted, requiredList } from "./absent.ts"
import { elementsOf } from "./element.ts"
import { integer, SectionName } from "./name.ts"
import { backendFields, portOfService } from "./reference.ts"

export const StreamBackendRef = Schema.Struct({ ...backendFields, weight: defaulted(integer(0, 1_000_000), 1) }).check(portOfService)
export type StreamBackendRef = typeof StreamBackendRef.Type

export const StreamRule = Schema.Struct({
  name: Schema.optionalKey(SectionName),
  backendRefs: requiredList(StreamBackendRef, 1, 16)
})
export type StreamRule = typeof StreamRule.Type

export const streamRules = elementsOf(StreamRule, "spec.rules", 1, 1)
