// EgressPolicy (gateway.sluice.dev/v1alpha1, cluster-scoped): which namespaces may reach what.
import { Schema } from "effect"
import { defaulted, listOf } from "./absent.ts"
import { CIDR } from "./address.ts"
import { keywords, rules } from "./crd.ts"
import { elementsOf } from "./element.ts"
import { Hostname } from "./hostname.ts"
import { PortNumber } from "./name.ts"
import { LabelSelector, Requirement } from "./selector.ts"

const operators = ["In", "NotIn", "Exists", "DoesNotExist"]

const takesValues = (operator: string): boolean => operator === "In" || operator === "NotIn"

/** An unknown operator in a policy that guards must not quietly select nothing. */
const GuardedRequirement = Schema.Struct({
  ...Requirement.fields,
  operator: Schema.String.check(
    Schema.makeFilter(
      (operator: string) => (operators.includes(operator) ? undefined : `Expected ${operators.join(" | ")}`),
      keywords({ enum: operators })
    )
  )
}).check(
  rules(
    {
      at: "values",
      message: "Required with In and NotIn",
      cel: "!(self.operator in ['In', 'NotIn']) || (has(self.values) && size(self.values) > 0)",
      broken: ({ operator, values }) => takesValues(operator) && values.length === 0,
      told: ({ operator }) => `Required with ${operator}`
    },
    {
      at: "values",
      message: "Not allowed with Exists and DoesNotExist",
      cel: "self.operator in ['In', 'NotIn'] || !has(self.values) || size(self.values) == 0",
      broken: ({ operator, values }) => !takesValues(operator) && values.length > 0,
      told: ({ operator }) => `Not allowed with ${operator}`
    }
  )
)

const GuardedSelector = Schema.Struct({
  ...LabelSelector.fields,
  matchExpressions: defaulted(Schema.Array(GuardedRequirement), [])
})

/** An empty list of one sort restricts nothing of that sort; an entry without hosts speaks of IP literals and tenant-written nameservers. */
export const EgressAllowEntry = Schema.Struct({
  hosts: listOf(Hostname, 256).annotateKey({
    description:
      "Names that may be dialled, exact or *. and a name. Absent: the entry speaks of addresses and of nameservers that tenants write."
  }),
  ports: listOf(PortNumber, 64).annotateKey({ description: "On these ports. Absent: on any." }),
  cidrs: listOf(CIDR, 256).annotateKey({ description: "Into these ranges, also private ones. Absent: public addresses." })
}).check(
  rules({
    message: "Expected hosts, ports or cidrs: an empty entry would allow everything; mode Open says that",
    cel: ["hosts", "ports", "cidrs"].map((field) => `(has(self.${field}) && size(self.${field}) > 0)`).join(" || "),
    broken: (entry) => entry.hosts.length + entry.ports.length + entry.cidrs.length === 0
  })
)
export type EgressAllowEntry = typeof EgressAllowEntry.Type

export const EgressPolicy = Schema.Struct({
  spec: Schema.Struct({
    namespaceSelector: GuardedSelector.annotateKey({
      description:
        "Namespaces it speaks of, by their labels; {} is every namespace. The namespace of the object that names a destination and that of the route must both be allowed."
    }),
    mode: defaulted(Schema.Literals(["Enforce", "Report", "Open"]), "Enforce").annotateKey({
      description:
        "Enforce: what no entry allows is refused. Open: entries allow besides what is public. Report: as Open, and what Enforce would refuse is counted and told."
    }),
    allow: defaulted(elementsOf(EgressAllowEntry, "spec.allow", 0, 1024), []).annotateKey({ description: "What may be reached." }),
    permit: listOf(Schema.Literals(["SkipVerify", "DynamicResolver", "PrivateAddresses"]), 3).annotateKey({
      description: "What the selected namespaces may do besides."
    })
  }).annotateKey({ description: "What is wanted." })
})
export type EgressPolicy = typeof EgressPolicy.Type
