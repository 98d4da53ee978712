// The programs of the test clusters, built once out of public Go modules: one binary that is all of Kubernetes and etcd, CoreDNS, and the
// sandbox's pause. Kept in .cache by the hash of their sources, so that only the first run of a version pays (about 5 minutes on two cores).
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as delay } from "node:timers/promises"
import { findGo } from "../../scripts/go.ts"

const sources = join(import.meta.dirname, "module")
const cache = join(import.meta.dirname, "..", "..", ".cache", "cluster")

/** Paths of the programs. */
export interface Programs {
  /** `hyperkube etcd|kube-apiserver|kube-controller-manager|kube-scheduler|kubelet|kube-proxy|kubectl|load-balancer` */
  readonly hyperkube: string
  readonly coredns: string
  readonly pause: string
}

export type Built = ({ readonly _tag: "Ready" } & Programs) | { readonly _tag: "Absent"; readonly reason: string }

const names = ["hyperkube", "coredns", "pause"] as const

const sourceFiles = () =>
  readdirSync(sources, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(go|mod|sum)$/u.test(name))
    .sort()

const version = () => {
  const found = /k8s\.io\/kubernetes (v\d+\.(\d+)\.\d+)/u.exec(readFileSync(join(sources, "go.mod"), "utf8"))!
  return { whole: found[1]!, minor: found[2]! }
}

/** What is linked in beside the sources: `kubectl version` and the API server's /version tell it. */
const linkerFlags = () => {
  const { whole, minor } = version()
  const stamps = { gitVersion: whole, gitMajor: "1", gitMinor: minor, gitTreeState: "clean", gitCommit: "modules" }
  return ["-s", "-w", ...Object.entries(stamps).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)].join(" ")
}

const contentHash = () => {
  const hash = createHash("sha256").update(`${process.platform}/${process.arch}\n${linkerFlags()}\n`)
  for (const name of sourceFiles()) hash.update(`${name}\n`).update(readFileSync(join(sources, name)))
  return hash.digest("hex").slice(0, 16)
}

const programsIn = (folder: string): Programs => ({
  hyperkube: join(folder, "hyperkube"),
  coredns: join(folder, "coredns"),
  pause: join(folder, "pause")
})

/** Is there a process of this number? */
export const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as { code?: string }).code === "EPERM"
  }
}

/** One build at a time for all processes of this checkout: those that come later wait for what the first one makes. */
const withLock = async <A>(lock: string, done: () => boolean, body: () => Promise<A>): Promise<A | null> => {
  for (let said = false; ; said = true) {
    if (done()) return null
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" })
      break
    } catch {
      const holder = existsSync(lock) ? Number(readFileSync(lock, "utf8")) : 0
      if (holder > 0 && !alive(holder)) rmSync(lock, { force: true })
      else {
        if (!said) process.stderr.write(`sluice: another process (${holder}) builds the test cluster's programs: waiting\n`)
        await delay(500)
      }
    }
  }
  try {
    return done() ? null : await body()
  } finally {
    rmSync(lock, { force: true })
  }
}

/** `go build` with a line of progress every few seconds; null: done, else why not. */
const compile = async (go: string, into: string): Promise<string | null> => {
  // The machine's own settings for modules and caches stay; those that would change what is built do not.
  const env = { ...process.env, CGO_ENABLED: "0", GOTOOLCHAIN: "local", GOWORK: "off", GOFLAGS: "-mod=readonly" }
  const args = [
    "build",
    "-v",
    "-trimpath",
    "-buildvcs=false",
    "-ldflags",
    linkerFlags(),
    "-o",
    `${into}/`,
    ...names.map((name) => `./${name}`)
  ]
  const child = spawn(go, args, { cwd: sources, env, stdio: ["ignore", "inherit", "pipe"] })
  const began = Date.now()
  let packages = 0
  let told = began
  const rest: Array<string> = []
  createInterface({ input: child.stderr }).on("line", (line) => {
    if (/^go: downloading /u.test(line)) return
    const compiled = /^[\w./@~+-]+$/u.test(line)
    if (compiled) packages++
    else rest.push(line)
    if (compiled && Date.now() - told > 5_000) {
      told = Date.now()
      process.stderr.write(`sluice: ${packages} packages compiled in ${Math.round((told - began) / 1000)} s\n`)
    }
  })
  const [status, message] = await new Promise<readonly [number | null, string]>((resolve) => {
    child.once("error", (error) => resolve([1, error.message]))
    child.once("close", (code) => resolve([code, ""]))
  })
  if (status !== 0) return `\`go build\` failed: ${[message, ...rest.slice(-20)].join("\n")}`
  process.stderr.write(`sluice: the test cluster's programs are built (${Math.round((Date.now() - began) / 1000)} s)\n`)
  return null
}

const build = async (folder: string, lock: string): Promise<Built> => {
  const go = findGo()
  if (go._tag === "Absent") return go
  mkdirSync(cache, { recursive: true })
  const failure = await withLock(
    lock,
    () => existsSync(folder),
    async () => {
      process.stderr.write(`sluice: building Kubernetes ${version().whole} for the tests (once; about 5 minutes on two cores)\n`)
      const scratch = mkdtempSync(join(cache, "building-"))
      const reason = await compile(go.program, scratch)
      if (reason === null) {
        renameSync(scratch, folder)
        // What older sources gave is of no use any more.
        for (const name of readdirSync(cache)) {
          if (/^[0-9a-f]{16}$/u.test(name) && join(cache, name) !== folder) rmSync(join(cache, name), { recursive: true, force: true })
        }
      } else rmSync(scratch, { recursive: true, force: true })
      return reason
    }
  )
  return failure === null ? { _tag: "Ready", ...programsIn(folder) } : { _tag: "Absent", reason: failure }
}

let building: Promise<Built> | undefined

/** The programs, built if they were not. Absent: no Go, or it could not build them; nothing is thrown. */
export const ensurePrograms = (): Promise<Built> => {
  const folder = join(cache, contentHash())
  if (existsSync(folder)) return Promise.resolve({ _tag: "Ready", ...programsIn(folder) })
  building ??= build(folder, `${folder}.lock`)
  return building
}

if (import.meta.main) {
  const built = await ensurePrograms()
  console.log(built._tag === "Ready" ? built.hyperkube : `skipped: ${built.reason}`)
  if (built._tag === "Absent" && process.env["CI"] === "true") process.exitCode = 1
}
