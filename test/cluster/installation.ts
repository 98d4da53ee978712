// This checkout on a cluster, as the README has users install it, and taken away again.
import { join } from "node:path"
import type { Channel } from "../schemas/table/row.ts"
import type { Access } from "./access.ts"
import { installCrds } from "./crds.ts"

/** Waits until every replica of a Deployment is up to date and ready. */
export const rolledOut = async (node: Access, namespace: string, deployment: string, milliseconds = 240_000): Promise<void> => {
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${deployment}`
  await node.eventually(
    path,
    ({ body }) => {
      const { metadata, spec, status } = body
      const all = [status?.replicas, status?.updatedReplicas, status?.readyReplicas].every((count) => count === spec?.replicas)
      return metadata?.generation === status?.observedGeneration && all
    },
    milliseconds
  )
}

/** What `kubectl apply` is given. */
export const installManifest = join(import.meta.dirname, "..", "..", "deploy", "install.yaml")

/** Upstream's CRDs of a channel, then deploy/install.yaml by `kubectl apply`, as the README tells users. Returns what kubectl said. */
export const install = async (node: Access, channel: Channel = "v1.7.0/experimental"): Promise<string> => {
  await installCrds(node, channel)
  return node.kubectl(["apply", "--server-side", "-f", installManifest])
}

/** Where install.yaml puts the operator. */
export const system = "sluice-system"

/** `kubectl delete -f deploy/install.yaml`; resolves when its namespace is gone. Upstream's CRDs stay. */
export const uninstall = async (node: Access): Promise<void> => {
  await node.kubectl(["delete", "--ignore-not-found", "-f", installManifest])
  await node.eventually(`/api/v1/namespaces/${system}`, ({ status }) => status === 404, 120_000)
}
