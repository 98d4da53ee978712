// core/v1 Service whose addresses the cluster (or somebody's hand) lists: ClusterIP, headless, selectorless. The cluster IP is never dialled.
import type { ObjectKey } from "#schemas/meta.ts"
import type { Service, ServicePort } from "#schemas/service.ts"
import type { Source } from "../../snapshot/id.ts"
import { backendNote } from "../../status/backendnotes.ts"
import { type Carries, impliesTls } from "../carriage.ts"
import { type Declared, declared, refused } from "../destination.ts"
import type { BackendRules } from "../features.ts"
import { governedTls } from "../governed.ts"
import { describePolicy, tlsPolicyOf } from "../policy.ts"
import { wireOf } from "../protocol.ts"
import type { View } from "../view.ts"
import { endpointsOf, serviceMembers } from "./slices.ts"

/** A Service as a dialect sees it. */
export interface ServiceObject {
  readonly key: ObjectKey
  readonly source: Source
  readonly namespace: string
  readonly name: string
  /** `Service shop/cart`. */
  readonly what: string
  readonly spec: Service["spec"]
}

/** The port of the Service that a reference names (never a targetPort); a string says why there is none. */
export const declaredPort = (
  service: ServiceObject,
  port: number,
  carries: Carries
): ServicePort | { readonly reason: string; readonly message: string } => {
  const named = service.spec.ports.filter((candidate) => candidate.port === port)
  const needed = carries === "Datagrams" ? "UDP" : "TCP"
  const found = named.find((candidate) => candidate.protocol === needed)
  if (found !== undefined) return found
  return named.length > 0
    ? { reason: "UnsupportedProtocol", message: backendNote.portProtocol(service.what, port, named[0]!.protocol, needed) }
    : {
        reason: "BackendNotFound",
        message: backendNote.portNotDeclared(
          service.what,
          port,
          service.spec.ports.map((candidate) => candidate.port)
        )
      }
}

export const serviceDestination = (view: View, rules: BackendRules, service: ServiceObject, number: number): Declared => {
  const { key, source, what } = service
  const port = declaredPort(service, number, rules.carries)
  if ("reason" in port)
    return refused(key, source, port.reason === "BackendNotFound" ? "backend_not_found" : "invalid_backend", port.reason, port.message)
  const wire = wireOf(port.appProtocol, rules.carries)
  if (typeof wire === "string")
    return refused(key, source, "invalid_backend", "UnsupportedProtocol", backendNote.protocol(what, number, wire))
  const policy = tlsPolicyOf(
    view,
    { group: "", kind: "Service", namespace: service.namespace, name: service.name },
    port.name === "" ? null : port.name
  )
  // Port 443 alone does not mean TLS here: addresses carry no name to check a certificate against, and Gateway API has it plaintext.
  const trust = governedTls(policy, wire.tls ?? false, source)
  if (trust === null)
    return refused(key, source, "invalid_backend", null, "", [
      backendNote.about(what, backendNote.tlsInvalid(policy === null ? "" : describePolicy(policy)))
    ])
  const { members, notes } = serviceMembers(view, rules, service.namespace, service.name, port, service.spec.selector.size > 0)
  const said: Array<string> = []
  if (policy === null && trust.on) said.push(backendNote.about(what, backendNote.tlsWithoutName))
  if (!trust.on && number === 443 && wire.tls === null && impliesTls(rules.carries))
    said.push(backendNote.about(what, backendNote.plaintextService443))
  if (members.length === 0) said.push(backendNote.noEndpoints(`${what} port ${number}`))
  return declared(
    key,
    source,
    {
      of: { namespace: service.namespace, target: `${what}:${number}` },
      sources: trust.sources,
      external: false,
      protocol: wire.protocol,
      identity: { host: "Request", sni: trust.sni, certificateName: trust.certificateName },
      tls: trust.tls,
      credential: null,
      materials: trust.materials,
      layers: [],
      provenance: port.appProtocol === undefined ? trust.provenance : { protocol: source, ...trust.provenance },
      endpoints: endpointsOf(members, trust.on)
    },
    [...said, ...notes]
  )
}
