// What a route of any kind comes to: its verdict, and what it brings to the hosts of the listeners it attaches to. Apart from the kinds that are read into it.
import type { Meta, ObjectKey } from "#schemas/meta.ts"
import type { Id } from "../snapshot/id.ts"
import type { StreamRoute } from "../snapshot/listener.ts"
import type { Rule } from "../snapshot/route.ts"
import { observed, type Said, route as say } from "../status/conditions.ts"
import type { Verdict, VerdictEntry } from "../status/verdict.ts"
import type { Attachment } from "./attachment.ts"
import type { ResolvedUpstream } from "./resolved.ts"
import type { TranslatedRule } from "./rule.ts"
import type { TranslateSettings } from "./settings.ts"
import type { Reaching } from "./shares.ts"
import type { View } from "./view.ts"

/** The route's rules on one host of one listener. */
export interface Contribution {
  readonly gateway: ObjectKey
  readonly listener: Id
  readonly hostname: string
  /** As the route wrote it. */
  readonly written: string
  /** Of all contributions to a host no two have the same: the route, and of one that brings several the part. */
  readonly from: ObjectKey
  /** In the order of rules and matches. */
  readonly rules: ReadonlyArray<Rule>
  /** Not null: the route is one of bytes, and has no rules. */
  readonly stream: StreamPart | null
}

/** What becomes of bytes, wherever they come from. */
export type StreamPart = Omit<StreamRoute, "hostname">

export interface TranslatedRoute {
  readonly meta: Meta
  readonly verdict: Verdict
  readonly contributions: ReadonlyArray<Contribution>
  /** Each id once. */
  readonly upstreams: ReadonlyArray<ResolvedUpstream>
  readonly reaches: ReadonlyArray<Reaching>
  /** Listeners that count it in attachedRoutes: it is accepted there, served or not. */
  readonly attached: ReadonlyArray<{ readonly gateway: ObjectKey; readonly listener: Id }>
  /** Gateways whose snapshot holds its rules and upstreams. */
  readonly gateways: ReadonlyArray<ObjectKey>
  /** Which of the upstreams each of them uses, where policies make it differ; absent: all. May name one twice. */
  readonly byGateway?: ReadonlyMap<ObjectKey, ReadonlyArray<ResolvedUpstream>>
}

/** The upstreams of a route in the snapshot of a Gateway, each once. */
export const upstreamsAt = (route: TranslatedRoute, gateway: ObjectKey): ReadonlyArray<ResolvedUpstream> => {
  if (!route.gateways.includes(gateway)) return []
  return route.byGateway === undefined ? route.upstreams : unique(route.byGateway.get(gateway) ?? [], (one) => one.id)
}

/** Names that need looking up, and addresses that a dial may refuse: what reports know of them belongs to the route's status. Pods are always dialled. */
const watched = (upstreams: ReadonlyArray<ResolvedUpstream>): ReadonlyArray<Id> =>
  upstreams
    .filter((one) => one.endpoints.some(({ at, origin }) => at._tag === "Name" || (at._tag === "Address" && origin !== "Pod")))
    .map((one) => one.id)

const unique = <A, K>(items: Iterable<A>, by: (item: A) => K): ReadonlyArray<A> => {
  const found = new Map<K, A>()
  for (const item of items) if (!found.has(by(item))) found.set(by(item), item)
  return [...found.values()]
}

/** Nothing is served of it, and this is said. */
export const without = (meta: Meta, entries: ReadonlyArray<VerdictEntry>): TranslatedRoute => ({
  meta,
  verdict: { object: meta.key, generation: meta.generation, entries, upstreams: [], gateways: [] },
  contributions: [],
  upstreams: [],
  reaches: [],
  attached: [],
  gateways: []
})

