// The README's section on clusters and the part of docs/install.md for clusters without internet, run as they are written; and what docs/describe.md shows
// is what `kubectl describe` says afterwards. SLUICE_CAPTURE=1 writes that page's blocks anew.
import { execFile, execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { upstreamManifests } from "../schemas/upstream/crds.ts"
import { makeAuthority } from "../support/certificates.ts"
import type { DnsServer } from "../support/dns.ts"
import { type Origin, startOrigin } from "../support/origin.ts"
import { outside, startNames, theNode, uninstall } from "./harness.ts"

const node = theNode()
const root = join(import.meta.dirname, "..", "..")
const page = join(root, "docs", "describe.md")
const namespaces = ["sluice-external-api", "sluice-offline", "sluice-origin"]

/** The first block of commands below a heading. */
const commands = (file: string, heading: string): string => {
  const [, below] = readFileSync(join(root, file), "utf8").split(`\n${heading}\n`)
  const block = /^```sh\n([\s\S]*?)^```$/mu.exec(below ?? "")?.[1]
  if (block === undefined) throw new Error(`${file} has no commands below "${heading}"`)
  return block
}

/** The owner of this cluster has an authority of their own in what every proxy trusts: hosts of the lab have no certificates of the public ones. */
const trusting = (folder: string) => ({
  apiVersion: "v1",
  kind: "List",
  items: [
    {
      ...{ apiVersion: "admissionregistration.k8s.io/v1", kind: "MutatingAdmissionPolicy", metadata: { name: "lab" } },
      spec: {
        matchConstraints: { resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }] },
        matchConditions: [
          { name: "proxies", expression: "object.metadata.?labels['app.kubernetes.io/name'].orValue('') == 'sluice-proxy'" }
        ],
        ...{ failurePolicy: "Fail", reinvocationPolicy: "Never" },
        mutations: [
          {
            patchType: "JSONPatch",
            jsonPatch: {
              expression: `[
                JSONPatch{op: "add", path: "/spec/volumes/-", value: Object.spec.volumes{name: "lab", hostPath: Object.spec.volumes.hostPath{path: "${folder}"}}},
                JSONPatch{op: "add", path: "/spec/containers/0/volumeMounts/-", value: Object.spec.containers.volumeMounts{name: "lab", mountPath: "/lab", readOnly: true}},
                JSONPatch{op: "add", path: "/spec/containers/0/env/-", value: Object.spec.containers.env{name: "SLUICE_TRUST_BUNDLE", value: "/lab/ca.crt"}}
              ]`
            }
          }
        ]
      }
    },
    {
      ...{ apiVersion: "admissionregistration.k8s.io/v1", kind: "MutatingAdmissionPolicyBinding", metadata: { name: "lab" } },
      spec: { policyName: "lab" }
    }
  ]
})

/** What is another one in every run. */
const steady = (text: string): string =>
  text
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/gu, "TIME")
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gu, "UID")
    .replaceAll(/(?<=Resource Version: +)\d+/gu, "N")
    // How many were ready when it was written: words alone are not written again.
    .replaceAll(/Served by \d prox(?:y|ies)/gu, "Served by its proxies")
    .replaceAll(/10\.9[67]\.\d+\.\d+/gu, "ADDRESS")
    .replaceAll(/(?<=^ +(?:Normal|Warning) +\S+ +)\S+(?: \(x\d+ over \w+\))?/gmu, "AGE")
    .replaceAll(/ +/gu, " ")
    .replaceAll(/-{2,}/gu, "--")
    .trim()

