// `npm run help`: the recipes of this repository, from package.json, with what each does.
import { readFileSync } from "node:fs"
import { join } from "node:path"

const described: Readonly<Record<string, string>> = {
  start: "the demo: sluice on loopback before a small external world (Ctrl-C ends all of it)",
  test: "type check, lint, import table, every test; `npm test -- PATH` for some tests only",
  "test:soak": "the long forms of the tests (SOAK_MINUTES, IDLE_MINUTES, SILENT_MINUTES shorten three; `npm run test:soak -- PATH`)",
  "test:node": "the tests that need a real Kubernetes node, in namespaces of their own (root on Debian)",
  conformance: "Gateway API's official suite on such a node: all, a profile (`-- http`), a test by name (`-- HTTPRouteWeight --keep`)",
  image: "builds the container image as one tar, without a container engine",
  manifests: "rewrites what of deploy/ is generated: CRDs, RBAC, install.yaml",
  golden: "rewrites the expected outputs of the golden cases: read the diff, it is the review",
  docs: "rewrites the generated tables of docs/ (metrics, log fields, settings)",
  format: "formats and fixes what the linter can fix",
  bench: "benchmarks beside the peers, of the control plane and of a cluster (`-- --proxies`, `--control`, `--cluster`, `--quick`)",
  help: "this list"
}

const manifest = JSON.parse(readFileSync(join(import.meta.dirname, "..", "package.json"), "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>
}
for (const name of Object.keys(manifest.scripts)) {
  const text = described[name]
  if (text === undefined) continue
  console.log(`${(name === "start" || name === "test" ? `npm ${name}` : `npm run ${name}`).padEnd(20)} ${text}`)
}
