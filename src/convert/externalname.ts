// A Service of type ExternalName with Voyager's annotations as a Backend for each port that is used of it. What the annotations mean is read by the dialect
// (translate/dialects/voyager.ts), and what a reference to it comes to is asked of translate: whether it is served, and whether it is a redirect.
import { Result } from "effect"
import type { BackendDNS } from "#schemas/backend.ts"
import { formatDuration } from "#schemas/duration.ts"
import type { HealthCheck } from "#schemas/health.ts"
import { type ObjectKey, parseKey } from "#schemas/meta.ts"
import { ownGroup } from "#schemas/reference.ts"
import type { Service } from "#schemas/service.ts"
import { resolveBackend } from "../translate/backend.ts"
import { tlsAt } from "../translate/carriage.ts"
import type { RedirectAction } from "../translate/destination.ts"
import { prefix, readVoyager, type Voyager, voyagerCheck } from "../translate/dialects/voyager.ts"
import { backendKind, serviceKind } from "../translate/kinds.ts"
import { asWritten, unsaid, wireOf } from "../translate/protocol.ts"
import type { Referrer } from "../translate/resolved.ts"
import type { Ground } from "./ground.ts"
import { type Fields, metadataAs } from "./manifest.ts"
import { convertNote } from "./note.ts"

/** What becomes of a reference to a Service. Stays: what it names is not converted, or not for this one. */
export type ServiceReference =
  | { readonly _tag: "Stays" }
  | { readonly _tag: "Backend"; readonly name: string }
  | { readonly _tag: "Redirect"; readonly action: RedirectAction }

export interface ExternalNames {
  /** What a reference from a route comes to. */
  readonly refer: (from: Referrer, key: ObjectKey, port: number | null) => ServiceReference
  /** A reference that stays what it is, though the Service becomes something else. */
  readonly leave: (by: string, key: ObjectKey) => void
  /** What a reference from a Backend to one that stands by comes to: the Backend's name; null: it stays. */
  readonly standby: (by: string, key: ObjectKey, port: number | null) => string | null
  /** By what policies and grants are to name besides, or in its place: the Backends made of a Service by their ports. */
  readonly made: (key: ObjectKey) => ReadonlyMap<number, string>
  /** What stands in the Service's place, the Service itself where somebody still needs it. After everything that refers. */
  readonly documents: (key: ObjectKey) => { readonly made: ReadonlyArray<Fields>; readonly stays: boolean }
}

interface Known {
  readonly spec: Service["spec"]
  readonly voyager: Voyager
  readonly made: Map<number, string>
  redirected: boolean
  /** Who needs the Service as it is. */
  neededBy: string | null
}

const times = <A extends Readonly<Record<string, number | undefined>>>(fields: A): Fields =>
  Object.fromEntries(Object.entries(fields).flatMap(([name, time]) => (time === undefined ? [] : [[name, formatDuration(time)]])))

const dnsWritten = ({ nameservers, hold, maxTTL, obsoleteGrace }: BackendDNS): Fields => ({
  ...(nameservers.length === 0 ? {} : { nameservers }),
  ...(hold === undefined ? {} : { hold: times(hold) }),
  ...times({ maxTTL, obsoleteGrace })
})

const checkWritten = ({ type, interval, timeout, unhealthyThreshold, healthyThreshold }: HealthCheck): Fields => ({
  type,
  ...times({ interval, timeout }),
  unhealthyThreshold,
  healthyThreshold
})

const specOf = ({ spec, voyager }: Known, port: number): Fields => {
  const wire = wireOf(spec.ports.find((one) => one.port === port && one.protocol === "TCP")?.appProtocol)
  const { tls: onWire, protocol } = typeof wire === "string" ? unsaid : wire
  const written = asWritten(protocol)
  const { tls, dns, probed } = voyager
  const encrypted = tls !== null || tlsAt(onWire, port)
  const block = encrypted
    ? tls !== null || onWire === true || port !== 443
      ? {
          ...(tls?.sni === undefined || tls.sni === null ? {} : { sni: tls.sni }),
          ...(tls?.verify === false ? { insecureSkipVerify: true } : {})
        }
      : null
    : port === 443 && onWire === null
      ? { mode: "None" }
      : null
  return {
    endpoints: [{ fqdn: { hostname: spec.externalName, port } }],
    ...(written === undefined ? {} : { protocol: written }),
    ...(block === null ? {} : { tls: block }),
    ...(dns === null ? {} : { dns: dnsWritten(dns) }),
    ...(probed ? { healthCheck: checkWritten(voyagerCheck) } : {})
  }
}

