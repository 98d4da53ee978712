// core/v1 Pod: where it is and whether requests may go there, for selectors of pods (XBackend). All else of it, which is most, is dropped at the door.
import { Schema, SchemaGetter } from "effect"
import { defaulted } from "./absent.ts"
import { text } from "./name.ts"

/** Ready: as the EndpointSlices of a Service would have it. Leaving: it is ready and is being deleted, so it serves what nobody else can. */
export type PodReadiness = "Ready" | "Leaving" | "No"

export interface Pod {
  /** Of every family that it has. */
  readonly addresses: ReadonlyArray<string>
  readonly readiness: PodReadiness
}

const isPod = (u: unknown): u is Pod => typeof u === "object" && u !== null && "addresses" in u && "readiness" in u

const ended: ReadonlySet<string> = new Set(["Succeeded", "Failed"])

export const Pod = Schema.Struct({
  metadata: Schema.Struct({ deletionTimestamp: Schema.optionalKey(Schema.String) }),
  status: defaulted(
    Schema.Struct({
      phase: Schema.optionalKey(Schema.String),
      podIPs: defaulted(Schema.Array(Schema.Struct({ ip: text(1, 253) })), []),
      /** The first of podIPs, which the API server fills in. A file may have it alone. */
      podIP: Schema.optionalKey(text(1, 253)),
      conditions: defaulted(Schema.Array(Schema.Struct({ type: Schema.String, status: Schema.String })), [])
    }),
    {}
  )
}).pipe(
  Schema.decodeTo(Schema.declare(isPod), {
    decode: SchemaGetter.transform(({ metadata, status: { phase, podIPs, podIP, conditions } }): Pod => {
      const addresses = podIPs.length > 0 ? podIPs.map(({ ip }) => ip) : podIP === undefined ? [] : [podIP]
      const ready = !ended.has(phase ?? "") && conditions.some(({ type, status }) => type === "Ready" && status === "True")
      return { addresses, readiness: !ready ? "No" : metadata.deletionTimestamp === undefined ? "Ready" : "Leaving" }
    }),
    encode: SchemaGetter.transform(({ addresses, readiness }: Pod) => ({
      metadata: readiness === "Leaving" ? { deletionTimestamp: "" } : {},
      status: {
        podIPs: addresses.map((ip) => ({ ip })),
        conditions: readiness === "No" ? [] : [{ type: "Ready", status: "True" }]
      }
    }))
  })
)
