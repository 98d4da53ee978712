// Ports: what the user wrote against what a process can open.
import type { Listener } from "#schemas/listener.ts"
import { type ObjectKey, parseKey } from "#schemas/meta.ts"
import { listenerNote, listener as say } from "../status/conditions.ts"
import { type JudgedListener, spokenOf } from "./listener.ts"
import type { TranslateSettings } from "./settings.ts"

/** What carries a listener's traffic: TCP and UDP each have ports of their own. */
export const transportOf = ({ protocol }: Pick<Listener, "protocol">): "tcp" | "udp" => (protocol === "UDP" ? "udp" : "tcp")

/** The port of a listener as the machine tells it from others. */
export const socketOf = (listener: Pick<Listener, "protocol" | "port">): string => `${transportOf(listener)} ${listener.port}`

/** Standalone: which Gateway has a port of the machine, by `socketOf`. */
export type PortClaims = ReadonlyMap<string, ObjectKey>

/** What the proxy of a pod has for itself (src/link/mount.ts): its admin pages, and health with metrics, which a Service must never publish in a listener's stead. */
const taken: ReadonlySet<number> = new Set([19_000, 19_001])

/**
 * What the process opens. A pod may not open ports below 1024 without a capability, and has given two away: these are opened 10000 higher and the Service
 * maps them.
 */
export const boundPort = (settings: TranslateSettings, port: number): number =>
  settings.role === "Cluster" && (port < 1024 || taken.has(port)) ? port + 10_000 : port

const lose = (one: JudgedListener, why: string): JudgedListener => ({ ...one, accepted: say.portUnavailable(why) })

/** What it opens, in words that compare. */
const opened = (settings: TranslateSettings, { listener: { protocol, port } }: JudgedListener): string =>
  socketOf({ protocol, port: boundPort(settings, port) })

/** Listeners whose port cannot be had are refused. Two listeners of one port share it: only different ports can collide in a pod. */
export const judgePorts = (
  settings: TranslateSettings,
  gateway: ObjectKey,
  listeners: ReadonlyArray<JudgedListener>,
  claims: PortClaims
): ReadonlyArray<JudgedListener> => {
  const accepted = listeners.filter((one) => one.accepted.status === "True")
  return listeners.map((one) => {
    const { port } = one.listener
    if (one.accepted.status !== "True") return one
    const holder = claims.get(socketOf(one.listener))
    if (holder !== undefined && holder !== gateway) return lose(one, listenerNote.port.taken(port, holder))
    const bound = boundPort(settings, port)
    const wanted = socketOf({ protocol: one.listener.protocol, port: bound })
    const rivals = accepted.filter((other) => other.listener.port !== port && opened(settings, other) === wanted)
    // Of one object the one that is opened as written keeps the port, of several the earlier object's.
    const first = rivals.find((other) => (other.set === one.set ? bound !== port : listeners.indexOf(other) < listeners.indexOf(one)))
    return first === undefined
      ? one
      : lose(one, listenerNote.port.shifted(port, bound, spokenOf([first], parseKey(one.set ?? gateway).namespace)))
  })
}
