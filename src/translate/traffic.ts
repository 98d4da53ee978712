// Who speaks on the way of a request, and what BackendTrafficPolicies come to together there: those of the Gateway, its listener, the route and its rule, the nearest
// over the others; one that targets a backend counts block by block in between.
import type { ObjectKey } from "#schemas/meta.ts"
import type { Behaviour } from "../snapshot/behaviour.ts"
import type { Source } from "../snapshot/id.ts"
import type { Retry } from "../snapshot/retry.ts"
import type { Setting } from "../snapshot/setting.ts"
import type { Attachment } from "./attachment.ts"
import type { Layer, Part } from "./behaviour.ts"
import { type Blocks, blocks, trafficOf } from "./dialects/envoytraffic.ts"
import { gatewayKind } from "./kinds.ts"
import { anyPolicy, type EvaluatedPolicy, evaluated, holderOf, joins } from "./trafficpolicy.ts"
import type { View } from "./view.ts"

/**
 * Keys of who speaks between a Gateway and a rule: the Gateway, where it has a client certificate for backends, then policies, weakest first:
 * `gateway listener|route rule`. "": nobody speaks.
 */
export type Chain = string

/** The Gateway whose client certificate backends are shown; null: there is none. */
export const showingGateway = (chain: Chain): ObjectKey | null => {
  const first = chain.slice(0, chain.search(/[ |]|$/))
  return isGateway(first) ? first : null
}

const isGateway = (key: string): key is ObjectKey => key.startsWith(`${gatewayKind}/`)

const some = (...keys: ReadonlyArray<ObjectKey | null>): string => keys.filter((key) => key !== null).join(" ")

/** listener: its name; null: those of the Gateway as a whole. */
export const gatewayChain = (view: View, { gateway, shows }: Pick<Attachment, "gateway" | "shows">, listener: string | null): Chain => {
  if (!anyPolicy(view)) return shows ? `${gateway}|` : ""
  const named = listener === null ? null : holderOf(view, gateway, listener)
  const keys = some(shows ? gateway : null, holderOf(view, gateway, null), named)
  return keys === "" ? "" : `${keys}|`
}

/** Listeners that a route attaches to, by what of their Gateway speaks there. */
export const byChain = (view: View, attachment: Attachment): ReadonlyMap<Chain, Attachment["listeners"]> => {
  const { listeners } = attachment
  if (!anyPolicy(view) || listeners.length === 0)
    return new Map([[listeners.length === 0 ? "" : gatewayChain(view, attachment, null), listeners]])
  // What a policy calls a listener is one that the Gateway writes.
  const own = attachment.parent === attachment.gateway
  return Map.groupBy(listeners, ({ listener }) => gatewayChain(view, attachment, own ? listener.name : null))
}

/** gateway: the chain so far. rule: its name; null: it has none. */
export const ruleChain = (view: View, gateway: Chain, route: ObjectKey, rule: string | null): Chain => {
  if (!anyPolicy(view)) return gateway
  const keys = some(holderOf(view, route, null), rule === null ? null : holderOf(view, route, rule))
  return keys === "" ? gateway : `${gateway === "" ? "|" : gateway}${keys}`
}

/** What policies say of a rule's requests. */
export interface Governed {
  /** Not null: this one cannot be applied, so nothing is sent. */
  readonly refused: Source | null
  /** Weaker than what the backend says. */
  readonly under: ReadonlyArray<Layer>
  /** Stronger. */
  readonly over: ReadonlyArray<Layer>
  readonly retry: Setting<Retry>
  readonly request: Setting<number>
  /** Those that are in force, weakest first. */
  readonly policies: ReadonlyArray<Source>
}

const ungoverned: Governed = { refused: null, under: [], over: [], retry: "Default", request: "Default", policies: [] }

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Both kinds of merge are this one, as no list that is served has a key to be merged by: fields deep, lists and values whole. What was said for another type is not asked. */
const merged = (under: unknown, over: unknown): unknown => {
  if (over === undefined) return under
  // Open keys, as attributes of a cookie.
  if (under instanceof Map && over instanceof Map) return new Map([...under, ...over])
  if (!isFields(under) || !isFields(over)) return over
  const fields: Record<string, unknown> = { ...under }
  for (const [name, value] of Object.entries(over)) fields[name] = merged(fields[name], value)
  return fields
}

interface Link {
  readonly near: boolean
  readonly policy: EvaluatedPolicy
}

/** Those in force: the nearest, and further ones as long as each leaves something to the next. */
const inForce = (view: View, chain: Chain): ReadonlyArray<Link> => {
  const [far = "", near = ""] = chain.split("|")
  let links: ReadonlyArray<Link> = []
  for (const [side, keys] of [far, near].entries())
    for (const key of keys.split(" ")) {
      const policy = key === "" || isGateway(key) ? null : evaluated(view, key as ObjectKey)
      if (policy === null) continue
      const link = { near: side === 1, policy }
      links = joins(policy) ? [...links, link] : [link]
    }
  return links
}

interface Saying extends Layer {
  readonly near: boolean
}

/** What each says, weakest first, and the time of whole requests. */
const saidBy = (links: ReadonlyArray<Link>): { readonly all: ReadonlyArray<Saying>; readonly request: Setting<number> } => {
  const all: Array<Saying> = []
  let { request } = ungoverned
  // Blocks of Envoy's policies in a row, each merged into those before: there is no merging into the words of another kind.
  let run: Record<string, unknown> = {}
  for (const { near, policy } of links) {
    const { source, words } = policy
    if (words?._tag === "Own") {
      all.push({ near, source, part: words.part })
      run = {}
    }
    if (words?._tag !== "Envoy") continue
    for (const block of blocks) {
      if (words.spec[block] === undefined) continue
      run[block] = merged(run[block], words.spec[block])
      const traffic = trafficOf({ [block]: run[block] } as Blocks)
      if (block === "timeout") request = traffic.request
      all.push({ near, source, part: traffic.part, whole: true })
    }
  }
  return { all, request }
}

const without = ({ retry: _, ...part }: Part<Behaviour>): Part<Behaviour> => part

export const governedBy = (view: View, chain: Chain): Governed =>
  chain === ""
    ? ungoverned
    : view.unit("traffic", chain, (inner) => {
        const links = inForce(inner, chain)
        const policies = links.map(({ policy }) => policy.source)
        const bad = links.findLast(({ policy }) => policy.words === null)
        if (bad !== undefined) return { ...ungoverned, refused: bad.policy.source, policies }
        const { all, request } = saidBy(links)
        // Retries are the rule's where the route or the rule speaks of them: then they make no connections of their own.
        const retry = all.findLast(({ near, part }) => near && part.retry !== undefined)?.part.retry
        const layers = (wanted: boolean): ReadonlyArray<Layer> =>
          all
            .filter(({ near }) => near === wanted)
            .map(({ near: _, part, ...layer }) => ({ ...layer, part: retry === undefined ? part : without(part) }))
            .filter(({ part }) => Object.keys(part).length > 0)
        return { refused: null, under: layers(false), over: layers(true), retry: retry ?? "Default", request, policies }
      })

/** What a policy that targets the backend itself says; null: none does. */
export const backendTraffic = (view: View, backend: ObjectKey): Governed | null => {
  if (!anyPolicy(view)) return null
  const key = holderOf(view, backend, null)
  return key === null ? null : governedBy(view, `${key}|`)
}
