// What intent alone decides about an object. translate makes verdicts; settle adds what proxies acknowledged and saw.
import type { Condition, ObjectKey } from "#schemas/meta.ts"

/** One block of conditions in an object's status. */
export interface VerdictEntry {
  /** The Gateway (or other parent, or policy ancestor) these conditions speak of; null: the object itself. */
  readonly parent: ObjectKey | null
  /** sectionName: of the parentRef on a route's entry, of the listener on a Gateway's own entry; null: none. */
  readonly section: string | null
  /** parentRef.port as the route wrote it; null: none. */
  readonly port: number | null
  readonly conditions: ReadonlyArray<Condition>
  /** Facts of a listener's status beside its conditions; null on every other entry. */
  readonly listener: {
    readonly attachedRoutes: number
    readonly supportedKinds: ReadonlyArray<{ readonly group: string; readonly kind: string }>
    /** It is in the snapshot. One that is not can never be programmed, whoever acknowledges. */
    readonly served: boolean
    /** Those it serves: of which Secret, and until when (RFC 3339). Time decides about them, so settle does not (expiry.ts). */
    readonly certificates: ReadonlyArray<{ readonly of: string; readonly expires: string }>
  } | null
}

export interface Verdict {
  readonly object: ObjectKey
  readonly generation: number
  readonly entries: ReadonlyArray<VerdictEntry>
  /** Ids of the upstreams whose live facts belong to this object. */
  readonly upstreams: ReadonlyArray<string>
  /** Of a Gateway: how many ListenerSets are attached; absent: none is for it. */
  readonly attachedSets?: number
  /** Of such a Gateway: ids of the listeners that the sets bring and that are in the snapshot. */
  readonly brought?: ReadonlyArray<string>
  /** Gateways (their ObjectKeys) whose snapshot holds something of this object: who has to acknowledge it. */
  readonly gateways: ReadonlyArray<ObjectKey>
}
