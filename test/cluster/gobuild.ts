// Programs built once out of a Go module and kept in .cache by the hash of its sources, so that only the first run of a version pays.
// What the clusters are made of and what Gateway API's conformance suite is made of both come this way.
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as delay } from "node:timers/promises"
import { findGo } from "../../scripts/go.ts"

export interface GoModule {
  /** Folder with go.mod. */
  readonly sources: string
  /** Folder that keeps what was built. */
  readonly cache: string
  /** For whoever waits: `Kubernetes v1.36.3 (about 5 minutes on two cores)`. */
  readonly what: string
  /** Main packages, as `go build` takes them. */
  readonly packages: ReadonlyArray<string>
  readonly linkerFlags: string
}

/** Absent: no Go, or it could not build them. */
export type Programs = { readonly _tag: "Ready"; readonly folder: string } | { readonly _tag: "Absent"; readonly reason: string }

const sourceFiles = (sources: string) =>
  readdirSync(sources, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(go|mod|sum)$/u.test(name))
    .sort()

const contentHash = ({ sources, linkerFlags }: GoModule) => {
  const hash = createHash("sha256").update(`${process.platform}/${process.arch}\n${linkerFlags}\n`)
  for (const name of sourceFiles(sources)) hash.update(`${name}\n`).update(readFileSync(join(sources, name)))
  return hash.digest("hex").slice(0, 16)
}

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
const withLock = async <A>(what: string, lock: string, done: () => boolean, body: () => Promise<A>): Promise<A | null> => {
  for (let said = false; ; said = true) {
    if (done()) return null
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" })
      break
    } catch {
      const holder = existsSync(lock) ? Number(readFileSync(lock, "utf8")) : 0
      if (holder > 0 && !alive(holder)) rmSync(lock, { force: true })
      else {
        if (!said) process.stderr.write(`sluice: another process (${holder}) builds ${what}: waiting\n`)
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
const compile = async (go: string, module: GoModule, into: string): Promise<string | null> => {
  // The machine's own settings for modules and caches stay; those that would change what is built do not.
  const env = { ...process.env, CGO_ENABLED: "0", GOTOOLCHAIN: "local", GOWORK: "off", GOFLAGS: "-mod=readonly" }
  const args = ["build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", module.linkerFlags, "-o", `${into}/`, ...module.packages]
  const child = spawn(go, args, { cwd: module.sources, env, stdio: ["ignore", "inherit", "pipe"] })
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
  process.stderr.write(`sluice: ${module.what}: built (${Math.round((Date.now() - began) / 1000)} s)\n`)
  return null
}

const build = async (module: GoModule, folder: string): Promise<Programs> => {
  const go = findGo()
  if (go._tag === "Absent") return go
  const { cache, what } = module
  mkdirSync(cache, { recursive: true })
  const failure = await withLock(
    what,
    `${folder}.lock`,
    () => existsSync(folder),
    async () => {
      process.stderr.write(`sluice: building ${what} for the tests, once\n`)
      const scratch = mkdtempSync(join(cache, "building-"))
      const reason = await compile(go.program, module, scratch)
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
  return failure === null ? { _tag: "Ready", folder } : { _tag: "Absent", reason: failure }
}

const building = new Map<string, Promise<Programs>>()

/** The folder with the module's programs, built if they were not. Nothing is thrown. */
export const ensureBuilt = (module: GoModule): Promise<Programs> => {
  const folder = join(module.cache, contentHash(module))
  if (existsSync(folder)) return Promise.resolve({ _tag: "Ready", folder })
  const running = building.get(folder) ?? build(module, folder)
  building.set(folder, running)
  return running
}
