// EgressPolicy (gateway.sluice.dev/v1alpha1, cluster-scoped): which namespaces may reach what.
import { Schema } from "effect"
import { defaulted, listOf } from "./absent.ts"
import { CIDR } from "./address.ts"
import { elementsOf } from "./element.ts"
import { Hostname } from "./hostname.ts"
import { PortNumber } from "./name.ts"
import { LabelSelector } from "./selector.ts"

const operators = ["In", "NotIn", "Exists", "DoesNotExist"]

/** An unknown operator in a policy that guards must not quietly select nothing. */
const guardedSelector = LabelSelector.check(
  Schema.makeFilter((selector) => {
    for (const [index, { operator, values }] of selector.matchExpressions.entries()) {
      const path = ["matchExpressions", index]
      if (!operators.includes(operator)) return { path: [...path, "operator"], issue: `Expected ${operators.join(" | ")}` }
      const takesValues = operator === "In" || operator === "NotIn"
      if (takesValues !== values.length > 0) {
        return { path: [...path, "values"], issue: takesValues ? `Required with ${operator}` : `Not allowed with ${operator}` }
      }
    }
    return undefined
  })
)

/** An empty list of one sort restricts nothing of that sort; an entry without hosts speaks of IP literals and tenant-written nameservers. */
export const EgressAllowEntry = Schema.Struct({
  hosts: listOf(Hostname, 256),
  ports: listOf(PortNumber, 64),
  cidrs: listOf(CIDR, 256)
}).check(
  Schema.makeFilter((entry) =>
    entry.hosts.length + entry.ports.length + entry.cidrs.length > 0
      ? undefined
      : "Expected hosts, ports or cidrs: an empty entry would allow everything; mode Open says that"
  )
)
export type EgressAllowEntry = typeof EgressAllowEntry.Type

export const EgressPolicy = Schema.Struct({
  spec: Schema.Struct({
    /** `{}` selects every namespace. */
    namespaceSelector: guardedSelector,
    /** Report: later. */
    mode: defaulted(Schema.Literals(["Enforce", "Report", "Open"]), "Enforce"),
    allow: defaulted(elementsOf(EgressAllowEntry, "spec.allow", 0, 1024), []),
    /** What the selected namespaces may do besides. */
    permit: listOf(Schema.Literals(["SkipVerify", "DynamicResolver", "PrivateAddresses"]), 3)
  })
})
export type EgressPolicy = typeof EgressPolicy.Type
