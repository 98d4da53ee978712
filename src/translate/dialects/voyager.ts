// Voyager's annotations on a Service of type ExternalName (docs/voyager.md), read as data: how its name is resolved, and TLS in the words of HAProxy.
import type { BackendDNS } from "#schemas/backend.ts"
import type { HealthCheck } from "#schemas/health.ts"
import { voyagerNote } from "../../status/ingressnotes.ts"
import { canonicalAddress, refusedClass } from "../address.ts"

export const prefix = "ingress.appscode.com/"

export const backendTls = `${prefix}backend-tls`

/** `ssl` and what stands beside it. sni: as written; null: unsaid. */
export interface VoyagerTls {
  readonly verify: boolean
  readonly sni: string | null
}

export interface Voyager {
  /** Its addresses are to be looked at; false: that is not said. */
  readonly probed: boolean
  /** null: nothing is said of it. */
  readonly dns: BackendDNS | null
  readonly tls: VoyagerTls | null
  /** A request is redirected to the external name (true), or proxied; null: nothing is said of it. */
  readonly redirect: boolean | null
  /** What cannot be read or is not served, each naming its annotation: the Service is refused. */
  readonly problems: ReadonlyArray<string>
  /** What is read and changes nothing here. */
  readonly notes: ReadonlyArray<string>
}

const nothing: Voyager = { probed: false, dns: null, tls: null, redirect: null, problems: [], notes: [] }

/** HAProxy's `check`: a connection every two seconds; three that fail take an address out, two that stand bring it back. */
export const voyagerCheck: HealthCheck = { type: "TCP", interval: 2_000, timeout: 2_000, unhealthyThreshold: 3, healthyThreshold: 2 }

/** As Go's strconv.ParseBool. */
const booleans: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "T", "true", "TRUE", "True"].map((word) => [word, true] as const),
  ...["0", "f", "F", "false", "FALSE", "False"].map((word) => [word, false] as const)
])

const units: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** HAProxy's times: a number with a unit; without one it is milliseconds. null: it is none. */
export const haproxyTime = (written: unknown): number | null => {
  const [, digits, unit = "ms"] =
    /^([0-9]{1,12})(us|ms|s|m|h|d)?$/.exec(typeof written === "number" ? String(written) : typeof written === "string" ? written : "") ?? []
  return digits === undefined ? null : Math.ceil(Number(digits) * units[unit]!)
}

const json = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The JSON object of an annotation, each of its times by name; a string says what is wrong. */
const times = (text: string, names: ReadonlyArray<string>): ReadonlyMap<string, number> | string => {
  const read = json(text)
  const expected = `a JSON object of times such as {"${names[0]}":"15s"}, with the keys ${names.join(", ")}`
  if (typeof read !== "object" || read === null || Array.isArray(read)) return expected
  const found = new Map<string, number>()
  for (const [name, written] of Object.entries(read)) {
    const time = haproxyTime(written)
    if (!names.includes(name) || time === null) return expected
    found.set(name, time)
  }
  return found
}

const server = /^(tcp@)?(?:\[([^\]]+)\]|([0-9.]+))(?::([0-9]{1,5}))?$/

/** `10.9.0.2:53`, `tcp@[2001:db8::1]:53`; the port may be left out. As a Backend has it, and the address alone. */
const nameserver = (written: unknown): { readonly at: string; readonly ip: string } | null => {
  const [, transport = "", six, four, port] = (typeof written === "string" ? server.exec(written) : null) ?? []
  const number = Number(port ?? 53)
  const ip = canonicalAddress(six ?? four ?? "")
  if (ip === null || number < 1 || number > 65_535) return null
  return { at: `${transport}${ip.includes(":") ? `[${ip}]` : ip}:${number}`, ip }
}

const hostname = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

