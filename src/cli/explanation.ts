// The decision chain of one request over snapshots: listener, host, rule, share, upstream, endpoint, and which object set each. Pure, and by the functions
// that the proxy itself decides with, so that the two cannot tell different stories.
import { type CompiledRule, compileHost } from "../routing/compile.ts"
import { announcedBy } from "../routing/cors.ts"
import { answerPreflight } from "../routing/filters.ts"
import { joinedValue } from "../routing/headers.ts"
import { compileHosts, findHost, type HostNode } from "../routing/hosts.ts"
import { matchRule, type RequestView } from "../routing/match.ts"
import { redirectLocation, withQuery } from "../routing/rewrite.ts"
import { describeSource, type Source } from "../snapshot/id.ts"
import type { Listener } from "../snapshot/listener.ts"
import type { Reason } from "../snapshot/reason.ts"
import { describeRetry } from "../snapshot/retry.ts"
import type { Match, Rule } from "../snapshot/route.ts"
import { describeSession } from "../snapshot/session.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import type { Question } from "./question.ts"
import { asksCall, describeRefusal, refusalOf } from "./refusal.ts"
import type { Explanation, LoserStory, RuleStory, Said } from "./story.ts"
import { describeFilters, describeMatch, setting, shareStories } from "./telling.ts"

/** Where an object is written; null where nobody knows. */
export type Locate = (source: Source) => string | null

/** Rules looked at for `losers`, and told of: a host may have ten thousand. */
const most = { examined: 500, told: 8 }

/** Whether a rule with just these conditions takes the request: asked of the compiled form, as the proxy would. */
const takes = (rule: Rule, match: Partial<Match>, question: Question): boolean =>
  matchRule(
    compileHost({
      hostname: "*",
      rules: [{ ...rule, filters: [], match: { path: { type: "Prefix", value: "/" }, method: null, headers: [], query: [], ...match } }]
    }),
    question.view
  ) !== null

/** The first condition that does not hold; null: all do. */
const failing = (rule: Rule, question: Question): string | null => {
  const { match } = rule
  if (!takes(rule, { path: match.path }, question)) return `the path is ${question.path}`
  if (!takes(rule, { method: match.method }, question)) return `the method is ${question.method}`
  if (match.grpc !== undefined && !asksCall(question)) {
    const type = question.view.header("content-type")
    return `it takes calls of gRPC, and ${type === null ? "there is no content-type" : `the content-type is ${JSON.stringify(type)}`}`
  }
  for (const header of match.headers)
    if (!takes(rule, { headers: [header] }, question)) {
      const value = question.view.header(header.name)
      return value === null ? `there is no header ${header.name}` : `header ${header.name} is ${JSON.stringify(value)}`
    }
  for (const query of match.query) if (!takes(rule, { query: [query] }, question)) return `query parameter ${query.name} does not say so`
  return takes(rule, match, question) ? null : "its match cannot be evaluated by this version"
}

/** snapshots: of every Gateway that is served here. */
export const explain = (question: Question, snapshots: ReadonlyArray<Snapshot>, locate: Locate): Explanation => {
  const say = (source: Source): Said => ({ object: describeSource(source), at: locate(source) })
  const notes: Array<string> = []
  const blank: Explanation = {
    request: { url: question.url, method: question.method, host: question.host, path: withQuery(question.path, question.query) },
    outcome: "",
    answer: null,
    gateway: null,
    version: null,
    listener: null,
    hostname: null,
    rule: null,
    losers: [],
    shares: [],
    notes
  }
  // Whoever has a URL comes by TCP; UDP has ports of its own.
  const all = snapshots.flatMap((snapshot) =>
    [...snapshot.listeners.values()].filter(({ bind }) => bind.transport === "tcp").map((listener) => ({ snapshot, listener }))
  )
  const here = all.filter(({ listener }) => listener.port === question.port)
  if (here.length === 0) {
    const ports = [...new Set(all.map(({ listener }) => listener.port))].sort((a, b) => a - b)
    return {
      ...blank,
      outcome: `No Gateway listens on port ${question.port}: a client cannot connect. ${ports.length === 0 ? "No listener that takes TCP connections is served at all" : `Listeners have port ${ports.join(", ")}`}.`,
      answer: { status: "close", reason: null, location: null }
    }
  }
  const refuse = (reason: Reason, sentence: string, more: Partial<Explanation> = {}): Explanation => {
    const refusal = refusalOf(reason, question)
    return { ...blank, ...more, outcome: `Answered ${describeRefusal(refusal)}: ${sentence}`, answer: { ...refusal, location: null } }
  }
  const found = findHost(compileHosts(here.map((one) => ({ ...one, hostname: one.listener.hostname ?? "*" }))), question.host)
  if (found === null) {
    const hosts = here.map(({ listener }) => `${listener.hostname ?? "*"} (${describeSource(listener.source)})`)
    return refuse("no_listener", `no listener on port ${question.port} is for host ${question.host}; they are for ${hosts.join(", ")}.`)
  }
  const { snapshot, listener } = found.entry
  const told: Partial<Explanation> = {
    gateway: say({ kind: "Gateway", ...snapshot.gateway, section: null }),
    version: snapshot.version,
    listener: {
      object: say(listener.source),
      port: listener.port,
      hostname: listener.hostname ?? "*",
      tls: listener.mode._tag !== "Stream" && listener.mode.tls !== null,
      speaks: spoken(listener.mode),
      bind: `${listener.bind.address.includes(":") ? `[${listener.bind.address}]` : listener.bind.address}:${listener.bind.port}`
    }
  }
  return withListener(
    question,
    snapshot,
    listener,
    { ...blank, ...told },
    (reason, sentence, more) => refuse(reason, sentence, { ...told, ...more }),
    say
  )
}

