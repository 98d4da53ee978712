// The table of good and bad objects as it is put before an API server: nothing is stored, the answer is the verdict.
import { kinds } from "#schemas/kinds.ts"
import type { Access } from "../cluster/access.ts"
import { rows } from "../schemas/table/all.ts"
import type { Channel, Row } from "../schemas/table/row.ts"

export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

export const manifest = (row: Row): Manifest => row.object as Manifest
/** Of the shared control plane (test/cluster/shared.setup.ts). */
export const installed = "v1.7.0/experimental"

/** null of an object's field is absence for us; the API server drops it as well, but only where it knows the field. */
const holdsNull = (value: unknown): boolean =>
  value === null || (typeof value === "object" && Object.values(value as object).some((item) => holdsNull(item)))

/** Of our own kinds no field is unknown; of upstream's an older release has some. */
export const submitTo = (plane: Access, namespace: Promise<string>) => async (object: Manifest, unknown: "Strict" | "Ignore") => {
  const kind = kinds.find((one) => one.kind === object.kind && object.apiVersion.startsWith(`${one.group}/`))!
  const within = kind.scope === "Cluster" ? "" : `/namespaces/${await namespace}`
  const { namespace: _, ...metadata } = object.metadata
  return plane.request("POST", `/apis/${object.apiVersion}${within}/${kind.plural}?dryRun=All&fieldValidation=${unknown}`, {
    body: { ...object, metadata }
  })
}

/** Rows that this release's CRDs are to judge as they say. */
export const judgedBy = (channel: Channel): ReadonlyArray<Row> =>
  rows.filter((row) => row.known.includes(channel) && row.differs === "" && !holdsNull(row.object))

export const isRefusedBy = (channel: Channel, row: Row): boolean =>
  row.verdict === "Bad" || row.refusedBy.includes(channel) || row.cel.includes(channel)
