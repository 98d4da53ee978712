// A whole one-node cluster for tests: control plane, scheduler, containerd, kubelet, kube-proxy in nftables mode, cluster DNS and a load balancer. Runs as
// root inside the namespaces of isolated.sh only: `npm run test:node` makes them.
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { ensurePrograms } from "./build.ts"
import { programImage, systemImages } from "./images.ts"
import { type ControlPlane, type Launched, launch } from "./launch.ts"
import { enterNode, layNetwork, plan } from "./network.ts"
import { type Program, startProgram } from "./process.ts"
import { type Runtime, startRuntime } from "./runtime.ts"

export interface NodeCluster extends ControlPlane {
  readonly runtime: Runtime
  /** Seconds from the start: API server, node Ready, DNS. */
  readonly timings: Readonly<Record<"apiServer" | "node" | "dns", number>>
}

const nodeName = "node"

const kubeletConfiguration = (folder: string, plane: Launched, socket: string, certificate: string, key: string) => ({
  ...{ apiVersion: "kubelet.config.k8s.io/v1beta1", kind: "KubeletConfiguration" },
  ...{ address: plan.node, healthzBindAddress: "127.0.0.1", containerRuntimeEndpoint: `unix://${socket}` },
  ...{ failCgroupV1: false, failSwapOn: false, cgroupDriver: "cgroupfs", cgroupRoot: cgroupRoot() },
  // kube-proxy does with nftables what these chains would be for.
  makeIPTablesUtilChains: false,
  authentication: { anonymous: { enabled: false }, webhook: { enabled: false }, x509: { clientCAFile: plane.caFile } },
  authorization: { mode: "AlwaysAllow" },
  ...{ tlsCertFile: certificate, tlsPrivateKeyFile: key },
  ...{ clusterDNS: [plan.dns], clusterDomain: "cluster.local", resolvConf: plane.file("resolv.conf", "") },
  ...{ podLogsDir: join(folder, "pod-logs"), volumePluginDir: join(folder, "volume-plugins"), maxPods: 250 },
  ...{ kubeAPIQPS: 200, kubeAPIBurst: 400, serializeImagePulls: false, imageGCHighThresholdPercent: 100 },
  evictionHard: { "memory.available": "100Mi", "nodefs.available": "1%", "nodefs.inodesFree": "1%", "imagefs.available": "1%" },
  enforceNodeAllocatable: ["pods"]
})

const proxyConfiguration = (kubeconfig: string) => ({
  ...{ apiVersion: "kubeproxy.config.k8s.io/v1alpha1", kind: "KubeProxyConfiguration" },
  clientConnection: { kubeconfig },
  ...{ mode: "nftables", clusterCIDR: plan.pods, hostnameOverride: nodeName, nodePortAddresses: [`${plan.node}/32`] },
  ...{ healthzBindAddress: "127.0.0.1:10256", metricsBindAddress: "127.0.0.1:10249" },
  conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
  // 0 would mean one second.
  nftables: { minSyncPeriod: "20ms" }
})

/** The group that scripts/node.ts made for us and removes after us (SLUICE_NODE_FOLDER is the like for files); the machine's root group without it. */
const cgroupRoot = () => process.env["SLUICE_NODE_CGROUP"] ?? "/"

/** Starts what turns pods into processes, and Services into addresses. */
const startAgents = async (plane: Launched, hyperkube: string, folder: string, runtime: Runtime) => {
  const serving = await plane.authority.leaf({ commonName: nodeName, dns: [nodeName], ip: [plan.node], usage: "server" })
  const [certificate, key] = [plane.file("kubelet.crt", serving.chain), plane.file("kubelet.key", serving.key)]
  const start = (program: string, ...flags: ReadonlyArray<string>) =>
    startProgram([...enterNode, hyperkube, program, ...flags], folder, program)
  const kubelet = plane.file("kubelet.yaml", JSON.stringify(kubeletConfiguration(folder, plane, runtime.socket, certificate, key)))
  const proxy = plane.file("kube-proxy.yaml", JSON.stringify(proxyConfiguration(plane.kubeconfigOf("system:kube-proxy"))))
  return [
    start(
      "kubelet",
      `--config=${kubelet}`,
      `--kubeconfig=${plane.kubeconfigOf(`system:node:${nodeName}`)}`,
      `--root-dir=${join(folder, "kubelet")}`,
      `--hostname-override=${nodeName}`,
      `--node-ip=${plan.node}`
    ),
    start("kube-proxy", `--config=${proxy}`),
    start(
      "kube-scheduler",
      `--kubeconfig=${plane.kubeconfigOf("system:kube-scheduler")}`,
      "--bind-address=127.0.0.1",
      "--leader-elect=false",
      "--profiling=false"
    ),
    start("load-balancer", `--kubeconfig=${plane.kubeconfig}`, `--cidr=${plan.loadBalancers}`)
  ]
}

