// An OCI image layout as one tar: what containerd imports. The manifest.json beside it is what `docker load` of any age reads.
import { createHash } from "node:crypto"
import { promisify } from "node:util"
import { gzip } from "node:zlib"
import { type Entry, sorted, tar } from "./tar.ts"

export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

/** A layer as it is stored, and the digest of its tar. */
export interface Layer extends Descriptor {
  readonly diffId: string
  readonly data: Uint8Array
  /** One line for `docker history`. */
  readonly comment: string
}

/** How the image runs; the fields of an OCI configuration. */
export interface Runtime {
  readonly entrypoint: ReadonlyArray<string>
  readonly environment: ReadonlyArray<string>
  readonly user: string
  readonly labels: Readonly<Record<string, string>>
}

export interface Platform {
  readonly architecture: "amd64" | "arm64"
  readonly layers: ReadonlyArray<Layer>
}

const created = "1970-01-01T00:00:00Z"

const digestOf = (data: Uint8Array) => `sha256:${createHash("sha256").update(data).digest("hex")}`

/** The entries as one gzipped layer; the same entries, the same digest. */
export const layerOf = async (entries: ReadonlyMap<string, Entry>, comment: string): Promise<Layer> => {
  const plain = Buffer.concat([...tar(sorted(entries))])
  const data = await promisify(gzip)(plain, { level: 6 })
  return {
    ...{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: digestOf(data), size: data.length },
    ...{ diffId: digestOf(plain), data, comment }
  }
}

const pathOf = (digest: string) => `blobs/${digest.replace(":", "/")}`

/** The whole image. name: `docker.io/library/sluice`, tag: `0.1.0`. The first platform also carries the plain tag in manifest.json, the others `TAG-ARCHITECTURE`. */
export const layoutOf = (name: string, tag: string, runtime: Runtime, platforms: ReadonlyArray<Platform>) => {
  const blobs = new Map<string, Uint8Array>()
  const store = (mediaType: string, value: unknown): Descriptor => {
    const data = Buffer.from(JSON.stringify(value))
    const digest = digestOf(data)
    blobs.set(pathOf(digest), data)
    return { mediaType, digest, size: data.length }
  }
  const images = platforms.map(({ architecture, layers }) => {
    for (const { digest, data } of layers) blobs.set(pathOf(digest), data)
    const config = store("application/vnd.oci.image.config.v1+json", {
      created,
      architecture,
      os: "linux",
      config: { User: runtime.user, Env: runtime.environment, Entrypoint: runtime.entrypoint, WorkingDir: "/", Labels: runtime.labels },
      rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
      history: layers.map(({ comment }) => ({ created, created_by: comment }))
    })
    const manifest = store("application/vnd.oci.image.manifest.v1+json", {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config,
      layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size }))
    })
    return { architecture, layers, config, manifest }
  })
  const index = store("application/vnd.oci.image.index.v1+json", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: images.map(({ manifest, architecture }) => ({ ...manifest, platform: { architecture, os: "linux" } }))
  })
  const short = name.replace(/^docker\.io\/library\//u, "")
  const text = (value: unknown): Entry => ({ type: "file", mode: 0o644, data: Buffer.from(`${JSON.stringify(value)}\n`) })
  const files = new Map<string, Entry>([
    ["oci-layout", text({ imageLayoutVersion: "1.0.0" })],
    [
      "index.json",
      text({
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.index.v1+json",
        manifests: [{ ...index, annotations: { "io.containerd.image.name": `${name}:${tag}`, "org.opencontainers.image.ref.name": tag } }]
      })
    ],
    [
      "manifest.json",
      text(
        images.map(({ architecture, layers, config }, at) => ({
          Config: pathOf(config.digest),
          RepoTags: [`${short}:${at === 0 ? tag : `${tag}-${architecture}`}`],
          Layers: layers.map(({ digest }) => pathOf(digest))
        }))
      )
    ]
  ])
  for (const [path, data] of blobs) files.set(path, { type: "file", mode: 0o644, data })
  return { digest: index.digest, pieces: tar(sorted(files)) }
}
