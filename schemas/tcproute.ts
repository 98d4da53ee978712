// TCPRoute: the connections of a listener, to its backends.
import { Schema } from "effect"
import { routeFields } from "./route.ts"
import { streamRules } from "./streamroute.ts"

export const TCPRoute = Schema.Struct({ spec: Schema.Struct({ ...routeFields, rules: streamRules }) })
export type TCPRoute = typeof TCPRoute.Type
