// Gateway API's conformance suite and the echo server that its manifests run, built once out of the modules that upstream publishes.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { ensureBuilt } from "../cluster/gobuild.ts"
import type { Channel } from "../schemas/table/row.ts"

const sources = join(import.meta.dirname, "module")
const suiteModule = "sigs.k8s.io/gateway-api/conformance"
const echo = `${suiteModule}/echo-basic`

/** Paths of the programs. */
export interface SuitePrograms {
  /** Takes the suite's flags and those of Go's tests (`-test.v`). */
  readonly suite: string
  readonly echo: string
}

/** Release of the suite (`v1.6.3`), which wants the CRDs of the same. */
export const suiteRelease = (): string => /gateway-api\/conformance (v[\d.]+)/u.exec(readFileSync(join(sources, "go.mod"), "utf8"))![1]!

/** The CRDs that a run is made against: the channel with every field that a feature's test uses. */
export const suiteChannel = (): Channel => `${suiteRelease()}/experimental` as Channel

/** Names that the suite's manifests have for the one image; nothing is pulled. */
export const echoImages: ReadonlyArray<string> = ["v1.5.1", "v1.6.0-dev.2", "v1.6.0-dev.3"].map(
  (tag) => `registry.k8s.io/gateway-api/echo-basic:${tag}`
)

/** The name server of a test of UDPRoutes. */
export const dnsImage = "registry.k8s.io/coredns/coredns:v1.12.2"

/** Built if they were not; throws what is missing. */
export const ensureSuite = async (): Promise<SuitePrograms> => {
  const built = await ensureBuilt({
    sources,
    cache: join(import.meta.dirname, "..", "..", ".cache", "conformance"),
    what: `Gateway API's conformance suite ${suiteRelease()}`,
    packages: ["./suite", echo],
    linkerFlags: "-s -w"
  })
  if (built._tag === "Absent") throw new Error(built.reason)
  return { suite: join(built.folder, "suite"), echo: join(built.folder, "echo-basic") }
}
