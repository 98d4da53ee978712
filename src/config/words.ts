// What somebody wrote for a setting, read: one reader a form of value. Apart from the table, which says where each is used. No imports of weight: `--help` is quick.
import { isIP } from "node:net"
import { type HostPort, parseHostPort, port } from "./hostport.ts"

/** Words in, a value out; a string is what was expected instead. */
export type Read<A> = (word: string) => { readonly value: A } | { readonly expected: string }

export const ok = <A>(value: A) => ({ value })
export const expected = (what: string) => ({ expected: what })

export const text: Read<string> = (word) => (word === "" ? expected("a value that is not empty") : ok(word))

export const truth: Read<boolean> = (word) =>
  /^(true|yes|on|1)$/i.test(word) ? ok(true) : /^(false|no|off|0)$/i.test(word) ? ok(false) : expected("true or false")

export const choice =
  <A extends string>(values: ReadonlyArray<A>): Read<A> =>
  (word) =>
    (values as ReadonlyArray<string>).includes(word) ? ok(word as A) : expected(`one of ${values.join(", ")}`)

const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 }

/** A Gateway API duration (GEP-2257): `10s`, `1m30s`, `500ms`, `0s`. */
export const duration: Read<number> = (word) => {
  if (!/^([0-9]{1,5}(h|m|s|ms)){1,4}$/.test(word)) return expected("a duration such as 10s, 1m30s, 500ms or 0s")
  return ok([...word.matchAll(/([0-9]+)(ms|h|m|s)/g)].reduce((sum, [, count, unit]) => sum + Number(count) * units[unit!]!, 0))
}

export const address =
  (example: string): Read<HostPort | null> =>
  (word) => {
    if (word === "off") return ok(null)
    const parsed = parseHostPort(word)
    return parsed === null ? expected(`ADDRESS:PORT such as ${example}, or off`) : ok(parsed)
  }

/** A name that a certificate may carry; apart from addresses by the letter that its last label begins with. */
const dnsName = /^(?=.{1,253}$)(?:[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?\.)*[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$/i

/** A nameserver as docs/dns.md writes it, made whole: `10.0.0.2` → `10.0.0.2:53`, `tls@10.0.0.2#dns.example` → `tls@10.0.0.2:853#dns.example`. */
export const nameserver: Read<string> = (word) => {
  const [, prefix = "", rest = "", name = ""] = /^(tcp@|tls@)?([^#%]*)(#.*)?$/.exec(word) ?? []
  const bad = name !== "" && !(prefix === "tls@" && dnsName.test(name.slice(1)))
  const usual = `:${prefix === "tls@" ? 853 : 53}${name}`
  if (!bad && isIP(rest) === 4) return ok(`${prefix}${rest}${usual}`)
  if (!bad && isIP(rest) === 6) return ok(`${prefix}[${rest}]${usual}`)
  if (!bad && /^\[.*\]$/.test(rest) && isIP(rest.slice(1, -1)) === 6) return ok(`${prefix}${rest}${usual}`)
  const parsed = parseHostPort(rest)
  return bad || parsed === null || rest.startsWith(":") || parsed.host === "localhost" || parsed.port === 0
    ? expected("an IP address with an optional port: 10.0.0.2, 10.0.0.2:5353, [fd00::2]:53, tcp@10.0.0.2, tls@10.0.0.2#dns.example.com")
    : ok(word)
}

export const cidr: Read<string> = (word) => {
  const [base = "", bits = "", more] = word.split("/")
  const family = isIP(base)
  return family !== 0 && more === undefined && /^[0-9]{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)
    ? ok(word)
    : expected("a range such as 10.0.0.0/8 or fd00::/8")
}

/** A host by name or address, with a port: what is connected to, not what is bound. */
export const remote: Read<HostPort> = (word) => {
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]{1,253})):([0-9]{1,5})$/.exec(word)
  const number = port(parts?.[3] ?? "")
  const host = parts?.[1] ?? parts?.[2] ?? ""
  if (parts === null || number === null || number === 0 || (parts[1] !== undefined && isIP(host) !== 6))
    return expected("HOST:PORT such as sluice-operator.sluice-system.svc:18000")
  return ok({ host, port: number })
}

export const namespaced: Read<{ readonly namespace: string; readonly name: string } | null> = (word) => {
  if (word === "none") return ok(null)
  const [, namespace, name] = /^([a-z0-9-]{1,63})\/([a-z0-9.-]{1,253})$/.exec(word) ?? []
  return namespace === undefined || name === undefined ? expected("NAMESPACE/NAME of a Gateway") : ok({ namespace, name })
}

export const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
