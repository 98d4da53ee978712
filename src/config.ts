// The settings of a process: one table, from which flags, variables, the file, `--help` and the docs are all read. No imports of weight: `--help` is quick.

import { isIP } from "node:net"
import { homedir } from "node:os"
import { join } from "node:path"
import { authorityFile, linkPort, tokenFile } from "./link/mount.ts"

export interface HostPort {
  readonly host: string
  readonly port: number
}

/** Where access log lines go. */
export type AccessLog = "on" | "off" | { readonly file: string }

export interface Settings {
  /** `ip:port` or `tcp@ip:port`; empty: what resolv.conf says. */
  readonly nameservers: ReadonlyArray<string>
  /** PEM files whose certificates are trusted beside the system's roots. */
  readonly trustBundles: ReadonlyArray<string>
  readonly allowLoopback: boolean
  /** null: switched off. */
  readonly admin: HostPort | null
  readonly health: HostPort | null
  readonly listenAddress: string
  readonly stateFolder: string
  readonly unixDirectories: ReadonlyArray<string>
  readonly clusterDomain: string
  readonly clusterCidrs: ReadonlyArray<string>
  /** Ranges whose word about their clients (X-Forwarded-*) is taken. */
  readonly trustedProxies: ReadonlyArray<string>
  /** Milliseconds between "not ready" and the end of accepting. */
  readonly drainDelay: number
  /** Milliseconds until what is left is cut. */
  readonly drainDeadline: number
  readonly accessLog: AccessLog
  readonly logLevel: "debug" | "info" | "warning" | "error"
  readonly color: "auto" | "always" | "never"
  /** Of `sluice proxy`: where the operators answer, and whose data plane it is. */
  readonly operators: ReadonlyArray<HostPort>
  readonly gateway: { readonly namespace: string; readonly name: string } | null
  readonly tokenFile: string
  readonly authorityFile: string
  /** Of `sluice operator`. Empty: the whole cluster. */
  readonly watchNamespaces: ReadonlyArray<string>
  /** Image of the proxies. */
  readonly proxyImage: string
  /** Where the operator's own objects are; "": that of the pod, or of the kubeconfig. */
  readonly namespace: string
  /** "": the name of the host. */
  readonly podName: string
  /** The headless Service of the operator's pods, in its namespace. */
  readonly linkService: string
  readonly linkPort: number
}

/** Words in, a value out; a string is what was expected instead. */
type Read<A> = (word: string) => { readonly value: A } | { readonly expected: string }

export interface Row<A = unknown> {
  /** The flag without dashes, and the key of the file. */
  readonly name: string
  /** The variable of the environment. */
  readonly env: string
  /** What stands for the value in help; null: a switch. */
  readonly placeholder: string | null
  /** May be given several times; the variable separates with commas, the file has a list. */
  readonly repeatable: boolean
  /** As the user would write it; "" is none. */
  readonly fallback: () => ReadonlyArray<string>
  /** The default in words, where the value itself depends on the machine. */
  readonly fallbackText: string
  readonly help: string
  /** The values it is chosen from, for completion; null: free. */
  readonly choices: ReadonlyArray<string> | null
  /** Completion offers files. */
  readonly path: boolean
  readonly read: Read<A>
}

const ok = <A>(value: A) => ({ value })
const expected = (what: string) => ({ expected: what })

const text: Read<string> = (word) => (word === "" ? expected("a value that is not empty") : ok(word))

const truth: Read<boolean> = (word) =>
  /^(true|yes|on|1)$/i.test(word) ? ok(true) : /^(false|no|off|0)$/i.test(word) ? ok(false) : expected("true or false")

const choice =
  <A extends string>(values: ReadonlyArray<A>): Read<A> =>
  (word) =>
    (values as ReadonlyArray<string>).includes(word) ? ok(word as A) : expected(`one of ${values.join(", ")}`)

const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 }

