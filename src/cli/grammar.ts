// The commands and their flags: one table for parsing, help and completion. Ours and not effect/cli, whose import alone costs 0.38 s of every start.
import { parseArgs } from "node:util"
import { nearest } from "../config/nearest.ts"
import { linkSettings, operatorSettings, type Row, settingsTable } from "../config/table.ts"

export interface FlagRow {
  readonly name: string
  readonly short: string | null
  /** null: a switch. */
  readonly placeholder: string | null
  readonly repeatable: boolean
  readonly help: string
  readonly choices: ReadonlyArray<string> | null
  readonly path: boolean
}

export interface Command {
  readonly name: string
  readonly summary: string
  /** As usage shows it. */
  readonly operands: string
  readonly least: number
  readonly most: number
  readonly flags: ReadonlyArray<FlagRow>
  /** Settings it takes as flags; environment and file may always hold all of them. */
  readonly settings: ReadonlyArray<Row>
  readonly details: ReadonlyArray<string>
  readonly examples: ReadonlyArray<string>
  /** What completion offers for operands. */
  readonly completes: "files" | "nothing" | ReadonlyArray<string>
}

/** Exit codes, in help and in docs/statuses.md. */
export const exitCodes = { accepted: 0, refused: 1, usage: 2 } as const

const flag = (name: string, placeholder: string | null, help: string, more: Partial<FlagRow> = {}): FlagRow => ({
  name,
  short: null,
  placeholder,
  repeatable: false,
  help,
  choices: null,
  path: false,
  ...more
})

const helpFlag = flag("help", null, "Show this help", { short: "h" })
const configFlag = flag("config", "FILE", "YAML file of settings: `name: value` lines with the names of the flags (or SLUICE_CONFIG)", {
  path: true
})
export const outputs = ["text", "json", "yaml"] as const
export type Output = (typeof outputs)[number]
const outputFlag = flag("output", outputs.join("|"), "Form of the answer (text)", { short: "o", choices: outputs })

const pick = (...names: ReadonlyArray<string>): ReadonlyArray<Row> => settingsTable.filter((one) => names.includes(one.name))
const translation = ["allow-loopback", "listen-address", "unix-directory", "cluster-domain", "cluster-cidr", "color"]

const pathDetails =
  "PATH is a file, a folder (read with all below it: *.yaml, *.yml, *.json; hidden names are skipped), or - for standard input."

const shells = ["bash", "zsh", "fish"] as const

export const commands: ReadonlyArray<Command> = [
  {
    name: "run",
    summary: "Serve Gateway API manifests from files, without a cluster",
    operands: "PATH…",
    least: 1,
    most: Number.POSITIVE_INFINITY,
    flags: [configFlag, helpFlag],
    settings: settingsTable.filter((one) => !linkSettings.includes(one) && !operatorSettings.includes(one)),
    details: [
      pathDetails,
      "The files are read again when they change; what does not parse keeps nothing else from being served. GatewayClass `sluice` and the namespaces that are named are implied.",
      "SIGTERM or SIGINT drains and exits 0; a second one exits at once."
    ],
    examples: ["sluice run gateway.yaml", "sluice run --allow-loopback --nameserver 127.0.0.1:5353 manifests/"],
    completes: "files"
  },
  {
    name: "check",
    summary: "Say what Sluice would make of manifests, without serving them",
    operands: "PATH…",
    least: 1,
    most: Number.POSITIVE_INFINITY,
    flags: [outputFlag, configFlag, helpFlag],
    settings: pick(...translation),
    details: [
      pathDetails,
      "Prints the conditions of every object and every problem with its file and line. Programmed is Unknown: nothing runs that could acknowledge it."
    ],
    examples: ["sluice check manifests/", "sluice check --output json - < gateway.yaml"],
    completes: "files"
  },
  {
    name: "explain",
    summary: "Say what happens to one request, and which object decided it",
    operands: "URL [PATH…]",
    least: 1,
    most: Number.POSITIVE_INFINITY,
    flags: [
      flag("method", "METHOD", "Method of the request (GET)", { short: "X" }),
      flag("header", "NAME:VALUE", "Header of the request", { short: "H", repeatable: true }),
      flag("probe", null, "Also try the way to the endpoint: DNS, address policy, TCP, TLS, HTTP; no request of a user is touched"),
      outputFlag,
      configFlag,
      helpFlag
    ],
    settings: pick("admin-address", "nameserver", "trust-bundle", ...translation),
    details: [
      "With PATH: from manifests, offline. Without: the running process is asked, at its admin address.",
      "The listener is chosen by the URL's port; the name need not resolve."
    ],
    examples: [
      "sluice explain http://shop.example/cart gateway.yaml",
      "sluice explain -X POST -H 'x-canary: 1' --probe http://shop.example:8080/cart"
    ],
    completes: "files"
  },
  {
    name: "convert",
    summary: "Print Ingresses and backends of other dialects as Gateway API and Sluice's own kinds",
    operands: "PATH…",
    least: 1,
    most: Number.POSITIVE_INFINITY,
    flags: [flag("output", "yaml|json", "Form of the answer (yaml)", { short: "o", choices: ["yaml", "json"] }), configFlag, helpFlag],
    settings: pick("allow-loopback", "listen-address", "unix-directory", "cluster-domain", "cluster-cidr"),
    details: [
      pathDetails,
      "Every object is printed where it stood; what is not converted as it was given. Comments say what could not be carried over (with --output json: standard error), and the exit code is 1 then."
    ],
    examples: [
      "sluice convert manifests/ > converted.yaml",
      "kubectl get ingresses,ingressclasses,services,gateways,gatewayclasses,namespaces -A -o yaml | sluice convert -"
    ],
    completes: "files"
  },
  {
    name: "operator",
    summary: "Serve a cluster: watch its API server, tell proxies what to serve, write statuses, make pods and Services",
    operands: "",
    least: 0,
    most: 0,
    flags: [configFlag, helpFlag],
    settings: [
      ...operatorSettings,
      ...pick("listen-address", "cluster-domain", "cluster-cidr", "admin-address", "health-address", "log-level", "color")
    ],
    details: [
      "The API server is that of the pod it runs in, or of $KUBECONFIG. Every replica watches and serves proxies; the one that holds the lease writes.",
      "Until everything was read once it is not ready; an API server that does not answer is asked again for ever.",
      "SIGTERM or SIGINT gives the lease back and exits 0; a second one exits at once. The proxies serve on."
    ],
    examples: ["sluice operator --proxy-image sluice:0.1.0", "sluice operator --watch-namespace shop --watch-namespace billing"],
    completes: "nothing"
  },
  {
    name: "proxy",
    summary: "Serve one Gateway as operators say: the data plane of a cluster",
    operands: "",
    least: 0,
    most: 0,
    flags: [configFlag, helpFlag],
    settings: [
      ...linkSettings,
      ...pick(
        "nameserver",
        "trust-bundle",
        "zone",
        "admin-address",
        "health-address",
        "state-folder",
        "trusted-proxy",
        "drain-delay",
        "drain-deadline",
        "access-log",
        "log-level",
        "workers",
        "color"
      )
    ],
    details: [
      "The operator runs it in the pods of a Gateway. It has no rights at the API server: a token proves which pod it is, and it is told that pod's Gateway and no other.",
      "The last good snapshot is kept in the state folder: with every operator gone it goes on serving, also after a restart of its container.",
      "SIGTERM or SIGINT drains and exits 0; a second one exits at once."
    ],
    examples: ["sluice proxy --operator sluice-operator.sluice-system.svc:18000 --gateway shop/edge --state-folder /var/lib/sluice"],
    completes: "nothing"
  },
  {
    name: "version",
    summary: "Versions of Sluice and Node, and whether Node is recent enough",
    operands: "",
    least: 0,
    most: 0,
    flags: [outputFlag, helpFlag],
    settings: [],
    details: [],
    examples: [],
    completes: "nothing"
  },
  {
    name: "completion",
    summary: "Completion script for a shell",
    operands: "SHELL",
    least: 1,
    most: 1,
    flags: [helpFlag],
    settings: [],
    details: [`SHELL is one of ${shells.join(", ")}.`],
    examples: [
      "source <(sluice completion bash)   # in ~/.bashrc",
      'sluice completion zsh > "$' + '{fpath[1]}/_sluice"',
      "sluice completion fish > ~/.config/fish/completions/sluice.fish"
    ],
    completes: shells
  }
]

