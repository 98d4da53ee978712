// What the cluster's figures are measured on: a real API server, and one operator and one proxy as processes that are started as a pod would start them.
import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { audience, gatewayNameLabel, trust } from "#src/link/mount.ts"
import { resourceName } from "#src/operator/render/name.ts"
import { type ControlPlane, startControlPlane } from "../cluster/control.ts"
import { installCrds } from "../cluster/crds.ts"
import { freePorts } from "../support/port.ts"

export const gatewayApi = "/apis/gateway.networking.k8s.io/v1"
export const ownApi = "/apis/gateway.sluice.dev/v1alpha1"
export const namespace = "bench"
const system = "sluice-system"
export const gateway = { path: `${gatewayApi}/namespaces/${namespace}/gateways/bench`, name: "bench" } as const

export interface Process {
  readonly pid: number
  /** Milliseconds until it says that it is ready; rejects with the end of what it said. */
  readonly ready: (milliseconds?: number) => Promise<number>
  /** The sum of a metric's series whose labels hold all of these. */
  readonly metric: (name: string, labels?: Readonly<Record<string, string>>) => Promise<number>
  /** Resident memory now, and the most that it has been, MB. */
  readonly memory: () => { readonly now: number; readonly most: number }
  readonly stop: () => Promise<void>
}

export interface Stage {
  readonly plane: ControlPlane
  /** Where the Gateway's listener is bound. */
  readonly port: number
  /** Not waited for: `ready` tells. */
  readonly startOperator: () => Process
  readonly startProxy: () => Process
  readonly stop: () => Promise<void>
}

export interface StageOptions {
  readonly launcher: string
  /** For what the processes say and keep. */
  readonly folder: string
}

/** Polls until it holds, as another process's probes and metrics tell nothing of themselves; what is thrown counts as no. Milliseconds that it took. */
export const until = async (what: string, holds: () => Promise<boolean>, milliseconds = 60_000, every = 25): Promise<number> => {
  const began = performance.now()
  while (!(await holds().catch(() => false))) {
    if (performance.now() - began > milliseconds) throw new Error(`not within ${milliseconds} ms: ${what}`)
    await delay(every)
  }
  return performance.now() - began
}

/** POST, and an error for what is refused. */
export const create = async (plane: ControlPlane, path: string, body: unknown): Promise<void> => {
  const answer = await plane.request("POST", path, { body })
  if (answer.status >= 300) throw new Error(`POST ${path}: ${answer.status} ${answer.body.message}`)
}

const run = (launcher: string, args: ReadonlyArray<string>, env: Readonly<Record<string, string>>, health: number): Process => {
  const child: ChildProcess = spawn(launcher, [...args, `--health-address=127.0.0.1:${health}`, "--color=never"], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env["PATH"], ...env }
  })
  let said = ""
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-4_000)
  })
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  const ask = (path: string) => fetch(`http://127.0.0.1:${health}${path}`)
  const megabytes = (field: string) =>
    (Number(readFileSync(`/proc/${child.pid}/status`, "utf8").match(new RegExp(`${field}:\\s+(\\d+)`))?.[1] ?? 0) * 1024) / 1e6
  return {
    pid: child.pid ?? 0,
    ready: (milliseconds = 60_000) =>
      until(`sluice ${args[0]} is ready`, async () => (await ask("/readyz")).status === 200, milliseconds).catch((error: Error) => {
        throw new Error(`${error.message}; it said:\n${said}`)
      }),
    metric: async (name, labels = {}) =>
      (await (await ask("/metrics")).text())
        .split("\n")
        .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
        .filter((line) => Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`)))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0),
    memory: () => ({ now: megabytes("VmRSS"), most: megabytes("VmHWM") }),
    stop: async () => {
      child.kill("SIGTERM")
      const killer = setTimeout(() => child.kill("SIGKILL"), 10_000)
      await ended
      clearTimeout(killer)
    }
  }
}

/**
 * A control plane without controllers (they would take the processor from what is measured) with the CRDs, a GatewayClass, a Gateway, and what the operator
 * provisions for it. There is no node, so its pod is an object only, and the proxy runs here as that pod.
 */
export const openStage = async ({ launcher, folder }: StageOptions): Promise<Stage> => {
  const plane = await startControlPlane()
  try {
    await installCrds(plane, "v1.7.0/experimental")
    await installCrds(plane, "own")
    for (const name of [system, namespace]) await create(plane, "/api/v1/namespaces", { metadata: { name } })
    const [port = 0, linkPort = 0, operatorHealth = 0, proxyHealth = 0] = await freePorts(4)
    await create(plane, `${gatewayApi}/gatewayclasses`, {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "GatewayClass",
      metadata: { name: "sluice" },
      spec: { controllerName: "sluice.dev/gateway-controller" }
    })
    await create(plane, `${gatewayApi}/namespaces/${namespace}/gateways`, {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "Gateway",
      metadata: { name: gateway.name },
      spec: { gatewayClassName: "sluice", listeners: [{ name: "http", protocol: "HTTP", port }] }
    })

    const state = join(folder, `proxy-${port}`)
    mkdirSync(state, { recursive: true })
    const file = (name: string, text: string) => {
      writeFileSync(join(state, name), text, { mode: 0o600 })
      return join(state, name)
    }
    const startOperator = () =>
      run(
        launcher,
        ["operator", `--namespace=${system}`, `--link-port=${linkPort}`, "--link-service=127.0.0.1", "--admin-address=off"],
        { KUBECONFIG: plane.kubeconfig },
        operatorHealth
      )
    const startProxy = () =>
      run(
        launcher,
        [
          ...["proxy", `--operator=127.0.0.1:${linkPort}`, `--gateway=${namespace}/${gateway.name}`],
          ...[`--token-file=${join(state, "token")}`, `--ca-file=${join(state, "ca.crt")}`, `--state-folder=${state}`],
          ...["--admin-address=off", "--access-log=off", "--nameserver=127.0.0.1:9"]
        ],
        {},
        proxyHealth
      )

    const provisioning = startOperator()
    const made = resourceName(gateway.name, "sluice")
    const trusted = `/api/v1/namespaces/${namespace}/configmaps/${trust.configMap}`
    await until("the Gateway is provisioned", async () => {
      const account = await plane.request("GET", `/api/v1/namespaces/${namespace}/serviceaccounts/${made}`)
      return account.status === 200 && (await plane.request("GET", trusted)).status === 200
    }).finally(provisioning.stop)
    const pods = `/api/v1/namespaces/${namespace}/pods`
    await create(plane, pods, {
      metadata: { name: "proxy", labels: { [gatewayNameLabel]: gateway.name } },
      spec: { serviceAccountName: made, containers: [{ name: "proxy", image: "sluice" }] }
    })
    const { uid } = (await plane.request("GET", `${pods}/proxy`)).body.metadata
    file("token", await plane.token(namespace, made, { audiences: [audience], pod: { name: "proxy", uid } }))
    file("ca.crt", (await plane.request("GET", trusted)).body.data[trust.key])
    return { plane, port, startOperator, startProxy, stop: plane.stop }
  } catch (error) {
    await plane.stop()
    throw error
  }
}
