// Listeners, rules and secrets of a snapshot, read from JSON (upstreams: upstreamresource.ts). Law 15: what is not understood fails closed. A filter, action or match of a newer operator makes its rule answer
// 500 for every request it might have meant; a setting that the data plane judges itself passes through to that judgement; the rest is refused by name.
import type { Id, Source } from "./id.ts"
import type { DownstreamTls, Listener, ListenerLimits, StreamRoute } from "./listener.ts"
import { amount, attempt, beside, either, fields, flag, list, nullable, oneOf, port, type Read, tagged, text, whole } from "./reading.ts"
import type { RouteReason } from "./reason.ts"
import { growth, type Retry } from "./retry.ts"
import type {
  Action,
  CacheRule,
  CallMatch,
  Cors,
  Deadlines,
  Filter,
  Forward,
  HeaderEdit,
  Match,
  PathMatch,
  PathRewrite,
  Redirect,
  Refuse,
  Rule,
  Share,
  ValueMatch
} from "./route.ts"
import type { SecretRef } from "./secret.ts"
import type { Session } from "./session.ts"
import type { Setting } from "./setting.ts"
import type { Invalidation } from "./snapshot.ts"

export const source: Read<Source> = fields<Source>({ kind: text, namespace: text, name: text, section: nullable(text) })
const unsaid: Source = { kind: "", namespace: "", name: "", section: null }

export const setting = <A>(read: Read<A>): Read<Setting<A>> => either(["Default", "Disabled"] as const, read)

const edit = tagged<HeaderEdit>({
  Set: fields<{ name: string; value: string }>({ name: text, value: text }),
  Add: fields<{ name: string; value: string }>({ name: text, value: text }),
  Remove: fields<{ name: string }>({ name: text })
})
const rewrite = tagged<PathRewrite>({
  ReplaceFullPath: fields<{ value: string }>({ value: text }),
  ReplacePrefixMatch: fields<{ value: string }>({ value: text })
})

const redirectPath = tagged<NonNullable<Redirect["path"]>>({
  ReplaceFullPath: fields<{ value: string }>({ value: text }),
  ReplacePrefixMatch: fields<{ value: string }>({ value: text }),
  OriginAlone: () => ({}),
  PathAlone: fields<{ value: string }>({ value: text })
})

const knownFilter = tagged<Filter>({
  Headers: fields<{ on: "Request" | "Response"; edits: ReadonlyArray<HeaderEdit> }>({
    on: oneOf("Request", "Response"),
    edits: list(edit)
  }),
  Rewrite: fields<{ hostname: string | null; path: PathRewrite | null }>({ hostname: nullable(text), path: nullable(rewrite) }),
  Mirror: fields<{ to: Id; fraction: number }>({ to: text, fraction: amount }),
  Cors: fields<Omit<Cors, "_tag">>({
    origins: list(text),
    credentials: flag,
    methods: list(text),
    headers: list(text),
    expose: list(text),
    maxAge: whole
  }),
  Unknown: fields<{ name: string }>({ name: text })
})

/** Never fails: what cannot be read is the filter `Unknown`, which answers 500. */
const filter: Read<Filter> = (value) => {
  const read = attempt(() => knownFilter(value))
  if ("value" in read) return read.value
  const tag = typeof value === "object" && value !== null && "_tag" in value && typeof value._tag === "string" ? value._tag : "?"
  return { _tag: "Unknown", name: tag.slice(0, 64) }
}

// A label that is not in the failure table has no status: it is answered as what it is, something this proxy cannot do.
const reasons: Readonly<Record<RouteReason, true>> = {
  no_backend: true,
  backend_not_found: true,
  invalid_kind: true,
  ref_not_permitted: true,
  invalid_filter: true,
  invalid_backend: true
}
const reason: Read<RouteReason> = (value) => (Object.hasOwn(reasons, text(value)) ? (value as RouteReason) : "invalid_filter")

const sessionFields = fields<Session>({
  key: text,
  by: tagged<Session["by"]>({
    Cookie: fields<{ name: string; path: string; permanent: boolean }>({ name: text, path: text, permanent: flag }),
    Header: fields<{ name: string }>({ name: text })
  }),
  lifetime: nullable(amount)
})
const plainShare = fields<Omit<Share, "standbys" | "session">>({
  weight: whole,
  upstream: nullable(text),
  why: nullable(reason),
  filters: list(filter),
  source
})
const lone: Read<Share> = beside(plainShare, { session: sessionFields })
const standbysOf = fields<Pick<Required<Share>, "standbys">>({ standbys: (value) => (value === undefined ? [] : list(lone)(value)) })
const share: Read<Share> = (value) => {
  const one = lone(value)
  const { standbys } = standbysOf(value)
  return standbys.length === 0 ? one : { ...one, standbys }
}
const writtenRetry = fields<Pick<Retry, "codes" | "attempts" | "backoff">>({ codes: list(whole), attempts: whole, backoff: amount })
const writtenWhole = beside(writtenRetry, { grpc: list(whole) })
const retryTimes = fields<Pick<Retry, "longest" | "perTry">>({ longest: amount, perTry: setting(amount) })
/** An older operator says neither how long a wait may grow nor how long a try may take. */
export const retry: Read<Retry> = (value) => {
  const written = writtenWhole(value)
  const times = { longest: written.backoff * growth, perTry: "Default", ...(value as object) }
  return { ...written, ...retryTimes(times) }
}
const cache = fields<CacheRule>({ policy: source })
const forwardFields = fields<Omit<Forward, "_tag">>({ retry: setting(retry), cache: nullable(cache), to: list(share) })
const refuseFields = fields<Omit<Refuse, "_tag">>({ why: reason })
const redirect = fields<Redirect>({
  scheme: nullable(oneOf("http", "https")),
  hostname: nullable(text),
  port: nullable(port),
  path: nullable(redirectPath)
})
const action = tagged<Action>({
  Forward: forwardFields,
  Redirect: fields<{ status: number; to: Redirect }>({ status: whole, to: redirect }),
  Refuse: refuseFields
})

