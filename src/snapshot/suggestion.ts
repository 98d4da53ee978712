// Entries that a policy in mode Report lacks, put together and written as spec.allow takes them: the same list in statuses, explain and at the admin port.
import type { EgressAllow } from "./egress.ts"

const unique = <A>(items: ReadonlyArray<A>, order: (a: A, b: A) => number): ReadonlyArray<A> => [...new Set(items)].sort(order)
const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
const byNumber = (a: number, b: number): number => a - b

/** Entries with the same key become one; `join` says how. */
const grouped = (
  entries: ReadonlyArray<EgressAllow>,
  key: (entry: EgressAllow) => string,
  join: (a: EgressAllow, b: EgressAllow) => EgressAllow
): ReadonlyArray<EgressAllow> => {
  const groups = new Map<string, EgressAllow>()
  for (const entry of entries) {
    const known = groups.get(key(entry))
    groups.set(key(entry), known === undefined ? entry : join(known, entry))
  }
  return [...groups.values()]
}

const ports = (a: EgressAllow, b: EgressAllow): EgressAllow => ({ ...a, ports: unique([...a.ports, ...b.ports], byNumber) })

const text = ({ hosts, ports, cidrs }: EgressAllow): string => `${hosts} ${ports} ${cidrs}`

/**
 * The same targets in fewer entries, in a fixed order; no entry says more than those it is made of. Only what stands for itself is put together: hosts
 * without cidrs, and cidrs without hosts, of equal ports. Every entry names ports.
 */
export const suggestion = (entries: ReadonlyArray<EgressAllow>): ReadonlyArray<EgressAllow> => {
  const onPorts = grouped(entries, ({ hosts, cidrs }) => `${hosts} ${cidrs}`, ports)
  const together = grouped(
    onPorts,
    (entry) => (entry.cidrs.length === 0 ? `hosts ${entry.ports}` : `${entry.hosts.length === 0 ? "" : entry.hosts} ${entry.ports}`),
    (a, b) => ({
      hosts: unique([...a.hosts, ...b.hosts], byText),
      ports: a.ports,
      cidrs: unique([...a.cidrs, ...b.cidrs], byText)
    })
  )
  return [...together].sort((a, b) => byText(text(a), text(b)))
}

const list = (values: ReadonlyArray<string | number>): string =>
  `[${values.map((value) => (typeof value === "string" && /^\*|::/.test(value) ? JSON.stringify(value) : value)).join(", ")}]`

/** One entry in YAML's flow form: `{hosts: [a.example], ports: [443]}`. */
export const entryText = ({ hosts, ports, cidrs }: EgressAllow): string =>
  `{${[
    ["hosts", hosts],
    ["ports", ports],
    ["cidrs", cidrs]
  ]
    .filter(([, values]) => values!.length > 0)
    .map(([name, values]) => `${name as string}: ${list(values as ReadonlyArray<string | number>)}`)
    .join(", ")}}`
