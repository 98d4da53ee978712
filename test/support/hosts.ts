// What hostnames mean, by definition: the reference that indices and intersections are held against.
import type { CompiledHost, CompiledRule } from "#src/routing/compile.ts"
import type { HostNode } from "#src/routing/hosts.ts"
import { matchRule, type RequestView } from "#src/routing/match.ts"

/** Whether a hostname as an entry writes it stands for a host. */
export const coversHost = (hostname: string, host: string): boolean =>
  hostname === "*" ||
  hostname === host ||
  (hostname.startsWith("*.") && host.length > hostname.length - 1 && host.endsWith(hostname.slice(1)))

/** Along the hosts of one listener, the most specific first: a host without a matching rule leaves the request to the next wider one. */
export const matchHosts = (from: HostNode<CompiledHost> | null, request: RequestView): CompiledRule | null => {
  for (let node = from; node !== null; node = node.next) {
    const rule = matchRule(node.entry, request)
    if (rule !== null) return rule
  }
  return null
}