export const makeExternalNames = (ground: Ground): ExternalNames => {
  const { view, settings, names, given, say, stays } = ground
  const services = new Map<ObjectKey, Known | null>()
  // Only those that are to be converted, and have something that Gateway API has no word for.
  const knownOf = (key: ObjectKey): Known | null => {
    const before = services.get(key)
    if (before !== undefined) return before
    const object = given.has(key) && key.startsWith(`${serviceKind}/`) ? view.get<Service>(key) : null
    const annotated = object !== null && [...object.meta.annotations.keys()].some((name) => name.startsWith(prefix))
    const known: Known | null =
      annotated && Result.isSuccess(object.value) && object.value.success.spec.type === "ExternalName"
        ? {
            spec: object.value.success.spec,
            voyager: readVoyager(object.meta.annotations, settings.allowLoopback),
            made: new Map(),
            redirected: false,
            neededBy: null
          }
        : null
    services.set(key, known)
    return known
  }
  const backendAt = (key: ObjectKey, known: Known, port: number): string => {
    const before = known.made.get(port)
    if (before !== undefined) return before
    const { namespace, name } = parseKey(key)
    const made = names.take(backendKind, namespace, known.made.size === 0 ? name : `${name}-${port}`)
    known.made.set(port, made)
    return made
  }
  const need = (known: Known | null, by: string): ServiceReference => {
    if (known !== null) known.neededBy ??= by
    return { _tag: "Stays" }
  }
  return {
    refer: (from, key, port) => {
      const known = knownOf(key)
      const { namespace, name } = parseKey(key)
      const by = `${from.kind} ${from.namespace}/${from.name}`
      const { redirect, upstream, problem } = resolveBackend(view, settings, { group: "", kind: "Service", namespace, name, port }, from)
      if (redirect !== null) {
        if (known !== null) known.redirected = true
        return { _tag: "Redirect", action: redirect }
      }
      // One that is not permitted stays so: a Backend asks for the same grant.
      const refused = upstream === null && problem?.reason !== "RefNotPermitted"
      if (known === null || refused || port === null || known.voyager.problems.length > 0 || known.voyager.redirect === true)
        return need(known, by)
      return { _tag: "Backend", name: backendAt(key, known, port) }
    },
    leave: (by, key) => {
      need(knownOf(key), by)
    },
    standby: (by, key, port) => {
      const known = knownOf(key)
      const served =
        known !== null &&
        port !== null &&
        known.voyager.problems.length === 0 &&
        known.voyager.redirect !== true &&
        (known.spec.ports.length === 0 || known.spec.ports.some((one) => one.port === port && one.protocol === "TCP"))
      if (served) return backendAt(key, known, port)
      need(known, by)
      return null
    },
    made: (key) => knownOf(key)?.made ?? new Map(),
    documents: (key) => {
      const known = knownOf(key)
      if (known === null) return { made: [], stays: true }
      const { spec, voyager, made, neededBy } = known
      for (const note of voyager.notes) say(key, { severity: "Told", message: note })
      if (voyager.problems.length > 0) stays(key, voyager.problems)
      else if (voyager.redirect === true) {
        if (neededBy !== null) say(key, convertNote.leftFor(neededBy))
        else if (!known.redirected) stays(key, [convertNote.unreferenced])
        return { made: [], stays: neededBy !== null || !known.redirected }
      } else {
        if (made.size === 0 && neededBy === null)
          for (const { port, protocol, appProtocol } of spec.ports)
            if (protocol === "TCP" && typeof wireOf(appProtocol) !== "string") backendAt(key, known, port)
        if (made.size === 0) stays(key, [neededBy === null ? convertNote.noPort : convertNote.neededBy(neededBy)])
        else if (neededBy !== null) say(key, convertNote.leftFor(neededBy))
      }
      const documents = [...made].map(([port, name]) => ({
        apiVersion: `${ownGroup}/v1alpha1`,
        kind: "Backend",
        metadata: metadataAs(given.get(key)!.value, name),
        spec: specOf(known, port)
      }))
      return { made: documents, stays: made.size === 0 || neededBy !== null }
    }
  }
}