/** A Gateway API duration (GEP-2257): `10s`, `1m30s`, `500ms`, `0s`. */
const duration: Read<number> = (word) => {
  if (!/^([0-9]{1,5}(h|m|s|ms)){1,4}$/.test(word)) return expected("a duration such as 10s, 1m30s, 500ms or 0s")
  return ok([...word.matchAll(/([0-9]+)(ms|h|m|s)/g)].reduce((sum, [, count, unit]) => sum + Number(count) * units[unit!]!, 0))
}

const port = (word: string): number | null => (/^[0-9]{1,5}$/.test(word) && Number(word) <= 65_535 ? Number(word) : null)

/** `127.0.0.1:19000`, `[::1]:19000`, `:19000` (every address). Port 0: any free one. */
export const parseHostPort = (word: string): HostPort | null => {
  const parts = /^(?:\[([^\]]*)\]|([^:]*)):([0-9]+)$/.exec(word)
  const number = port(parts?.[3] ?? "")
  if (parts === null || number === null) return null
  const host = parts[1] ?? parts[2] ?? ""
  if (parts[1] !== undefined ? isIP(host) !== 6 : host !== "" && host !== "localhost" && isIP(host) !== 4) return null
  return { host: host === "" ? "0.0.0.0" : host, port: number }
}

/** Both ways: what `parseHostPort` reads. */
export const formatHostPort = (at: HostPort): string => (at.host.includes(":") ? `[${at.host}]:${at.port}` : `${at.host}:${at.port}`)

const address =
  (example: string): Read<HostPort | null> =>
  (word) => {
    if (word === "off") return ok(null)
    const parsed = parseHostPort(word)
    return parsed === null ? expected(`ADDRESS:PORT such as ${example}, or off`) : ok(parsed)
  }

/** A nameserver as docs/dns.md writes it, made whole: `10.0.0.2` → `10.0.0.2:53`. */
const nameserver: Read<string> = (word) => {
  const [, prefix = "", rest = ""] = /^(tcp@)?(.*)$/.exec(word) ?? []
  if (isIP(rest) === 4) return ok(`${prefix}${rest}:53`)
  if (isIP(rest) === 6) return ok(`${prefix}[${rest}]:53`)
  if (/^\[.*\]$/.test(rest) && isIP(rest.slice(1, -1)) === 6) return ok(`${prefix}${rest}:53`)
  const parsed = parseHostPort(rest)
  return parsed === null || rest.startsWith(":") || parsed.host === "localhost" || parsed.port === 0
    ? expected("an IP address with an optional port: 10.0.0.2, 10.0.0.2:5353, [fd00::2]:53, tcp@10.0.0.2")
    : ok(word)
}

const cidr: Read<string> = (word) => {
  const [base = "", bits = "", more] = word.split("/")
  const family = isIP(base)
  return family !== 0 && more === undefined && /^[0-9]{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)
    ? ok(word)
    : expected("a range such as 10.0.0.0/8 or fd00::/8")
}

/** A host by name or address, with a port: what is connected to, not what is bound. */
const remote: Read<HostPort> = (word) => {
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]{1,253})):([0-9]{1,5})$/.exec(word)
  const number = port(parts?.[3] ?? "")
  const host = parts?.[1] ?? parts?.[2] ?? ""
  if (parts === null || number === null || number === 0 || (parts[1] !== undefined && isIP(host) !== 6))
    return expected("HOST:PORT such as sluice-operator.sluice-system.svc:18000")
  return ok({ host, port: number })
}

const namespaced: Read<{ readonly namespace: string; readonly name: string } | null> = (word) => {
  if (word === "none") return ok(null)
  const [, namespace, name] = /^([a-z0-9-]{1,63})\/([a-z0-9.-]{1,253})$/.exec(word) ?? []
  return namespace === undefined || name === undefined ? expected("NAMESPACE/NAME of a Gateway") : ok({ namespace, name })
}

const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/

