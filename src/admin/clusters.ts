// `/clusters` in the shape of Envoy's admin port (`name::address::key::value` a line), so that scripts and eyes made for it work here.
import type { AddressView, GatewayView } from "./view.ts"

const clean = (name: string): string => name.replaceAll("::", ":").replaceAll(/\s/g, "_")

const flags = ({ out, lastFailure }: AddressView): string =>
  `${lastFailure === null ? "" : "/failed_eds_health"}${out == null ? "" : out.startsWith("health check") ? "/failed_active_hc" : "/failed_outlier_check"}`

export const clustersText = (gateways: ReadonlyArray<GatewayView>): string => {
  const lines: Array<string> = []
  for (const { gateway, upstreams, snapshot } of gateways) {
    for (const { description } of upstreams) {
      const cluster = `${clean(description.target)}`
      const say = (key: string, value: string | number | boolean) => lines.push(`${cluster}::${key}::${value}`)
      const limits = snapshot.upstreams.get(description.id)?.limits
      say("observability_name", `${clean(gateway)}/${cluster}`)
      if (limits !== undefined) {
        say("default_priority::max_connections", limits.maxConnections)
        say("default_priority::max_pending_requests", limits.maxPending)
        if (typeof limits.maxRequests === "number") say("default_priority::max_requests", limits.maxRequests)
        if (typeof limits.maxRetries === "number") say("default_priority::max_retries", limits.maxRetries)
      }
      say("added_via_api", true)
      for (const endpoint of description.endpoints) {
        for (const address of endpoint.addresses) {
          const host = (key: string, value: string | number | boolean) => say(`${address.address}::${key}`, value)
          host("cx_active", address.active + address.idle)
          host("rq_active", address.active)
          host("health_flags", flags(address) || "healthy")
          host("hostname", endpoint.name)
          host("weight", endpoint.weight)
          host("zone", endpoint.zone ?? "")
          host("priority", endpoint.tier)
          host("draining", address.draining)
        }
      }
      say("rq_total", description.pool.requests)
      say("cx_connect_fail", description.pool.dialFailures)
    }
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`
}
