// A verdict and what proxies acknowledged and saw, made into the status to write. Law 4: nothing is said here that was not observed.
import { type Condition, type ObjectKey, parseKey } from "#schemas/meta.ts"
import type { Ack, HealthFacts, Refusal, Report, UpstreamFacts } from "../report/report.ts"
import { severity } from "../report/resolution.ts"
import { listenerId, setListener } from "../snapshot/id.ts"
import { listenerSet, live, observed, type Said, type SeenAddresses } from "./conditions.ts"
import type { Verdict, VerdictEntry } from "./verdict.ts"

const gatewayKind = "Gateway.gateway.networking.k8s.io"
const setKind = "ListenerSet.gateway.networking.k8s.io"

/** How far an object's generation has come among the proxies. */
interface Progress {
  readonly said: Said
  readonly programmed: boolean
  /** Listeners that a proxy could not take up, by id, with what the system said. */
  readonly refused: ReadonlyMap<string, string>
}

interface Seen {
  ready: boolean
  acknowledged: boolean
}

/** Every ready proxy, and at least one, has acknowledged a version that holds the generation. An ack of a version that is not known counts as none. */
const progressOf = (versions: ReadonlySet<string>, acks: ReadonlyArray<Ack>): Progress => {
  const proxies = new Map<string, Seen>()
  const refused = new Map<string, string>()
  const take = (refusal: Refusal): void => {
    if (refusal.table === "listeners" && !refused.has(refusal.id)) refused.set(refusal.id, refusal.reason)
  }
  // One process may serve several Gateways, each with acks of its own: a proxy has acknowledged when any of them is of a version that is asked for.
  for (const ack of acks) {
    const seen = proxies.get(ack.proxy) ?? { ready: false, acknowledged: false }
    proxies.set(ack.proxy, seen)
    seen.ready ||= ack.ready
    if (!versions.has(ack.version)) continue
    seen.acknowledged = true
    ack.refused.forEach(take)
  }
  const ready = [...proxies.values()].filter((seen) => seen.ready)
  const acknowledged = ready.filter((seen) => seen.acknowledged).length
  const programmed = ready.length > 0 && acknowledged === ready.length
  const said =
    proxies.size === 0
      ? live.noProxy
      : ready.length === 0
        ? live.noneReady(proxies.size)
        : programmed
          ? live.programmed(ready.length)
          : live.waiting(acknowledged, ready.length)
  return { said, programmed, refused }
}

const conditionOf = (entry: VerdictEntry, type: string): Condition | undefined =>
  entry.conditions.find((condition) => condition.type === type)

/** Reasons that stand on Programmed as they stand on Accepted (Gateway API v1.6, condition reasons). */
const standing: ReadonlySet<string> = new Set(["HostnameConflict", "ProtocolConflict", "PortUnavailable"])

const listenerProgrammed = (entry: VerdictEntry, id: string, progress: Progress): Said => {
  const accepted = conditionOf(entry, "Accepted")
  if (accepted !== undefined && accepted.status !== "True" && standing.has(accepted.reason))
    return live.conflicted(accepted.reason, accepted.message)
  if (entry.listener?.served !== true) return live.invalid("The listener is not served; see its other conditions")
  const detail = progress.refused.get(id)
  return detail === undefined ? progress.said : live.listenerRefused(detail)
}

const gatewayProgrammed = (verdict: Verdict, entry: VerdictEntry, progress: Progress, idOf: (section: string) => string): Said => {
  if (conditionOf(entry, "Accepted")?.status !== "True") return live.invalid("The Gateway is not accepted")
  const names = servedOf(verdict)
  const { brought = [] } = verdict
  if (names.length + brought.length === 0) return live.invalid("No listener is served; see the conditions of each")
  return [...names.map(idOf), ...brought].every((id) => progress.refused.has(id))
    ? live.listenersRefused([...names, ...(brought.length === 0 ? [] : ["those of its ListenerSets"])])
    : progress.said
}

/** Names of the listeners that are in the snapshot. */
const servedOf = ({ entries }: Verdict): ReadonlyArray<string> =>
  entries.flatMap(({ listener, section }) => (listener?.served === true && section !== null ? [section] : []))

/** What is said of the whole set, of its own listeners alone. */
const setProgrammed = (verdict: Verdict, entry: VerdictEntry, progress: Progress, idOf: (section: string) => string): Said => {
  const own = verdict.entries.filter(({ listener }) => listener !== null)
  const ends = own.map((one) => listenerProgrammed(one, idOf(one.section ?? ""), progress))
  if (ends.length > 0 && ends.every(({ reason }) => reason === "PortUnavailable"))
    return listenerSet.portUnavailable(own.map(({ section }) => section ?? ""))
  const accepted = conditionOf(entry, "Accepted")
  if (accepted?.status !== "True") return listenerSet.notProgrammed(accepted?.reason ?? "Invalid")
  const names = servedOf(verdict)
  return names.length > 0 && names.every((name) => progress.refused.has(idOf(name))) ? live.listenersRefused(names) : progress.said
}

