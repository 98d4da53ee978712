// What examples/ and the pages of docs/ show as manifests is what this version reads: no unknown kind or field, and what is meant to be served is accepted.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "vitest"
import { checkPaths } from "#src/cli/check.ts"
import type { CheckReport } from "#src/cli/report.ts"
import { resolveSettings } from "#src/config/resolve.ts"
import { describeProblem } from "#src/sources/problem.ts"
import { makeAuthority } from "./support/certificates.ts"

const root = join(import.meta.dirname, "..")
const folder = mkdtempSync(join(tmpdir(), "sluice-examples-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const { settings } = resolveSettings(new Map(), {}, null)
const check = (...paths: ReadonlyArray<string>): Promise<CheckReport> => checkPaths(paths, settings)

const problemsOf = (report: CheckReport): ReadonlyArray<string> => report.problems.map(describeProblem)

/** Conditions that speak against an object: `Backend a/b: Accepted Invalid: why`. */
const refusals = (report: CheckReport): ReadonlyArray<string> =>
  report.objects
    .filter((object) => !object.accepted)
    .map((object) => `${object.object}: ${object.entries.flatMap((entry) => entry.conditions.map((one) => one.message)).join("; ")}`)

const written = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const indented = (text: string): string => text.replaceAll(/^(?=.)/gm, "    ")

/** A Secret as the head of examples/https.yaml has the reader make it. */
const certificate = async (name: string, host: string): Promise<string> => {
  const { chain, key } = await (await makeAuthority("Examples CA")).leaf({ dns: [host] })
  return `apiVersion: v1\nkind: Secret\nmetadata: { name: ${name} }\ntype: kubernetes.io/tls\nstringData:\n  tls.crt: |\n${indented(chain)}\n  tls.key: |\n${indented(key)}\n`
}

const examples = readdirSync(join(root, "examples"), { withFileTypes: true }).filter(
  (entry) => /\.ya?ml$/.test(entry.name) || entry.isDirectory()
)

/** Pages with the manifests they show, a page's blocks together, since one refers to the next. */
const pages = [
  "README.md",
  "SECURITY.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" }).map((name) => join("docs", name))
]
  .filter((name) => name.endsWith(".md"))
  .map((page) => {
    const blocks = [...readFileSync(join(root, page), "utf8").matchAll(/^```ya?ml\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? "")
    return {
      page,
      manifests: blocks.filter((block) => /^apiVersion:/m.test(block)),
      fragments: blocks.filter((block) => !/^apiVersion:/m.test(block))
    }
  })

describe("examples", () => {
  it.each(examples.map(({ name }) => name))("%s is accepted as it is", async (name) => {
    // The one whose key must not lie in a repository.
    const made = name === "https.yaml" ? [written("certificate.yaml", await certificate("shop-cert", "shop.localhost"))] : []
    const report = await check(join(root, "examples", name), ...made)
    assert.deepEqual(problemsOf(report), [])
    assert.deepEqual(refusals(report), [])
    assert.isTrue(report.accepted)
    assert.isNotEmpty(report.objects)
  })

  it("https.yaml says which Secret it waits for, and serves its plain listener meanwhile", async () => {
    const report = await check(join(root, "examples", "https.yaml"))
    assert.deepEqual(problemsOf(report), [])
    assert.match(refusals(report).join(), /Secret default\/shop-cert does not exist/)
    const gateway = report.objects.find((object) => object.object === "Gateway default/shop")
    assert.deepEqual(
      gateway?.entries.filter((entry) => entry.listener !== null).map((entry) => [entry.section, entry.listener?.served]),
      [
        ["http", true],
        ["https", false]
      ]
    )
  })
})

describe("docs", () => {
  const showing = pages.filter(({ manifests }) => manifests.length > 0)

  it.each(showing.map(({ page }) => page))("%s shows manifests that are read whole", async (page) => {
    const { manifests } = showing.find((one) => one.page === page)!
    const report = await check(written(`${page.replaceAll(/\W/g, "-")}.yaml`, manifests.join("---\n")))
    assert.deepEqual(problemsOf(report), [])
    // What a page leaves out (its CA, its routes) may be missing; what it writes has to be of the right form and kind.
    const malformed = report.objects.flatMap((object) =>
      object.entries.flatMap((entry) =>
        entry.conditions
          .filter((one) => /not have the form|not served|not supported|never dialled|is refused/.test(one.message))
          .map((one) => `${object.object}: ${one.message}`)
      )
    )
    assert.deepEqual(malformed, [])
  })

  it("says of every fragment where it belongs", () => {
    const bare = pages.flatMap(({ page, fragments }) =>
      fragments.filter((block) => !block.startsWith("#")).map((block) => `${page}: ${block}`)
    )
    assert.deepEqual(bare, [])
  })
})
