// What becomes of an upstream's endpoints as far as it is known without asking anybody: by what is written alone, with the policies that judge dials. Apart,
// because `check` foretells it of a backend that no request was asked about.
import type { Reason } from "../snapshot/reason.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import { dialledAt, type Endpoint, type Upstream } from "../snapshot/upstream.ts"
import { unbound } from "../upstream/credential/binding.ts"
import { identityOf } from "../upstream/dial/identity.ts"
import { noOwnAddresses } from "../upstream/dial/own.ts"
import { admit, type Denied, deniedBeyond, dialTarget } from "../upstream/dial/policy.ts"
import { describeTrial, trialBeyond, trialOf, trialOfName } from "../upstream/dial/trial.ts"
import { isService } from "../upstream/service.ts"

/** The address policy's word on what is written, the way through a proxy included; null: it may be dialled, or only its addresses will tell. */
export const deniedAt = (spec: Upstream, endpoint: Endpoint): Denied | null => {
  // Of a service only its records tell.
  if (isService(endpoint)) return null
  const at = dialledAt(spec, endpoint)
  const target = at._tag === "Address" ? dialTarget(at, endpoint, at.ip) : null
  if (target === null) return endpoint.proxied === true ? deniedBeyond(endpoint.at, endpoint.origin, spec.addresses, noOwnAddresses) : null
  const admission = admit(target, spec.addresses, noOwnAddresses)
  return admission.allowed ? null : admission
}

/** Of a name, as far as that is known without asking anybody. */
export const onTrial = (spec: Upstream, endpoint: Endpoint): string | null => {
  const at = dialledAt(spec, endpoint)
  if (at._tag === "Unix" || isService(endpoint) || deniedAt(spec, endpoint) !== null) return null
  const target = at._tag === "Address" ? dialTarget(at, endpoint, at.ip) : null
  const told =
    at._tag === "Name"
      ? (trialOfName(at.name, at.port, spec.addresses) ?? (endpoint.proxied === true ? trialBeyond(endpoint.at, spec.addresses) : null))
      : target === null
        ? null
        : trialOf(target, spec.addresses)
  return told === null ? null : describeTrial(told)
}

/** Why none of an upstream's endpoints takes a request, as far as that is known without asking anybody. rewrite: the Host of a URLRewrite. */
export const unusable = (
  spec: Upstream,
  endpoints: ReadonlyArray<Endpoint>,
  rewrite: string | null,
  secrets: Snapshot["secrets"]
): Reason | null => {
  const weighed = endpoints.filter(({ weight }) => weight > 0)
  if (weighed.length === 0) return "no_endpoints"
  const denied = weighed.map((endpoint) => deniedAt(spec, endpoint))
  if (!denied.includes(null)) return denied[0]!.reason
  return spec.credential === null ||
    (secrets.has(spec.credential.secret) &&
      weighed.some((endpoint) => unbound(endpoint, spec.tls, identityOf(spec.identity, endpoint, spec.protocol), rewrite) === null))
    ? null
    : "credential_unavailable"
}
