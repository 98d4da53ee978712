// The settings of a process: one table, from which flags, variables, the file, `--help` and the docs are all read. No imports of weight: `--help` is quick.
import { isIP } from "node:net"
import { homedir } from "node:os"
import { join } from "node:path"
import { authorityFile, linkPort, tokenFile } from "../link/mount.ts"
import { port } from "./hostport.ts"
import type { AccessLog, Settings } from "./settings.ts"
import { address, choice, cidr, duration, expected, label, nameserver, namespaced, ok, type Read, remote, text, truth } from "./words.ts"

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

export const rows = {
  nameservers: row(
    "nameserver",
    "HOST:PORT",
    "DNS server for external names; `tcp@` in front: TCP only, `tls@`: DNS over TLS. None: resolv.conf",
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
    "Where the process keeps what outlives it: the key that Secrets are digested with, the last good DNS answers",
    text,
    () => [join(process.env["XDG_STATE_HOME"] || join(homedir(), ".local", "state"), "sluice")],
    { path: true, fallbackText: "$XDG_STATE_HOME/sluice, else ~/.local/state/sluice" }
  ),
  zone: row(
    "zone",
    "NAME",
    "Zone that the process stands in, for backends that prefer it (loadBalancer.zoneAware)",
    (word) => ok(word === "" ? null : word),
    [""],
    { fallbackText: "not known" }
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
  workers: row(
    "workers",
    "NUMBER",
    "Processes that serve, on the same ports; more than there are cores gain nothing. 1: this one alone. Of several, this one leads them and takes no requests",
    (word) => (/^[1-9][0-9]{0,2}$/.test(word) && Number(word) <= 128 ? ok(Number(word)) : expected("a number from 1 to 128")),
    ["1"]
  ),
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

/** The table of docs/settings.md. */
export const settingsMarkdown = (): string =>
  [
    "| flag, key of the file | variable | default | meaning |",
    "| --- | --- | --- | --- |",
    ...settingsTable.map(
      (one) =>
        `| \`--${one.name}${one.placeholder === null ? "" : ` ${one.placeholder.replaceAll("|", "\\|")}`}\`${one.repeatable ? " (repeatable)" : ""} | \`${one.env}\` | ${one.fallbackText === "" ? "none" : one.fallbackText} | ${one.help} |`
    )
  ].join("\n")
