// GatewayClass: which controller serves the Gateways that name it.
import { Schema } from "effect"
import { ControllerName, text } from "./name.ts"
import { ObjectReference } from "./reference.ts"

export const GatewayClass = Schema.Struct({
  spec: Schema.Struct({
    controllerName: ControllerName,
    description: Schema.optionalKey(text(0, 64)),
    parametersRef: Schema.optionalKey(ObjectReference)
  })
})
export type GatewayClass = typeof GatewayClass.Type
