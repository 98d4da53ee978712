// The program as a user starts it: a real process, its streams and its exit code.
import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

const root = join(import.meta.dirname, "..", "..")

const environment = (extra: Readonly<Record<string, string>>): NodeJS.ProcessEnv => {
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("SLUICE_") && name !== "NODE_OPTIONS" && name !== "FORCE_COLOR")
  )
  return { ...clean, ...extra }
}

export interface Outcome {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs to the end. */
export const sluice = (
  words: ReadonlyArray<string>,
  options: { readonly stdin?: string; readonly env?: Readonly<Record<string, string>> } = {}
) =>
  new Promise<Outcome>((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, "src", "main.ts"), ...words], { env: environment(options.env ?? {}), stdio: "pipe" })
    let out = ""
    let err = ""
    child.stdout.on("data", (part: Buffer) => (out += part.toString()))
    child.stderr.on("data", (part: Buffer) => (err += part.toString()))
    child.on("error", reject)
    // Who has read enough leaves the rest.
    child.stdin.on("error", () => {})
    child.on("close", (code) => resolve({ code, out, err }))
    child.stdin.end(options.stdin ?? "")
  })

export interface Running {
  readonly child: ChildProcess
  readonly out: () => string
  readonly err: () => string
  /** The first match in what either stream wrote; fails when the process ends or 15 s pass first. */
  readonly line: (pattern: RegExp) => Promise<RegExpExecArray>
  /** Forgets what was written so far, for `line`. */
  readonly forget: () => void
  /** Its exit code, once it ended. */
  readonly closed: Promise<number | null>
  readonly end: (signal?: NodeJS.Signals) => Promise<number | null>
}

/** Starts and stays. The caller ends it. */
export const running = (words: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}): Running => {
  const child = spawn(process.execPath, [join(root, "src", "main.ts"), ...words], {
    env: environment(env),
    stdio: ["ignore", "pipe", "pipe"]
  })
  let out = ""
  let err = ""
  const all = () => out + err
  const waiting = new Set<() => void>()
  const told = () => {
    for (const check of [...waiting]) check()
  }
  let ended = false
  child.stdout!.on("data", (part: Buffer) => {
    out += part.toString()
    told()
  })
  child.stderr!.on("data", (part: Buffer) => {
    err += part.toString()
    told()
  })
  const closed = new Promise<number | null>((resolve) => {
    child.on("close", (code) => {
      ended = true
      told()
      resolve(code)
    })
  })
  return {
    child,
    out: () => out,
    err: () => err,
    forget: () => {
      out = ""
      err = ""
    },
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const check = () => {
          const found = pattern.exec(all())
          if (found === null && !ended) return
          waiting.delete(check)
          clearTimeout(timer)
          if (found !== null) resolve(found)
          else reject(new Error(`the process ended without ${pattern}:\n${all()}`))
        }
        const timer = setTimeout(() => {
          waiting.delete(check)
          reject(new Error(`no line ${pattern} within 15 s:\n${all()}`))
        }, 15_000)
        waiting.add(check)
        check()
      }),
    closed,
    end: (signal = "SIGTERM") => {
      if (!ended) child.kill(signal)
      return closed
    }
  }
}

/**
 * `sluice run` on this machine: it listens on loopback and may dial it, keeps its state in the folder, and opens no port of its own but those that are named
 * (`127.0.0.1:0`). files: of the folder. The caller ends it.
 */
export const serving = (
  place: { readonly path: string },
  {
    admin = "off",
    health = "off",
    flags = [],
    files = ["m.yaml"],
    env = {}
  }: {
    readonly admin?: string
    readonly health?: string
    readonly flags?: ReadonlyArray<string>
    readonly files?: ReadonlyArray<string>
    readonly env?: Readonly<Record<string, string>>
  } = {}
): Running =>
  running(
    [
      ...["run", "--listen-address=127.0.0.1", `--admin-address=${admin}`, `--health-address=${health}`, "--allow-loopback"],
      ...[`--state-folder=${join(place.path, "state")}`, ...flags, ...files.map((file) => join(place.path, file))]
    ],
    env
  )

/** A folder of manifests that is removed at the end of the test. */
export const folder = (files: Readonly<Record<string, string>> = {}) => {
  const path = mkdtempSync(join(tmpdir(), "sluice-cli-"))
  const write = (name: string, text: string): string => {
    const file = join(path, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    return file
  }
  for (const [name, text] of Object.entries(files)) write(name, text)
  return { path, write, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

export const gateway = (port: number, name = "edge") => `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: ${name}, namespace: shop}
spec:
  gatewayClassName: sluice
  listeners: [{name: http, port: ${port}, protocol: HTTP}]
`

/** Answers with a redirect: no backend is needed to see that it serves. */
export const redirect = (name: string, path: string, to: string) => `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules:
  - matches: [{path: {type: PathPrefix, value: ${path}}}]
    filters: [{type: RequestRedirect, requestRedirect: {hostname: ${to}, statusCode: 302}}]
`
