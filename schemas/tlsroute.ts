// TLSRoute: connections by the server name that their ClientHello asks for (SNI), to its backends.
import { Schema } from "effect"
import { requiredList } from "./absent.ts"
import { Hostname } from "./hostname.ts"
import { routeFields } from "./route.ts"
import { streamRules } from "./streamroute.ts"

export const TLSRoute = Schema.Struct({
  spec: Schema.Struct({ ...routeFields, hostnames: requiredList(Hostname, 1, 1024), rules: streamRules })
})
export type TLSRoute = typeof TLSRoute.Type
