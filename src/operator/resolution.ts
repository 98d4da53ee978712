// What becomes of the names of ExternalName Services: they have no status of ours, so their transitions are Events on them.
import { type ObjectKey, objectKey } from "#schemas/meta.ts"
import type { Report, ResolutionState } from "../report/report.ts"
import { severity } from "../report/resolution.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import { resolutionTold, type Told } from "./transitions.ts"

interface State {
  readonly state: ResolutionState
  readonly detail: string
}

/** The state of each Service that is dialled by a name, as the proxies of one Gateway see it: the worst. Pending while none of them has told. */
export const serviceStates = (snapshot: Snapshot, reports: ReadonlyArray<Report>): ReadonlyMap<ObjectKey, State> => {
  const states = new Map<ObjectKey, State>()
  for (const [id, { sources }] of snapshot.upstreams) {
    const services = sources.filter(({ kind }) => kind === "Service")
    if (services.length === 0 || snapshot.endpoints.get(id)?.some(({ at }) => at._tag === "Name") !== true) continue
    const told = reports.flatMap(({ upstreams }) => upstreams.get(id) ?? [])
    for (const { resolution, detail } of told.length === 0 ? [{ resolution: "Pending", detail: "" } as const] : told)
      for (const { namespace, name } of services) {
        const key = objectKey("Service", namespace, name)
        const known = states.get(key)
        if (known === undefined || severity[resolution] > severity[known.state]) states.set(key, { state: resolution, detail })
      }
  }
  return states
}

export interface ServiceTransitions {
  /** What is to be told of each Service whose state is another than when it was last looked at. */
  readonly note: (gateway: ObjectKey, states: ReadonlyMap<ObjectKey, State>) => ReadonlyArray<readonly [ObjectKey, Told]>
  readonly forget: (gateway: ObjectKey) => void
}

/** Remembers states by Gateway; one that several reach is told for each, with the same words, which makes one Event of them. */
export const makeServiceTransitions = (): ServiceTransitions => {
  const known = new Map<ObjectKey, ReadonlyMap<ObjectKey, State>>()
  return {
    note: (gateway, states) => {
      const before = known.get(gateway)
      // Looked up anew, because something of the upstream changed: what was known of it is what the answer will be told against.
      known.set(
        gateway,
        new Map(
          [...states].map(([service, state]) => [service, state.state === "Pending" ? (before?.get(service) ?? state) : state] as const)
        )
      )
      return [...states].flatMap(([service, state]) => {
        const told = resolutionTold(before?.get(service)?.state ?? null, state)
        return told === null ? [] : [[service, told] as const]
      })
    },
    forget: (gateway) => {
      known.delete(gateway)
    }
  }
}
