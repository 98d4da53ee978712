// One kind out of its collections (one for the whole cluster, or one a watched namespace): told whole once each has answered, so that nobody takes half of
// it for all (law 2); a namespace that becomes unreadable keeps what it had and costs nothing but itself (law 1). Plain callbacks, no clock.
import type { KindEntry } from "#schemas/kinds.ts"
import type { ObjectKey } from "#schemas/meta.ts"
import type { Change, Decoded } from "../state/change.ts"

/** What is heard from one collection. */
export interface Hearing {
  readonly listed: (objects: ReadonlyArray<Decoded>) => void
  readonly set: (object: Decoded) => void
  readonly gone: (object: Decoded) => void
  readonly denied: (detail: string) => void
  readonly absent: () => void
}

interface Part {
  state: "Waiting" | "Listed" | "Denied" | "Absent"
  /** Held only where there are several: the whole has to be told when one of them is listed anew. */
  readonly objects: Map<ObjectKey, Decoded>
  detail: string
  /** The denial was told since it began. */
  told: boolean
  /** It was listed once: what there was is held. */
  known: boolean
}

/** namespaces: [""] for the whole cluster. put: called synchronously. */
export const gather = (
  entry: KindEntry,
  namespaces: ReadonlyArray<string>,
  put: (change: Change) => void
): ReadonlyMap<string, Hearing> => {
  const kind = entry.groupKind
  const parts = new Map<string, Part>(
    namespaces.map((namespace) => [namespace, { state: "Waiting", objects: new Map(), detail: "", told: false, known: false }])
  )
  const several = parts.size > 1
  let synced = false

  const settled = (): boolean => [...parts.values()].every((part) => part.state !== "Waiting")

  const tellWhole = (): void => {
    const unread = [...parts].flatMap(([namespace, part]) => (part.state === "Denied" && !part.known ? [namespace] : [])).sort()
    const objects = [...parts.values()].flatMap((part) => [...part.objects.values()])
    put({ _tag: "Replaced", kind, objects, ...(unread.length === 0 ? {} : { unread }) })
  }

  /** What each answered, while no list has been told. */
  const first = (): void => {
    const all = [...parts.values()]
    if (all.some((part) => part.state === "Listed")) {
      synced = true
      tellWhole()
      // A definition is the whole cluster's: where it is absent in one namespace, those that may not look have nothing either.
    } else if (all.some((part) => part.state === "Absent")) put({ _tag: "Unserved", kind })
    tellDenials()
  }

  const tellDenials = (): void => {
    const denied = [...parts].filter(([, part]) => part.state === "Denied")
    for (const [namespace, part] of denied) {
      if (part.told) continue
      part.told = true
      put({ _tag: "Denied", kind, namespace: namespace === "" ? null : namespace, detail: part.detail })
    }
    // The kind as a whole is denied when nothing at all of it can be read.
    if (several && denied.length === parts.size && !synced) put({ _tag: "Denied", kind, namespace: null, detail: denied[0]![1].detail })
  }

  return new Map(
    [...parts].map(([namespace, part]): [string, Hearing] => [
      namespace,
      {
        listed: (objects) => {
          part.state = "Listed"
          part.told = false
          part.known = true
          part.objects.clear()
          for (const object of objects) part.objects.set(object.meta.key, object)
          if (synced) tellWhole()
          else if (settled()) first()
          // The fold holds them.
          if (!several) part.objects.clear()
        },
        set: (object) => {
          if (several) part.objects.set(object.meta.key, object)
          if (synced) put({ _tag: "Upserted", object })
        },
        gone: (object) => {
          if (several) part.objects.delete(object.meta.key)
          if (synced) put({ _tag: "Deleted", key: object.meta.key })
        },
        denied: (detail) => {
          part.state = "Denied"
          part.detail = detail
          if (synced) tellDenials()
          else if (settled()) first()
        },
        absent: () => {
          part.state = "Absent"
          if (!synced && settled()) first()
        }
      }
    ])
  )
}
