// core/v1 Service: what routing needs of it. ClusterIP, headless, selectorless and ExternalName.
import { Schema } from "effect"
import { defaulted } from "./absent.ts"
import { optionalEntriesOf } from "./entries.ts"
import { DialledHostname } from "./hostname.ts"
import { PortNumber, text } from "./name.ts"

export const ServicePort = Schema.Struct({
  /** "" when the only port has no name. */
  name: defaulted(text(0, 63), ""),
  port: PortNumber,
  protocol: defaulted(Schema.Literals(["TCP", "UDP", "SCTP"]), "TCP"),
  /** As written; any case, any value: unknown ones are refused by translate. */
  appProtocol: Schema.optionalKey(text(0, 253)),
  /** Absent: the same as port. */
  targetPort: Schema.optionalKey(Schema.Union([PortNumber, text(1, 63)])),
  nodePort: Schema.optionalKey(Schema.Int)
})
export type ServicePort = typeof ServicePort.Type

export const Service = Schema.Struct({
  spec: Schema.Struct({
    type: defaulted(Schema.Literals(["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]), "ClusterIP"),
    ports: defaulted(Schema.Array(ServicePort), []),
    /** "None": headless. Never dialled. */
    clusterIP: Schema.optionalKey(Schema.String),
    /** Always there when type is ExternalName. */
    externalName: Schema.optionalKey(DialledHostname),
    /** Empty: its endpoints are written by hand. */
    selector: optionalEntriesOf(Schema.String)
  }).check(
    Schema.makeFilter((spec) => {
      if (spec.type === "ExternalName") {
        return spec.externalName === undefined ? { path: ["externalName"], issue: "Required when type is ExternalName" } : undefined
      }
      if (spec.ports.length > 1) {
        const bad = spec.ports.findIndex(({ name }, index) => name === "" || spec.ports.findIndex((other) => other.name === name) < index)
        if (bad !== -1) return { path: ["ports", bad, "name"], issue: "Expected a name of its own, as there are several ports" }
      }
      const twice = spec.ports.findIndex(
        ({ port, protocol }, index) => spec.ports.findIndex((other) => other.port === port && other.protocol === protocol) < index
      )
      return twice === -1 ? undefined : { path: ["ports", twice, "port"], issue: "Expected a port and protocol that no other entry has" }
    })
  )
})
export type Service = typeof Service.Type
