// EgressPolicies that govern a namespace, merged into data: evaluated at dial, on every connect (docs/address-policy.md).
import type { Source } from "./id.ts"

export interface EgressRules {
  /** Strictest mode of the policies that select the namespaces. */
  readonly mode: "Enforce" | "Open"
  /** Union of the policies' allow entries. */
  readonly allow: ReadonlyArray<EgressAllow>
  /** Union of permits of policies that select the namespace. */
  readonly permitPrivate: boolean
  /** Who says so: refusals name them. */
  readonly sources: ReadonlyArray<Source>
  /** Mode Report: what would be enforced besides. It refuses nothing: what it would refuse is counted and told. Absent: nothing is on trial. */
  readonly trial?: EgressTrial
}

/** The list that would be enforced, were the policies in mode Report in mode Enforce. */
export interface EgressTrial {
  readonly allow: ReadonlyArray<EgressAllow>
  /** The policies in mode Report. */
  readonly sources: ReadonlyArray<Source>
}

/** Empty list: no restriction of that sort in this entry. An entry without hosts speaks of IP literals. */
export interface EgressAllow {
  /** Exact, or `*.suffix` in the left-most label only; lower case, punycode, no trailing dot. */
  readonly hosts: ReadonlyArray<string>
  readonly ports: ReadonlyArray<number>
  readonly cidrs: ReadonlyArray<string>
}
