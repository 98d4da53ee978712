// Where a Gateway is served, told to people once, and again when that changes.
import type { BoundListener } from "../proxy/serving.ts"
import type { Refusal } from "../report/report.ts"
import type { Listener } from "../snapshot/listener.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import type { Journal } from "./journal.ts"

export interface Seen {
  readonly snapshot: Snapshot
  readonly listeners: ReadonlyArray<BoundListener>
  readonly refused: ReadonlyArray<Refusal>
}

const schemeOf = ({ mode, bind }: Listener): string =>
  mode._tag === "Stream" ? bind.transport : mode._tag === "Tls" ? "tls" : mode.tls === null ? "http" : "https"

/** What a listener is called by people who want to try it. */
const listenerLine = (scheme: string, bind: string, host: string | null): string =>
  `${scheme}://${host === null || host.startsWith("*") ? bind.replace(/^0\.0\.0\.0:|^\[::\]:/, "localhost:") : `${host}:${bind.slice(bind.lastIndexOf(":") + 1)}`} (bound on ${bind})`

/** One a Gateway. label: as people call it. */
export const makeAnnouncement = (journal: Journal, label: string): ((seen: Seen) => void) => {
  let said = ""
  return ({ snapshot, listeners, refused }) => {
    const lines = listeners.map(({ id, bind, bound }) => {
      const listener = snapshot.listeners.get(id)
      const refusal = refused.find((one) => one.id === id)?.reason ?? "not bound yet"
      return bound
        ? listenerLine(listener === undefined ? "http" : schemeOf(listener), bind, listener?.hostname ?? null)
        : `${bind} NOT open: ${refusal}`
    })
    const text = lines.length === 0 ? "no listener to serve" : lines.join("; ")
    if (text === said) return
    said = text
    journal.write(text.includes("NOT open") ? "warning" : "info", `${label}: ${text}`)
  }
}
