// `npm run test:node`: the tests that need a real node (test/node), in namespaces of their own. Root and Debian; the last line is `N passed, N failed`.
// Arguments go to vitest. What it leaves on the machine is Debian's packages.
import { emulator } from "./image/debian.ts"
import { makePlace, prepareNode } from "./nodelevel.ts"
import { runVitest } from "./vitest.ts"

const { image, digest } = await prepareNode("the node level", "v1.7.0/experimental")
const foreign = process.arch === "arm64" ? "amd64" : "arm64"
const emulated = emulator(foreign)

const place = makePlace()
const began = performance.now()
const counts = runVitest(["--config", "vitest.node.config.ts", ...process.argv.slice(2)], place.command, {
  ...place.env,
  ...{ SLUICE_NODE_IMAGE: image, SLUICE_NODE_IMAGE_DIGEST: digest, SLUICE_NODE_EMULATOR: emulated }
})
place.remove()
console.log(`\nnode level ${((performance.now() - began) / 1000).toFixed(1)} s`)
console.log(`${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ""}`)
process.exit(counts.failed === 0 ? 0 : 1)