const spoken = ({ _tag, tls }: Listener["mode"]): string => {
  if (_tag === "Stream") return "TCP"
  if (_tag === "Tls" || tls !== null) return "TLS"
  return "plain HTTP"
}

const withListener = (
  question: Question,
  snapshot: Snapshot,
  listener: Listener,
  base: Explanation,
  refuse: (reason: Reason, sentence: string, more?: Partial<Explanation>) => Explanation,
  say: (source: Source) => Said
): Explanation => {
  const { mode } = listener
  const notes: Array<string> = []
  if (mode._tag === "Refused" || mode._tag === "Unknown") {
    const over = question.scheme === "https" ? "; it has no certificate, so the TLS handshake fails before that" : ""
    return refuse("invalid_listener", `${mode.problem}${over}.`)
  }
  if (mode._tag !== "Http") {
    return relayed(question, snapshot, listener, mode, base, say)
  }
  if ((mode.tls !== null) !== (question.scheme === "https"))
    notes.push(
      mode.tls === null
        ? `the listener speaks plain HTTP: a client that begins with TLS, as ${question.scheme}:// does, gets no answer`
        : "the listener speaks TLS: a client that begins with plain HTTP gets no answer; ask with https://"
    )
  const hosts = mode.hosts.map((id) => snapshot.virtualHosts.get(id)).filter((host) => host !== undefined)
  const compiled = compileHosts(hosts.map((host) => ({ hostname: host.hostname, compiled: compileHost(host) })))
  let node: Node | null = findHost(compiled, question.host)
  if (node === null) {
    const names = [...new Set(hosts.map((host) => host.hostname))].sort()
    const listed =
      names.length === 0
        ? "no route is attached to it"
        : `its routes are for ${names.slice(0, 12).join(", ")}${names.length > 12 ? " …" : ""}`
    return refuse("no_route", `no route of ${describeSource(listener.source)} is for host ${question.host}; ${listed}.`, { notes })
  }
  const announced = announcedBy(question.view)
  for (const request of announced === null ? [] : [announced, question.view]) {
    const asked = winnerAt(node, request)
    if (asked?.winner.cors !== true || asked.winner.unknown !== null) continue
    return preflighted({ ...base, hostname: asked.hostname, notes }, asked.winner, snapshot, question, say)
  }
  const losers: Array<LoserStory> = []
  let examined = 0
  const tell = (rule: Rule, hostname: string, why: string) => {
    if (losers.length < most.told)
      losers.push({
        route: describeSource(rule.source),
        match: `${hostname === "*" ? "" : `${hostname}, `}${describeMatch(rule.match)}`,
        why
      })
  }
  for (; node !== null; node = node.next) {
    const { hostname, compiled: host } = node.entry
    const winner = matchRule(host, question.view)
    for (const { rule, rank } of host.rules) {
      if (rule === winner?.rule || examined++ >= most.examined) continue
      const why = failing(rule, question)
      if (why !== null) tell(rule, hostname, why)
      else if (winner !== null && rank > winner.rank) tell(rule, hostname, "it matches too, but the winner comes before it in precedence")
    }
    for (const problem of host.problems) notes.push(problem)
    if (winner === null) continue
    return decided(question, snapshot, listener, { ...base, hostname, losers, notes }, winner, refuse, say)
  }
  return refuse("no_route", `host ${question.host} is served, but no rule of its routes matches.`, { losers, notes })
}

type Node = HostNode<{ readonly hostname: string; readonly compiled: ReturnType<typeof compileHost> }>

const winnerAt = (from: Node | null, request: RequestView): { readonly hostname: string; readonly winner: CompiledRule } | null => {
  for (let node = from; node !== null; node = node.next) {
    const winner = matchRule(node.entry.compiled, request)
    if (winner !== null) return { hostname: node.entry.hostname, winner }
  }
  return null
}

/** A browser's question, answered without a backend. */
const preflighted = (
  base: Explanation,
  winner: CompiledRule,
  snapshot: Snapshot,
  question: Question,
  say: (source: Source) => Said
): Explanation => {
  const { filters } = winner.filters.cors === null ? winner.shares.items.find((share) => share.filters.cors !== null)! : winner
  const fields = answerPreflight(filters, question.view)!
  const allowed = joinedValue(fields, "access-control-allow-origin") !== null
  return {
    ...base,
    rule: ruleStory(winner.rule, snapshot, say),
    outcome: `Answered 204 by the CORS filter, no backend is asked: the origin ${question.view.header("origin")} is ${allowed ? "" : "not "}allowed.`,
    answer: { status: 204, reason: null, location: null }
  }
}