/** A Gateway, or a ListenerSet of one: what proxies hold is the Gateway's. */
const settleListeners = (verdict: Verdict, held: ReadonlySet<string>, acks: ReadonlyArray<Ack>): Verdict => {
  const object = parseKey(verdict.object)
  const gateway = parseKey(verdict.gateways[0] ?? verdict.object)
  const isSet = object.kind === setKind
  const idOf = (section: string) =>
    listenerId(gateway.namespace, gateway.name, isSet ? setListener(object.namespace, object.name, section) : section)
  const progress = progressOf(held, acks)
  return {
    ...verdict,
    entries: verdict.entries.map((entry) => {
      const said =
        entry.listener !== null
          ? listenerProgrammed(entry, idOf(entry.section ?? ""), progress)
          : isSet
            ? setProgrammed(verdict, entry, progress, idOf)
            : gatewayProgrammed(verdict, entry, progress, idOf)
      return { ...entry, conditions: [...entry.conditions, observed(verdict.generation, said)] }
    })
  }
}

const worseOf = (a: SeenAddresses, b: SeenAddresses): SeenAddresses => ({
  addresses: Math.min(a.addresses, b.addresses),
  healthy: Math.min(a.healthy, b.healthy),
  certificateExpires:
    a.certificateExpires === null || (b.certificateExpires !== null && b.certificateExpires < a.certificateExpires)
      ? b.certificateExpires
      : a.certificateExpires,
  lastFailure: a.lastFailure ?? b.lastFailure
})

/** The worst that any proxy saw of any of the upstreams; null: nothing was seen that needs saying. */
const resolvedOf = (upstreams: ReadonlyArray<string>, reports: ReadonlyArray<Report>): Said | null => {
  let worst: UpstreamFacts["resolution"] = "NotNeeded"
  let details = new Set<string>()
  let seen: SeenAddresses | null = null
  for (const report of reports)
    for (const id of upstreams) {
      const facts = report.upstreams.get(id)
      if (facts === undefined) continue
      seen = seen === null ? facts : worseOf(seen, facts)
      if (severity[facts.resolution] < severity[worst]) continue
      if (severity[facts.resolution] > severity[worst]) {
        worst = facts.resolution
        details = new Set()
      }
      if (facts.detail !== "") details.add(facts.detail)
    }
  return worst === "NotNeeded" ? null : live.resolved(worst, [...details].sort().join("; "), seen)
}

/** Of the upstream and the pod that fare worst; null: nobody judges health, or there is no address to judge. */
const healthOf = (upstreams: ReadonlyArray<string>, reports: ReadonlyArray<Report>): Said | null => {
  let worst: { readonly addresses: number; readonly health: HealthFacts } | null = null
  for (const report of reports)
    for (const id of upstreams) {
      const { addresses = 0, health } = report.upstreams.get(id) ?? {}
      if (health === undefined || addresses === 0) continue
      if (worst === null || health.out * worst.addresses > worst.health.out * addresses) worst = { addresses, health }
    }
  return worst === null ? null : live.health(worst.addresses, worst.health)
}

const settleSeen = (verdict: Verdict, reports: ReadonlyArray<Report>): Verdict => {
  if (verdict.upstreams.length === 0) return verdict
  const said = [resolvedOf(verdict.upstreams, reports), healthOf(verdict.upstreams, reports)].filter((one) => one !== null)
  if (said.length === 0) return verdict
  const conditions = said.map((one) => observed(verdict.generation, one))
  return { ...verdict, entries: verdict.entries.map((entry) => ({ ...entry, conditions: [...entry.conditions, ...conditions] })) }
}

/** Whether acknowledgements speak of the object; of all others only reports do. */
export const byAcks = (object: ObjectKey): boolean => object.startsWith(`${gatewayKind}/`) || object.startsWith(`${setKind}/`)

/**
 * The desired status. held: of a Gateway, the versions that hold its generation. acks and reports: the newest of each proxy for each of the verdict's
 * Gateways. Without any (`check`), Programmed is Unknown/Pending and names are not spoken of.
 */
export const settle = (verdict: Verdict, held: ReadonlySet<string>, acks: ReadonlyArray<Ack>, reports: ReadonlyArray<Report>): Verdict =>
  byAcks(verdict.object) ? settleListeners(verdict, held, acks) : settleSeen(verdict, reports)
