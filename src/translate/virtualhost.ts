// The rules of one host of one listener in the order of precedence, from all the routes that serve it; where it has bytes and no rules, the one route that gets them.
import type { Meta, ObjectKey } from "#schemas/meta.ts"
import type { StreamRoute } from "../snapshot/listener.ts"
import type { Rule, VirtualHost } from "../snapshot/route.ts"
import { byAge } from "./age.ts"
import { bySpecificity } from "./intersection.ts"
import { byPrecedence } from "./match.ts"
import type { StreamPart } from "./translatedroute.ts"

/** A route on a host, and the hostname it wrote for it. */
export interface HostedRoute {
  readonly meta: Meta
  readonly rules: ReadonlyArray<Rule>
  readonly stream: StreamPart | null
  readonly written: string
}

const inOrder = (a: HostedRoute, b: HostedRoute): number => bySpecificity(a.written, b.written) || byAge(a.meta, b.meta)

/**
 * Gateway API v1.6, HTTPRouteRule.matches, with hostnames compared as routes write them (v1.7). Where nothing distinguishes two rules, the sort leaves the order it finds: older
 * route, then namespace and name, then the order of rules and matches.
 */
export const virtualHostOf = (hostname: string, routes: ReadonlyMap<ObjectKey, HostedRoute>): VirtualHost => {
  const ordered = [...routes.values()].sort(inOrder)
  const rules: Array<Rule> = []
  let group: Array<Rule> = []
  for (const [index, { rules: own, written }] of ordered.entries()) {
    for (const rule of own) group.push(rule)
    const next = ordered[index + 1]
    if (next !== undefined && bySpecificity(written, next.written) === 0) continue
    group.sort((a, b) => byPrecedence(a.match, b.match))
    for (const rule of group) rules.push(rule)
    group = []
  }
  return { hostname, rules }
}

/** Gateway API v1.6, TCPRoute and UDPRoute: the oldest route has the listener, and of TLS each of its names. null: none of the routes is one of bytes. */
export const streamOf = (hostname: string, routes: ReadonlyMap<ObjectKey, HostedRoute>): StreamRoute | null => {
  const [first] = [...routes.values()].filter(({ stream }) => stream !== null).sort(inOrder)
  return first === undefined ? null : { ...first.stream!, hostname }
}