const row = <A>(
  name: string,
  placeholder: string | null,
  help: string,
  read: Read<A>,
  fallback: ReadonlyArray<string> | (() => ReadonlyArray<string>),
  more: {
    readonly repeatable?: boolean
    readonly fallbackText?: string
    readonly choices?: ReadonlyArray<string>
    readonly path?: boolean
  } = {}
): Row<A> => ({
  name,
  env: `SLUICE_${name.toUpperCase().replaceAll("-", "_")}`,
  placeholder,
  repeatable: more.repeatable ?? false,
  fallback: typeof fallback === "function" ? fallback : () => fallback,
  fallbackText: more.fallbackText ?? (typeof fallback === "function" ? "" : fallback.join(", ")),
  help,
  choices: more.choices ?? null,
  path: more.path ?? false,
  read
})

const levels = ["debug", "info", "warning", "error"] as const
const colors = ["auto", "always", "never"] as const

const rows = {
  nameservers: row(
    "nameserver",
    "HOST:PORT",
    "DNS server for external names; `tcp@` in front: TCP only. None: resolv.conf",
    nameserver,
    [],
    {
      repeatable: true,
      fallbackText: "resolv.conf"
    }
  ),
  trustBundles: row("trust-bundle", "FILE", "PEM file of certificates trusted beside the system's roots", text, [], {
    repeatable: true,
    path: true,
    fallbackText: "none"
  }),
  allowLoopback: row(
    "allow-loopback",
    null,
    "Let names resolve to this machine, and accept names of one label: for a try-out, never for production",
    truth,
    ["false"]
  ),
  listenAddress: row(
    "listen-address",
    "IP",
    "Address that Gateway listeners bind",
    (word) => (isIP(word) === 0 ? expected("an IP address of this machine, 0.0.0.0 or ::") : ok(word)),
    ["0.0.0.0"]
  ),
  admin: row("admin-address", "HOST:PORT", "Where the admin pages answer; off: nowhere. Keep it on loopback", address("127.0.0.1:19000"), [
    "127.0.0.1:19000"
  ]),
  health: row("health-address", "HOST:PORT", "Where /healthz, /readyz and /metrics answer; off: nowhere", address("0.0.0.0:19001"), [
    "0.0.0.0:19001"
  ]),
  stateFolder: row(
    "state-folder",
    "FOLDER",
    "Where the process keeps what outlives it: the key that Secrets are digested with",
    text,
    () => [join(process.env["XDG_STATE_HOME"] || join(homedir(), ".local", "state"), "sluice")],
    { path: true, fallbackText: "$XDG_STATE_HOME/sluice, else ~/.local/state/sluice" }
  ),
  unixDirectories: row("unix-directory", "FOLDER", "Folder under which `unix` endpoints may lie", text, [], {
    repeatable: true,
    path: true,
    fallbackText: "none"
  }),
  clusterDomain: row("cluster-domain", "NAME", "Refused as an external name, with all below it", text, ["cluster.local"]),
  clusterCidrs: row("cluster-cidr", "CIDR", "Range of pods, Services or nodes: refused to external names", cidr, [], {
    repeatable: true,
    fallbackText: "none"
  }),
  trustedProxies: row(
    "trusted-proxy",
    "CIDR",
    "Range of proxies in front whose X-Forwarded-* is believed; from others it is dropped",
    (word) => (isIP(word) !== 0 ? ok(`${word}/${isIP(word) === 4 ? 32 : 128}`) : cidr(word)),
    [],
    { repeatable: true, fallbackText: "none" }
  ),
  drainDelay: row("drain-delay", "DURATION", "After SIGTERM: how long to go on accepting while reported as not ready", duration, ["0s"]),
  drainDeadline: row("drain-deadline", "DURATION", "After SIGTERM: when requests still in flight are cut", duration, ["25s"]),
  accessLog: row(
    "access-log",
    "on|off|FILE",
    "One JSON line a request: to standard output, nowhere, or appended to a file",
    (word) => (word === "" ? expected("on, off or a file") : ok<AccessLog>(word === "on" || word === "off" ? word : { file: word })),
    ["on"],
    { choices: ["on", "off"], path: true }
  ),
  logLevel: row("log-level", levels.join("|"), "How much the process says of itself, on standard error", choice(levels), ["info"], {
    choices: levels
  }),
  color: row("color", colors.join("|"), "Colours; auto: on a terminal, unless NO_COLOR is set", choice(colors), ["auto"], {
    choices: colors
  }),
  operators: row("operator", "HOST:PORT", "Of sluice proxy: where the operators answer; a name may stand for many", remote, [], {
    repeatable: true,
    fallbackText: "none"
  }),
  gateway: row("gateway", "NAMESPACE/NAME", "Of sluice proxy: the Gateway whose data plane it is", namespaced, ["none"]),
  tokenFile: row("token-file", "FILE", "Of sluice proxy: the ServiceAccount token that proves which pod it is", text, [tokenFile], {
    path: true
  }),
  authorityFile: row("ca-file", "FILE", "Of sluice proxy: the certificates of the operator's authority, PEM", text, [authorityFile], {
    path: true
  }),
  watchNamespaces: row(
    "watch-namespace",
    "NAMESPACE",
    "Of sluice operator: the namespaces that are read and served; what is elsewhere is not there",
    (word) => (label.test(word) ? ok(word) : expected("the name of a namespace")),
    [],
    { repeatable: true, fallbackText: "all" }
  ),
  proxyImage: row("proxy-image", "IMAGE", "Of sluice operator: the image of the proxies, but where GatewayParameters name one", text, [
    "sluice:latest"
  ]),
  namespace: row(
    "namespace",
    "NAMESPACE",
    "Of sluice operator: where its lease, its keys and its Service are",
    (word) => (word === "" || label.test(word) ? ok(word) : expected("the name of a namespace")),
    [""],
    { fallbackText: "of the pod, or of the kubeconfig" }
  ),
  podName: row("pod-name", "NAME", "Of sluice operator: what it is called in the lease and in Events", (word) => ok(word), [""], {
    fallbackText: "the host's"
  }),
  linkService: row("link-service", "NAME", "Of sluice operator: the headless Service by which proxies find its pods", text, [
    "sluice-operator"
  ]),
  linkPort: row(
    "link-port",
    "PORT",
    "Of sluice operator: where proxies connect; 0: any free one",
    (word) => {
      const number = port(word)
      return number === null ? expected("a port such as 18000") : ok(number)
    },
    [String(linkPort)]
  )
} as const satisfies { readonly [K in keyof Settings]: Row<unknown> }

