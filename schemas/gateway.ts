// Gateway. Listeners decode one by one; what Sluice does not serve yet (addresses, frontend TLS, allowedListeners …) is readable.
import { Schema } from "effect"
import { defaulted, listOf, requiredList } from "./absent.ts"
import { isIP } from "./address.ts"
import { optionalEntriesOf } from "./entries.ts"
import { listeners } from "./listener.ts"
import { isQualifiedName, LabelValue, ObjectName, PortNumber, text } from "./name.ts"
import { LocalObjectReference, ObjectReference, SecretObjectReference } from "./reference.ts"
import { LabelSelector } from "./selector.ts"
import { uniqueBy } from "./unique.ts"

const addressType =
  /^Hostname|IPAddress|NamedAddress|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/u

const addressHostname = /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/u

const domain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/u

const isRoutability = (text: string): boolean => {
  if (text === "" || text === "Cluster") return true
  const slash = text.indexOf("/")
  const prefix = text.slice(0, Math.max(slash, 0))
  return slash > 0 && slash < text.length - 1 && domain.test(prefix) && prefix !== "k8s.io" && !prefix.endsWith(".k8s.io")
}

export const GatewaySpecAddress = Schema.Struct({
  type: defaulted(
    text(1, 253).check(Schema.isPattern(addressType, { expected: "IPAddress, Hostname, NamedAddress or domain/name" })),
    "IPAddress"
  ),
  /** Absent: any address of the type. */
  value: Schema.optionalKey(text(0, 253)),
  /** Experimental since v1.7. */
  routability: Schema.optionalKey(
    text(0, 253).check(
      Schema.makeFilter((routability: string) =>
        isRoutability(routability) ? undefined : 'Expected "", Cluster or domain/path; k8s.io domains are reserved'
      )
    )
  )
}).check(
  Schema.makeFilter(({ type, value }) => {
    if (value === undefined) return undefined
    if (type === "IPAddress" && !isIP(value)) return { path: ["value"], issue: "Expected an IPv4 or IPv6 address with type IPAddress" }
    if (type === "Hostname" && !addressHostname.test(value)) return { path: ["value"], issue: "Expected a hostname with type Hostname" }
    return undefined
  })
)
export type GatewaySpecAddress = typeof GatewaySpecAddress.Type

const uniqueAddresses = Schema.makeFilter((addresses: ReadonlyArray<GatewaySpecAddress>) => {
  const seen = new Set<string>()
  for (const [index, { type, value }] of addresses.entries()) {
    if (value === undefined || (type !== "IPAddress" && type !== "Hostname")) continue
    const key = `${type} ${value}`
    if (seen.has(key)) return { path: [index, "value"], issue: "Expected a value that no other address has" }
    seen.add(key)
  }
  return undefined
})

export const GatewayInfrastructure = Schema.Struct({
  labels: optionalEntriesOf(LabelValue, { max: 8, isKey: isQualifiedName, keys: "a label key" }),
  annotations: optionalEntriesOf(text(0, 4096), { max: 16, isKey: isQualifiedName, keys: "an annotation key" }),
  parametersRef: Schema.optionalKey(LocalObjectReference)
})
export type GatewayInfrastructure = typeof GatewayInfrastructure.Type

const FrontendTLSConfig = Schema.Struct({
  validation: Schema.optionalKey(
    Schema.Struct({
      caCertificateRefs: requiredList(ObjectReference, 1, 16).check(
        Schema.makeFilter((refs: ReadonlyArray<ObjectReference>) => {
          const bad = refs.findIndex(
            (ref) => ref.group === "certificates.k8s.io" && ref.kind === "ClusterTrustBundle" && ref.namespace !== undefined
          )
          return bad === -1 ? undefined : { path: [bad, "namespace"], issue: "Not allowed: ClusterTrustBundle is cluster-scoped" }
        })
      ),
      mode: defaulted(Schema.Literals(["AllowValidOnly", "AllowInsecureFallback"]), "AllowValidOnly")
    })
  )
})

export const GatewayTLS = Schema.Struct({
  /** The certificate that this Gateway shows to backends. */
  backend: Schema.optionalKey(Schema.Struct({ clientCertificateRef: Schema.optionalKey(SecretObjectReference) })),
  /** Which client certificates it asks for. */
  frontend: Schema.optionalKey(
    Schema.Struct({
      default: FrontendTLSConfig,
      perPort: listOf(Schema.Struct({ port: PortNumber, tls: FrontendTLSConfig }), 64).check(uniqueBy("port"))
    })
  )
})
export type GatewayTLS = typeof GatewayTLS.Type

export const Gateway = Schema.Struct({
  spec: Schema.Struct({
    gatewayClassName: ObjectName,
    listeners,
    addresses: listOf(GatewaySpecAddress, 16).check(uniqueAddresses),
    infrastructure: Schema.optionalKey(GatewayInfrastructure),
    /** Which ListenerSets may attach. */
    allowedListeners: Schema.optionalKey(
      Schema.Struct({
        namespaces: defaulted(
          Schema.Struct({
            from: defaulted(Schema.Literals(["All", "Selector", "Same", "None"]), "None"),
            selector: Schema.optionalKey(LabelSelector)
          }),
          {}
        )
      })
    ),
    tls: Schema.optionalKey(GatewayTLS),
    /** Experimental: serve routes that ask for default Gateways. */
    defaultScope: Schema.optionalKey(Schema.Literals(["All", "None"]))
  })
})
export type Gateway = typeof Gateway.Type
