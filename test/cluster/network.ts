// The network of a node's cluster: two namespaces with one wire between them. The tests are the outside world: they hold the origins, the name server and the
// clients; the node with its pods is the other one. Neither has a way to anywhere else.
import { execFileSync } from "node:child_process"

/** Addresses, all IPv4. */
export const plan = {
  /** The outside's end of the wire: the node's gateway, and where CoreDNS asks for names outside the cluster. */
  gateway: "192.168.250.1",
  wire: "192.168.250.2",
  /** Addresses of the outside that are public ones everywhere: what an egress policy allows by itself. */
  public: ["20.20.20.20", "20.20.20.21", "20.20.20.22"],
  /** Public ones that nobody has: the way to the first is told to be none, what is sent to the second is swallowed. */
  unreachable: "20.20.20.30",
  silent: "20.20.20.31",
  /** One that is private, and so needs an EgressPolicy. */
  private: "172.31.0.20",
  /** The bridge: the node's own address and its pods' gateway. */
  node: "10.244.0.1",
  pods: "10.244.0.0/22",
  services: "10.96.0.0/16",
  /** The API server's Service, and the cluster's DNS. */
  apiService: "10.96.0.1",
  dns: "10.96.0.10",
  /** What Services of type LoadBalancer get theirs from. */
  loadBalancers: "10.97.0.0/24"
} as const

/** Name of the bridge and of the node's namespace. */
export const bridge = "pods"
const namespace = "node"

/** Words before a command that take it into the node's network. */
export const enterNode: ReadonlyArray<string> = ["nsenter", `--net=/run/netns/${namespace}`, "--"]

const run = (line: string) => {
  const [command = "", ...args] = line.split(" ")
  execFileSync(command, args, { stdio: ["ignore", "ignore", "inherit"] })
}

/** Lays the network out, in the namespaces that isolated.sh made. The bridge is there before the API server, because its address is the node's. */
export const layNetwork = (): void => {
  const onNode = (line: string) => run(`ip -n ${namespace} ${line}`)
  run(`ip netns add ${namespace}`)
  run(`ip link add outside type veth peer name wire netns ${namespace}`)
  run(`ip address add ${plan.gateway}/30 dev outside`)
  run("ip link set outside up")
  for (const address of [...plan.public, plan.private]) run(`ip address add ${address}/32 dev lo`)
  onNode("link set lo up")
  onNode(`address add ${plan.wire}/30 dev wire`)
  onNode("link set wire up")
  onNode(`route add default via ${plan.gateway}`)
  onNode(`route add unreachable ${plan.unreachable}`)
  onNode(`route add blackhole ${plan.silent}`)
  onNode(`link add ${bridge} type bridge`)
  onNode(`address add ${plan.node}/22 dev ${bridge}`)
  onNode(`link set ${bridge} up`)
  // kube-proxy turns them into pods' addresses; what no Service has is refused instead of sent out.
  onNode(`route add ${plan.services} dev ${bridge} src ${plan.node}`)
  onNode(`route add local ${plan.loadBalancers} dev lo`)
  run(`${enterNode.join(" ")} sysctl -q -w net.ipv4.ip_forward=1`)
  for (const range of [plan.pods, plan.services, plan.loadBalancers]) run(`ip route add ${range} via ${plan.wire}`)
}
