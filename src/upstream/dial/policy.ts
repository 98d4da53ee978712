// The one judgement of an address (law 5): called on exactly the IP that is dialled, at every connect.
// The tables of docs/address-policy.md; what sort an address is, is address.ts.
import type { AddressPolicy, Endpoint, EndpointAddress } from "../../snapshot/upstream.ts"
import { type AddressClass, type KnownAddress, readAddress } from "./address.ts"
import type { OwnAddresses } from "./own.ts"
import { canonicalName, holds, type Listing, opened, type Rules, rulesOf, speaks } from "./rules.ts"

/** name: the DNS name this address was resolved from; null: an address literal of the spec or of a slice. */
export interface DialTarget {
  readonly ip: string
  readonly port: number
  readonly name: string | null
  readonly origin: Endpoint["origin"]
  /** Where the proxy at this address is to lead; absent: it is the endpoint itself. */
  readonly beyond?: EndpointAddress
}

/** at: what is dialled for the endpoint (snapshot's `dialledAt`), at this address; null: a socket of this machine, which nobody judges. */
export const dialTarget = (at: EndpointAddress, endpoint: Endpoint, ip: string): DialTarget | null => {
  if (at._tag === "Unix") return null
  const target = { ip, port: at.port, name: at._tag === "Name" ? at.name : null, origin: endpoint.origin }
  return endpoint.proxied === true ? { ...target, beyond: endpoint.at } : target
}

export type Admission = Admitted | Denied

export interface Admitted {
  readonly allowed: true
  readonly class: AddressClass
}

export interface Denied {
  readonly allowed: false
  readonly reason: "address_denied" | "egress_denied"
  /** null: of a name that a proxy resolves. */
  readonly class: AddressClass | null
  /** Why, naming the address and the remedy: `169.254.169.254 is link-local: never dialled`. For status, log and explain. */
  readonly rule: string
}

const classIn = (rules: Rules, own: OwnAddresses, address: KnownAddress, port: number): AddressClass => {
  const intrinsic = address.class
  switch (intrinsic) {
    case "unspecified":
    case "link-local":
    case "metadata":
    case "multicast":
      return intrinsic
    case "loopback":
      return rules.allowLoopback && own.has(address, port) ? "own" : intrinsic
    default:
      return own.has(address, port) ? "own" : rules.cluster.length > 0 && holds(rules.cluster, address) ? "cluster" : intrinsic
  }
}

type Verdict = "Yes" | "ByCidr" | "Never"

/** The columns of section 5. A resolved name is judged as a name whatever its origin. */
const verdictOf = (kind: AddressClass, target: DialTarget, allowLoopback: boolean): Verdict => {
  switch (kind) {
    case "unspecified":
    case "link-local":
    case "metadata":
    case "multicast":
    case "own":
      return "Never"
    case "loopback":
      return allowLoopback ? "Yes" : "Never"
    case "cluster":
      return target.name !== null ? "Never" : target.origin === "Written" ? "ByCidr" : "Yes"
    case "private":
    case "documentation":
      return target.name !== null ? "ByCidr" : "Yes"
    // Pods live where the cluster put them; its controllers wrote the slice, not a tenant.
    case "special":
      return target.name === null && target.origin === "Pod" ? "Yes" : "ByCidr"
    case "public":
      return "Yes"
  }
}

const article = (kind: AddressClass): string => {
  switch (kind) {
    case "own":
      return "this gateway's own address"
    case "cluster":
      return "a cluster address"
    case "metadata":
      return "a metadata service's address"
    case "private":
      return "a private address"
    case "special":
      return "a special-use address"
    case "documentation":
      return "a documentation address"
    default:
      return kind
  }
}

const remedy = (kind: AddressClass, target: DialTarget): string =>
  kind === "cluster" && target.name !== null
    ? "never dialled for a name; name the Service instead"
    : kind === "loopback"
      ? "never dialled (only `sluice run --allow-loopback` lifts this)"
      : "never dialled"

const deny = (reason: Denied["reason"], kind: AddressClass | null, rule: string): Denied => ({ allowed: false, reason, class: kind, rule })

const admitted = (kind: AddressClass): Admitted => ({ allowed: true, class: kind })

/**
 * May this address be dialled, and asked for what lies beyond it? Every IPv4 address hidden in an IPv6 one is judged too, and the worse verdict wins. Pure;
 * no clock, no lookup.
 */