/** Whether the references of the rules resolve, and what was decided about them. more: said beside what the rules say. */
export const resolvedOf = (
  rules: ReadonlyArray<TranslatedRule>,
  more: Pick<TranslatedRule, "unresolved" | "notes"> = { unresolved: [], notes: [] }
): Said => {
  const unresolved = [...rules.flatMap((rule) => rule.unresolved), ...more.unresolved]
  const notes = [...new Set([...rules.flatMap((rule) => rule.notes), ...more.notes])]
  return unresolved.length === 0
    ? say.resolvedRefs(notes)
    : say.unresolvedRefs(
        unresolved[0]!.reason,
        unresolved.map((one) => one.message),
        notes
      )
}

export const acceptedAt = ({ listeners }: Attachment): Said =>
  listeners.some(({ listener }) => listener.served) ? say.accepted : say.acceptedIdle(listeners.map(({ listener }) => listener.name))

export const entryOf = (meta: Meta, { parent, ref }: Attachment, conditions: ReadonlyArray<Said>): VerdictEntry => ({
  parent,
  section: ref.sectionName ?? null,
  port: ref.port ?? null,
  conditions: conditions.map((said) => observed(meta.generation, said)),
  listener: null
})

/** Rules, and where they attach. */
export interface RoutePart {
  readonly attachment: Attachment
  readonly from: ObjectKey
  readonly rules: ReadonlyArray<Rule>
  readonly stream: StreamPart | null
}

/**
 * A route put together. rules: what its parts' rules are of. counted: it is accepted, so listeners count it. serving: its rules are served, those that
 * answer 500 too.
 */
export const assembled = (
  meta: Meta,
  entries: ReadonlyArray<VerdictEntry>,
  parts: ReadonlyArray<RoutePart>,
  rules: ReadonlyArray<TranslatedRule>,
  { counted, serving }: { readonly counted: boolean; readonly serving: boolean }
): TranslatedRoute => {
  const bound = unique(
    parts
      .filter(({ attachment }) => attachment.refused === null)
      .flatMap(({ attachment, from, rules, stream }) =>
        attachment.listeners.map((to) => ({ gateway: attachment.gateway, from, rules, stream, ...to }))
      ),
    ({ listener, from }) => `${listener.id} ${from}`
  )
  // Rules that are not served answer 500 even where none of the route's is: see rule.ts.
  const served = serving ? bound.filter(({ listener }) => listener.served) : []
  const upstreams = unique(
    rules.flatMap((rule) => rule.upstreams),
    (one) => one.id
  )
  const gateways = [...new Set(served.map((one) => one.gateway))]
  return {
    meta,
    verdict: { object: meta.key, generation: meta.generation, entries, upstreams: watched(upstreams), gateways },
    contributions: served
      .filter((one) => one.rules.length > 0 || one.stream !== null)
      .flatMap(({ gateway, listener, hosts, from, rules, stream }) =>
        hosts.map(({ hostname, written }) => ({ gateway, listener: listener.id, hostname, written, from, rules, stream }))
      )
      .slice(),
    upstreams,
    reaches: unique(
      rules.flatMap((rule) => rule.reaches),
      (one) => `${one.object} ${one.upstream}`
    ),
    attached: counted
      ? unique(bound, ({ listener }) => listener.id).map(({ gateway, listener }) => ({ gateway, listener: listener.id }))
      : [],
    gateways
  }
}

/** Law 1 holds for our own defects too: a route that we fail on is refused, the others serve. The defect's text stays out of the status: it may quote anything. */
export const guarded = (
  view: View,
  settings: TranslateSettings,
  key: ObjectKey,
  translated: (view: View, settings: TranslateSettings, key: ObjectKey) => TranslatedRoute | string
): TranslatedRoute | string => {
  try {
    return translated(view, settings, key)
  } catch (defect) {
    const { meta } = view.get(key)!
    const conditions = [observed(meta.generation, say.defect(defect instanceof Error ? defect.name : typeof defect))]
    return without(meta, [{ parent: null, section: null, port: null, conditions, listener: null }])
  }
}

/** A member of a collection, if something was made of it. */
export const served = (route: TranslatedRoute | string | undefined): TranslatedRoute | null => (typeof route === "object" ? route : null)
