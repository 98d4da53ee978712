// What every recipe with a real node needs of the machine: that it is fit, Debian's packages, the programs, the image of this checkout; and a place (folder,
// control group, mount points) that is gone afterwards. `npm run test:node` and `npm run conformance` share it.
import { spawnSync } from "node:child_process"
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ensurePrograms } from "../test/cluster/build.ts"
import { alive } from "../test/cluster/gobuild.ts"
import type { Channel } from "../test/schemas/table/row.ts"
import { upstreamManifests } from "../test/schemas/upstream/crds.ts"
import { bringGo } from "./go.ts"
import { buildImage } from "./image.ts"

const root = join(import.meta.dirname, "..")
const needed = ["containerd", "runc", "containernetworking-plugins", "nftables", "iproute2", "procps", "util-linux", "curl", "openssl"]

/** What this machine is not; null: there can be a node here. */
const unfit = (): string | null => {
  if (process.platform !== "linux") return "needs Linux"
  if (process.getuid?.() !== 0) return "needs root (it makes network namespaces and runs containers)"
  if (spawnSync("dpkg", ["--version"]).status !== 0) return "needs Debian (containerd, runc and CNI plugins come from its packages)"
  const allowed = spawnSync("unshare", ["--net", "--mount", "--pid", "--fork", "true"]).status === 0
  return allowed ? null : "needs the right to make namespaces, which this container keeps from its root"
}

/** Why what is needed cannot be had; null: it is there. */
const lacking = (): string | null => {
  const missing = needed.filter((name) => !spawnSync("dpkg", ["-s", name], { encoding: "utf8" }).stdout.includes("install ok installed"))
  if (missing.length === 0) return null
  console.error(`sluice: installing ${missing.join(", ")} from Debian (once)`)
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
  const apt = (...words: ReadonlyArray<string>) =>
    spawnSync("apt-get", ["-qq", ...words], { stdio: ["ignore", "ignore", "inherit"], env }).status === 0
  return apt("update") && apt("install", "-y", "--no-install-recommends", ...missing)
    ? null
    : `apt-get cannot install ${missing.join(", ")}`
}

/** Every hierarchy of control groups: one, or with the first version one for each controller. */
const hierarchies = () =>
  readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([, , type]) => type === "cgroup" || type === "cgroup2")
    .map(([, place = ""]) => place)

const removeGroups = (name: string) => {
  for (const hierarchy of hierarchies()) {
    const group = join(hierarchy, name)
    if (!existsSync(group)) continue
    const below = readdirSync(group, { recursive: true, withFileTypes: true }).filter((entry) => entry.isDirectory())
    const paths = below.map((entry) => join(entry.parentPath, entry.name)).sort((a, b) => b.length - a.length)
    try {
      for (const path of [...paths, group]) rmdirSync(path)
    } catch (error) {
      console.error(`sluice: the control group ${group} is left: ${(error as Error).message}`)
    }
  }
}

/** The group that the kubelet puts its pods under. cpuset of the first version is not inherited, it is copied. */
const makeGroup = (name: string) => {
  for (const hierarchy of hierarchies()) {
    const group = join(hierarchy, name)
    mkdirSync(group, { recursive: true })
    for (const setting of ["cpuset.cpus", "cpuset.mems"]) {
      const [above, own] = [join(hierarchy, setting), join(group, setting)]
      if (existsSync(above) && existsSync(own)) appendFileSync(own, readFileSync(above, "utf8"))
    }
  }
}

/** Of the folders and control groups; the process that made them follows. */
export const prefix = "sluice-node-"

/** What runs that were killed have left: named after processes that are no more. */
const sweep = () => {
  const left = new Set(hierarchies().flatMap((hierarchy) => readdirSync(hierarchy).filter((name) => name.startsWith(prefix))))
  for (const name of left) if (!alive(Number(name.slice(prefix.length)))) removeGroups(name)
  for (const name of readdirSync(tmpdir()).filter((each) => each.startsWith(prefix))) {
    if (!alive(Number(name.slice(prefix.length).split("-")[0]))) rmSync(join(tmpdir(), name), { recursive: true, force: true })
  }
}

/** failing: the machine could, and did not. Elsewhere nobody can ask for it, not even CI. */
const skip = (what: string, reason: string, failing: boolean): never => {
  console.log(`${failing ? "FAILED" : "skipped"}: ${what} ${reason}`)
  console.log(failing ? "0 passed, 1 failed" : "0 passed, 0 failed, 1 skipped")
  process.exit(failing ? 1 : 0)
}

/** The image of this checkout as a tar, and the digest of what is in it. */
export interface NodeImage {
  readonly image: string
  readonly digest: string
}

/**
 * All that comes over the network and all that is built, before the way out is closed: Debian's packages, the cluster's programs, upstream's CRDs, the image.
 * Where the machine cannot have a node it says so and ends this process: as skipped, or as failed where CI could have had one. what: `the node level`.
 */
export const prepareNode = async (what: string, channel: Channel): Promise<NodeImage> => {
  const inCI = process.env["CI"] === "true"
  const wanting = unfit()
  if (wanting !== null) skip(what, wanting, false)
  const missing = lacking()
  if (missing !== null) skip(what, missing, inCI)
  const built = await ensurePrograms()
  if (built._tag === "Absent") skip(what, built.reason, inCI)
  const go = bringGo()
  if (go._tag === "Absent") skip(what, go.reason, inCI)
  await upstreamManifests(channel)
  const image = join(root, ".cache", "image", "node-level.tar")
  const building = performance.now()
  const { digest, reference } = await buildImage({ out: image })
  console.log(`${reference} ${digest} in ${((performance.now() - building) / 1000).toFixed(1)} s`)
  return { image, digest }
}

/** Where one cluster lives. */
export interface NodePlace {
  readonly folder: string
  /** Words before a command that take it into new namespaces, where test/cluster/node.ts can start a cluster. */
  readonly command: ReadonlyArray<string>
  readonly env: NodeJS.ProcessEnv
  /** Once nothing runs in it any more. */
  readonly remove: () => void
}

/** Takes away what runs that were killed have left, and makes a place for one more. */
export const makePlace = (): NodePlace => {
  sweep()
  const name = `${prefix}${process.pid}`
  const folder = mkdtempSync(join(tmpdir(), `${name}-`))
  makeGroup(name)
  // Mount points that a machine without a kubelet lacks.
  const made = ["/var/lib/kubelet", "/var/lib/cni"].filter((place) => !existsSync(place))
  for (const place of made) mkdirSync(place)
  return {
    folder,
    command: [join(root, "test", "cluster", "isolated.sh"), folder],
    env: { ...process.env, SLUICE_NODE_FOLDER: folder, SLUICE_NODE_CGROUP: `/${name}` },
    remove: () => {
      for (const place of made) rmdirSync(place)
      removeGroups(name)
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
