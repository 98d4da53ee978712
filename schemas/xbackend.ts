// XBackend (GEP-4894, experimental). The v1.6 and the v1.7 shape are read into one value (docs/external-api.md).
import { Schema, SchemaGetter } from "effect"
import { entriesOf } from "./entries.ts"
import { PreciseHostname } from "./hostname.ts"
import { isQualifiedName, LabelValue, PortNumber, text } from "./name.ts"
import { SecretObjectReference } from "./reference.ts"
import { SessionPersistence } from "./session.ts"
import { BackendTLSValidation } from "./trust.ts"

const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/u

/** shape: which release's CRD the object is of; decides what an absent-looking `tls` means (the v1.7 CRD defaults it). */
export interface XBackendPort {
  readonly number: number
  readonly shape: "v1.6" | "v1.7"
}

const isPort = (u: unknown): u is XBackendPort => typeof u === "object" && u !== null && "number" in u && "shape" in u

/** `{number: 443}` (v1.7) or `{port: 443, name?}` (v1.6). */
const Port = Schema.Struct({
  number: Schema.optionalKey(PortNumber),
  port: Schema.optionalKey(PortNumber),
  name: Schema.optionalKey(
    text(0, 63).check(Schema.makeFilter((name: string) => (name === "" || label.test(name) ? undefined : 'Expected a DNS label, or ""')))
  )
})
  .check(
    Schema.makeFilter(({ number, port }) => {
      if (number === undefined && port === undefined) {
        return { path: ["number"], issue: "Required: the port to dial (v1.6 CRDs call it port.port; an upgrade to v1.7 drops that field)" }
      }
      return number !== undefined && port !== undefined && number !== port
        ? { path: ["number"], issue: "Expected the same value as port.port" }
        : undefined
    })
  )
  .pipe(
    Schema.decodeTo(Schema.declare(isPort), {
      decode: SchemaGetter.transform(
        (port: { readonly number?: number; readonly port?: number }): XBackendPort => ({
          number: port.number ?? port.port ?? 0,
          shape: port.number === undefined ? "v1.6" : "v1.7"
        })
      ),
      encode: SchemaGetter.transform(({ number }: XBackendPort) => ({ number }))
    })
  )

/** Absent and `{mode: None}` are different things: the v1.7 CRD writes the latter where the user wrote nothing. */
export const XBackendTLS = Schema.Struct({
  mode: Schema.Literals(["None", "ServerOnly", "ClientAndServer"]),
  clientCertificateRef: Schema.optionalKey(SecretObjectReference),
  /** Absent with ServerOnly (v1.6 admits it): system roots, the external hostname. */
  validation: Schema.optionalKey(BackendTLSValidation)
}).check(
  Schema.makeFilter(({ mode, clientCertificateRef }) => {
    if (mode === "ClientAndServer" && clientCertificateRef === undefined) {
      return { path: ["clientCertificateRef"], issue: "Required when mode is ClientAndServer" }
    }
    return mode !== "ClientAndServer" && clientCertificateRef !== undefined
      ? { path: ["clientCertificateRef"], issue: "Only allowed when mode is ClientAndServer" }
      : undefined
  })
)
export type XBackendTLS = typeof XBackendTLS.Type

const bodies = { ExternalHostname: "externalHostname", EndpointSelector: "endpointSelector" } as const

export const XBackend = Schema.Struct({
  spec: Schema.Struct({
    type: Schema.Literals(["ExternalHostname", "EndpointSelector"]),
    /** The port to dial, from either shape. */
    port: Port,
    externalHostname: Schema.optionalKey(
      Schema.Struct({
        hostname: PreciseHostname.check(
          Schema.makeFilter((hostname: string) =>
            hostname.endsWith(".cluster.local") ? "Expected a name outside the cluster: route to the Service itself" : undefined
          )
        )
      })
    ),
    endpointSelector: Schema.optionalKey(
      Schema.Struct({
        matchLabels: entriesOf(LabelValue, { max: 64, isKey: isQualifiedName, keys: "a label key" }).check(
          Schema.makeFilter((labels: ReadonlyMap<string, string>) => labels.size > 0 || "Expected at least 1 label")
        )
      })
    ),
    /** Absent: the route kind decides. */
    protocol: Schema.optionalKey(Schema.Literals(["TCP", "HTTP", "HTTP2", "HTTP11", "H2C", "MCP", "GRPC", "WSS"])),
    tls: Schema.optionalKey(XBackendTLS),
    sessionPersistence: Schema.optionalKey(SessionPersistence)
  }).check(
    Schema.makeFilter((spec) => {
      for (const [type, field] of Object.entries(bodies) as ReadonlyArray<[keyof typeof bodies, (typeof bodies)[keyof typeof bodies]]>) {
        if (spec.type === type && spec[field] === undefined) return { path: [field], issue: `Required when type is ${type}` }
        if (spec.type !== type && spec[field] !== undefined) return { path: [field], issue: `Only allowed when type is ${type}` }
      }
      if (spec.protocol === "WSS" && (spec.tls === undefined || spec.tls.mode === "None")) {
        return { path: ["tls"], issue: "Required, and not mode None, when protocol is WSS" }
      }
      return spec.sessionPersistence !== undefined && spec.type !== "EndpointSelector"
        ? { path: ["sessionPersistence"], issue: "Only allowed when type is EndpointSelector" }
        : undefined
    })
  )
})
export type XBackend = typeof XBackend.Type
