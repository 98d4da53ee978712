// One run of the conformance suite inside the namespaces of a cluster that test/conformance/hold.ts started: brings this checkout onto it where it is not
// there yet, runs the suite one test after the other, and tells what each came to. The suite's whole output goes to a file.
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { createWriteStream, existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { supportedFeatures } from "#src/operator/features.ts"
import { type Access, type Address, accessTo } from "../cluster/access.ts"
import { systemImages } from "../cluster/images.ts"
import { install, installManifest, rolledOut, system } from "../cluster/installation.ts"
import { type Images, imagesAt } from "../cluster/runtime.ts"
import { dnsImage, echoImages, suiteChannel, suiteRelease } from "./build.ts"

/** What scripts/conformance.ts asks for, as this process's one argument. */
export interface Run {
  /** Of the cluster. */
  readonly folder: string
  /** Tars: of this checkout's image, and of the suite's echo server. */
  readonly image: string
  readonly echo: string
  readonly digest: string
  readonly suite: string
  /** Flags of the suite, one list for each time that it is run. */
  readonly flags: ReadonlyArray<ReadonlyArray<string>>
  /** Processes of each proxy pod. */
  readonly workers: number
  /** File for all that the suite says. */
  readonly log: string
}

/** The class that runs use, beside the one that install.yaml brings; its name is in the flags. */
export const gatewayClass = "conformance"

/** What GatewayStaticAddresses asks for: of the load balancer's range (test/cluster/network.ts), and one that nobody has. */
const addresses = ["-usable-address=10.97.0.200", "-unusable-address=192.0.2.1"]

const classes = "/apis/gateway.networking.k8s.io/v1/gatewayclasses"

/** The class and its parameters. The suite keeps a dozen Gateways at a time: by what they ask for unless told, their pods are too many for a node of two CPUs. */
const classAndParameters = ({ workers }: Run) => {
  const parameters = {
    ...{ apiVersion: "gateway.sluice.dev/v1alpha1", kind: "GatewayParameters", metadata: { name: gatewayClass, namespace: system } },
    spec: { replicas: 2, workers, pod: { resources: { requests: { cpu: "10m", memory: "96Mi" }, limits: { memory: "512Mi" } } } }
  }
  const parametersRef = { group: "gateway.sluice.dev", kind: parameters.kind, ...parameters.metadata }
  const spec = { controllerName: "sluice.dev/gateway-controller", parametersRef }
  const own = { apiVersion: "gateway.networking.k8s.io/v1", kind: "GatewayClass", metadata: { name: gatewayClass }, spec }
  return JSON.stringify({ apiVersion: "v1", kind: "List", items: [parameters, own] })
}

/** The suite's own images, under every name that its manifests have for them. */
const loadImages = async (images: Images, { echo }: Run) => {
  await images.load(echo)
  const names = [...echoImages.slice(1).map((name) => [echoImages[0], name]), [systemImages.coredns, dnsImage]] as const
  for (const [from = "", to = ""] of names) await images.ctr("images", "tag", "--force", from, to)
}

/** This checkout's image and manifests, unless the cluster has these very ones; what runs of an older one starts again. */
const bring = async (access: Access, images: Images, run: Run) => {
  const marker = join(run.folder, "installed")
  const manifest = createHash("sha256").update(readFileSync(installManifest)).update(classAndParameters(run)).digest("hex")
  const [wanted, present] = [`${run.digest} ${manifest}`, existsSync(marker) ? readFileSync(marker, "utf8") : null]
  if (present === wanted) return
  if (present === null) await loadImages(images, run)
  await images.load(run.image)
  await install(access, suiteChannel())
  await access.kubectl(["apply", "--server-side", "-f", "-"], classAndParameters(run))
  if (present !== null) {
    const now = ["--force", "--grace-period=0", "--wait=true"]
    await access.kubectl(["-n", system, "delete", "pods", "--all", ...now])
    await access.kubectl(["delete", "pods", "--all-namespaces", "-l", "gateway.networking.k8s.io/gateway-name", ...now])
  }
  await rolledOut(access, system, "sluice-operator")
  // The suite runs what the class says is served: the very table of this checkout.
  const table = JSON.stringify(supportedFeatures)
  await access.eventually(
    `${classes}/${gatewayClass}`,
    ({ body: { status } }) => JSON.stringify(status?.supportedFeatures?.map(({ name }: { readonly name: string }) => name)) === table,
    120_000
  )
  writeFileSync(marker, wanted)
}

interface Counts {
  readonly status: number
  readonly passed: number
  readonly failed: ReadonlyArray<string>
  readonly skipped: number
}

/** The test whose lines come now; Go tells verdicts only when all are over, so that it ends where the next one begins. */
interface Current {
  readonly name: string
  readonly began: number
  readonly lines: Array<string>
}

/** A line for a test that ran; of one that said an error, what it said. */
const tell = ({ name, began, lines }: Current) => {
  if (lines.some((line) => line.includes(`Skipping ${name}: `))) return
  console.log(`${name} ${((performance.now() - began) / 1000).toFixed(1)} s`)
  const wrong = lines.findIndex((line) => line.includes("Error Trace:"))
  if (wrong !== -1) console.log(lines.slice(Math.max(wrong - 5, 0), wrong + 25).join("\n"))
}

/** Runs the suite once. Its exit status decides; the lines are for the eye. */
const suite = (access: Access, { suite: program, log }: Run, flags: ReadonlyArray<string>): Promise<Counts> =>
  new Promise((resolve, reject) => {
    const words = [
      "-test.v",
      `-gateway-class=${gatewayClass}`,
      "-disable-parallel-tests",
      "-cleanup-base-resources=false",
      ...addresses,
      ...flags
    ]
    const child = spawn(program, words, { env: { ...process.env, KUBECONFIG: access.kubeconfig }, stdio: ["ignore", "pipe", "pipe"] })
    const file = createWriteStream(log, { flags: "a" })
    let [passed, skipped] = [0, 0]
    const failed: Array<string> = []
    let current: Current = { name: "", began: performance.now(), lines: [] }
    const read = (line: string) => {
      file.write(`${line}\n`)
      const [, next] = /^=== RUN +TestConformance\/([^/\s]+)$/u.exec(line) ?? []
      if (next !== undefined || line.startsWith("--- ")) {
        if (current.name !== "") tell(current)
        current = { name: next ?? "", began: performance.now(), lines: [] }
      }
      current.lines.push(line)
      const [, verdict, name] = /^ {4}--- (PASS|FAIL|SKIP): TestConformance\/([^/\s]+) /u.exec(line) ?? []
      if (verdict === "PASS") passed++
      if (verdict === "SKIP") skipped++
      if (verdict === "FAIL" && name !== undefined) failed.push(name)
    }
    createInterface({ input: child.stdout }).on("line", read)
    createInterface({ input: child.stderr }).on("line", read)
    child.once("error", reject)
    child.once("close", (code) => {
      file.end()
      // Failed without a test that did: what the suite needs before its tests was not there.
      if (code !== 0 && failed.length === 0) console.log(current.lines.slice(-60).join("\n"))
      resolve({ status: code ?? 1, passed, failed, skipped })
    })
  })

const main = async (run: Run): Promise<number> => {
  const place = JSON.parse(readFileSync(join(run.folder, "conformance.json"), "utf8")) as {
    readonly address: Address
    readonly socket: string
  }
  const access = accessTo(place.address)
  const began = performance.now()
  await bring(access, imagesAt(place.socket), run)
  console.log(`this checkout serves after ${((performance.now() - began) / 1000).toFixed(1)} s`)
  writeFileSync(run.log, "")
  const all: Array<Counts> = []
  for (const flags of run.flags) all.push(await suite(access, run, flags))
  const sum = (key: "passed" | "skipped") => all.reduce((total, counts) => total + counts[key], 0)
  const failed = all.flatMap((counts) => counts.failed)
  const broken = all.filter(({ status, failed: names }) => status !== 0 && names.length === 0).length
  for (const name of failed) console.log(`FAILED: ${name}`)
  // Of a test by name, all others are skipped: nothing to tell.
  const byName = run.flags.every(([first]) => first?.startsWith("-run-test="))
  const verdict = all.every(({ status }) => status === 0)
  const seconds = ((performance.now() - began) / 1000).toFixed(0)
  console.log(`Gateway API ${suiteRelease()}: ${verdict ? "passed" : "FAILED"} in ${seconds} s; all it said: ${run.log}`)
  console.log(`${sum("passed")} passed, ${failed.length + broken} failed${byName ? "" : `, ${sum("skipped")} skipped`}`)
  return verdict ? 0 : 1
}

if (import.meta.main) process.exit(await main(JSON.parse(process.argv[2] ?? "") as Run))
