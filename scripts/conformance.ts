// `npm run conformance`: Gateway API's official conformance suite on a real node, in namespaces of its own. Root and Debian; the exit code decides and the last
// line is `N passed, N failed, N skipped`. Without words every profile that src/operator/features.ts has; with words some profiles or some tests by name.
import { spawn, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { supportedFeatures } from "#src/operator/features.ts"
import { alive } from "../test/cluster/gobuild.ts"
import { programImage } from "../test/cluster/images.ts"
import { echoImages, ensureSuite, suiteChannel } from "../test/conformance/build.ts"
import type { Run } from "../test/conformance/run.ts"
import { makePlace, prefix, prepareNode } from "./nodelevel.ts"

const root = join(import.meta.dirname, "..")

const usage = `npm run conformance -- [PROFILE... | TEST...] [--keep] [--core] [--workers N] [--write] [-- FLAG-OF-THE-SUITE...]
  PROFILE  http, grpc, tls, tcp, udp; without any: those whose kind src/operator/features.ts has
  TEST     a test's short name, whatever the features say: HTTPRouteWeight
  --keep   the cluster stays until Ctrl-C; further runs in other terminals use it, with the image of their checkout
  --core   only what every implementation must pass
  --workers N
           processes of each proxy pod (1); a Gateway has two pods
  --write  the report into docs/conformance (of whole profiles)`

/** Profiles of the suite: the feature that makes one ours, and what is core in it besides Gateway and ReferenceGrant. */
const profiles = {
  http: { name: "GATEWAY-HTTP", feature: "HTTPRoute" },
  grpc: { name: "GATEWAY-GRPC", feature: "GRPCRoute" },
  tls: { name: "GATEWAY-TLS", feature: "TLSRoute" },
  tcp: { name: "GATEWAY-TCP", feature: "TCPRoute" },
  udp: { name: "GATEWAY-UDP", feature: "UDPRoute" }
} as const

const isProfile = (word: string): word is keyof typeof profiles => word in profiles

const refuse = (message: string): never => {
  console.error(`sluice: ${message}\n${usage}`)
  process.exit(2)
}

/** Of the implementation, for the report. */
const implementation = () => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly version: string }
  return {
    version,
    flags: ["-organization=sluice", "-project=sluice", "-url=https://sluice.dev", `-version=${version}`, "-contact=@sluice"]
  }
}

/** The suite's flags, a list for each time it is run: one for all profiles together, one for each test. */
const flagsOf = (words: ReadonlyArray<string>, core: boolean, report: string | null, more: ReadonlyArray<string>) => {
  const names = words.filter((word) => !isProfile(word))
  if (names.length > 0) {
    if (names.length < words.length || core || report !== null) refuse("tests by name go without profiles, --core and --write")
    return names.map((name) => [`-run-test=${name}`, ...more])
  }
  const all = Object.keys(profiles) as Array<keyof typeof profiles>
  const chosen = words.length > 0 ? words.filter(isProfile) : all.filter((word) => supportedFeatures.includes(profiles[word].feature))
  const ours = chosen.map((word) => profiles[word])
  return [
    [
      `-conformance-profiles=${ours.map(({ name }) => name).join(",")}`,
      ...(core ? [`-supported-features=${["Gateway", "ReferenceGrant", ...ours.map(({ feature }) => feature)].join(",")}`] : []),
      ...(report === null ? [] : [`-report-output=${report}`, ...implementation().flags]),
      ...more
    ]
  ]
}

/** A cluster that another run keeps: its folder, where the process that keeps it lives and it has said where it is. */
const kept = (): string | null => {
  const names = readdirSync(tmpdir()).filter((name) => name.startsWith(prefix) && alive(Number(name.slice(prefix.length).split("-")[0])))
  return names.map((name) => join(tmpdir(), name)).find((folder) => existsSync(join(folder, "namespaces"))) ?? null
}

const until = async (what: string, holds: () => boolean, gone: () => boolean) => {
  while (!holds()) {
    if (gone()) throw new Error(`${what} ended before it was ready`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Starts a cluster in a place of its own; `gone` resolves when it has ended, by itself or by `end`. */
const start = async () => {
  const place = makePlace()
  const [command = "", ...words] = [...place.command, process.execPath, join(root, "test", "conformance", "hold.ts")]
  const child = spawn(command, words, { env: place.env, stdio: ["pipe", "inherit", "inherit"] })
  const gone = new Promise<void>((resolve) => {
    child.once("error", () => resolve())
    child.once("exit", () => resolve())
  })
  const ended = () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null
  const end = async () => {
    // Killed itself, the child would be gone before those that it began, and their control groups could not be taken away.
    child.stdin.end()
    await gone
    place.remove()
  }
  try {
    await until("the cluster", () => existsSync(join(place.folder, "conformance.json")), ended)
    // The first process of the new namespaces: they are entered by its number.
    writeFileSync(join(place.folder, "namespaces"), readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim())
  } catch (error) {
    await end()
    throw error
  }
  return { folder: place.folder, gone, end }
}

const runIn = (run: Run): number => {
  const target = readFileSync(join(run.folder, "namespaces"), "utf8")
  const into = ["--target", target, "--net", "--mount", "--pid", "--", process.execPath, join(root, "test", "conformance", "run.ts")]
  return spawnSync("nsenter", [...into, JSON.stringify(run)], { stdio: "inherit" }).status ?? 1
}

const argv = process.argv.slice(2)
const cut = argv.includes("--") ? argv.indexOf("--") : argv.length
const { values, positionals } = (() => {
  try {
    const flag = { type: "boolean" } as const
    const options = { keep: flag, core: flag, write: flag, workers: { type: "string", default: "1" } } as const
    return parseArgs({ args: argv.slice(0, cut), allowPositionals: true, options })
  } catch (error) {
    return refuse((error as Error).message)
  }
})()

const workers = /^[1-9]\d?$/u.test(values.workers) ? Number(values.workers) : refuse(`--workers ${values.workers}: a number from 1 to 99`)
const reports = join(root, "docs", "conformance")
const report =
  values.write === true ? join(reports, `${suiteChannel().split("/")[1]}-${implementation().version}-default-report.yaml`) : null
const flags = flagsOf(positionals, values.core === true, report, argv.slice(cut + 1))
const { image, digest } = await prepareNode("conformance", suiteChannel())
const programs = await ensureSuite()
const echo = await programImage(programs.echo, echoImages[0]!)
if (report !== null) mkdirSync(reports, { recursive: true })

const found = kept()
const own = found === null ? await start() : null
const log = join(root, ".cache", "conformance", "last.log")
const status = runIn({ folder: found ?? own!.folder, image, echo, digest, suite: programs.suite, flags, workers, log })
if (own !== null) {
  if (values.keep === true) {
    console.log(`the cluster stays until Ctrl-C: ${own.folder}`)
    await Promise.race([
      own.gone,
      ...(["SIGINT", "SIGTERM"] as const).map((signal) => new Promise((resolve) => process.once(signal, resolve)))
    ])
  }
  await own.end()
}
process.exit(status)
