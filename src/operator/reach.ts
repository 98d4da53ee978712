// Where clients reach a Gateway, and what of its pods and Service stands over the conditions of its verdict. Pure.
import type { Condition, ObjectKey } from "#schemas/meta.ts"
import { live, observed, type Said, gateway as sayGateway } from "../status/conditions.ts"
import type { Verdict } from "../status/verdict.ts"
import type { Infrastructure } from "../translate/infrastructure.ts"
import type { GatewayAddress } from "./status/desired.ts"
import { type Fields, field, listAt, numberAt, stringAt } from "./status/json.ts"

/** Why what was rendered does not stand. */
export type Problem =
  | { readonly _tag: "Parameters"; readonly named: ReadonlyArray<ObjectKey>; readonly cause: string }
  | { readonly _tag: "Resources"; readonly what: string; readonly cause: string }
  | { readonly _tag: "Taken"; readonly what: string }

/** What stands for a Gateway. */
export interface Standing {
  readonly service: Fields | null
  readonly deployment: Fields | null
  readonly problem: Problem | null
}

export interface Reach {
  readonly addresses: ReadonlyArray<GatewayAddress>
  readonly over: ReadonlyArray<Condition>
  readonly unreachable: Condition | null
}

/** What the CRD admits. */
const mostAddresses = 16

/** Where clients reach a Service, by its own word. */
export const addressesOf = (service: Fields | null): ReadonlyArray<GatewayAddress> => {
  const spec = field(service, "spec")
  const found: ReadonlyArray<GatewayAddress> =
    stringAt(spec, "type") === "LoadBalancer"
      ? listAt(field(field(service, "status"), "loadBalancer"), "ingress").flatMap((one): ReadonlyArray<GatewayAddress> => {
          const [ip, hostname] = [stringAt(one, "ip"), stringAt(one, "hostname")]
          return ip !== "" ? [{ type: "IPAddress", value: ip }] : hostname !== "" ? [{ type: "Hostname", value: hostname }] : []
        })
      : listAt(spec, "clusterIPs").flatMap(
          (ip): ReadonlyArray<GatewayAddress> =>
            typeof ip === "string" && ip !== "" && ip !== "None" ? [{ type: "IPAddress", value: ip }] : []
        )
  // In one order, whoever tells them: another order is no news.
  return [...found].sort((a, b) => (a.type + a.value < b.type + b.value ? -1 : 1)).slice(0, mostAddresses)
}

const nameOf = (object: Fields | null): string => {
  const metadata = field(object, "metadata")
  return `${stringAt(metadata, "namespace")}/${stringAt(metadata, "name")}`
}

const problemSaid = (problem: Problem): Said => {
  switch (problem._tag) {
    case "Parameters":
      return sayGateway.unusableParameters(problem.named, problem.cause)
    case "Resources":
      return live.noResources(problem.what, problem.cause)
    case "Taken":
      return live.nameTaken(problem.what)
  }
}

/** What a Deployment complains of: no quota, an admission that refuses its pods, no progress. */
const complaintOf = (deployment: Fields): string =>
  listAt(field(deployment, "status"), "conditions")
    .filter((one) =>
      stringAt(one, "type") === "ReplicaFailure"
        ? stringAt(one, "status") === "True"
        : stringAt(one, "reason") === "ProgressDeadlineExceeded"
    )
    .map((one) => stringAt(one, "message"))
    .join(". ")

const programmedOf = (verdict: Verdict): Condition | undefined =>
  verdict.entries.find((entry) => entry.listener === null)?.conditions.find(({ type }) => type === "Programmed")

const acceptedOf = (verdict: Verdict): boolean =>
  verdict.entries
    .find((entry) => entry.listener === null)
    ?.conditions.some(({ type, status }) => type === "Accepted" && status === "True") ?? false

const overSaid = (
  verdict: Verdict,
  infrastructure: Infrastructure,
  standing: Standing,
  addresses: ReadonlyArray<GatewayAddress>
): Said | null => {
  const programmed = programmedOf(verdict)
  if (!acceptedOf(verdict) || programmed === undefined) return null
  if (standing.problem !== null) return problemSaid(standing.problem)
  const { service, deployment } = standing
  if (programmed.status === "Unknown" && deployment !== null) {
    const ready = numberAt(field(deployment, "status"), "readyReplicas") ?? 0
    return live.noProxyYet(nameOf(deployment), ready, numberAt(field(deployment, "spec"), "replicas") ?? 0, complaintOf(deployment))
  }
  if (programmed.status !== "True" || service === null) return null
  const type = stringAt(field(service, "spec"), "type")
  const { has, missing } = askedAndGiven(infrastructure, addresses)
  if (missing.length > 0) return live.addressNotUsable(nameOf(service), type, missing, has)
  return has.length === 0 ? live.addressNotAssigned(nameOf(service), type) : null
}

const askedAndGiven = ({ addresses: asked }: Infrastructure, addresses: ReadonlyArray<GatewayAddress>) => {
  const has = addresses.map(({ value }) => value)
  return { has, missing: asked.filter((one) => !has.includes(one)) }
}

/** Of a Gateway that asks for addresses and has a Service that could give them (Gateway API v1.7, AddressesAssigned). */
const assignedSaid = (
  verdict: Verdict,
  infrastructure: Infrastructure,
  { service }: Standing,
  addresses: ReadonlyArray<GatewayAddress>
): Said | null => {
  if (infrastructure.addresses.length === 0 || service === null || !acceptedOf(verdict)) return null
  const { missing } = askedAndGiven(infrastructure, addresses)
  return missing.length === 0 ? live.addressesAssigned : live.addressesMissing(missing, missing.length < infrastructure.addresses.length)
}

/** endpoints: ready ones of the Service. One without a selector gets its endpoints from somebody else: that is not ours to judge. */
const unreachableSaid = ({ service }: Standing, endpoints: number): Said | null =>
  service === null || endpoints > 0 || field(field(service, "spec"), "selector") === undefined ? null : live.unreachable(nameOf(service))

export const reachOf = (verdict: Verdict, infrastructure: Infrastructure | null, standing: Standing, endpoints: number): Reach => {
  const addresses = addressesOf(standing.service)
  const said =
    infrastructure === null
      ? []
      : [overSaid(verdict, infrastructure, standing, addresses), assignedSaid(verdict, infrastructure, standing, addresses)]
  const unreachable = unreachableSaid(standing, endpoints)
  return {
    addresses,
    over: said.flatMap((one) => (one === null ? [] : [observed(verdict.generation, one)])),
    unreachable: unreachable === null ? null : observed(verdict.generation, unreachable)
  }
}
