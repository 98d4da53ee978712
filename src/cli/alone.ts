// A data plane whose process serves the requests itself: a proxy for each Gateway.
import { Effect, type Scope } from "effect"
import type { GatewayProxy } from "../proxy/proxy.ts"
import type { Parts, Servers } from "./dataplane.ts"
import { makeProxies } from "./proxies.ts"

export const alone = Effect.fnUntraced(function* (parts: Parts): Effect.fn.Return<Servers<GatewayProxy>, never, Scope.Scope> {
  const { settings, metrics } = parts
  const serve = yield* makeProxies({ ...parts, processes: 1 })
  return {
    serve,
    seen: (proxy) => proxy.describe(),
    retire: (proxy) => proxy.drain({ propagation: 0, deadline: settings.drainDeadline }),
    views: (proxies) => proxies.map((proxy) => proxy.describe()).filter((view) => view !== null),
    metrics,
    opened: () => {},
    drain: (proxies) =>
      Effect.forEach(proxies, (proxy) => proxy.drain({ propagation: settings.drainDelay, deadline: settings.drainDeadline }), {
        concurrency: "unbounded",
        discard: true
      })
  }
})
