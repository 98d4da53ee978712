// UDPRoute: the datagrams of a listener, to its backends.
import { Schema } from "effect"
import { routeFields } from "./route.ts"
import { streamRules } from "./streamroute.ts"

export const UDPRoute = Schema.Struct({ spec: Schema.Struct({ ...routeFields, rules: streamRules }) })
export type UDPRoute = typeof UDPRoute.Type