/** The one table of settings, in the order help shows them. */
export const settingsTable: ReadonlyArray<Row> = Object.values(rows)

/** Those that only mean something to a proxy that is told by operators what to serve. */
export const linkSettings: ReadonlyArray<Row> = [rows.operators, rows.gateway, rows.tokenFile, rows.authorityFile]

/** Those that only mean something to an operator. */
export const operatorSettings: ReadonlyArray<Row> = [
  rows.watchNamespaces,
  rows.proxyImage,
  rows.namespace,
  rows.podName,
  rows.linkService,
  rows.linkPort
]

/** What the YAML of `--config` came to: names to what was written. */
export interface ConfigFile {
  readonly path: string
  readonly value: unknown
}

/** Edit distance, for "did you mean": small words only. */
const distance = (a: string, b: string): number => {
  let before = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(before[j]! + 1, next[j - 1]! + 1, before[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    before = next
  }
  return before[b.length]!
}

/** The known word that a wrong one was probably meant to be; null: none is near. */
export const nearest = (word: string, known: Iterable<string>): string | null => {
  let best: string | null = null
  let least = Math.max(2, Math.ceil(word.length / 3)) + 1
  for (const candidate of known) {
    const d = distance(word.toLowerCase(), candidate.toLowerCase())
    if (d < least) {
      best = candidate
      least = d
    }
  }
  return best
}

/**
 * Settings by one precedence: flag, then environment (`SLUICE_*`), then file, then default. Whatever does not read is a sentence in
 * `problems`, naming where it was written and what was expected; the defaults then stand in for it.
 */
export const resolveSettings = (
  flags: ReadonlyMap<string, ReadonlyArray<string>>,
  env: Readonly<Record<string, string | undefined>>,
  file: ConfigFile | null
): { readonly settings: Settings; readonly problems: ReadonlyArray<string> } => {
  const problems: Array<string> = []
  const written = new Map<string, ReadonlyArray<string>>()
  if (file !== null && file.value !== null && file.value !== undefined) {
    if (typeof file.value !== "object" || Array.isArray(file.value)) problems.push(`${file.path}: write settings as \`name: value\` lines`)
    else
      for (const [name, value] of Object.entries(file.value)) {
        const known = settingsTable.find((one) => one.name === name)
        const values: ReadonlyArray<unknown> = Array.isArray(value) ? value : [value]
        if (known === undefined) {
          const meant = nearest(
            name,
            settingsTable.map((one) => one.name)
          )
          problems.push(`${file.path}: unknown setting ${name}${meant === null ? "" : `: did you mean ${meant}?`}`)
        } else if (values.some((one) => typeof one === "object")) problems.push(`${file.path}: ${name}: write plain values`)
        else if (Array.isArray(value) && !known.repeatable) problems.push(`${file.path}: ${name}: write one value, not a list`)
        else written.set(name, values.map(String))
      }
  }
  for (const name of Object.keys(env)) {
    if (!name.startsWith("SLUICE_") || otherVariables.includes(name) || serviceLink.test(name)) continue
    if (settingsTable.some((one) => one.env === name)) continue
    const meant = nearest(
      name,
      settingsTable.map((one) => one.env)
    )
    problems.push(`environment: unknown variable ${name}${meant === null ? "" : `: did you mean ${meant}?`}`)
  }
  const settle = (one: Row): unknown => {
    const variable = env[one.env]
    const [words, where]: readonly [ReadonlyArray<string>, string] = flags.has(one.name)
      ? [flags.get(one.name)!, `--${one.name}`]
      : variable !== undefined && variable !== ""
        ? [one.repeatable ? variable.split(",").map((word) => word.trim()) : [variable], one.env]
        : written.has(one.name)
          ? [written.get(one.name)!, `${file?.path}: ${one.name}`]
          : [one.fallback(), "default"]
    const values: Array<unknown> = []
    for (const word of one.repeatable ? words : words.slice(-1)) {
      const read = one.read(word)
      if ("value" in read) values.push(read.value)
      else problems.push(`${where}: ${JSON.stringify(word)} is not ${read.expected}`)
    }
    if (one.repeatable) return values
    return values.length > 0 ? values[0] : (one.read(one.fallback()[0]!) as { readonly value: unknown }).value
  }
  const settings = Object.fromEntries(Object.entries(rows).map(([key, one]) => [key, settle(one)])) as unknown as Settings
  return { settings, problems }
}

/** Variables of the launcher and the demo, which are no settings of the process. */
const otherVariables: ReadonlyArray<string> = ["SLUICE_NODE", "SLUICE_CONFIG"]

/** What Kubernetes puts into every pod beside a Service whose name begins with `sluice`. */
const serviceLink = /_SERVICE_(HOST|PORT)|_PORT(_[0-9]+_|$)/

/** The table of docs/reference, from the one table. */
export const settingsMarkdown = (): string =>
  [
    "| flag, key of the file | variable | default | meaning |",
    "| --- | --- | --- | --- |",
    ...settingsTable.map(
      (one) =>
        `| \`--${one.name}${one.placeholder === null ? "" : ` ${one.placeholder.replaceAll("|", "\\|")}`}\`${one.repeatable ? " (repeatable)" : ""} | \`${one.env}\` | ${one.fallbackText === "" ? "none" : one.fallbackText} | ${one.help} |`
    )
  ].join("\n")