export const admit = (target: DialTarget, policy: AddressPolicy, own: OwnAddresses): Admission => {
  const admission = admitAddress(target, policy, own)
  return target.beyond === undefined || !admission.allowed
    ? admission
    : (deniedBeyond(target.beyond, target.origin, policy, own) ?? admission)
}

/** A proxy resolves a name itself: where it leads nobody here knows, so an entry that says where it may lead is not enough. */
export const deniedBeyond = (at: EndpointAddress, origin: Endpoint["origin"], policy: AddressPolicy, own: OwnAddresses): Denied | null => {
  if (at._tag === "Unix") return deny("address_denied", null, "no proxy leads to a socket of this machine")
  if (at._tag === "Address") {
    const admission = admitAddress({ ip: at.ip, port: at.port, name: null, origin }, policy, own)
    return admission.allowed ? null : admission
  }
  const { enforced } = rulesOf(policy)
  const name = canonicalName(at.name)
  const spoken = enforced?.allow.filter((entry) => speaks(entry, name, at.port)) ?? []
  if (enforced === null || spoken.some(({ anywhere }) => anywhere)) return null
  return deny(
    "egress_denied",
    null,
    spoken.length === 0
      ? `${name} on port ${at.port} is not allowed by ${enforced.who} (mode Enforce): add it to spec.allow`
      : `${name} on port ${at.port} is reached through a proxy, which resolves it: ${enforced.who} allows it within cidrs only, and nobody here sees its address`
  )
}

const admitAddress = (target: DialTarget, policy: AddressPolicy, own: OwnAddresses): Admission => {
  const rules = rulesOf(policy)
  const address = readAddress(target.ip)
  if (address === null)
    return deny("address_denied", "unspecified", `${JSON.stringify(target.ip)} is not an IP address: nothing else is dialled`)
  const name = target.name === null ? null : canonicalName(target.name)
  const kind = classIn(rules, own, address, target.port)
  const refused = judge(kind, address, target, name, rules)
  if (refused !== null) return refused
  for (const inner of address.embedded) {
    const worse = judge(classIn(rules, own, inner, target.port), inner, target, name, rules)
    if (worse !== null) return { ...worse, rule: `${target.ip} leads to ${inner.text}: ${worse.rule}` }
  }
  const missing = rules.enforced !== null && target.origin !== "Pod" ? unlisted(address, target, name, rules.enforced) : null
  return missing === null ? admitted(kind) : deny("egress_denied", kind, missing.rule)
}

const judge = (kind: AddressClass, address: KnownAddress, target: DialTarget, name: string | null, rules: Rules): Denied | null => {
  const verdict = verdictOf(kind, target, rules.allowLoopback)
  if (verdict === "Yes") return null
  const shown = address.text
  if (verdict === "Never") return deny("address_denied", kind, `${shown} is ${article(kind)}: ${remedy(kind, target)}`)
  if (kind === "private" && rules.permitPrivate) return null
  if (opened(rules, address, name, target.port)) return null
  return deny(
    "address_denied",
    kind,
    `${shown} is ${article(kind)}: ${name === null ? "needs" : `needs, for ${name},`} an EgressPolicy entry whose cidrs hold it`
  )
}

/**
 * What no entry lists; null: one does. Enforce refuses it, Report tells it. Controller-owned slices (origin Pod) are not egress, so no policy need list them.
 * An entry's cidrs, when given, say where its hosts may lead, in the address's own spelling.
 */
export const unlisted = (address: KnownAddress, target: DialTarget, name: string | null, listing: Listing): Unlisted | null => {
  let spoken = false
  for (const entry of listing.allow) {
    if (!speaks(entry, name, target.port)) continue
    spoken = true
    if (entry.anywhere || holds(entry.cidrs, address)) return null
  }
  const what = name ?? address.text
  return {
    spoken,
    rule: spoken
      ? `${address.text} is outside the cidrs that ${listing.who} allows for ${what} on port ${target.port}`
      : `${what} on port ${target.port} is not allowed by ${listing.who} (mode ${listing.mode}): add it to spec.allow`
  }
}

export interface Unlisted {
  /** An entry speaks of the target, and its cidrs do not hold the address. */
  readonly spoken: boolean
  readonly rule: string
}