/** containerd serves when `ctr version` answers. */
const loadWhenServing = async (runtime: Runtime, tars: ReadonlyArray<string>) => {
  for (;;) {
    const served = await runtime.ctr("version").then(
      () => true,
      () => false
    )
    if (served) break
    if (!runtime.program.running()) throw new Error(`containerd ended:\n${runtime.program.tail()}`)
    await delay(50)
  }
  await Promise.all(tars.map((tar) => runtime.load(tar)))
}

/** The API server's certificate for kubelets: logs and exec. */
const kubeletClient = async (folder: string, authority: Launched["authority"]) => {
  const client = await authority.leaf({ commonName: "kube-apiserver", usage: "client" })
  writeFileSync(join(folder, "kubelet-client.crt"), client.chain, { mode: 0o600 })
  writeFileSync(join(folder, "kubelet-client.key"), client.key, { mode: 0o600 })
}

interface Condition {
  readonly type: string
  readonly status: string
}

const isReady = (object: { readonly status?: { readonly conditions?: ReadonlyArray<Condition> } }) =>
  object.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false

/** One cluster; there can be no second in the same namespaces. Rejects with what did not start. `images` are tars that the node knows from the start. */
export const startNode = async (images: ReadonlyArray<string> = []): Promise<NodeCluster> => {
  const built = await ensurePrograms()
  if (built._tag === "Absent") throw new Error(built.reason)
  const began = performance.now()
  const seconds = () => Math.round((performance.now() - began) / 100) / 10
  layNetwork()
  const folder = process.env["SLUICE_NODE_FOLDER"] ?? mkdtempSync(join(tmpdir(), "sluice-node-"))
  const control = join(folder, "control")
  mkdirSync(control)
  const runtime = startRuntime(join(folder, "runtime"))
  const system = [await programImage(built.pause, systemImages.pause), await programImage(built.coredns, systemImages.coredns)]
  const loaded = loadWhenServing(runtime, [...system, ...images])
  const plane = await launch(built.hyperkube, control, {
    place: {
      address: plan.node,
      names: [plan.apiService, "127.0.0.1", ...["", ".svc", ".svc.cluster.local"].map((end) => `kubernetes.default${end}`), "kubernetes"],
      enter: enterNode
    },
    port: 6443,
    users: [
      { name: `system:node:${nodeName}`, groups: ["system:nodes"] },
      { name: "system:kube-scheduler" },
      { name: "system:kube-proxy" }
    ],
    prepare: (authority) => kubeletClient(control, authority),
    apiServerFlags: [
      ...[
        `--kubelet-client-certificate=${join(control, "kubelet-client.crt")}`,
        `--kubelet-client-key=${join(control, "kubelet-client.key")}`
      ],
      ...[`--kubelet-certificate-authority=${join(control, "ca.crt")}`, "--kubelet-preferred-address-types=InternalIP"],
      "--enable-admission-plugins=NodeRestriction"
    ],
    controllers: ["*", "-node-ipam-controller"]
  })
  const apiServer = seconds()
  const agents: ReadonlyArray<Program> = await startAgents(plane, built.hyperkube, folder, runtime)
  const stop = async () => {
    // Mounts and containers end with the namespaces, and the folder after them.
    await Promise.all([...agents, runtime.program].map((program) => program.kill()))
    await plane.stop()
  }
  try {
    await loaded
    await plane.eventually(`/api/v1/nodes/${nodeName}`, ({ body }) => isReady(body) && body.spec.taints === undefined, 60_000)
    const node = seconds()
    await plane.kubectl(["apply", "-f", "-"], readFileSync(join(import.meta.dirname, "dns.yaml"), "utf8"))
    await plane.eventually(
      "/apis/apps/v1/namespaces/kube-system/deployments/coredns",
      ({ body }) => body.status?.readyReplicas === 1,
      60_000
    )
    return { ...plane, stop, runtime, timings: { apiServer, node, dns: seconds() } }
  } catch (error) {
    const logs = [...agents, runtime.program].map((program) => `--- ${program.name}\n${program.tail()}`)
    await stop()
    throw new Error(`${(error as Error).message}\n${logs.join("\n")}`)
  }
}
