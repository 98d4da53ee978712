// The routes of bytes of a listener, made ready as virtual hosts of one rule that takes everything: shares, standbys, tallies and what is not served are the same.
import { compileHost } from "../routing/compile.ts"
import { compileHosts } from "../routing/hosts.ts"
import { type Listener, type StreamRoute, streamRoutes } from "../snapshot/listener.ts"
import type { VirtualHost } from "../snapshot/route.ts"
import { type Carries, type LiveStreams, liveRules, type RulesContext } from "./table.ts"

const asHost = ({ source, hostname, action }: StreamRoute): VirtualHost => ({
  hostname,
  rules: [
    {
      source,
      match: { path: { type: "Prefix", value: "/" }, method: null, headers: [], query: [] },
      filters: [],
      deadlines: { request: "Default", backendRequest: "Default" },
      action
    }
  ]
})

const none: LiveStreams = { byHost: compileHosts([]), rules: [], problems: [] }

export const liveStreams = (listener: Listener, context: RulesContext): LiveStreams => {
  const routes = streamRoutes(listener)
  if (routes.length === 0) return none
  const carries: Carries = listener.bind.transport === "udp" ? "Datagrams" : "Bytes"
  const made = routes.map((route) => ({ hostname: route.hostname, ...liveRules(compileHost(asHost(route)), context, carries) }))
  const entries = made.flatMap(({ hostname, rules }) => [...rules.values()].map((rule) => ({ hostname, rule })))
  return {
    byHost: compileHosts(entries),
    rules: entries.map(({ rule }) => rule),
    problems: made.flatMap(({ problems }) => problems)
  }
}
