// Service of type ExternalName, proxied to the name it gives (docs/external-api.md). Its EndpointSlices, if any, are ignored.
import { Result } from "effect"
import type { ServicePort } from "#schemas/service.ts"
import { backendNote } from "../../status/backendnotes.ts"
import { voyagerNote } from "../../status/ingressnotes.ts"
import { plaintextNote, tlsAt } from "../carriage.ts"
import { type Declared, declared, refused } from "../destination.ts"
import type { BackendRules } from "../features.ts"
import { governedTls } from "../governed.ts"
import { externalName } from "../hostname.ts"
import { describePolicy, tlsPolicyOf } from "../policy.ts"
import { unsaid, wireOf } from "../protocol.ts"
import type { View } from "../view.ts"
import { behaviourOf } from "./backendbehaviour.ts"
import { declaredPort, type ServiceObject } from "./service.ts"
import { backendTls, type Voyager, voyagerCheck } from "./voyager.ts"

/** The port that is declared, null where none is, and the name; or why there is no such thing. */
const placeOf = (
  rules: BackendRules,
  service: ServiceObject,
  number: number
): { readonly port: ServicePort | null; readonly name: string } | Declared => {
  const { key, source, what, spec } = service
  // Ports declared are enforced; a Service that declares none (legal, Voyager style) is dialled on the port of the reference.
  const port = spec.ports.length === 0 ? null : declaredPort(service, number, rules.carries)
  if (port !== null && "reason" in port)
    return refused(key, source, port.reason === "BackendNotFound" ? "backend_not_found" : "invalid_backend", port.reason, port.message)
  const name = externalName(spec.externalName ?? "", rules)
  return Result.isFailure(name)
    ? refused(key, source, "invalid_backend", "InvalidAddress", backendNote.address(`${what} spec.externalName`, name.failure))
    : { port, name: name.success }
}

export const externalNameDestination = (
  view: View,
  rules: BackendRules,
  service: ServiceObject,
  number: number,
  voyager: Voyager
): Declared => {
  const { key, source, what } = service
  const place = placeOf(rules, service, number)
  if ("refusal" in place) return place
  const { port, name } = place
  const wire = port === null ? unsaid : wireOf(port.appProtocol, rules.carries)
  if (typeof wire === "string")
    return refused(key, source, "invalid_backend", "UnsupportedProtocol", backendNote.protocol(what, number, wire))
  const policy = tlsPolicyOf(
    view,
    { group: "", kind: "Service", namespace: service.namespace, name: service.name },
    port === null || port.name === "" ? null : port.name
  )
  const trust = governedTls(policy, voyager.tls !== null || tlsAt(wire.tls, number, rules.carries), source)
  if (trust === null)
    return refused(key, source, "invalid_backend", null, "", [
      backendNote.about(what, backendNote.tlsInvalid(policy === null ? "" : describePolicy(policy)))
    ])
  const notes = [backendNote.externalName(what, name)]
  notes.push(...voyager.notes.map((note) => backendNote.about(what, note)))
  // A policy governs whatever TLS there is.
  if (policy !== null && voyager.tls !== null) notes.push(backendNote.about(what, voyagerNote.governed(backendTls)))
  const own = policy === null ? voyager.tls : null
  if (policy === null && own === null && wire.tls === null && trust.on)
    notes.push(backendNote.about(what, backendNote.tlsBy443("appProtocol: http opts out")))
  const plaintext = trust.on ? null : plaintextNote(rules.carries, number === 443 ? `appProtocol ${port?.appProtocol}` : null)
  if (plaintext !== null) notes.push(backendNote.about(what, plaintext))
  return declared(
    key,
    source,
    {
      of: { namespace: service.namespace, target: `${what}:${number}` },
      sources: trust.sources,
      external: true,
      protocol: wire.protocol,
      identity: { host: "Endpoint", sni: own?.sni ?? trust.sni, certificateName: own?.sni ?? trust.certificateName },
      tls: own === null || trust.tls === null ? trust.tls : { ...trust.tls, verify: own.verify },
      credential: null,
      materials: trust.materials,
      layers: [
        {
          source,
          part: behaviourOf({
            ...(voyager.dns === null ? {} : { dns: voyager.dns }),
            ...(voyager.probed ? { healthCheck: voyagerCheck } : {})
          })
        }
      ],
      provenance: {
        "identity.host": source,
        ...(wire === unsaid ? {} : { protocol: source }),
        ...trust.provenance,
        ...(own === null || own.verify ? {} : { "tls.verify": source }),
        ...(own === null || own.sni === null ? {} : { "identity.sni": source, "identity.certificateName": source })
      },
      endpoints: [
        {
          at: { _tag: "Name", name, port: number, srv: false },
          tls: trust.on,
          tier: 0,
          weight: 1,
          zone: null,
          draining: false,
          origin: "Written"
        }
      ]
    },
    notes
  )
}

/** Clients are sent to the name and port themselves, by the scheme they came with (docs/voyager.md). The name is judged as if it were dialled. */
export const externalNameRedirect = (rules: BackendRules, service: ServiceObject, number: number, voyager: Voyager): Declared => {
  const { key, source, what } = service
  const place = placeOf(rules, service, number)
  if ("refusal" in place) return place
  const status = rules.redirectStatus
  const to = { scheme: null, hostname: place.name, port: number, path: status === 301 ? ({ _tag: "OriginAlone" } as const) : null }
  const notes = [voyagerNote.redirects(what, `${place.name}:${number}`, status, voyager.redirect === null)]
  if (voyager.dns !== null || voyager.tls !== null || voyager.probed) notes.push(backendNote.about(what, voyagerNote.unusedByRedirect))
  return { object: key, source, destination: null, redirect: { _tag: "Redirect", status, to }, refusal: null, notes }
}
