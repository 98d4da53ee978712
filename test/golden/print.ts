// A translation as the text of a golden file: everything that matters, nothing that is the same everywhere. Sorted, so that a difference is a difference.
import { stringify } from "yaml"
import { describeKey, type ObjectKey } from "#schemas/meta.ts"
import { defaultDns, defaultLimits, defaultTimeouts } from "#src/snapshot/behaviour.ts"
import { describeSource, type Source } from "#src/snapshot/id.ts"
import type { Filter, Rule, Share } from "#src/snapshot/route.ts"
import type { Snapshot } from "#src/snapshot/snapshot.ts"
import type { Upstream } from "#src/snapshot/upstream.ts"
import { same } from "#src/state/content.ts"
import type { Verdict } from "#src/status/verdict.ts"
import type { Translation } from "#src/translate/translate.ts"

const isSource = (value: object): value is Source => Object.keys(value).sort().join() === "kind,name,namespace,section"

/** Maps as objects with sorted keys, sources as people say them. */
const plain = (value: unknown): unknown => {
  if (value === null || typeof value !== "object") return value
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof Map) return Object.fromEntries([...value].sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, plain(v)]))
  if (isSource(value)) return describeSource(value)
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]))
}

const usual: Partial<Upstream> = {
  protocol: "auto",
  dns: defaultDns,
  limits: defaultLimits,
  retry: "Default",
  timeouts: defaultTimeouts,
  balance: { _tag: "RoundRobin" },
  health: "Disabled",
  outlier: "Disabled",
  via: [],
  credential: null
}

const unusual = (upstream: Upstream): object =>
  Object.fromEntries(Object.entries(upstream).filter(([field, value]) => !same(usual[field as keyof Upstream], value)))

/** Ids of upstreams hash all their settings; a golden file names them by what they are of. */
const names = (snapshot: Snapshot): ReadonlyMap<string, string> => {
  const ids = new Map<string, string>()
  const taken = new Map<string, number>()
  for (const [id, { of }] of [...snapshot.upstreams].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const n = (taken.get(of.target) ?? 0) + 1
    taken.set(of.target, n)
    ids.set(id, n === 1 ? of.target : `${of.target} #${n}`)
  }
  return ids
}

const sessionText = ({ session }: Pick<Rule, "session">): object =>
  session === undefined ? {} : { session: { ...session, key: session.key.slice(0, 8) } }

const ruleText = (rule: Rule, upstreams: ReadonlyMap<string, string>): object => {
  const { path, method, headers, query } = rule.match
  const match = [
    rule.match.grpc === undefined ? "" : "gRPC",
    `${path.type} ${path.value}`,
    method ?? "",
    ...headers.map((one) => `header ${one.name} ${one.type} ${one.value}`),
    ...query.map((one) => `query ${one.name} ${one.type} ${one.value}`)
  ]
  const filterText = (filter: Filter): object =>
    filter._tag === "Mirror" ? { ...filter, to: upstreams.get(filter.to) ?? "missing" } : filter
  const shareText = (share: Share): object => ({
    weight: share.weight,
    ...(share.upstream === null ? { refuse: share.why } : { upstream: upstreams.get(share.upstream) ?? `missing ${share.upstream}` }),
    source: describeSource(share.source),
    ...(share.filters.length === 0 ? {} : { filters: share.filters.map(filterText) }),
    ...sessionText(share),
    ...(share.standbys === undefined ? {} : { standbys: share.standbys.map(shareText) })
  })
  const action =
    rule.action._tag === "Forward"
      ? { ...(rule.action.retry === "Default" ? {} : { retry: rule.action.retry }), to: rule.action.to.map(shareText) }
      : rule.action._tag === "Redirect"
        ? { redirect: { status: rule.action.status, ...rule.action.to } }
        : { refuse: rule.action.why }
  return {
    from: describeSource(rule.source),
    match: match.filter((part) => part !== "").join(", "),
    ...(rule.filters.length === 0 ? {} : { filters: rule.filters.map(filterText) }),
    ...(rule.deadlines.request === "Default" && rule.deadlines.backendRequest === "Default" ? {} : { deadlines: rule.deadlines }),
    ...sessionText(rule),
    ...(rule.policies === undefined ? {} : { policies: rule.policies.map(describeSource) }),
    ...action
  }
}

const snapshotText = (snapshot: Snapshot): object => {
  const upstreams = names(snapshot)
  const byName = <A>(table: ReadonlyMap<string, A>) => new Map([...table].map(([id, value]) => [upstreams.get(id) ?? id, value] as const))
  return {
    listeners: new Map([...snapshot.listeners].map(([id, { limits: _, source: __, ...listener }]) => [id, { ...listener }] as const)),
    virtualHosts: new Map(
      [...snapshot.virtualHosts].map(([id, host]) => [id, host.rules.map((rule) => ruleText(rule, upstreams))] as const)
    ),
    upstreams: byName(new Map([...snapshot.upstreams].map(([id, upstream]) => [id, unusual(upstream)] as const))),
    endpoints: byName(snapshot.endpoints),
    secrets: new Map([...snapshot.secrets].map(([id, ref]) => [id, describeSource(ref.source)] as const))
  }
}

const verdictText = (verdict: Verdict): object =>
  verdict.entries.map((entry) => ({
    ...(entry.parent === null ? {} : { parent: describeKey(entry.parent) }),
    ...(entry.section === null ? {} : { section: entry.section }),
    ...(entry.port === null ? {} : { port: entry.port }),
    ...(entry.listener === null
      ? {}
      : {
          served: entry.listener.served,
          attachedRoutes: entry.listener.attachedRoutes,
          supportedKinds: entry.listener.supportedKinds.map((one) => one.kind).join(", ")
        }),
    conditions: Object.fromEntries(entry.conditions.map((one) => [one.type, `${one.status} ${one.reason}: ${one.message}`]))
  }))

const byDescription = <A>(map: ReadonlyMap<ObjectKey, A>, print: (value: A) => unknown) =>
  new Map([...map].map(([key, value]) => [describeKey(key), print(value)] as const))

/** The translation as YAML, after what the source had to say of the manifests. */
export const printed = (translation: Translation, problems: ReadonlyArray<string>): string => {
  const parts: Record<string, unknown> = {
    problems,
    statuses: byDescription(translation.verdicts, verdictText),
    ignored: byDescription(translation.ignored, (why) => why),
    interest: [...translation.interest].map(describeKey).sort(),
    snapshots: byDescription(translation.gateways, ({ snapshot }) => snapshotText(snapshot))
  }
  const kept = Object.entries(parts).filter(([, part]) =>
    part instanceof Map ? part.size > 0 : (part as ReadonlyArray<unknown>).length > 0
  )
  return stringify(plain(Object.fromEntries(kept)), { lineWidth: 0, aliasDuplicateObjects: false })
}
