// A real control plane for tests: etcd, the API server and, where asked for, the controllers, as processes on loopback. No root, no node, about 4 s.
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ensurePrograms } from "./build.ts"
import { type ControlPlane, launch } from "./launch.ts"

export type { ControlPlane, Part } from "./launch.ts"

export interface ControlPlaneOptions {
  /** Also the controller-manager: namespaces end, owned objects are collected, Deployments make (pending) Pods, default ServiceAccounts exist. */
  readonly controllers?: boolean
  /** More flags for the API server. */
  readonly apiServerFlags?: ReadonlyArray<string>
}

/**
 * A control plane of the caller's own. Rejects with the reason where the programs cannot be built (`ensurePrograms` tells beforehand).
 *
 * Everything is in a temporary folder and on random loopback ports. If this process ends without `stop`, even by SIGKILL, the processes end and the folder goes.
 * Authorization is RBAC; ServiceAccount tokens, TokenRequest and TokenReview work. CRDs: `installCrds` of test/cluster/crds.ts.
 */
export const startControlPlane = async (options: ControlPlaneOptions = {}): Promise<ControlPlane> => {
  const built = await ensurePrograms()
  if (built._tag === "Absent") throw new Error(built.reason)
  for (let attempt = 1; ; attempt++) {
    const folder = mkdtempSync(join(tmpdir(), "sluice-control-"))
    try {
      const controllers = options.controllers === true
      return await launch(built.hyperkube, folder, {
        place: { address: "127.0.0.1", names: ["localhost"], enter: [] },
        users: [],
        apiServerFlags: [
          ...["--endpoint-reconciler-type=none"],
          // Without its controller no namespace has a default ServiceAccount, and the plugin would refuse every Pod.
          ...(controllers ? [] : ["--disable-admission-plugins=ServiceAccount"]),
          ...(options.apiServerFlags ?? [])
        ],
        controllers: controllers ? ["*", "-node-ipam-controller", "-node-lifecycle-controller", "-taint-eviction-controller"] : []
      })
    } catch (error) {
      // Another process took a port between our look and its use.
      if (attempt === 3 || !String(error).includes("address already in use")) throw error
    }
  }
}
