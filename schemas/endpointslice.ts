// discovery.k8s.io/v1 EndpointSlice. Endpoints decode one by one. It has no spec: its fields are its own.
import { Schema } from "effect"
import { defaulted, requiredList } from "./absent.ts"
import { isIPv4, isIPv6 } from "./address.ts"
import { elementsOf } from "./element.ts"
import { PortNumber, text } from "./name.ts"

export const EndpointPort = Schema.Struct({
  /** "" is the unnamed port. */
  name: defaulted(text(0, 63), ""),
  /** Absent: nothing to dial. */
  port: Schema.optionalKey(PortNumber),
  protocol: defaulted(Schema.Literals(["TCP", "UDP", "SCTP"]), "TCP"),
  appProtocol: Schema.optionalKey(text(0, 253))
})
export type EndpointPort = typeof EndpointPort.Type

export const SliceEndpoint = Schema.Struct({
  addresses: requiredList(text(1, 253), 1, 100),
  /** ready absent means ready; serving absent means as ready. */
  conditions: defaulted(
    Schema.Struct({
      ready: Schema.optionalKey(Schema.Boolean),
      serving: Schema.optionalKey(Schema.Boolean),
      terminating: Schema.optionalKey(Schema.Boolean)
    }),
    {}
  ),
  hostname: Schema.optionalKey(Schema.String),
  nodeName: Schema.optionalKey(Schema.String),
  zone: Schema.optionalKey(Schema.String),
  targetRef: Schema.optionalKey(
    Schema.Struct({
      kind: Schema.optionalKey(Schema.String),
      namespace: Schema.optionalKey(Schema.String),
      name: Schema.optionalKey(Schema.String)
    })
  ),
  hints: Schema.optionalKey(Schema.Struct({ forZones: defaulted(Schema.Array(Schema.Struct({ name: Schema.String })), []) }))
})
export type SliceEndpoint = typeof SliceEndpoint.Type

const OwnerReference = Schema.Struct({
  apiVersion: Schema.String,
  kind: Schema.String,
  name: Schema.String,
  controller: defaulted(Schema.Boolean, false)
})

export const EndpointSlice = Schema.Struct({
  /** Owners say whether a controller wrote the slice: its label is the user's to write, this is not. */
  metadata: Schema.Struct({ ownerReferences: defaulted(Schema.Array(OwnerReference), []) }),
  /** FQDN has no defined meaning (kubernetes#114210): readable, refused by translate. */
  addressType: Schema.Literals(["IPv4", "IPv6", "FQDN"]),
  endpoints: defaulted(elementsOf(SliceEndpoint, "endpoints", 0, 1000), []),
  ports: defaulted(Schema.Array(EndpointPort), [])
})
export type EndpointSlice = typeof EndpointSlice.Type

/** Does `address` have the form that the slice's addressType says? */
export const isAddressOf = (type: EndpointSlice["addressType"], address: string): boolean =>
  type === "IPv4" ? isIPv4(address) : type === "IPv6" ? isIPv6(address) : true
