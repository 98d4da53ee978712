// From a request's host to what serves it: exact name, then the longest wildcard, then `*`. One index for listeners of a port and for the hosts of a listener.

/** One entry in its place. `next` is the next less specific one that matches every host that this one matches. */
export interface HostNode<E> {
  readonly hostname: string
  readonly entry: E
  readonly next: HostNode<E> | null
}

export interface CompiledHosts<E> {
  readonly exact: ReadonlyMap<string, HostNode<E>>
  /** By `.suffix`, the dot included. */
  readonly wildcards: ReadonlyMap<string, HostNode<E>>
  readonly any: HostNode<E> | null
}

const widest = <E>(
  wildcards: ReadonlyMap<string, HostNode<E>>,
  any: HostNode<E> | null,
  host: string,
  from: number
): HostNode<E> | null => {
  if (wildcards.size > 0) {
    // `*.example.com` stands for one or more labels, never for none: the suffix must not be the whole host.
    for (let dot = host.indexOf(".", from); dot > 0; dot = host.indexOf(".", dot + 1)) {
      const found = wildcards.get(host.slice(dot))
      if (found !== undefined) return found
    }
  }
  return any
}

/** Hostnames in lower case, `*.suffix`, or `*` for every host. Entries of one hostname follow each other in the order given. */
export const compileHosts = <E extends { readonly hostname: string }>(entries: ReadonlyArray<E>): CompiledHosts<E> => {
  const byHostname = new Map<string, Array<E>>()
  for (const entry of entries) {
    const same = byHostname.get(entry.hostname)
    if (same === undefined) byHostname.set(entry.hostname, [entry])
    else same.push(entry)
  }
  const chain = (hostname: string, next: HostNode<E> | null): HostNode<E> | null =>
    (byHostname.get(hostname) ?? []).reduceRight<HostNode<E> | null>((after, entry) => ({ hostname, entry, next: after }), next)

  const any = chain("*", null)
  const wildcards = new Map<string, HostNode<E>>()
  const names = [...byHostname.keys()]
  // Shorter suffixes first, so that each finds the wider one that it falls through to.
  for (const name of names.filter((name) => name.startsWith("*.")).sort((a, b) => a.length - b.length)) {
    wildcards.set(name.slice(1), chain(name, widest(wildcards, any, name, 2))!)
  }
  const exact = new Map<string, HostNode<E>>()
  for (const name of names) {
    if (!name.startsWith("*")) exact.set(name, chain(name, widest(wildcards, any, name, 1))!)
  }
  return { exact, wildcards, any }
}

/**
 * The most specific entry for a host in the form of `requestHost` ("" when the request named none: only `*` serves it), or null.
 * Listener isolation takes this entry and no other; the hosts of one listener are tried along `next`.
 */
export const findHost = <E>(hosts: CompiledHosts<E>, host: string): HostNode<E> | null =>
  hosts.exact.get(host) ?? widest(hosts.wildcards, hosts.any, host, 1)

const name = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/
const ipv6 = /^\[[0-9a-f:.]{2,45}\]$/

/**
 * The host of a Host field or authority as it is matched: lower case, without port and trailing dot; IPv6 keeps its brackets.
 * null: not plainly `host` or `host:port` (RFC 9110 7.2): lists, userinfo, paths, percent-escapes, an empty, zero or too large port.
 */
export const requestHost = (value: string): string | null => {
  const colon = value.startsWith("[") ? value.indexOf(":", value.indexOf("]")) : value.indexOf(":")
  let end = value.length
  if (colon >= 0) {
    let port = 0
    if (colon + 1 === end || end - colon > 6) return null
    for (let at = colon + 1; at < end; at++) {
      const digit = value.charCodeAt(at) - 48
      if (digit < 0 || digit > 9) return null
      port = port * 10 + digit
    }
    if (port === 0 || port > 65535) return null
    end = colon
  }
  if (end > 1 && value.charCodeAt(end - 1) === 46) end--
  if (end === 0 || end > 253) return null
  const host = (end === value.length ? value : value.slice(0, end)).toLowerCase()
  return name.test(host) || ipv6.test(host) ? host : null
}