const pathFields = fields<{ readonly type: PathMatch["type"]; readonly value: string }>({
  type: oneOf("Exact", "Prefix", "Regex"),
  value: text
})
const path: Read<PathMatch> = pathFields as Read<PathMatch>
const valueMatch = fields<ValueMatch>({ name: text, type: oneOf("Exact", "Regex"), value: text })
const matchFields = fields<Omit<Match, "grpc">>({ path, method: nullable(text), headers: list(valueMatch), query: list(valueMatch) })
const grpc = fields<CallMatch>({ service: whole, method: whole })
const match: Read<Match> = (value) => {
  const read = matchFields(value)
  const said = (value as { readonly grpc?: unknown }).grpc
  return said === undefined ? read : { ...read, grpc: grpc(said) }
}
const deadlines = fields<Deadlines>({ request: setting(amount), backendRequest: setting(amount) })
const ruleFields = fields<Omit<Rule, "policies" | "session">>({ source, match, filters: list(filter), deadlines, action })
const wholeRule: Read<Rule> = beside(ruleFields, { policies: list(source), session: sessionFields })

const kept = <A>(read: Read<A>, value: unknown): ReadonlyArray<A> =>
  Array.isArray(value)
    ? value.flatMap((item) => {
        const one = attempt(() => read(item))
        return "value" in one ? [one.value] : []
      })
    : []
const or = <A>(read: Read<A>, value: unknown, otherwise: A): A => {
  const one = attempt(() => read(value))
  return "value" in one ? one.value : otherwise
}

/**
 * Never fails. A rule that cannot be read matches every request that it might have meant (conditions that are not understood are left out, which only widens
 * it) and answers 500 there; the rules before it, which have precedence, serve as they did.
 */
export const rule = (value: unknown): { readonly rule: Rule; readonly problem: string | null } => {
  const read = attempt(() => wholeRule(value))
  if ("value" in read) return { rule: read.value, problem: null }
  const given: Readonly<Record<string, unknown>> = typeof value === "object" && value !== null ? { ...value } : {}
  const said = given["match"]
  const conditions: Readonly<Record<string, unknown>> = typeof said === "object" && said !== null ? { ...said } : {}
  const named = or(source, given["source"], unsaid)
  return {
    problem: `rule ${named.name === "" ? "?" : `of ${named.kind} ${named.namespace}/${named.name}`}: ${read.problem}; what it may match is answered 500`,
    rule: {
      source: named,
      match: {
        path: or<PathMatch>(path, conditions["path"], { type: "Prefix", value: "/" }),
        method: or(nullable(text), conditions["method"], null),
        headers: kept(valueMatch, conditions["headers"]),
        query: kept(valueMatch, conditions["query"])
      },
      filters: [{ _tag: "Unknown", name: read.problem.slice(0, 128) }],
      deadlines: { request: "Default", backendRequest: "Default" },
      action: { _tag: "Refuse", why: "invalid_filter" }
    }
  }
}

const downstreamTls = fields<DownstreamTls>({
  certificates: list(text),
  clientCa: nullable(text),
  clientAuth: oneOf("None", "Require", "Allow")
})
const streamRoute = fields<StreamRoute>({
  source,
  hostname: text,
  action: tagged<StreamRoute["action"]>({ Forward: forwardFields, Refuse: refuseFields })
})

type Mode = Listener["mode"]
type KnownMode = Exclude<Mode, { readonly _tag: "Unknown" }>
const knownMode = fields<{ readonly mode: KnownMode }>({
  mode: tagged<KnownMode>({
    Http: fields<{ tls: DownstreamTls | null; hosts: ReadonlyArray<Id> }>({ tls: nullable(downstreamTls), hosts: list(text) }),
    Tls: fields<Omit<Extract<KnownMode, { _tag: "Tls" }>, "_tag">>({ tls: nullable(downstreamTls), routes: list(streamRoute) }),
    Stream: (value) => ({ tls: null, ...fields<{ route: StreamRoute | null }>({ route: nullable(streamRoute) })(value) }),
    Refused: (value) => ({ tls: null, ...fields<{ problem: string }>({ problem: text })(value) })
  })
})

/** Never fails: a listener that cannot be read keeps its hostname, and the proxy refuses it by the problem. */
const mode: Read<Mode> = (value) => {
  const read = attempt(() => knownMode({ mode: value }))
  return "value" in read ? read.value.mode : { _tag: "Unknown", tls: null, problem: read.problem }
}

export const listener = fields<Listener>({
  source,
  hostname: nullable(text),
  port,
  bind: fields<Listener["bind"]>({ address: text, port, transport: oneOf("tcp", "udp") }),
  mode,
  limits: fields<ListenerLimits>({ connections: whole, headerBytes: whole })
})

export const secret = fields<SecretRef>({ source, digest: text })

export const invalidation = fields<Invalidation>({ kind: oneOf("Purge", "Ban"), hostname: text, paths: list(text) })
