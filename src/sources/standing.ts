// What stands in the API server of each object, its status too: beside the decoded objects, which have no status. Whoever writes statuses keeps it.
import { type GroupKind, type ObjectKey, objectKey } from "#schemas/meta.ts"

/** Of one object, as it was listed or watched. */
export interface Standing {
  readonly uid: string
  readonly resourceVersion: string
  /** `gateway.networking.k8s.io/v1`, as it was read. */
  readonly apiVersion: string
  /** As JSON; undefined: there is none. */
  readonly status: unknown
  readonly generation: number
  /** Who wrote its condition `Accepted` last, by their names in managedFields: where no controllerName stands in the status, only these tell. */
  readonly accepters: ReadonlyArray<string>
}

/** Called synchronously, in the order of the watch. */
export interface StandingObserver {
  /** Kinds whose statuses are of interest. */
  readonly wants: (kind: GroupKind) => boolean
  readonly seen: (key: ObjectKey, standing: Standing) => void
  readonly gone: (key: ObjectKey) => void
  /** After a list of a kind (of one namespace, or "" for all): others are gone. */
  readonly only: (kind: GroupKind, namespace: string, keys: ReadonlySet<ObjectKey>) => void
}

type Fields = Readonly<Record<string, unknown>>

const fieldsOf = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {})

const textOf = (value: unknown): string => (typeof value === "string" ? value : "")

const acceptersOf = (managedFields: unknown): ReadonlyArray<string> =>
  (Array.isArray(managedFields) ? (managedFields as ReadonlyArray<unknown>) : []).flatMap((entry) => {
    const { manager, fieldsV1 } = fieldsOf(entry)
    const accepted = fieldsOf(fieldsOf(fieldsOf(fieldsOf(fieldsV1)["f:status"])["f:conditions"])['k:{"type":"Accepted"}'])
    // What another writes over stays its former owner's where it is the same: the generation, say.
    return ["f:status", "f:reason", "f:message"].every((one) => Object.hasOwn(accepted, one)) ? [textOf(manager)] : []
  })

/** Of an object's JSON; null: it has no name. */
export const standingOf = (
  kind: GroupKind,
  apiVersion: string,
  raw: unknown
): { readonly key: ObjectKey; readonly standing: Standing } | null => {
  const object = fieldsOf(raw)
  const metadata = fieldsOf(object["metadata"])
  const name = textOf(metadata["name"])
  if (name === "") return null
  return {
    key: objectKey(kind, textOf(metadata["namespace"]), name),
    standing: {
      uid: textOf(metadata["uid"]),
      resourceVersion: textOf(metadata["resourceVersion"]),
      apiVersion,
      status: object["status"],
      generation: typeof metadata["generation"] === "number" ? metadata["generation"] : 0,
      accepters: acceptersOf(metadata["managedFields"])
    }
  }
}
