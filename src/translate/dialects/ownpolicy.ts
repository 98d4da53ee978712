// Our own BackendTrafficPolicy (docs/traffic-policy.md): its blocks are a Backend's, so they are read and judged as a Backend's are.
import type { BackendTrafficPolicy } from "#schemas/backendtrafficpolicy.ts"
import type { Behaviour } from "../../snapshot/behaviour.ts"
import { backendNote } from "../../status/backendnotes.ts"
import type { Part } from "../behaviour.ts"
import { behaviourOf, behaviourProblems } from "./backendbehaviour.ts"

type Spec = BackendTrafficPolicy["spec"]

export const policyPart = (spec: Spec): Part<Behaviour> => behaviourOf(spec)

/** What is not served of a policy: it is not applied, and its targets answer 500. */
export const policyProblems = ({ dns, ...spec }: Spec, allowLoopback: boolean): ReadonlyArray<string> => {
  const { srv, ...names } = dns ?? {}
  return [
    ...behaviourProblems(dns === undefined ? spec : { ...spec, dns: { nameservers: [], ...names } }, allowLoopback).map(
      ({ message }) => message
    ),
    // It decides what the names of a Backend's endpoints are, so it is said beside them.
    ...(srv === undefined ? [] : [backendNote.traffic.srv])
  ]
}
