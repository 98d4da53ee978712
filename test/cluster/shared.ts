// How a test file uses the run's one control plane (test/cluster/shared.setup.ts): in namespaces of its own, and without harming it. A test that kills
// the API server, or needs other CRDs, starts its own (test/cluster/control.ts).
import { request } from "node:http"
import { describe, expect, inject, it } from "vitest"
import { type Access, accessTo } from "./access.ts"
import { ensurePrograms } from "./build.ts"
import type { Shared } from "./shared.setup.ts"

const ask = (socketPath: string) =>
  new Promise<Shared>((resolve, reject) => {
    const sent = request({ socketPath, path: "/" }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk
      })
      response.once("end", () => (response.statusCode === 200 ? resolve(JSON.parse(text) as Shared) : reject(new Error(text))))
    })
    sent.once("error", reject)
    sent.end()
  })

/** Without Go the tests are skipped, aloud; in CI that is a failure. */
const without = (name: string, reason: string) => {
  if (process.env["CI"] === "true") return it(name, () => expect.fail(reason))
  process.stderr.write(`${name}: skipped: ${reason}\n`)
  return it.skip(`${name}: skipped: ${reason}`, () => {})
}

/**
 * `await onControlPlane("the source", (plane) => { it(...) })` at the top of a test file: a `describe` with the shared control plane. It runs the
 * controllers and holds the CRDs of v1.7.0/experimental and our own.
 */
export const onControlPlane = async (name: string, body: (plane: Access) => void): Promise<void> => {
  const shared = await ask(inject("controlPlane"))
  if (shared._tag === "Absent") without(name, shared.reason)
  else describe(name, () => body(accessTo(shared.address)))
}

/** The same for a file whose tests start control planes of their own: `body` may count on the programs being there. */
export const withClusterPrograms = async (name: string, body: () => void): Promise<void> => {
  const built = await ensurePrograms()
  if (built._tag === "Absent") without(name, built.reason)
  else describe(name, body)
}
