// `npm run docs`: rewrites what stands between `<!-- generated: NAME -->` and `<!-- end -->` in docs/, from the tables of the code.
// `-- --check` changes nothing and fails when a page has parted from the code (the test runs that).
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { settingsMarkdown } from "../src/config/table.ts"
import { logFieldsTable } from "../src/proxy/accesslog.ts"
import { failures } from "../src/proxy/response.ts"
import { metricsTable } from "../src/report/definitions.ts"
import { rightsTable } from "./deploy/rights.ts"

const folder = join(import.meta.dirname, "..", "docs")

const failuresTable = (): string =>
  [
    "| phase | label | status | flag | fault | retry |",
    "| --- | --- | --- | --- | --- | --- |",
    ...Object.entries(failures).map(
      ([label, row]) =>
        `| ${row.phase} | \`${label}\` | ${row.status} | ${row.flag === "" ? "-" : row.flag} | ${row.fault} | ${row.retry.toLowerCase()} |`
    )
  ].join("\n")

const generators: Readonly<Record<string, () => string>> = {
  failures: failuresTable,
  settings: settingsMarkdown,
  metrics: metricsTable,
  "log fields": logFieldsTable,
  rights: rightsTable
}

const section = /<!-- generated: ([^>]+) -->\n[\s\S]*?<!-- end -->/g

let stale = 0
for (const name of readdirSync(folder).filter((name) => name.endsWith(".md"))) {
  const file = join(folder, name)
  const before = readFileSync(file, "utf8")
  const after = before.replace(section, (_whole, key: string) => {
    const generate = generators[key]
    if (generate === undefined) throw new Error(`${name}: nothing generates "${key}"`)
    return `<!-- generated: ${key} -->\n${generate().trim()}\n<!-- end -->`
  })
  if (after === before) continue
  stale++
  if (process.argv.includes("--check")) console.error(`docs/${name} has parted from the code: npm run docs`)
  else {
    writeFileSync(file, after)
    console.error(`docs/${name} written`)
  }
}
process.exit(process.argv.includes("--check") && stale > 0 ? 1 : 0)
