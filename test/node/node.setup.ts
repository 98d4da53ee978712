// vitest's global set-up of the node level: one cluster for all of its test files, with the image of this checkout loaded.
import { readFileSync } from "node:fs"
import type { TestProject } from "vitest/node"
import type { Address } from "../cluster/access.ts"
import { startNode } from "../cluster/node.ts"

export interface Node {
  readonly address: Address
  /** containerd's socket. */
  readonly socket: string
  /** The image's tar, and its name for pods: `sluice:0.1.0`. */
  readonly imageFile: string
  readonly image: string
  /** Seconds. */
  readonly timings: Readonly<Record<"apiServer" | "node" | "dns", number>>
}

declare module "vitest" {
  interface ProvidedContext {
    readonly node: Node
  }
}

export default async (project: TestProject) => {
  const imageFile = process.env["SLUICE_NODE_IMAGE"]
  if (imageFile === undefined) throw new Error("the node level runs by `npm run test:node`, which makes its namespaces and its image")
  const cluster = await startNode([imageFile])
  const { url, port, ca, caFile, kubeconfig, adminToken, folder, hyperkube, timings } = cluster
  console.log(`node level: API server after ${timings.apiServer} s, node ready after ${timings.node} s, DNS after ${timings.dns} s`)
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { readonly version: string }
  project.provide("node", {
    address: { url, port, ca, caFile, kubeconfig, adminToken, folder, hyperkube },
    ...{ socket: cluster.runtime.socket, imageFile, image: `sluice:${version}`, timings }
  })
  return () => cluster.stop()
}
