// Mode Report of an EgressPolicy: what it would refuse in mode Enforce, told of targets that are dialled. Apart from the policy, which alone decides what is.
import type { EgressAllow } from "../../snapshot/egress.ts"
import { entryText } from "../../snapshot/suggestion.ts"
import type { AddressPolicy, EndpointAddress } from "../../snapshot/upstream.ts"
import { type AddressClass, readAddress } from "./address.ts"
import { type DialTarget, unlisted } from "./policy.ts"
import { canonicalName, rulesOf, speaks } from "./rules.ts"

export interface WouldRefuse {
  /** Null of a name whose addresses nobody asked for. */
  readonly class: AddressClass | null
  /** `api.example on port 443 is not allowed by EgressPolicy default (mode Report): add it to spec.allow`. */
  readonly rule: string
  /** What spec.allow would need. */
  readonly entry: EgressAllow
}

/** Of a target that the policy admits (policy.ts: ask there first); null: nothing is on trial, or its list holds the target. */
export const trialOf = (target: DialTarget, policy: AddressPolicy): WouldRefuse | null => {
  if (policy.egress?.trial === undefined || target.origin === "Pod") return null
  const { trial } = rulesOf(policy)
  const address = readAddress(target.ip)
  if (trial === null || address === null) return null
  const name = target.name === null ? null : canonicalName(target.name)
  const missing = unlisted(address, target, name, trial)
  if (missing === null) return target.beyond === undefined ? null : trialBeyond(target.beyond, policy)
  const block = `${address.text}/${address.family === 4 ? 32 : 128}`
  return {
    class: address.class,
    rule: missing.rule,
    // Where an entry speaks of the name already and says where it may lead, another for the name alone would let it lead anywhere.
    entry: { hosts: name === null ? [] : [name], ports: [target.port], cidrs: name === null || missing.spoken ? [block] : [] }
  }
}

/** Of what a proxy is to lead to. */
export const trialBeyond = (at: EndpointAddress, policy: AddressPolicy): WouldRefuse | null =>
  at._tag === "Name"
    ? trialOfName(at.name, at.port, policy)
    : at._tag === "Address"
      ? trialOf({ ip: at.ip, port: at.port, name: null, origin: "Written" }, policy)
      : null

/** For explain: the rule and what would satisfy it. */
export const describeTrial = ({ rule, entry }: WouldRefuse): string => `${rule}: ${entryText(entry)}`

/** Of a name, wherever it leads: whether any entry speaks of it. */
export const trialOfName = (text: string, port: number, policy: AddressPolicy): WouldRefuse | null => {
  const { trial } = rulesOf(policy)
  const name = canonicalName(text)
  if (trial === null || trial.allow.some((entry) => speaks(entry, name, port))) return null
  return {
    class: null,
    rule: `${name} on port ${port} is not allowed by ${trial.who} (mode Report): add it to spec.allow`,
    entry: { hosts: [name], ports: [port], cidrs: [] }
  }
}
