// Listeners of one Gateway and its ListenerSets against each other (Gateway API v1.6, Listener): which cannot be told apart, and which share more TLS names than is good.
import { parseKey } from "#schemas/meta.ts"
import { type Said, listener as say } from "../status/conditions.ts"
import { intersection } from "./intersection.ts"
import { type JudgedListener, spokenOf } from "./listener.ts"

const byHostname: ReadonlySet<string> = new Set(["HTTP", "HTTPS", "TLS"])

/** Whether two listeners of one port cannot be told apart, and by what. UDP has ports of its own. */
const clash = (a: JudgedListener, b: JudgedListener): "hostname" | "protocol" | null => {
  const [p, q] = [a.listener.protocol, b.listener.protocol]
  if ((p === "UDP") !== (q === "UDP")) return null
  // TCP and UDP have nothing but the port to go by.
  if (!byHostname.has(p) || !byHostname.has(q)) return "protocol"
  // A socket of ours speaks TLS from the first byte or not at all.
  if ((p === "HTTP") !== (q === "HTTP")) return "protocol"
  if (a.listener.hostname !== b.listener.hostname) return null
  return p === q ? "hostname" : "protocol"
}

/** As the status that `one` has an entry in may name them. own: the Gateway's namespace. */
const names = (one: JudgedListener, others: ReadonlyArray<JudgedListener>, own: string): string =>
  spokenOf(others, one.set === null ? own : parseKey(one.set).namespace)

const conflictOf = (one: JudgedListener, neighbours: ReadonlyArray<JudgedListener>, own: string): ReadonlyArray<Said> | null => {
  const protocol = neighbours.filter((other) => clash(one, other) === "protocol")
  if (protocol.length > 0) return say.protocolConflict(names(one, protocol, own), one.listener.port)
  const hostname = neighbours.filter((other) => clash(one, other) === "hostname")
  return hostname.length > 0 ? say.hostnameConflict(names(one, hostname, own), one.listener.port, one.listener.hostname ?? null) : null
}

const overlapOf = (one: JudgedListener, neighbours: ReadonlyArray<JudgedListener>, own: string): Said | null => {
  if (one.listener.protocol !== "HTTPS") return null
  const overlapping = neighbours.filter(
    (other) => other.listener.protocol === "HTTPS" && intersection(one.listener.hostname ?? "*", other.listener.hostname ?? "*") !== null
  )
  return overlapping.length === 0 ? null : say.overlappingHostnames(names(one, overlapping, own), one.listener.port)
}

const together = (one: JudgedListener, others: ReadonlyArray<JudgedListener>): ReadonlyArray<JudgedListener> =>
  others.filter((other) => other !== one && other.listener.port === one.listener.port)

/** It has its place, whether it can be served there or not: what nobody knows how to open has none. */
const holds = ({ accepted }: JudgedListener): boolean => accepted.reason !== "UnsupportedProtocol"

/**
 * groups: the listeners of a Gateway, then those of each of its ListenerSets, who comes first before. Between objects the earlier one wins, and what has lost to one is nobody's
 * rival any more. Those of one group that cannot be told apart all lose: there is no winner inside an object. own: the Gateway's namespace.
 */
export const judgeTogether = (
  groups: ReadonlyArray<ReadonlyArray<JudgedListener>>,
  own: string
): ReadonlyArray<ReadonlyArray<JudgedListener>> => {
  const earlier: Array<JudgedListener> = []
  const judged = groups.map((listeners) => {
    const standing = listeners.filter((one) => conflictOf(one, together(one, earlier), own) === null)
    const all = listeners.map((one): JudgedListener => {
      const late = !standing.includes(one)
      const conflict = conflictOf(one, together(one, late ? earlier : standing), own)
      if (conflict === null) return one
      return { ...one, accepted: conflict[0]!, others: conflict.slice(1), ...(late ? { late } : {}) }
    })
    earlier.push(...all.filter((one) => one.others.length === 0 && holds(one)))
    return all
  })
  return judged.map((listeners) =>
    listeners.map((one) => {
      if (one.others.length > 0) return one
      const overlap = overlapOf(one, together(one, earlier), own)
      return { ...one, others: overlap === null ? [say.noConflicts] : [say.noConflicts, overlap] }
    })
  )
}
