// core/v1 Endpoints, read where nothing mirrors them into slices (manifests; API servers without controllers).
import { Schema } from "effect"
import { defaulted } from "./absent.ts"
import { IPAddress } from "./address.ts"
import { PortNumber, text } from "./name.ts"

const Address = Schema.Struct({
  ip: IPAddress,
  hostname: Schema.optionalKey(Schema.String),
  nodeName: Schema.optionalKey(Schema.String)
})

export const EndpointSubset = Schema.Struct({
  addresses: defaulted(Schema.Array(Address), []),
  notReadyAddresses: defaulted(Schema.Array(Address), []),
  ports: defaulted(
    Schema.Array(
      Schema.Struct({
        /** "" is the unnamed port. */
        name: defaulted(text(0, 63), ""),
        port: PortNumber,
        protocol: defaulted(Schema.Literals(["TCP", "UDP", "SCTP"]), "TCP"),
        appProtocol: Schema.optionalKey(text(0, 253))
      })
    ),
    []
  )
})
export type EndpointSubset = typeof EndpointSubset.Type

export const Endpoints = Schema.Struct({ subsets: defaulted(Schema.Array(EndpointSubset), []) })
export type Endpoints = typeof Endpoints.Type
