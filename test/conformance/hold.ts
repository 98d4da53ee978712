// The cluster of a conformance run, in the namespaces of test/cluster/isolated.sh: it starts, says where it is, and is there until its
// standard input ends, or it is killed.
import { renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { startNode } from "../cluster/node.ts"

process.stdin.resume().once("end", () => process.exit())
const folder = process.env["SLUICE_NODE_FOLDER"]
if (folder === undefined) throw new Error("a cluster for conformance runs is started by `npm run conformance`, which makes its namespaces")
const { url, port, ca, caFile, kubeconfig, adminToken, folder: files, hyperkube, runtime, timings } = await startNode()
console.log(`cluster: API server after ${timings.apiServer} s, node ready after ${timings.node} s, DNS after ${timings.dns} s`)
const place = { address: { url, port, ca, caFile, kubeconfig, adminToken, folder: files, hyperkube }, socket: runtime.socket }
// Whoever waits for the file finds all of it.
writeFileSync(join(folder, "scratch.json"), JSON.stringify(place), { mode: 0o600 })
renameSync(join(folder, "scratch.json"), join(folder, "conformance.json"))
