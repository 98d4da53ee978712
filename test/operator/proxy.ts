// A proxy as a process beside an operator that is one, for tests: with the token of a pod that the API server knows, as the kubelet would mount it.
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Access } from "../cluster/access.ts"
import { freePorts } from "../support/port.ts"
import { until } from "./operator.ts"

export interface ProxyProcess {
  readonly child: ChildProcess
  readonly token: string
  readonly stateFolder: string
  readonly adminPort: number
  readonly healthPort: number
  /** Standard output and error so far. */
  readonly said: () => string
}

/** gateway: has its pods already; one of them lends its identity, and is dear to whoever is to make them fewer. made: the name of what was made for it. */
export const startProxy = async (
  plane: Access,
  gateway: { readonly namespace: string; readonly name: string; readonly made: string },
  linkPort: number,
  flags: ReadonlyArray<string> = []
): Promise<ProxyProcess> => {
  const { namespace, name, made } = gateway
  const pods = `/api/v1/namespaces/${namespace}/pods`
  const selected = async () =>
    (await plane.request("GET", `${pods}?labelSelector=gateway.networking.k8s.io/gateway-name=${name}`)).body.items
  await until("a pod is wanted", async () => (await selected()).length > 0)
  const pod = (await selected())[0].metadata
  const dear = { metadata: { annotations: { "controller.kubernetes.io/pod-deletion-cost": "100" } } }
  await plane.request("PATCH", `${pods}/${pod.name}`, { body: dear })
  const folder = mkdtempSync(join(plane.folder, `${namespace}-proxy-`))
  const token = await plane.token(namespace, made, { audiences: ["sluice"], pod: { name: pod.name, uid: pod.uid } })
  writeFileSync(join(folder, "token"), token)
  const trusted = (await plane.request("GET", `/api/v1/namespaces/${namespace}/configmaps/sluice-ca`)).body
  writeFileSync(join(folder, "ca.crt"), trusted.data["ca.crt"])
  const [adminPort = 0, healthPort = 0] = await freePorts(2)
  const stateFolder = join(folder, "state")
  const child = spawn(
    process.execPath,
    [
      join(import.meta.dirname, "../../src/main.ts"),
      "proxy",
      `--operator=127.0.0.1:${linkPort}`,
      `--gateway=${namespace}/${name}`,
      `--token-file=${join(folder, "token")}`,
      `--ca-file=${join(folder, "ca.crt")}`,
      `--state-folder=${stateFolder}`,
      `--admin-address=127.0.0.1:${adminPort}`,
      `--health-address=127.0.0.1:${healthPort}`,
      "--nameserver=127.0.0.1:9",
      ...flags
    ],
    { env: { PATH: process.env["PATH"] }, stdio: ["ignore", "pipe", "pipe"] }
  )
  let said = ""
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text
    })
  return { child, token, stateFolder, adminPort, healthPort, said: () => said }
}