const ruleStory = (rule: Rule, snapshot: Snapshot, say: (source: Source) => Said): RuleStory => ({
  route: say(rule.source),
  match: describeMatch(rule.match),
  deadlines: { request: setting(rule.deadlines.request, null), backendRequest: setting(rule.deadlines.backendRequest, null) },
  retry: rule.action._tag === "Forward" ? describeRetry(rule.action.retry) : null,
  session: rule.session === undefined ? null : describeSession(rule.session),
  policies: (rule.policies ?? []).map(say),
  filters: describeFilters(rule.filters, snapshot.upstreams)
})

/** Of a listener of bytes: the route that has them, and where they go. A request is what a client may write there, and nobody reads it. */
const relayed = (
  question: Question,
  snapshot: Snapshot,
  listener: Listener,
  mode: Extract<Listener["mode"], { readonly _tag: "Tls" | "Stream" }>,
  base: Explanation,
  say: (source: Source) => Said
): Explanation => {
  const what = describeSource(listener.source)
  const routes = mode._tag === "Tls" ? mode.routes : mode.route === null ? [] : [mode.route]
  const route = mode._tag === "Tls" ? (findHost(compileHosts(routes), question.host)?.entry ?? null) : (routes[0] ?? null)
  if (route === null) {
    const whom = mode._tag === "Tls" ? `that asks for ${question.host}` : "at all"
    return { ...base, outcome: `Closed: ${what} relays bytes, and no route has those of a client ${whom}.`, answer: closed }
  }
  const { source, hostname, action } = route
  const match: Match = { path: { type: "Prefix", value: "/" }, method: null, headers: [], query: [] }
  const rule: Rule = { source, match, filters: [], deadlines: { request: "Disabled", backendRequest: "Disabled" }, action }
  const [winner] = compileHost({ hostname, rules: [rule] }).rules
  const ends = mode._tag === "Stream" ? "bytes" : mode.tls === null ? "TLS as the client speaks it" : "what is within TLS that ends here"
  const notes = [...base.notes, `the listener relays ${ends}: no HTTP request is read`]
  const refuse = (reason: Reason, sentence: string, more: Partial<Explanation> = {}): Explanation => ({
    ...base,
    ...more,
    outcome: `Closed (${reason}): ${sentence}`,
    answer: { ...closed, reason }
  })
  return decided(question, snapshot, listener, { ...base, hostname, notes }, winner!, refuse, say)
}

const closed = { status: "close", reason: null, location: null } as const

const decided = (
  question: Question,
  snapshot: Snapshot,
  listener: Listener,
  base: Explanation,
  winner: CompiledRule,
  refuse: (reason: Reason, sentence: string, more?: Partial<Explanation>) => Explanation,
  say: (source: Source) => Said
): Explanation => {
  const { rule } = winner
  const told: Partial<Explanation> = {
    hostname: base.hostname,
    losers: base.losers,
    notes: base.notes,
    rule: ruleStory(rule, snapshot, say)
  }
  if (winner.unknown !== null) return refuse("invalid_filter", `${winner.unknown}.`, told)
  switch (rule.action._tag) {
    case "Refuse":
      return refuse(rule.action.why, `${describeSource(rule.source)} cannot be served as it is written; its conditions say why.`, told)
    case "Redirect": {
      const location = redirectLocation(rule.action.to, {
        scheme: listener.mode._tag === "Http" && listener.mode.tls !== null ? "https" : "http",
        host: question.host,
        listenerPort: listener.port,
        path: question.path,
        query: question.query,
        matchedPrefix: rule.match.path.type === "Prefix" ? rule.match.path.value : null
      })
      const { status } = rule.action
      return { ...base, ...told, outcome: `Redirected (${status}) to ${location}.`, answer: { status, reason: null, location } }
    }
    case "Forward": {
      const shares = shareStories(winner, snapshot, question, say)
      const serving = shares.filter((share) => share.weight > 0)
      if (serving.length === 0) return refuse("no_backend", "the rule names no backend with a weight above 0.", { ...told, shares })
      const refused = serving.filter((share) => share.refused !== null)
      if (refused.length === serving.length)
        return refuse(refused[0]!.refused!.reason, "none of the rule's backends can take it; their conditions say why.", {
          ...told,
          shares
        })
      const targets = serving
        .filter((share) => share.refused === null)
        .map((share) => {
          const upstream = share.upstream!
          const endpoints = upstream.endpoints.map((endpoint) => `${endpoint.endpoint}${endpoint.tls ? " over TLS" : ""}`)
          return `${endpoints.slice(0, 4).join(", ")}${endpoints.length > 4 ? ` and ${endpoints.length - 4} more` : ""}${share.percent < 100 ? ` (${share.percent} %)` : ""}`
        })
      const lost = refused.map((share) => `${share.percent} % is answered ${describeRefusal(share.refused!)}`)
      return { ...base, ...told, shares, outcome: `Forwarded to ${[...targets, ...lost].join("; ")}.` }
    }
  }
}
