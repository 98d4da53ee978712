// TLS of Ingresses: listeners that they lend to their Gateway, one a host, beside those that the Gateway writes. Apart from gateway.ts, because the owner of the
// Gateway did not write them: they must not cost a listener of its own anything, and what is wrong with them is told on the Ingress.
import { Result } from "effect"
import type { Ingress } from "#schemas/dialects/ingress.ts"
import type { VoyagerIngress } from "#schemas/dialects/voyageringress.ts"
import type { Listener } from "#schemas/listener.ts"
import { describeKey, type Meta, type ObjectKey, objectKey, parseKey } from "#schemas/meta.ts"
import { listenerNote, listener as say } from "../status/conditions.ts"
import { ingressNote } from "../status/ingressnotes.ts"
import { admitsNamespace } from "./admission.ts"
import { byAge } from "./age.ts"
import { keyPairOf } from "./certificate.ts"
import { clientValidation } from "./clientvalidation.ts"
import { ingressParent } from "./ingressclass.ts"
import { intersection } from "./intersection.ts"
import { ingressKind, voyagerIngressKind } from "./kinds.ts"
import { type JudgedListener, spokenOf, type UnreadableListener } from "./listener.ts"
import type { TranslateSettings } from "./settings.ts"
import type { View } from "./view.ts"

export interface LentListener extends JudgedListener {
  readonly ingress: ObjectKey
  /** `spec.tls[0]` */
  readonly path: string
  /** Of its certificate, whether it is there or not. */
  readonly secret: ObjectKey
}

/** What an Ingress is told of its TLS. */
export interface TlsSaid {
  /** Not served, each naming its field. */
  readonly problems: ReadonlyArray<string>
  readonly unresolved: ReadonlyArray<{ readonly reason: string; readonly message: string }>
  readonly notes: ReadonlyArray<string>
}

export interface Lent {
  readonly listeners: ReadonlyArray<LentListener>
  readonly said: ReadonlyMap<ObjectKey, TlsSaid>
}

/** A host that is to have TLS; secret null: with what the Gateway has. */
interface Asked {
  readonly path: string
  /** null: every host. */
  readonly host: string | null
  readonly secret: string | null
}

const none: Lent = { listeners: [], said: new Map() }
const httpsPort = 443

const askedBy = (view: View, settings: TranslateSettings, key: ObjectKey, gateway: ObjectKey): ReadonlyArray<Asked> | null =>
  view.unit("ingress tls", `${key} ${gateway}`, (view) => {
    const parent = ingressParent(view, settings, key)
    const value = view.get<Ingress | VoyagerIngress>(key)?.value
    if (parent._tag !== "Gateway" || parent.gateway !== gateway || value === undefined || Result.isFailure(value)) return null
    const tls: ReadonlyArray<VoyagerIngress["spec"]["tls"][number]> = value.success.spec.tls
    return tls.flatMap((element, index): ReadonlyArray<Asked> => {
      if (Result.isFailure(element)) return []
      const { hosts, ref, secretName = "" } = element.success
      const names = hosts.length === 0 ? [null] : hosts
      return names.map((host) => ({ path: `spec.tls[${index}]`, host, secret: ref?.name ?? (secretName === "" ? null : secretName) }))
    })
  })

/** It takes what an Ingress becomes. */
const takesRequests = ({ supportedKinds }: JudgedListener): boolean => supportedKinds.some(({ kind }) => kind === "HTTPRoute")

/** Listeners of the Gateway through which the Ingress may speak for all that a host stands for. */
const admitting = (view: View, written: ReadonlyArray<JudgedListener>, own: string, namespace: string, host: string | null) =>
  written.filter(
    ({ listener, accepted }) =>
      accepted.status === "True" &&
      admitsNamespace(view, own, listener.allowedRoutes.namespaces, namespace) &&
      intersection(listener.hostname ?? "*", host ?? "*") === (host ?? "*")
  )

/** The listener that could not be read and has this host on this port; undefined: there is none. */
const unreadableFor = (listeners: ReadonlyArray<UnreadableListener>, port: number, host: string) => {
  const found = listeners.find(({ place }) => place !== null && place.port === port && (place.hostname ?? "*") === host)
  return found === undefined ? undefined : { name: found.name ?? `spec.listeners[${found.index}]`, set: found.set }
}

