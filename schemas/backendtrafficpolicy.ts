// BackendTrafficPolicy (gateway.sluice.dev/v1alpha1): what a Backend says of the behaviour of its connections and requests, said of a Gateway, a route or any kind of
// backend. Nothing has a default: a block that is left out is left to whoever else speaks.
import { Schema } from "effect"
import { requiredList } from "./absent.ts"
import { BackendCircuitBreaker, BackendConnections, BackendDNS, BackendTimeouts } from "./backend.ts"
import { rules } from "./crd.ts"
import { Passing } from "./failover.ts"
import { HealthCheck, Outlier } from "./health.ts"
import { LoadBalancer } from "./loadbalancer.ts"
import { PolicyTargetReference } from "./reference.ts"
import { Retry } from "./retry.ts"

const sectionOf = (item: string): string => `(has(${item}.sectionName) ? ${item}.sectionName : '')`

const placeOf = ({ group, kind, name, sectionName = "" }: PolicyTargetReference): string => [group, kind, name, sectionName].join("/")

export const BackendTrafficPolicy = Schema.Struct({
  spec: Schema.Struct({
    targetRefs: requiredList(PolicyTargetReference, 1, 16)
      .check(
        rules({
          message: "Expected every target at most once",
          cel: `self.all(a, self.exists_one(b, a.group == b.group && a.kind == b.kind && a.name == b.name && ${sectionOf("a")} == ${sectionOf("b")}))`,
          broken: (refs: ReadonlyArray<PolicyTargetReference>) => new Set(refs.map(placeOf)).size < refs.length
        })
      )
      .annotateKey({
        description:
          "Whom it speaks of, in its namespace: a Gateway (sectionName: a listener), a route (HTTPRoute, GRPCRoute, TLSRoute, TCPRoute, UDPRoute; sectionName: a rule by its name), a Service, or a Backend of any kind."
      }),
    timeouts: Schema.optionalKey(BackendTimeouts).annotateKey({
      description: "0s disables, absent is the default. Timeouts of routes win for whole requests."
    }),
    dns: Schema.optionalKey(BackendDNS).annotateKey({ description: "How names are resolved. Without srv, which is a Backend's own." }),
    connections: Schema.optionalKey(BackendConnections).annotateKey({ description: "Limits of connections." }),
    healthCheck: Schema.optionalKey(HealthCheck).annotateKey({ description: "Each address is looked at, and left out while it fails." }),
    outlier: Schema.optionalKey(Outlier).annotateKey({
      description: "An address whose requests fail is left out for a while. {}: by the defaults."
    }),
    loadBalancer: Schema.optionalKey(LoadBalancer).annotateKey({ description: "How requests are spread over the endpoints." }),
    retry: Schema.optionalKey(Retry).annotateKey({ description: "For rules of routes that say nothing of retries." }),
    circuitBreaker: Schema.optionalKey(BackendCircuitBreaker).annotateKey({
      description: "Limits of requests. What is beyond is answered 503 at once."
    }),
    failover: Schema.optionalKey(Passing).annotateKey({
      description: "When requests pass from a tier to the next, and back. Who stands by is said by each Backend."
    })
  }).annotateKey({ description: "What is wanted." })
})
export type BackendTrafficPolicy = typeof BackendTrafficPolicy.Type
