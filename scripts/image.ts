// `npm run image`: the container image as one tar (an OCI layout, an index of amd64 and arm64), without a container engine. The same inputs give the
// same digest. `ctr images import` and `docker load` take it.
import { appendFileSync, chmodSync, closeSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { parseArgs } from "node:util"
import { baseFiles, dependencyFiles, nodeFiles, programFiles, runtime } from "./image/contents.ts"
import { type Architecture, debianFiles } from "./image/debian.ts"
import { layerOf, layoutOf } from "./image/layout.ts"
import { sorted } from "./image/tar.ts"

const root = join(import.meta.dirname, "..")

export interface ImageOptions {
  /** File to write. */
  readonly out: string
  /** Both unless given. */
  readonly architectures?: ReadonlyArray<Architecture>
  /** Another Node than the lockfile's, by architecture: how a release ships above a security fix. */
  readonly node?: Partial<Record<Architecture, string>>
  /** `docker.io/library/sluice` unless given, which is what a cluster calls `sluice`. */
  readonly name?: string
  /** The version in package.json unless given. */
  readonly tag?: string
}

const versionHere = () => (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly version: string }).version

/** What an image holds, in layers: those that change least come first. */
const contentsOf = (architecture: Architecture, node: string | undefined) => {
  const { files, versions } = debianFiles(architecture)
  return [
    { files: new Map([...baseFiles(), ...files]), comment: `Debian: ${versions.join(", ")}` },
    { files: nodeFiles(architecture, node), comment: "Node" },
    { files: dependencyFiles(), comment: "production dependencies, from package-lock.json" },
    { files: programFiles(), comment: `sluice ${versionHere()}` }
  ]
}

/** Writes what the image holds into a folder, for a Dockerfile or for a look at it. */
export const writeRoot = (folder: string, architecture: Architecture, node?: string): void => {
  for (const { files } of contentsOf(architecture, node)) {
    for (const [path, entry] of sorted(files)) {
      const place = join(folder, path)
      if (entry.type === "directory") mkdirSync(place, { recursive: true })
      else if (entry.type === "link") symlinkSync(entry.target, place)
      else writeFileSync(place, entry.data)
      // Apart from the writing, which the process's umask has a say in.
      if (entry.type !== "link") chmodSync(place, entry.mode)
    }
  }
}

/** Writes the image and returns the digest of its index. Throws with a remedy where an input is missing. */
export const buildImage = async (
  options: ImageOptions
): Promise<{ readonly digest: string; readonly reference: string; readonly bytes: number }> => {
  const [name, tag] = [options.name ?? "docker.io/library/sluice", options.tag ?? versionHere()]
  const platforms = await Promise.all(
    (options.architectures ?? (["amd64", "arm64"] as const)).map(async (architecture) => ({
      architecture,
      layers: await Promise.all(contentsOf(architecture, options.node?.[architecture]).map(({ files, comment }) => layerOf(files, comment)))
    }))
  )
  const { digest, pieces } = layoutOf(name, tag, runtime(versionHere()), platforms)
  mkdirSync(dirname(options.out), { recursive: true })
  const descriptor = openSync(options.out, "w")
  let bytes = 0
  for (const piece of pieces) {
    appendFileSync(descriptor, piece)
    bytes += piece.length
  }
  closeSync(descriptor)
  return { digest, reference: `${name}:${tag}`, bytes }
}

const usage = `npm run image -- [--out FILE | --root FOLDER] [--platform linux/amd64,linux/arm64] [--node-amd64 PROGRAM] [--node-arm64 PROGRAM] [--name NAME] [--tag TAG]`

const architecturesOf = (platforms: string): ReadonlyArray<Architecture> =>
  platforms.split(",").map((platform) => {
    const architecture = platform.replace(/^linux\//u, "")
    if (architecture !== "amd64" && architecture !== "arm64") throw new Error(`--platform ${platform}: linux/amd64 or linux/arm64`)
    return architecture
  })

const main = async () => {
  const { values } = parseArgs({
    options: {
      out: { type: "string", default: join(root, ".cache", "image", "sluice.tar") },
      platform: { type: "string", default: "linux/amd64,linux/arm64" },
      "node-amd64": { type: "string" },
      "node-arm64": { type: "string" },
      name: { type: "string" },
      tag: { type: "string" },
      root: { type: "string" }
    }
  })
  const [amd64, arm64] = [values["node-amd64"], values["node-arm64"]]
  const node = { ...(amd64 === undefined ? {} : { amd64 }), ...(arm64 === undefined ? {} : { arm64 }) }
  const architectures = architecturesOf(values.platform)
  if (values.root !== undefined) {
    const [architecture, another] = architectures
    if (architecture === undefined || another !== undefined) throw new Error("--root FOLDER takes one platform: --platform linux/amd64")
    writeRoot(values.root, architecture, node[architecture])
    return console.log(`${values.root}: what the image for ${architecture} holds`)
  }
  const { digest, reference, bytes } = await buildImage({
    ...{ out: values.out, architectures, node },
    ...(values.name === undefined ? {} : { name: values.name }),
    ...(values.tag === undefined ? {} : { tag: values.tag })
  })
  console.log(`${values.out}: ${reference} ${digest}, ${(bytes / 1e6).toFixed(0)} MB`)
}

if (import.meta.main) {
  await main().catch((error: Error) => {
    console.error(`sluice: ${error.message}\n${usage}`)
    process.exit(2)
  })
}
