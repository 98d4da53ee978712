// `/egress`: what EgressPolicies refuse and what those in mode Report would, as this process sees it, and the list that spec.allow would need: YAML, to be read and pasted.
import type { EgressAllow } from "../snapshot/egress.ts"
import { describeSource } from "../snapshot/id.ts"
import { entryText, suggestion } from "../snapshot/suggestion.ts"
import type { GatewayView } from "./view.ts"

interface Trial {
  readonly lines: Array<string>
  readonly entries: Array<EgressAllow>
  requests: number
}

const requests = (count: number): string => `${count} ${count === 1 ? "request" : "requests"} so far`

export const egressText = (gateways: ReadonlyArray<GatewayView>): string => {
  /** By the policies that are on trial together. */
  const trials = new Map<string, Trial>()
  const refused: Array<string> = []
  for (const { gateway, snapshot, upstreams } of gateways)
    for (const { description } of upstreams) {
      const on = snapshot.upstreams.get(description.id)?.addresses.egress?.trial
      const who = on?.sources.map(describeSource).join(", ")
      if (who !== undefined && !trials.has(who)) trials.set(who, { lines: [], entries: [], requests: 0 })
      for (const { name, addresses, reported = 0 } of description.endpoints) {
        const what = `Gateway ${gateway}, ${description.target} of namespace ${description.namespace}, ${name}`
        const rules = new Set<string>()
        const trial = who === undefined ? undefined : trials.get(who)
        if (trial !== undefined) trial.requests += reported
        for (const { egress } of addresses) {
          if (egress === undefined || egress === null) continue
          if (egress.verdict === "Refused") refused.push(`${what}: ${egress.rule}`)
          else {
            rules.add(egress.rule)
            if (egress.entry !== null) trial?.entries.push(egress.entry)
          }
        }
        if (rules.size > 0) trial?.lines.push(`${what}: ${[...rules].join("; ")}; ${requests(reported)}`)
      }
    }
  const comments = (lines: ReadonlyArray<string>) => [...new Set(lines)].sort().map((line) => `#   ${line}`)
  const pages = [...trials]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([who, { lines, entries, requests: sum }]) =>
      lines.length === 0
        ? [`# ${who} (mode Report): mode Enforce would refuse nothing that is known now; ${requests(sum)} to what it would have refused`]
        : [
            `# ${who} (mode Report): mode Enforce would refuse these, ${requests(sum)}`,
            ...comments(lines),
            "# To keep them:",
            "spec:",
            "  allow:",
            ...suggestion(entries).map((entry) => `    - ${entryText(entry)}`)
          ]
    )
  if (refused.length > 0) pages.push(["# Refused (mode Enforce):", ...comments(refused)])
  if (pages.length === 0) pages.push(["# No EgressPolicy refuses anything here, and none is in mode Report"])
  return pages.map((lines) => `${lines.join("\n")}\n`).join("---\n")
}
