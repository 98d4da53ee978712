// `sluice proxy` as a process, as the kubelet would start it in a pod: for faults that it must outlive.
import { type Running, running } from "../cli/program.ts"
import { freePorts } from "../support/port.ts"

export interface ProxyProcess {
  readonly pid: number
  readonly ready: () => Promise<boolean>
  /** The sum of a metric's series. */
  readonly metric: (name: string) => Promise<number>
  /** Standard error so far. */
  readonly log: () => string
  readonly kill: () => Promise<void>
}

export interface ProxyOptions {
  /** Link ports on this machine; nobody need listen there yet. */
  readonly operators: ReadonlyArray<number>
  readonly gateway: string
  /** Folder with `token` and `ca.crt`. */
  readonly identity: string
  readonly stateFolder: string
  readonly nameserver: string
}

/** Resolves when its probes are answered; that it serves is another matter. */
export const startProxy = async (options: ProxyOptions): Promise<ProxyProcess> => {
  const [health = 0] = await freePorts(1)
  const child: Running = running([
    "proxy",
    ...options.operators.map((port) => `--operator=127.0.0.1:${port}`),
    `--gateway=${options.gateway}`,
    `--token-file=${options.identity}/token`,
    `--ca-file=${options.identity}/ca.crt`,
    `--state-folder=${options.stateFolder}`,
    `--health-address=127.0.0.1:${health}`,
    `--nameserver=${options.nameserver}`,
    ...["--admin-address=off", "--access-log=off", "--color=never"]
  ])
  const ask = (path: string) => fetch(`http://127.0.0.1:${health}${path}`)
  await child.line(/health on http/)
  return {
    pid: child.child.pid ?? 0,
    ready: async () => (await ask("/readyz")).status === 200,
    metric: async (name) =>
      (await (await ask("/metrics")).text())
        .split("\n")
        .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0),
    log: child.err,
    kill: async () => {
      await child.end("SIGKILL")
    }
  }
}
