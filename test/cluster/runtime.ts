// The container runtime of a node: Debian's containerd and runc with the bridge plugin of CNI, all of their state in the node's folder.
import { execFile } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { systemImages } from "./images.ts"
import { bridge, enterNode, plan } from "./network.ts"
import { type Program, startProgram } from "./process.ts"

export interface Images {
  /** Standard output of `ctr` in the namespace of the kubelet. */
  readonly ctr: (...args: ReadonlyArray<string>) => Promise<string>
  /** Takes the images of a tar; resolves when pods can use them. */
  readonly load: (tar: string) => Promise<void>
}

export interface Runtime extends Images {
  readonly program: Program
  readonly socket: string
}

/** The way into a containerd that runs, also from another process than the one that started it. */
export const imagesAt = (socket: string): Images => {
  const ctr: Images["ctr"] = async (...args) =>
    (await promisify(execFile)("ctr", ["--address", socket, "--namespace", "k8s.io", ...args], { maxBuffer: 16 << 20 })).stdout
  return {
    ctr,
    load: async (tar) => {
      await ctr("images", "import", tar)
    }
  }
}

// restrict_oom_score_adj: without CAP_SYS_RESOURCE no sandbox would start.
const configuration = (folder: string, socket: string) => `version = 2
root = "${folder}/root"
state = "${folder}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
  address = "${socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${systemImages.pause}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  max_container_log_line_size = 262144
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = "${folder}/runc"
`

const cni = (folder: string) => ({
  cniVersion: "1.0.0",
  name: "pods",
  plugins: [
    {
      ...{ type: "bridge", bridge, isGateway: true, hairpinMode: true, ipMasq: false },
      ipam: {
        type: "host-local",
        dataDir: join(folder, "addresses"),
        ranges: [[{ subnet: plan.pods, gateway: plan.node }]],
        routes: [{ dst: "0.0.0.0/0" }]
      }
    }
  ]
})

/** Starts containerd in the node's network; it serves soon after, which `load` awaits. */
export const startRuntime = (folder: string): Runtime => {
  const socket = join(folder, "containerd.sock")
  mkdirSync(join(folder, "cni"), { recursive: true })
  writeFileSync(join(folder, "containerd.toml"), configuration(folder, socket))
  writeFileSync(join(folder, "cni", "10-pods.conflist"), JSON.stringify(cni(folder)))
  const program = startProgram([...enterNode, "containerd", "--config", join(folder, "containerd.toml")], folder, "containerd")
  return { ...imagesAt(socket), program, socket }
}
