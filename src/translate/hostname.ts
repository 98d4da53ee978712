// The names Sluice will not look up, in any form a manifest can say them (docs/external-api.md). One file, so that every dialect refuses alike.
import { domainToASCII } from "node:url"
import { Result } from "effect"

/** What decides about a name beside the name. */
export interface NameRules {
  /** Domains of the cluster beside `cluster.local`. */
  readonly clusterDomains: ReadonlyArray<string>
  /** `sluice run --allow-loopback`. */
  readonly allowLoopback: boolean
}

const refuse = (raw: string, why: string): Result.Result<never, string> => Result.fail(`hostname ${JSON.stringify(raw)} ${why}`)

const inZone = (name: string, zone: string): boolean => zone !== "" && (name === zone || name.endsWith(`.${zone}`))

const bare = (domain: string): string => domain.toLowerCase().replace(/^\.+|\.+$/g, "")

/** A last label that URL parsers (and inet_aton) read as a number makes the whole name an address: 127.1, 0x7f.1, 017700000001, 2130706433. */
const endsInNumber = (name: string): boolean => /^([0-9]+|0x[0-9a-f]*)$/.test(name.slice(name.lastIndexOf(".") + 1))

/**
 * The name as it is resolved and sent: lower case, punycode, without the root dot. A failure is a sentence that names the hostname and the remedy.
 * Judged after conversion, so that full-width letters, ideographic dots and invisible characters hide nothing.
 */
export const externalName = (raw: string, rules: NameRules): Result.Result<string, string> => {
  if (raw === "") return refuse(raw, "is empty: give a fully qualified DNS name")
  if (raw.includes("*")) return refuse(raw, "is a wildcard: a name that can be resolved is needed")
  if (raw.includes(":") || raw.includes("["))
    return refuse(raw, "is an address or holds a port: give the name alone, addresses and ports have fields of their own")
  // domainToASCII parses like a URL: it would decode %2e and cut at a slash.
  if (/[^A-Za-z0-9._\-\u0080-\u{10ffff}]/u.test(raw))
    return refuse(raw, "holds a character that no DNS name has: letters, digits, hyphens and dots only")
  const lower = raw.toLowerCase()
  const ascii = /[\u0080-\u{10ffff}]/u.test(raw) ? domainToASCII(raw) : lower
  const name = ascii.endsWith(".") ? ascii.slice(0, -1) : ascii
  if (name === "") return refuse(raw, "is not a DNS name")
  if (endsInNumber(name))
    return refuse(
      raw,
      "is a spelling of an IP address, not a name: an address is written as an `ip` endpoint of a Backend, where it is checked as one"
    )
  const labels = name.split(".")
  if (labels.includes("")) return refuse(raw, "has an empty label: one dot at the end is allowed, two in a row are not")
  if (name.length > 253) return refuse(raw, "is longer than 253 characters")
  if (labels.some((label) => label.length > 63)) return refuse(raw, "has a label longer than 63 characters")
  if (name.startsWith("_"))
    return refuse(
      raw,
      "is the name of a service (SRV records), which only an endpoint of a Backend with dns.srv may be: give the host and its port"
    )
  if (!labels.every((label) => /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(label)))
    return refuse(raw, "is not a DNS name: labels hold letters, digits and hyphens and begin and end with a letter or digit")
  if (name === "metadata" || name.startsWith("metadata."))
    return refuse(raw, "is a name of a cloud's metadata service: refused always, whatever it resolves to")
  if (["cluster.local", ...rules.clusterDomains].some((domain) => inZone(name, bare(domain))))
    return refuse(raw, "lies in the cluster's own domain: refer to the Service itself, where ReferenceGrants decide")
  if (inZone(name, "svc"))
    return refuse(raw, "is a short name of a Service of the cluster: refer to the Service itself, where ReferenceGrants decide")
  if (name.startsWith("localhost") || name.endsWith(".localhost"))
    return rules.allowLoopback
      ? Result.succeed(name)
      : refuse(raw, "means this machine: refused (only `sluice run --allow-loopback` lifts it)")
  if (labels.length === 1)
    return rules.allowLoopback
      ? Result.succeed(name)
      : refuse(raw, "has a single label: external names are looked up as they are, without a search list, so give the fully qualified name")
  return Result.succeed(name)
}

/** The name of a service as it is looked up. What it is of is judged as any name. */
export const serviceName = (raw: string, rules: NameRules): Result.Result<string, string> => {
  const labels = raw.split(".")
  return Result.map(externalName(labels.slice(2).join("."), rules), (domain) => `${labels.slice(0, 2).join(".").toLowerCase()}.${domain}`)
}
