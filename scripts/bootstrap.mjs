// The first step of every recipe, on whatever Node the machine has (20 or newer): installs what is missing from the lockfile,
// then runs the recipe under the Node that the lockfile pins. Plain JavaScript, because that older Node cannot read the rest.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = join(dirname(fileURLToPath(import.meta.url)), "..")
const [recipe, ...args] = process.argv.slice(2)

/** @param {string} message */
const fail = (message) => {
  console.error(`sluice: ${message}`)
  process.exit(2)
}

if (recipe === undefined || !existsSync(join(root, "scripts", recipe))) fail(`no recipe ${recipe ?? ""}: npm run help lists them`)

const major = Number(process.versions.node.split(".")[0])
if (major < 20) fail(`Node ${process.versions.node} is too old to install with: install Node 20 or newer, the rest comes from the lockfile`)

// What is installed is what the lockfile says, or it is installed again: the stamp is the lockfile's hash.
const stamp = join(root, "node_modules", ".sluice-installed")
const wanted = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex")
const installed = existsSync(stamp) ? readFileSync(stamp, "utf8") : ""
if (installed !== wanted) {
  console.error("sluice: installing what package-lock.json pins (about 700 MB with Node itself; once)")
  const began = Date.now()
  // npm under `npm run` tells where it is; a bare call finds it on PATH.
  const npm = process.env.npm_execpath
  const words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
  const run = npm?.endsWith(".js")
    ? spawnSync(process.execPath, [npm, ...words], { cwd: root, stdio: "inherit" })
    : spawnSync("npm", words, { cwd: root, stdio: "inherit" })
  if (run.error !== undefined) fail(`npm could not be started (${run.error.message}): install npm, it comes with Node`)
  if (run.status !== 0)
    fail("npm ci failed (its message is above): check the network to your npm registry and the free disk space, then run this again")
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, wanted)
  console.error(`sluice: installed in ${Math.round((Date.now() - began) / 1000)} s`)
}

const pinned = join(root, "node_modules", ".bin", "node")
const node = process.env.SLUICE_NODE ?? (existsSync(pinned) ? pinned : process.execPath)
if (node === process.execPath) {
  if (major < 24) {
    fail(
      `no Node package for ${process.platform}-${process.arch} in the lockfile, and Node ${process.versions.node} cannot run TypeScript as it is: put Node 26 on PATH`
    )
  }
  console.error(`sluice: no Node package for ${process.platform}-${process.arch}: using Node ${process.versions.node} from PATH`)
}

const child = spawnSync(node, [join(root, "scripts", recipe), ...args], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, PATH: `${join(root, "node_modules", ".bin")}:${process.env.PATH ?? ""}` }
})
if (child.error !== undefined) fail(`${recipe} could not be started: ${child.error.message}`)
process.exit(child.status ?? (child.signal === "SIGINT" ? 130 : 1))