/** written, unreadable: the listeners of the Gateway and its ListenerSets, served or not: a host of theirs is theirs. An Ingress speaks through the Gateway's own alone. */
export const ingressTls = (
  view: View,
  settings: TranslateSettings,
  key: ObjectKey,
  written: ReadonlyArray<JudgedListener>,
  unreadable: ReadonlyArray<UnreadableListener>
): Lent => {
  const asking: Array<{ readonly meta: Meta; readonly asked: ReadonlyArray<Asked> }> = []
  for (const { meta } of [...view.list(ingressKind), ...view.list(voyagerIngressKind)]) {
    const asked = askedBy(view, settings, meta.key, key)
    if (asked !== null && asked.length > 0) asking.push({ meta, asked })
  }
  if (asking.length === 0) return none
  const own = parseKey(key).namespace
  const doors = written.filter((one) => one.set === null && takesRequests(one))
  const secure = doors.filter(({ listener, accepted }) => accepted.status === "True" && listener.protocol === "HTTPS")
  const ports = secure.length === 0 ? [httpsPort] : [...new Set(secure.map(({ listener }) => listener.port))].sort((a, b) => a - b)
  const lent = new Map<string, { readonly listener: LentListener; readonly secret: ObjectKey }>()
  const said = new Map<ObjectKey, TlsSaid>()

  const lend = (meta: Meta, one: Asked, secret: ObjectKey, allowedRoutes: Listener["allowedRoutes"], port: number): LentListener => {
    const pair = keyPairOf(view, `${one.path}.secretName`, secret)
    const problem = Result.isFailure(pair) ? pair.failure : null
    const listener: Listener = {
      // No name that can be written in a Gateway has brackets.
      name: `[tls ${one.host ?? "*"}:${port}]`,
      ...(one.host === null ? {} : { hostname: one.host }),
      port,
      protocol: "HTTPS",
      allowedRoutes
    }
    return {
      index: written.length + lent.size,
      name: listener.name,
      set: null,
      listener,
      accepted: say.accepted,
      resolved: problem === null ? say.resolvedRefs : say.invalidCertificateRef([problem.message]),
      others: [],
      supportedKinds: doors[0]?.supportedKinds ?? [],
      certificates: Result.isSuccess(pair) ? [pair.success] : [],
      secrets: Result.isSuccess(pair) ? [pair.success.id] : problem?.there === true ? [secret] : [],
      clients: clientValidation(view, key, port),
      ingress: meta.key,
      path: one.path,
      secret
    }
  }

  for (const { meta, asked } of asking.sort((a, b) => byAge(a.meta, b.meta))) {
    const { namespace } = parseKey(meta.key)
    const tell = { problems: [] as string[], unresolved: [] as TlsSaid["unresolved"][number][], notes: [] as string[] }
    said.set(meta.key, tell)
    for (const one of asked) {
      const host = one.host ?? "*"
      const through = admitting(view, doors, own, namespace, one.host)
      if (through.length === 0) {
        tell.problems.push(ingressNote.tls.notWithin(one.path, host, key))
        continue
      }
      if (one.secret === null) {
        const covered = through.some(({ listener }) => listener.protocol === "HTTPS")
        if (!covered) tell.problems.push(ingressNote.tls.noSecret(one.path, host, key))
        continue
      }
      const secret = objectKey("Secret", namespace, one.secret)
      for (const port of ports) {
        // What a set says of a port counts once it has it.
        const beside = written.filter(
          ({ listener, set, accepted }) =>
            listener.port === port && listener.protocol !== "UDP" && (set === null || accepted.status === "True")
        )
        const same = beside.find(({ listener }) => (listener.hostname ?? "*") === host) ?? unreadableFor(unreadable, port, host)
        const closed = beside.find(
          ({ listener, set }) =>
            intersection(listener.hostname ?? "*", host) !== null &&
            !admitsNamespace(view, set === null ? own : parseKey(set).namespace, listener.allowedRoutes.namespaces, namespace)
        )
        const other = lent.get(`${port} ${host}`)
        const clients = clientValidation(view, key, port)
        if (clients !== null && clients.authorities === null) tell.problems.push(ingressNote.tls.clientsUnverifiable(one.path, port, key))
        else if (beside.some(({ listener, accepted }) => accepted.status === "True" && listener.protocol !== "HTTPS"))
          tell.problems.push(ingressNote.tls.portProtocol(one.path, port, key))
        else if (same !== undefined)
          tell.notes.push(ingressNote.tls.gatewayHas(one.path, host, spokenOf([same], namespace), same.set === null))
        // Whoever it does not admit must not take a host out of it either.
        else if (closed !== undefined) tell.problems.push(ingressNote.tls.notAdmitted(one.path, host, port, spokenOf([closed], namespace)))
        else if (other !== undefined) {
          if (other.secret !== secret) tell.problems.push(ingressNote.tls.taken(one.path, host, other.listener.ingress))
        } else {
          const listener = lend(meta, one, secret, through[0]!.listener.allowedRoutes, port)
          lent.set(`${port} ${host}`, { listener, secret })
          const [pair] = listener.certificates
          if (pair !== undefined) tell.notes.push(listenerNote.certificate.expires(describeKey(secret), pair.expires))
          else tell.unresolved.push({ reason: "InvalidCertificateRef", message: listener.resolved.message })
        }
      }
    }
  }
  return { listeners: [...lent.values()].map(({ listener }) => listener), said }
}

/** With the ports that could not be had. */
export const withUnserved = (said: Lent["said"], judged: ReadonlyArray<LentListener>): Lent["said"] => {
  const unserved = Map.groupBy(
    judged.filter(({ accepted }) => accepted.status !== "True"),
    ({ ingress }) => ingress
  )
  if (unserved.size === 0) return said
  return new Map(
    [...said].map(([ingress, tell]) => {
      const listeners = unserved.get(ingress) ?? []
      const problems = listeners.map(({ path, listener, accepted }) => ingressNote.tls.notServed(path, listener.port, accepted.message))
      return [ingress, { ...tell, problems: [...tell.problems, ...problems] }]
    })
  )
}
