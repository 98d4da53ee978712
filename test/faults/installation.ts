// What `kubectl apply -f deploy/install.yaml` brings, on a control plane of the test's own: kinds and rights. The operator's pods are the tests' processes.
import { join } from "node:path"
import { type ControlPlane, startControlPlane } from "../cluster/control.ts"
import { installCrds } from "../cluster/crds.ts"
import { type Relay, relayTo } from "../sources/relay.ts"

const deploy = join(import.meta.dirname, "..", "..", "deploy")

/** The namespace of the installation. */
export const system = "sluice-system"

/** Half a megabyte of schema takes a busy machine's API server longer than it allows itself: it is asked again. */
const patiently = async <A>(task: () => Promise<A>, tries = 3): Promise<A> => {
  try {
    return await task()
  } catch (error) {
    if (tries === 1 || !String(error).includes("Timeout")) throw error
    return patiently(task, tries - 1)
  }
}

const install = async (plane: ControlPlane, kinds?: ReadonlyArray<string>): Promise<void> => {
  await patiently(() => installCrds(plane, "v1.7.0/experimental", kinds))
  await plane.kubectl(["apply", "-f", join(deploy, "install.yaml")])
  await patiently(() => installCrds(plane, "own"))
}

export interface Installation {
  readonly plane: ControlPlane
  /** The operator's rights, by a way that can be cut. */
  readonly way: Relay
  readonly close: () => Promise<void>
}

/** kinds: the upstream ones that are installed, by the first part of their CRD's name; all unless given. */
export const openInstallation = async (kinds?: ReadonlyArray<string>): Promise<Installation> => {
  const plane = await startControlPlane()
  try {
    await install(plane, kinds)
    const way = await relayTo(plane, await plane.token(system, "sluice-operator"))
    return { plane, way, close: () => way.close().then(plane.stop) }
  } catch (error) {
    await plane.stop()
    throw error
  }
}
