// deploy/samples is what this version serves: no unknown field, everything accepted; and the origin for clusters without internet answers.
import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { request } from "node:https"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { afterAll, describe, expect, it } from "vitest"
import { parseAllDocuments } from "yaml"
import { checkPaths } from "#src/cli/check.ts"
import { resolveSettings } from "#src/config/resolve.ts"
import { describeProblem } from "#src/sources/problem.ts"
import { makeAuthority } from "../support/certificates.ts"

const samples = join(import.meta.dirname, "..", "..", "deploy", "samples")
const folder = mkdtempSync(join(tmpdir(), "sluice-samples-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const { settings } = resolveSettings(new Map(), {}, null)

const written = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** What the head of offline.yaml has the reader make. */
const originAuthority = async (): Promise<string> => {
  const { certificate } = await makeAuthority("Origin CA")
  const data = JSON.stringify({ "ca.crt": certificate })
  return written(
    "origin-ca.yaml",
    `{apiVersion: v1, kind: ConfigMap, metadata: {name: origin-ca, namespace: sluice-offline}, data: ${data}}`
  )
}

const names = readdirSync(samples).filter((name) => name.endsWith(".yaml"))

describe("samples", () => {
  it.each(names.filter((name) => name !== "origin.yaml"))("%s is accepted as it is", async (name) => {
    const made = name === "offline.yaml" ? [await originAuthority()] : []
    const report = await checkPaths([join(samples, name), ...made], settings)
    expect(report.problems.map(describeProblem)).toEqual([])
    expect(report.objects.filter((object) => !object.accepted)).toEqual([])
    expect(report.objects).not.toEqual([])
  })

  it("say in their heads how they are used", () => {
    for (const name of names) {
      const head = readFileSync(join(samples, name), "utf8").split(/^(?!#)/m)[0]
      expect(head, name).toContain("kubectl apply -f")
      expect(head, name).toContain(`deploy/samples/${name}`)
    }
  })

  it("the origin answers over TLS and says what it was asked for", async () => {
    const objects = parseAllDocuments(readFileSync(join(samples, "origin.yaml"), "utf8")).map((document) => document.toJS())
    const { data } = objects.find((object) => object.kind === "ConfigMap")
    const { spec } = objects.find((object) => object.kind === "Deployment").spec.template
    const [, program, tlsFolder] = spec.containers[0].command as ReadonlyArray<string>
    const [programs, certificates] = spec.containers[0].volumeMounts as ReadonlyArray<{ readonly mountPath: string }>
    expect([program, tlsFolder]).toEqual([`${programs?.mountPath}/origin.mjs`, certificates?.mountPath])
    const authority = await makeAuthority("Origin CA")
    const { chain, key } = await authority.leaf({ dns: ["origin.example"] })
    mkdirSync(join(folder, "tls"))
    written("tls/tls.crt", chain)
    written("tls/tls.key", key)
    const child = execFile(process.execPath, [written("origin.mjs", data["origin.mjs"]), join(folder, "tls"), "0"])
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve))
    try {
      const line = await new Promise<string>((resolve) => createInterface({ input: child.stdout! }).once("line", resolve))
      const port = Number(/listening on (\d+)/.exec(line)?.[1])
      const body = await new Promise<string>((resolve, reject) => {
        const options = {
          host: "127.0.0.1",
          port,
          path: "/hello",
          servername: "origin.example",
          ca: authority.certificate,
          agent: false as const
        }
        request({ ...options, headers: { host: "origin.example" } }, (response) => {
          response.setEncoding("utf8").once("data", resolve)
        })
          .once("error", reject)
          .end()
      })
      expect(JSON.parse(body)).toEqual({ method: "GET", path: "/hello", host: "origin.example", sni: "origin.example" })
    } finally {
      child.kill("SIGTERM")
    }
    expect(await ended).toBe(0)
  })
})
