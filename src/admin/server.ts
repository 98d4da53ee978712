// The two ports people and probes ask: admin (loopback) and health with metrics. Plain node:http: nothing here is hot, and nothing here may need a runtime.
import type { Effect, Scope } from "effect"
import type { AdminSources, HealthSources } from "./view.ts"

export interface Bound {
  readonly address: string
  readonly port: number
}

/** The port could not be opened. message says which, why and what to do. */
export interface BindError {
  readonly _tag: "BindError"
  readonly message: string
}

/** /, /snapshot, /statuses, /upstreams, /clusters, /explain. Default 127.0.0.1:19000; port 0 takes a free one. */
export declare const serveAdmin: (
  at: { readonly address: string; readonly port: number },
  sources: AdminSources
) => Effect.Effect<Bound, BindError, Scope.Scope>

/** /healthz, /readyz, /metrics. Default :19001. */
export declare const serveHealth: (
  at: { readonly address: string; readonly port: number },
  sources: HealthSources
) => Effect.Effect<Bound, BindError, Scope.Scope>
