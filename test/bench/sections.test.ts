// A run of one part of the benchmarks replaces that part of the report and nothing else.
import { expect, it } from "vitest"
import { merged } from "./sections.ts"

const proxies = { name: "proxies", text: "## Proxies\n\nfast" }
const cluster = { name: "cluster", text: "## Cluster\n\nslow\n" }

it("puts a part that was not there at the end, and each into its own place from then on", () => {
  const first = merged("# Benchmarks\n", [proxies, cluster])
  expect(first).toMatch(/^# Benchmarks\n\n<!-- bench:proxies -->\n## Proxies\n\nfast\n<!-- \/bench:proxies -->\n\n<!-- bench:cluster -->/)
  const second = merged(first, [{ ...proxies, text: "## Proxies\n\nfaster" }])
  expect(second).toBe(first.replace("fast\n", "faster\n"))
  expect(merged(second, [cluster])).toBe(second)
})

it("leaves what people wrote between the parts", () => {
  const written = merged("# Benchmarks\n", [proxies]).replace("# Benchmarks\n", "# Benchmarks\n\nRead ratios.\n")
  expect(merged(`${written}\nThe end.\n`, [{ ...proxies, text: "other" }])).toBe(
    "# Benchmarks\n\nRead ratios.\n\n<!-- bench:proxies -->\nother\n<!-- /bench:proxies -->\n\nThe end.\n"
  )
})
