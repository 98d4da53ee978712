// An AddressPolicy as it is judged by: names and blocks read once, entries that speak of a target found (docs/address-policy.md).
import type { EgressAllow } from "../../snapshot/egress.ts"
import { describeSource, type Source } from "../../snapshot/id.ts"
import type { AddressPolicy } from "../../snapshot/upstream.ts"
import { type Address, type Cidr, inCidr, parseCidr } from "./address.ts"

export interface Allow {
  readonly hosts: ReadonlySet<string>
  /** `.suffix` of each `*.suffix`. */
  readonly suffixes: ReadonlyArray<string>
  readonly literals: boolean
  readonly ports: ReadonlySet<number>
  readonly anywhere: boolean
  readonly cidrs: ReadonlyArray<Cidr>
}

export interface Rules {
  readonly cluster: ReadonlyArray<Cidr>
  readonly allowLoopback: boolean
  /** Mode Enforce: what it does not list is refused. */
  readonly enforced: Listing | null
  readonly permitPrivate: boolean
  /** What lifts a refusal by class, whatever the mode. */
  readonly allow: ReadonlyArray<Allow>
  /** Of policies in mode Report: refuses nothing (trial.ts). */
  readonly trial: Listing | null
}

/** A list and whose it is: all that a judgement of "not listed" needs. */
export interface Listing {
  readonly mode: "Enforce" | "Report"
  readonly allow: ReadonlyArray<Allow>
  readonly who: string
}

const cidrs = (texts: ReadonlyArray<string>): ReadonlyArray<Cidr> => texts.map(parseCidr).filter((cidr) => cidr !== null)

const compileAllow = (entry: EgressAllow): Allow => {
  const hosts = entry.hosts.map(canonicalName)
  const parsed = cidrs(entry.cidrs)
  return {
    hosts: new Set(hosts.filter((host) => !host.startsWith("*."))),
    suffixes: hosts.filter((host) => host.startsWith("*.")).map((host) => host.slice(1)),
    literals: hosts.length === 0,
    ports: new Set(entry.ports),
    // A list none of whose entries can be read allows nothing: it must not turn into "anywhere".
    anywhere: entry.cidrs.length === 0,
    cidrs: parsed
  }
}

const compile = ({ cluster, allowLoopback, egress }: AddressPolicy): Rules => {
  const allow = egress?.allow.map(compileAllow) ?? []
  const trial = egress?.trial
  return {
    cluster: cidrs(cluster),
    allowLoopback,
    enforced: egress?.mode === "Enforce" ? { mode: "Enforce", allow, who: named(egress.sources) } : null,
    permitPrivate: egress?.permitPrivate ?? false,
    allow,
    trial: trial === undefined ? null : { mode: "Report", allow: trial.allow.map(compileAllow), who: named(trial.sources) }
  }
}

const named = (sources: ReadonlyArray<Source>): string =>
  sources.length === 0 ? "the EgressPolicy" : sources.map(describeSource).join(", ")

const compiled = new WeakMap<AddressPolicy, Rules>()

/** Policies are immutable parts of a snapshot: each is read once in its life. */
export const rulesOf = (policy: AddressPolicy): Rules => {
  const known = compiled.get(policy)
  if (known !== undefined) return known
  const made = compile(policy)
  compiled.set(policy, made)
  return made
}

/** Lower case without the trailing dot: what hosts are compared as. */
export const canonicalName = (name: string): string => {
  const lower = name.toLowerCase()
  return lower.endsWith(".") ? lower.slice(0, -1) : lower
}

/** Does this entry speak of the target's name (or of literals) and port? `*.suffix` stands for any number of labels, as Gateway API hostnames do. */
export const speaks = (entry: Allow, name: string | null, port: number): boolean => {
  if (entry.ports.size > 0 && !entry.ports.has(port)) return false
  if (name === null) return entry.literals
  if (entry.hosts.has(name)) return true
  for (const suffix of entry.suffixes) if (name.length > suffix.length && name.endsWith(suffix)) return true
  return false
}

export const holds = (list: ReadonlyArray<Cidr>, address: Address): boolean => {
  for (const cidr of list) if (inCidr(address, cidr)) return true
  return false
}

/** May a CIDR of an EgressPolicy lift what the class alone refuses? `/0` means "anywhere public", it lifts nothing. */
export const opened = (policy: Rules, address: Address, name: string | null, port: number): boolean => {
  for (const entry of policy.allow) {
    if (!speaks(entry, name, port)) continue
    for (const cidr of entry.cidrs) if (cidr.prefix > 0 && inCidr(address, cidr)) return true
  }
  return false
}
