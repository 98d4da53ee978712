// A listener that is not served keeps its hostnames from wider siblings of its port (law 15): what was meant for it is no other listener's to answer. Apart from
// gateway.ts because nobody attaches to it, and it opens no port.
import type { ListenerPlace, ObjectKey } from "#schemas/meta.ts"
import type { Id, Source } from "../snapshot/id.ts"
import type { Listener } from "../snapshot/listener.ts"
import { listenerNote } from "../status/conditions.ts"
import { isServed, type JudgedListener, listenerIdOf, listenerSourceOf, type UnreadableListener } from "./listener.ts"

interface Unserved {
  readonly id: Id
  readonly source: Source
  readonly place: ListenerPlace
  /** The reason of the condition that says why. */
  readonly reason: string
}

const unservedOf = (
  key: ObjectKey,
  judged: ReadonlyArray<JudgedListener>,
  unreadable: ReadonlyArray<UnreadableListener>
): ReadonlyArray<Unserved> => {
  return [
    ...judged
      .filter((one) => !isServed(one) && one.listener.protocol !== "UDP")
      .map(({ name: section, set, listener, accepted, resolved }) => ({
        id: listenerIdOf(key, set, section),
        source: listenerSourceOf(key, set, section),
        place: { port: listener.port, hostname: listener.hostname ?? null },
        reason: accepted.status === "True" ? resolved.reason : accepted.reason
      })),
    // Several may share a name, or have none: no name of a listener has brackets.
    ...unreadable.flatMap(({ index, set, name: section, place }) =>
      place === null
        ? []
        : [{ id: listenerIdOf(key, set, `[${index}]`), source: listenerSourceOf(key, set, section), place, reason: "UnsupportedValue" }]
    )
  ]
}

/** Of each hostname that no served listener of its port has, one; only on ports that are served at all. served: by id, as they go into the snapshot. */
export const placeholders = (
  key: ObjectKey,
  judged: ReadonlyArray<JudgedListener>,
  unreadable: ReadonlyArray<UnreadableListener>,
  served: ReadonlyMap<Id, Listener>
): ReadonlyMap<Id, Listener> => {
  const kept = new Map<Id, Listener>()
  // Of bytes alone nobody can tell for which hostname they are.
  const siblings = [...served.values()].filter(({ mode }) => mode._tag !== "Stream")
  const taken = new Set(siblings.map(({ port, hostname }) => `${port} ${hostname ?? "*"}`))
  for (const { id, source, place, reason } of unservedOf(key, judged, unreadable)) {
    const sibling = siblings.find(({ port }) => port === place.port)
    const where = `${place.port} ${place.hostname ?? "*"}`
    if (sibling === undefined || taken.has(where)) continue
    taken.add(where)
    kept.set(id, {
      source,
      hostname: place.hostname,
      port: place.port,
      bind: sibling.bind,
      mode: { _tag: "Refused", tls: null, problem: listenerNote.notServed(reason) },
      limits: sibling.limits
    })
  }
  return kept
}