const tlsWords = (text: string): VoyagerTls | string => {
  const words = text.trim().split(/\s+/)
  let [ssl, verify, sni]: [boolean, boolean, string | null] = [false, true, null]
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    const next = words[at + 1] ?? ""
    const [, name] = /^str\(([^()]+)\)$/.exec(next) ?? []
    if (word === "ssl") ssl = true
    else if (word === "verify" && (next === "none" || next === "required")) {
      verify = next === "required"
      at++
    } else if (word === "sni" && name !== undefined) {
      sni = name
      at++
    } else return word
  }
  return ssl ? { verify, sni } : "ssl"
}

/** Of a Service of type ExternalName. allowLoopback: `sluice run --allow-loopback`, for the addresses of nameservers. */
export const readVoyager = (annotations: ReadonlyMap<string, string>, allowLoopback: boolean): Voyager => {
  const said = [...annotations].filter(([key]) => key.startsWith(prefix))
  if (said.length === 0) return nothing
  const problems: Array<string> = []
  const notes: Array<string> = []
  const dns: { -readonly [K in keyof BackendDNS]: BackendDNS[K] } = { nameservers: [] }
  let resolver = false
  let redirect: boolean | null = null
  let tls: VoyagerTls | null = null
  let probed = false
  for (const [key, value] of said) {
    const bad = (expected: string) => problems.push(voyagerNote.unreadable(key, value, expected))
    switch (key.slice(prefix.length)) {
      case "use-dns-resolver":
        if (!booleans.has(value)) bad("true or false")
        else redirect = !booleans.get(value)
        break
      case "dns-resolver-nameservers": {
        const list = json(value)
        const servers = Array.isArray(list) && list.length <= 8 ? list.map(nameserver) : [null]
        if (servers.includes(null)) {
          bad('a JSON array of at most 8 addresses such as ["10.9.0.2:53"], optionally with tcp@ before them')
          break
        }
        const known = servers.filter((one) => one !== null)
        for (const { at, ip } of known) {
          const refused = refusedClass(ip, allowLoopback)
          if (refused !== null) problems.push(voyagerNote.nameserver(key, at, refused))
        }
        dns.nameservers = known.map(({ at }) => at)
        resolver = true
        break
      }
      case "dns-resolver-hold": {
        const hold = times(value, ["nx", "other", "refused", "timeout", "valid", "obsolete"])
        if (typeof hold === "string") {
          bad(hold)
          break
        }
        const named = {
          nxdomain: hold.get("nx"),
          refused: hold.get("refused"),
          timeout: hold.get("timeout"),
          servfail: hold.get("other"),
          other: hold.get("other")
        }
        dns.hold = Object.fromEntries(Object.entries(named).filter(([, time]) => time !== undefined))
        if (hold.has("valid")) dns.maxTTL = hold.get("valid")!
        if (hold.has("obsolete")) dns.obsoleteGrace = hold.get("obsolete")!
        resolver = true
        break
      }
      case "dns-resolver-check-health":
        if (!booleans.has(value)) bad("true or false")
        else probed = booleans.get(value)!
        break
      case "dns-resolver-retries":
        if (!/^[0-9]{1,6}$/.test(value)) bad("a whole number")
        else notes.push(voyagerNote.unused(key))
        break
      case "dns-resolver-timeout": {
        const limits = times(value, ["resolve", "retry"])
        if (typeof limits === "string") bad(limits)
        else notes.push(voyagerNote.unused(key))
        break
      }
      case "backend-tls": {
        const read = tlsWords(value)
        if (typeof read !== "string") {
          tls = read
          if (read.sni !== null && !hostname.test(read.sni)) problems.push(voyagerNote.sni(key, read.sni))
        } else if (read === "ca-file") problems.push(voyagerNote.caFile(key))
        else bad("ssl, verify none or verify required, sni str(name)")
        break
      }
      default:
        problems.push(voyagerNote.unknown(key))
    }
  }
  return { probed, dns: resolver ? dns : null, tls, redirect, problems, notes }
}
