// What the tests of the node level work with: the cluster, the world outside it (names, origins, clients), and the installation of this checkout.
import { execFile } from "node:child_process"
import { setTimeout as delay } from "node:timers/promises"
import { inject } from "vitest"
import { type Access, accessTo } from "../cluster/access.ts"
import { plan } from "../cluster/network.ts"
import { type Images, imagesAt } from "../cluster/runtime.ts"
import { type DnsServer, startDnsServer } from "../support/dns.ts"

export { install, rolledOut, system, uninstall } from "../cluster/installation.ts"

/**
 * Addresses of the world outside, which are this process's own: origins listen on `outside.public` (public-class) and `outside.private` (needs an EgressPolicy),
 * by `startOrigin({ host, port, tls })` of test/support/origin.ts. Pods reach them, and this process reaches pods, Services and load balancers.
 * Nobody has `outside.unreachable` and `outside.silent`.
 */
export const outside = {
  ...{ public: plan.public, private: plan.private, gateway: plan.gateway },
  ...{ unreachable: plan.unreachable, silent: plan.silent }
} as const

export interface NodeHarness extends Access, Images {
  /** The image of this checkout, as pods name it; `imageFile` is its tar. */
  readonly image: string
  readonly imageFile: string
  /** containerd's. */
  readonly socket: string
  readonly timings: Readonly<Record<"apiServer" | "node" | "dns", number>>
}

export const theNode = (): NodeHarness => {
  const { address, socket, image, imageFile, timings } = inject("node")
  return { ...accessTo(address), ...imagesAt(socket), image, imageFile, socket, timings }
}

/** The name server that the cluster's DNS asks for names outside the cluster. One at a time: close it when the file ends. */
export const startNames = (): Promise<DnsServer> => startDnsServer({ host: plan.gateway, port: 53 })

export interface CurlAnswer {
  /** 0: no HTTP answer; then `error` says why. */
  readonly status: number
  readonly body: string
  readonly error: string
}

/** `curl -sS ARGS` in the world outside, as a user would; never rejects for what the answer is. */
export const curl = (...args: ReadonlyArray<string>): Promise<CurlAnswer> =>
  new Promise((resolve) => {
    const words = ["-sS", "--max-time", "10", "--write-out", "\n%{http_code}", ...args]
    execFile("curl", words, { maxBuffer: 16 << 20 }, (_, stdout, stderr) => {
      const cut = stdout.lastIndexOf("\n")
      resolve({ status: Number(stdout.slice(cut + 1)), body: stdout.slice(0, Math.max(cut, 0)), error: stderr.trim() })
    })
  })

/** Asks by `curl ARGS` until the answer is as wanted, and returns it; rejects with the last answer after `milliseconds`. */
export const asked = async (
  args: ReadonlyArray<string>,
  wanted: (answer: CurlAnswer) => boolean,
  milliseconds = 10_000
): Promise<CurlAnswer> => {
  const until = performance.now() + milliseconds
  for (;;) {
    const answer = await curl(...args)
    if (wanted(answer)) return answer
    if (performance.now() > until)
      throw new Error(`curl ${args.join(" ")} is not answered as awaited after ${milliseconds} ms: ${JSON.stringify(answer)}`)
    await delay(50)
  }
}

/** Asks until the answer's body begins with `body`. */
export const answers = (url: string, body: string): Promise<CurlAnswer> => asked([url], (answer) => answer.body.startsWith(body))

/** The address that a Service of type LoadBalancer was given. */
export const loadBalancerAddress = async (node: Access, namespace: string, service: string): Promise<string> => {
  const path = `/api/v1/namespaces/${namespace}/services/${service}`
  const { body } = await node.eventually(path, (answer) => answer.body.status?.loadBalancer?.ingress?.[0]?.ip !== undefined, 120_000)
  return body.status.loadBalancer.ingress[0].ip as string
}

export interface Pod {
  readonly name: string
  readonly uid: string
  readonly ip: string
  readonly ready: boolean
  readonly restarts: number
}

export const podsOf = async (node: Access, namespace: string, selector: string): Promise<ReadonlyArray<Pod>> => {
  const { body } = await node.request("GET", `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(selector)}`)
  return body.items.map(
    (pod: {
      readonly metadata: { readonly name: string; readonly uid: string }
      readonly status: {
        readonly podIP?: string
        readonly containerStatuses?: ReadonlyArray<{ readonly ready: boolean; readonly restartCount: number }>
      }
    }): Pod => ({
      name: pod.metadata.name,
      uid: pod.metadata.uid,
      ip: pod.status.podIP ?? "",
      ready: pod.status.containerStatuses?.every(({ ready }) => ready) ?? false,
      restarts: pod.status.containerStatuses?.reduce((sum, { restartCount }) => sum + restartCount, 0) ?? 0
    })
  )
}

/** The Eviction API, as `kubectl drain` calls it: the answer's status is 429 while a PodDisruptionBudget forbids it. */
export const evict = async (node: Access, namespace: string, pod: string): Promise<number> => {
  const body = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: pod, namespace } }
  return (await node.request("POST", `/api/v1/namespaces/${namespace}/pods/${pod}/eviction`, { body })).status
}

/** SIGKILL to every container of a pod, as when memory runs out: the kubelet starts them again. */
export const killContainers = async (node: Access & Images, namespace: string, pod: string): Promise<void> => {
  const { body } = await node.request("GET", `/api/v1/namespaces/${namespace}/pods/${pod}`)
  for (const { containerID } of body.status.containerStatuses)
    await node.ctr("tasks", "kill", "--signal", "SIGKILL", containerID.replace("containerd://", ""))
}
