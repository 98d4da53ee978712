// vitest's global set-up: one control plane for all test files of a run, started when the first of them asks and ended with the run. It listens on a
// socket, because test files run in processes of their own.
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { createServer, type Server } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TestProject } from "vitest/node"
import type { Address } from "./access.ts"
import { ensurePrograms } from "./build.ts"
import { type ControlPlane, startControlPlane } from "./control.ts"
import { installCrds } from "./crds.ts"
import { alive } from "./gobuild.ts"

/** What a test file is told: where the shared control plane is, or why there is none. */
export type Shared = { readonly _tag: "Ready"; readonly address: Address } | { readonly _tag: "Absent"; readonly reason: string }

declare module "vitest" {
  interface ProvidedContext {
    /** Path of the socket that answers with `Shared` as JSON. */
    readonly controlPlane: string
  }
}

let running: Promise<ControlPlane> | undefined

const start = async (): Promise<ControlPlane> => {
  const plane = await startControlPlane({ controllers: true })
  await installCrds(plane, "v1.7.0/experimental")
  // A CRD of ours that is refused fails the tests that need it, not those that do not.
  await installCrds(plane, "own").catch((error: Error) => process.stderr.write(`${error.message}\n`))
  return plane
}

const answer = async (): Promise<Shared> => {
  const built = await ensurePrograms()
  if (built._tag === "Absent") return built
  running ??= start()
  const { url, port, ca, caFile, kubeconfig, adminToken, folder, hyperkube } = await running
  return { _tag: "Ready", address: { url, port, ca, caFile, kubeconfig, adminToken, folder, hyperkube } }
}

const listen = (server: Server, path: string) => new Promise<void>((resolve) => server.listen(path, resolve))

const prefix = "sluice-shared-"

/** Folders of runs that were killed: named after processes that are no more. */
const sweep = () => {
  for (const name of readdirSync(tmpdir()).filter((each) => each.startsWith(prefix))) {
    if (!alive(Number(name.slice(prefix.length).split("-")[0]))) rmSync(join(tmpdir(), name), { recursive: true, force: true })
  }
}

export default async (project: TestProject) => {
  sweep()
  const folder = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`))
  const path = join(folder, "socket")
  const server = createServer((_, response) => {
    answer().then(
      (shared) => response.end(JSON.stringify(shared)),
      (error: Error) => response.writeHead(500).end(error.message)
    )
  })
  await listen(server, path)
  project.provide("controlPlane", path)
  return async () => {
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true, force: true })
    await running?.then(
      (plane) => plane.stop(),
      () => {}
    )
  }
}