/** `$ kubectl WORDS`, and what it says, as the page shows it. */
const shown = /^\$ kubectl (.+)\n([\s\S]*?)(?=^```$)/gmu

describe("as it is written", () => {
  const folder = mkdtempSync(join(node.folder, "readme-"))
  let names: DnsServer
  let origins: ReadonlyArray<Origin> = []

  /** In a shell of somebody who is in the cluster, and on its node; stops at the first command that fails. Returns what was written. */
  const run = async (script: string, cwd: string): Promise<string> => {
    const env = {
      ...process.env,
      PATH: `${folder}:${process.env["PATH"]}`,
      CONTAINERD_ADDRESS: node.socket,
      SSL_CERT_FILE: join(folder, "lab", "ca.crt")
    }
    return (await promisify(execFile)("sh", ["-euc", script], { cwd, env, maxBuffer: 64 << 20 })).stdout
  }
  /** A cluster that has never seen Gateway API, which other files leave there. */
  const bare = async () => {
    const crds = (await node.kubectl(["get", "crds", "-o", "name"])).split("\n").filter((name) => name.includes(".gateway.networking."))
    if (crds.length > 0) await node.kubectl(["delete", ...crds])
    const policy = "safe-upgrades.gateway.networking.k8s.io"
    await node.kubectl(["delete", "--ignore-not-found", "validatingadmissionpolicies,validatingadmissionpolicybindings", policy])
  }

  beforeAll(async () => {
    await bare()
    const authority = await makeAuthority()
    const leaf = await authority.leaf({ dns: ["example.com", "github.com"] })
    mkdirSync(join(folder, "lab"))
    writeFileSync(join(folder, "lab", "ca.crt"), authority.certificate)
    for (const place of [folder, join(folder, "lab")]) chmodSync(place, 0o755)
    writeFileSync(join(folder, "kubectl"), `#!/bin/sh\nexec ${node.hyperkube} kubectl --kubeconfig ${node.kubeconfig} "$@"\n`, {
      mode: 0o755
    })
    await node.kubectl(["apply", "-f", "-"], JSON.stringify(trusting(join(folder, "lab"))))
    const tls = { cert: leaf.chain, key: leaf.key }
    const crds = (await upstreamManifests("v1.7.0/standard")).join("\n---\n")
    origins = [
      await startOrigin({
        ...{ host: outside.public[0], port: 443, tls },
        script: ({ request, reply }) => reply({ body: `${request.servername} ${request.header("host")} ${request.target}\n` })
      }),
      // For the machine itself, which looks names up in its own file.
      await startOrigin({ host: outside.public[1], port: 443, tls, script: ({ reply }) => reply({ body: crds }) })
    ]
    writeFileSync(join(folder, "hosts"), `127.0.0.1 localhost\n${outside.public[1]} github.com\n`)
    execFileSync("mount", ["--bind", join(folder, "hosts"), "/etc/hosts"])
    names = await startNames()
    names.host("example.com", [outside.public[0]], 300)
  })
  afterAll(async () => {
    execFileSync("umount", ["/etc/hosts"])
    await node.kubectl(["delete", "--ignore-not-found", "mutatingadmissionpolicies,mutatingadmissionpolicybindings", "lab"])
    await node.kubectl(["delete", "--ignore-not-found", "namespaces", ...namespaces])
    await uninstall(node)
    await bare()
    // `npm run image` may have found newer files than those that this run began with.
    await node.load(node.imageFile)
    await names.close()
    for (const origin of origins) await origin.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it("README: from a cluster that has nothing to a request that https://example.com answers", async () => {
    const said = await run(commands("README.md", "## On a cluster"), root)
    expect(said).toMatch(/^HTTP\/1\.1 200 /mu)
    expect(said.trimEnd().split("\n").at(-1)).toBe("example.com example.com /")
  }, 600_000)

  it("docs/install.md: the host that comes along, in pods of its own, for clusters without internet", async () => {
    const cwd = join(folder, "user")
    mkdirSync(cwd)
    symlinkSync(join(root, "deploy"), join(cwd, "deploy"))
    const said = await run(commands("docs/install.md", "### Without internet"), cwd)
    expect(said).toMatch(/^HTTP\/1\.1 200 /mu)
    expect(JSON.parse(said.trimEnd().split("\n").at(-1) ?? "")).toEqual({
      ...{ method: "GET", path: "/hello", host: "origin.example", sni: "origin.example" }
    })
  }, 600_000)

  it("docs/describe.md: what the objects say then", async () => {
    const text = readFileSync(page, "utf8")
    const blocks = [...text.matchAll(shown)]
    expect(blocks).toHaveLength(3)
    const say = async (words: string) =>
      (await node.kubectl(words.split(" ")))
        .split("\n")
        .map((line) => line.trimEnd())
        .join("\n")
    if (process.env["SLUICE_CAPTURE"] === "1") {
      await expect
        .poll(() => say(blocks.find(([, words]) => words?.includes("backend"))?.[1] ?? ""), { timeout: 60_000 })
        .toContain("Days Left")
      let written = text
      for (const [whole, words = ""] of blocks) written = written.replace(whole, `$ kubectl ${words}\n${(await say(words)).trimEnd()}\n`)
      writeFileSync(page, written)
      return
    }
    for (const [, words = "", wanted = ""] of blocks)
      await expect.poll(async () => steady(await say(words)), { timeout: 30_000, interval: 500 }).toBe(steady(wanted))
  }, 120_000)
})
