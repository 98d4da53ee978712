// The programs of the test clusters, built once out of public Go modules: one binary that is all of Kubernetes and etcd, CoreDNS, and the
// sandbox's pause.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { ensureBuilt, type GoModule } from "./gobuild.ts"

const sources = join(import.meta.dirname, "module")

/** Paths of the programs. */
export interface Programs {
  /** `hyperkube etcd|kube-apiserver|kube-controller-manager|kube-scheduler|kubelet|kube-proxy|kubectl|load-balancer` */
  readonly hyperkube: string
  readonly coredns: string
  readonly pause: string
}

export type Built = ({ readonly _tag: "Ready" } & Programs) | { readonly _tag: "Absent"; readonly reason: string }

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

const programs = (): GoModule => ({
  sources,
  cache: join(import.meta.dirname, "..", "..", ".cache", "cluster"),
  what: `Kubernetes ${version().whole} (about 5 minutes on two cores)`,
  packages: ["./hyperkube", "./coredns", "./pause"],
  linkerFlags: linkerFlags()
})

/** The programs, built if they were not. Absent: no Go, or it could not build them; nothing is thrown. */
export const ensurePrograms = async (): Promise<Built> => {
  const built = await ensureBuilt(programs())
  if (built._tag === "Absent") return built
  const at = (name: keyof Programs) => join(built.folder, name)
  return { _tag: "Ready", hyperkube: at("hyperkube"), coredns: at("coredns"), pause: at("pause") }
}

if (import.meta.main) {
  const built = await ensurePrograms()
  console.log(built._tag === "Ready" ? built.hyperkube : `skipped: ${built.reason}`)
  if (built._tag === "Absent" && process.env["CI"] === "true") process.exitCode = 1
}
