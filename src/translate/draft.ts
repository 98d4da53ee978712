// A Gateway judged by itself, with the listeners that it writes and those that its ListenerSets bring. What other Gateways and routes make of it comes after (gateway.ts).
import { Result } from "effect"
import type { Gateway } from "#schemas/gateway.ts"
import type { ListenerSet } from "#schemas/listenerset.ts"
import { type Meta, type ObjectKey, parseKey } from "#schemas/meta.ts"
import type { Decoded } from "../state/change.ts"
import { type Said, gateway as say, listener as sayListener, listenerSet as saySet } from "../status/conditions.ts"
import { judgeTogether } from "./conflict.ts"
import { ownClass, parametersProblem } from "./gatewayclass.ts"
import { addressesUnsupported } from "./infrastructure.ts"
import { type JudgedListener, judgeListener, type UnreadableListener, unreadable } from "./listener.ts"
import { admitsSets, setsOf } from "./listenerset.ts"
import type { TranslateSettings } from "./settings.ts"
import type { View } from "./view.ts"

/** A Gateway with its ListenerSets, judged. */
export interface Draft {
  readonly meta: Meta
  readonly gateway: Gateway
  /** Why the whole Gateway is refused; null: it is not. */
  readonly refused: Said | null
  readonly listeners: ReadonlyArray<JudgedListener>
  readonly unreadable: ReadonlyArray<UnreadableListener>
  readonly sets: ReadonlyArray<SetDraft>
}

export interface SetDraft {
  readonly meta: Meta
  /** Why the whole set is refused; null: it is not. */
  readonly refused: Said | null
  readonly listeners: ReadonlyArray<JudgedListener>
  readonly unreadable: ReadonlyArray<UnreadableListener>
}

/** With those that ListenerSets bring. */
export const allOf = ({ listeners, sets }: Draft): ReadonlyArray<JudgedListener> =>
  sets.length === 0 ? listeners : [...listeners, ...sets.flatMap((set) => set.listeners)]

export const allUnreadable = ({ unreadable, sets }: Draft): ReadonlyArray<UnreadableListener> =>
  sets.length === 0 ? unreadable : [...unreadable, ...sets.flatMap((set) => set.unreadable)]

/** Listeners of a Gateway, its own and those of its sets together (law 19): each is compared with all others. */
export const mostListeners = 256

/** As many as there is room for. */
const judgeListeners = (
  view: View,
  key: ObjectKey,
  set: ObjectKey | null,
  elements: Gateway["spec"]["listeners"],
  room: number = elements.length
) => {
  const listeners: Array<JudgedListener> = []
  const bad: Array<UnreadableListener> = []
  const beyond: Array<JudgedListener> = []
  for (const [index, element] of elements.entries()) {
    const failed = unreadable(element, set, index)
    if (failed !== null) bad.push(index < room ? failed : { ...failed, place: null })
    else if (Result.isSuccess(element)) {
      const judged = judgeListener(view, key, set, element.success, index)
      if (index < room) listeners.push(judged)
      else beyond.push({ ...judged, accepted: sayListener.tooMany(mostListeners), late: true })
    }
  }
  return { listeners, unreadable: bad, beyond }
}

const noListeners = { listeners: [], unreadable: [], beyond: [] }

type Brought = SetDraft & {
  /** Those that there is no room for. */
  readonly beyond: ReadonlyArray<JudgedListener>
}

const judgeSet = (view: View, key: ObjectKey, gateway: Gateway, { meta, value }: Decoded<ListenerSet>, room: number): Brought => {
  if (!admitsSets(view, parseKey(key).namespace, gateway, parseKey(meta.key).namespace))
    return { meta, refused: saySet.notAllowed(key, parseKey(meta.key).namespace), ...noListeners }
  if (Result.isFailure(value)) return { meta, refused: saySet.undecodable(value.failure), ...noListeners }
  return { meta, refused: null, ...judgeListeners(view, key, meta.key, value.success.spec.listeners, room) }
}

const refusalOf = (view: View, settings: TranslateSettings, gateway: Gateway, namespace: string, classAccepted: boolean): Said | null => {
  const { spec } = gateway
  if (!classAccepted) return say.classNotAccepted(spec.gatewayClassName)
  const ref = spec.infrastructure?.parametersRef
  const problem = parametersProblem(view, ref === undefined ? undefined : { ...ref, namespace })
  if (problem !== null) return say.invalidParameters(problem)
  return addressesUnsupported(settings, spec.addresses) ? say.unsupportedAddress(settings.role === "Cluster") : null
}

/** The Gateway judged without regard to other Gateways; null: not ours, not there, or not readable. */
export const draft = (view: View, settings: TranslateSettings, key: ObjectKey): Draft | null =>
  view.unit("gateway draft", key, (view) => {
    const object = view.get<Gateway>(key)
    if (object === null || Result.isFailure(object.value)) return null
    const gateway = object.value.success
    const own = ownClass(view, settings, gateway.spec.gatewayClassName)
    if (own === null) return null
    const { namespace } = parseKey(key)
    const written = judgeListeners(view, key, null, gateway.spec.listeners)
    let room = mostListeners - gateway.spec.listeners.length
    const sets = setsOf(view, key).map((set) => {
      const judged = judgeSet(view, key, gateway, set, room)
      room = Math.max(0, room - judged.listeners.length - judged.unreadable.length)
      return judged
    })
    const [listeners = [], ...brought] = judgeTogether([written.listeners, ...sets.map((set) => set.listeners)], namespace)
    return {
      meta: object.meta,
      gateway,
      refused: refusalOf(view, settings, gateway, namespace, own.accepted),
      listeners,
      unreadable: written.unreadable,
      sets: sets.map(({ beyond, ...set }, at) => ({ ...set, listeners: [...brought[at]!, ...beyond] }))
    }
  })