export interface Invocation {
  readonly command: Command
  readonly operands: ReadonlyArray<string>
  /** Every flag given, by its long name; switches hold "true" or "false". */
  readonly flags: ReadonlyMap<string, ReadonlyArray<string>>
}

/** The command that a setting is one of. */
const ownerOf = (name: string): string =>
  linkSettings.some((row) => row.name === name) ? "proxy" : operatorSettings.some((row) => row.name === name) ? "operator" : "run"

const asFlag = (one: Row): FlagRow =>
  flag(one.name, one.placeholder, one.help, { repeatable: one.repeatable, choices: one.choices, path: one.path })

/** Flags of a command: its own, then the settings it takes. */
export const flagsOf = (command: Command): ReadonlyArray<FlagRow> => [...command.flags, ...command.settings.map(asFlag)]

/** Words after the command's name. A string is a usage error, as a sentence. */
export const parse = (command: Command, words: ReadonlyArray<string>): Invocation | string => {
  const known = flagsOf(command)
  const { tokens } = parseArgs({
    args: [...words],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      known.map((one) => [
        one.name,
        { type: one.placeholder === null ? ("boolean" as const) : ("string" as const), ...(one.short === null ? {} : { short: one.short }) }
      ])
    )
  })
  const flags = new Map<string, ReadonlyArray<string>>()
  const operands: Array<string> = []
  for (const token of tokens) {
    if (token.kind === "positional") operands.push(token.value)
    if (token.kind !== "option") continue
    const one = known.find((row) => row.name === token.name)
    if (one === undefined) {
      const meant = nearest(
        token.name,
        known.map((row) => row.name)
      )
      const elsewhere = settingsTable.some((row) => row.name === token.name) ? `: it is a setting of sluice ${ownerOf(token.name)}` : ""
      return `sluice ${command.name} has no flag ${token.rawName}${elsewhere !== "" ? elsewhere : meant === null ? "" : `: did you mean --${meant}?`}`
    }
    if (one.placeholder !== null && token.value === undefined) return `${token.rawName} needs a value: ${one.placeholder}`
    if (one.placeholder === null && token.value !== undefined && !/^(true|false)$/.test(token.value))
      return `${token.rawName} takes no value, or true or false`
    const value = token.value ?? "true"
    if (one.choices !== null && !one.path && !one.choices.includes(value))
      return `${token.rawName} is one of ${one.choices.join(", ")}, not ${JSON.stringify(value)}`
    flags.set(one.name, one.repeatable ? [...(flags.get(one.name) ?? []), value] : [value])
  }
  if (!flags.has("help")) {
    if (operands.length < command.least) return `sluice ${command.name} needs ${command.operands}`
    if (operands.length > command.most) return `sluice ${command.name} takes no ${JSON.stringify(operands[command.most])}`
  }
  return { command, operands, flags }
}
