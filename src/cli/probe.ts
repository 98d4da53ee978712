// `explain --probe`: the way to an endpoint tried step by step, with the dialler, the names and the policy of the data plane itself, so that what
// is checked here is what a request would meet (law 5). No user's request is touched.
import { request as httpRequest } from "node:http"
import { TLSSocket } from "node:tls"
import { Effect } from "effect"
import { remedies } from "../report/remedies.ts"
import type { ConnectReason } from "../snapshot/reason.ts"
import type { MaterialLookup } from "../snapshot/secret.ts"
import { addressName, dialledAt, type Endpoint, endpointName, isMultiplexed, type Upstream } from "../snapshot/upstream.ts"
import { dial } from "../upstream/dial/connect.ts"
import { identityOf } from "../upstream/dial/identity.ts"
import type { OwnAddresses } from "../upstream/dial/own.ts"
import type { Dialled, DialOutcome, DialPlan } from "../upstream/dial/plan.ts"
import { admit, type DialTarget, dialTarget } from "../upstream/dial/policy.ts"
import { proxyHeader } from "../upstream/dial/proxyheader.ts"
import type { TrustRoots } from "../upstream/dial/roots.ts"
import { tlsContext } from "../upstream/dial/tls.ts"
import { describeTrial, trialOf } from "../upstream/dial/trial.ts"
import { throughOf } from "../upstream/dial/tunnel.ts"
import type { Names } from "../upstream/discovery/names.ts"
import { Multiplex } from "../upstream/multiplex.ts"
import { servedBy } from "../upstream/service.ts"

export interface ProbeStep {
  readonly name: "SRV" | "DNS" | "address policy" | "EgressPolicy" | "TCP" | "Unix socket" | "proxy" | "TLS" | "HTTP"
  /** null: not tried, or neither good nor bad. */
  readonly ok: boolean | null
  readonly detail: string
  readonly ms: number | null
}

export interface ProbeStory {
  readonly endpoint: string
  readonly backend: string
  readonly steps: ReadonlyArray<ProbeStep>
  /** For the first step that failed; null: none did. */
  readonly remedy: string | null
}

export interface ProbeTools {
  readonly names: Pick<Names["Service"], "watch">
  readonly roots: TrustRoots
  readonly own: OwnAddresses
}

/** What is sent: a HEAD, with the Host and target that a request would have; the endpoint's path prefix is put before the target. */
export interface ProbeRequest {
  readonly target: string
  readonly host: string
}

const days = (expires: string): number => Math.floor((Date.parse(expires) - Date.now()) / 86_400_000)
const plural = (count: number, one: string): string => `${count} ${count === 1 ? one : `${one}s`}`

/** Subjects from the leaf to the authority, as they were sent and verified; a resumed session shows none: then the leaf and its issuer. */
const chainOf = (socket: Dialled["socket"], tls: NonNullable<Dialled["tls"]>): string => {
  const subjects: Array<string> = []
  let at = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined
  // Ten is more than any chain that verifies; an authority that issued itself ends it.
  for (; at !== undefined && subjects.length < 10; at = at.issuerCertificate) {
    const subject = at.subject.split("\n").join(", ")
    if (subjects.at(-1) === subject) break
    subjects.push(subject)
    if (at.issuerCertificate === undefined && at.issuer !== at.subject) subjects.push(at.issuer.split("\n").join(", "))
  }
  return (subjects.length > 0 ? subjects : [tls.subject, tls.issuer]).join(" ← ")
}

const dialled = (plan: DialPlan): Effect.Effect<DialOutcome> =>
  Effect.callback((resume) => {
    const running = dial(plan, (outcome) => resume(Effect.succeed(outcome)))
    return Effect.sync(() => running.cancel())
  })

/** HEAD over the connection that was just checked. */
const asked = (
  connection: Dialled,
  request: ProbeRequest,
  timeout: number
): Effect.Effect<{ readonly ok: boolean; readonly detail: string }> =>
  Effect.callback((resume) => {
    const answer = (ok: boolean, detail: string) => resume(Effect.succeed({ ok, detail }))
    const sent = httpRequest({
      createConnection: () => connection.socket,
      method: "HEAD",
      path: request.target,
      setHost: false,
      headers: { Host: request.host, "User-Agent": "sluice-probe", Connection: "close" },
      timeout
    })
    sent.on("response", (response) => {
      response.resume()
      const status = response.statusCode ?? 0
      const server = response.headers.server === undefined ? "" : ` from ${response.headers.server}`
      answer(status < 500, `HEAD ${request.target} with Host ${request.host} was answered ${status}${server}`)
    })
    sent.on("timeout", () => answer(false, `HEAD ${request.target} with Host ${request.host} was not answered within ${timeout} ms`))
    sent.on("error", (error) => answer(false, `HEAD ${request.target}: ${error.message}`))
    sent.end()
    return Effect.sync(() => sent.destroy())
  })

/** The same over HTTP/2, with the connection that requests have. */
const askedOverHttp2 = (
  connection: Dialled,
  { target, host }: ProbeRequest,
  timeout: number
): Effect.Effect<{ readonly ok: boolean; readonly detail: string }> =>
  Effect.callback((resume) => {
    const what = `HEAD ${target} with Host ${host}`
    const answer = (ok: boolean, detail: string) => resume(Effect.succeed({ ok, detail }))
    const settings = { keepAliveIdle: timeout, firstByte: timeout, idle: timeout }
    const session = new Multiplex(connection.socket, settings, { onClose: () => {} })
    const peer = { address: connection.address, endpoint: connection.address, reused: false }
    const request = {
      ...{ method: "HEAD", path: target, headers: ["user-agent", "sluice-probe"], clientHost: host, hostOverride: null },
      ...{ body: null, contentLength: 0, upgrade: null, idempotent: true, affinity: null }
    }
    session.send(request, host, peer, true, {
      onInterim: () => {},
      onHead: (status) => {
        answer(status < 500, `${what} was answered ${status} over HTTP/2`)
        return true
      },
      onData: () => true,
      onEnd: () => {},
      onUpgrade: () => {},
      onFailure: ({ detail }) => answer(false, `${what} over HTTP/2: ${detail}`),
      onFree: () => {}
    })
    return Effect.sync(() => session.destroy())
  })

const httpRemedy =
  "The connection is good, the answer is not: ask the same of the backend itself, and check the Host (spec.host, URLRewrite) and the path"

interface Located {
  readonly steps: ReadonlyArray<ProbeStep>
  readonly candidates: ReadonlyArray<DialTarget>
  readonly failure: ConnectReason | null
}

/** From the endpoint to addresses that may be dialled. */
const locate = Effect.fnUntraced(function* (spec: Upstream, endpoint: Endpoint, tools: ProbeTools) {
  const at = dialledAt(spec, endpoint)
  if (at._tag === "Unix") return { steps: [], candidates: [], failure: null } satisfies Located
  const steps: Array<ProbeStep> = []
  let addresses: ReadonlyArray<string> = at._tag === "Address" ? [at.ip] : []
  if (at._tag === "Name") {
    const began = performance.now()
    const watch = yield* tools.names.watch(at.name, spec.dns, spec.addresses, spec.of.namespace)
    yield* Effect.timeoutOption(watch.settled, "15 seconds")
    const { addresses: found, state, detail, reason } = watch.current()
    addresses = found
    const failure = reason ?? (state === "Pending" ? "dns_timeout" : "dns_empty")
    steps.push({
      name: "DNS",
      ok: found.length > 0,
      detail:
        found.length === 0
          ? detail === ""
            ? `${at.name} has no address`
            : detail
          : `${at.name} is ${shown(found)}${state === "Stale" ? `, last good answer (${detail})` : ""}`,
      ms: Math.round(performance.now() - began)
    })
    if (found.length === 0) return { steps, candidates: [], failure } satisfies Located
  }
  const candidates = addresses.flatMap((ip) => dialTarget(at, endpoint, ip) ?? [])
  const judged = candidates.map((target) => ({ target, admission: admit(target, spec.addresses, tools.own) }))
  const allowed = judged.filter(({ admission }) => admission.allowed)
  const denied = judged.flatMap(({ admission }) => (admission.allowed ? [] : [admission]))
  steps.push({
    name: "address policy",
    ok: allowed.length > 0,
    detail: [
      ...(allowed.length === 0
        ? []
        : [
            `${plural(allowed.length, "address")} allowed: ${[...new Set(allowed.map(({ admission }) => admission.class))].join(", ")}`.replace(
              "addresss",
              "addresses"
            )
          ]),
      ...denied.slice(0, 4).map((one) => one.rule)
    ].join("; "),
    ms: null
  })
  const reported = allowed.flatMap(({ target }) => trialOf(target, spec.addresses) ?? [])
  if (reported.length > 0)
    steps.push({
      name: "EgressPolicy",
      ok: null,
      detail: [...new Set(reported.map(describeTrial))].slice(0, 4).join("; "),
      ms: null
    })
  return { steps, candidates, failure: allowed.length > 0 ? null : (denied[0]?.reason ?? "dns_empty") } satisfies Located
}, Effect.scoped)

const connectionSteps = (outcome: DialOutcome, endpoint: Endpoint): ReadonlyArray<ProbeStep> => {
  const name = endpoint.at._tag === "Unix" ? "Unix socket" : "TCP"
  if (outcome._tag === "Failed") {
    const inTls = outcome.reason.startsWith("tls_")
    const atProxy = outcome.reason === "proxy_refused"
    return [
      ...(inTls || atProxy ? [{ name, ok: true, detail: "connected", ms: null } as const] : []),
      { name: inTls ? "TLS" : atProxy ? "proxy" : name, ok: false, detail: `${outcome.reason}: ${outcome.detail}`, ms: null }
    ]
  }
  const { tls } = outcome
  const left = tls === null ? 0 : days(tls.expires)
  return [
    {
      name,
      ok: true,
      detail: `connected to ${endpoint.at._tag === "Unix" ? outcome.address : outcome.address.includes(":") ? `[${outcome.address}]:${outcome.port}` : `${outcome.address}:${outcome.port}`}`,
      ms: Math.round(outcome.connectMs)
    },
    ...(endpoint.proxied === true
      ? [{ name: "proxy", ok: true, detail: `it leads to ${addressName(endpoint.at)}`, ms: null } as const]
      : []),
    tls === null
      ? { name: "TLS", ok: null, detail: "not used: plaintext", ms: null }
      : {
          name: "TLS",
          ok: true,
          detail: `${tls.protocol}, chain ${chainOf(outcome.socket, tls)}; names ${tls.names.slice(0, 6).join(", ")}${tls.names.length > 6 ? " …" : ""}, ${left < 14 ? "ONLY " : ""}${plural(left, "day")} left`,
          ms: Math.round(outcome.tlsMs)
        }
  ]
}

const shown = (items: ReadonlyArray<string>): string =>
  `${items.slice(0, 8).join(", ")}${items.length > 8 ? ` and ${items.length - 8} more` : ""}`

/** The records of a service, and the endpoint that would be asked first. */
const served = Effect.fnUntraced(function* (spec: Upstream, endpoint: Endpoint, name: string, tools: ProbeTools) {
  const began = performance.now()
  const watch = yield* tools.names.watch(name, spec.dns, spec.addresses, spec.of.namespace, "Service")
  yield* Effect.timeoutOption(watch.settled, "15 seconds")
  const resolution = watch.current()
  const endpoints = [...servedBy(endpoint, resolution)].sort((a, b) => a.service.rank - b.service.rank || b.weight - a.weight)
  const places = endpoints.map((one) => `${addressName(one.at)} (priority ${one.service.priority})`)
  const none = resolution.detail === "" ? `${name} has no SRV records` : resolution.detail
  const step: ProbeStep = {
    name: "SRV",
    ok: endpoints.length > 0,
    detail: endpoints.length === 0 ? none : `${name} is served by ${shown(places)}; the first is tried`,
    ms: Math.round(performance.now() - began)
  }
  return { step, first: endpoints[0] ?? null, failure: resolution.reason ?? (resolution.state === "Pending" ? "dns_timeout" : "dns_empty") }
}, Effect.scoped)

/** Total: whatever goes wrong is a step that failed. */
export const probeEndpoint = Effect.fnUntraced(function* (
  spec: Upstream,
  endpoint: Endpoint,
  request: ProbeRequest,
  material: MaterialLookup,
  tools: ProbeTools
): Effect.fn.Return<ProbeStory> {
  const story = (steps: ReadonlyArray<ProbeStep>, remedy: string | null): ProbeStory => ({
    endpoint: endpointName(endpoint),
    backend: spec.of.target,
    steps,
    remedy
  })
  const service = endpoint.at._tag === "Name" && endpoint.at.srv ? yield* served(spec, endpoint, endpoint.at.name, tools) : null
  if (service !== null && service.first === null) return story([service.step], remedies[service.failure])
  const placed = yield* locate(spec, service?.first ?? endpoint, tools)
  const located = service === null ? placed : { ...placed, steps: [service.step, ...placed.steps] }
  if (located.failure !== null) return story(located.steps, remedies[located.failure])
  const context = !endpoint.tls || spec.tls === null ? null : tlsContext(spec.tls, material, tools.roots)
  if (context?._tag === "Failure")
    return story(
      [...located.steps, { name: "TLS", ok: false, detail: context.failure.detail, ms: null }],
      "Correct the Secret or ConfigMap that the backend's TLS settings name"
    )
  const hop = endpoint.proxied === true ? spec.via[0] : undefined
  const through = hop === undefined ? null : throughOf(hop, material, tools.roots)
  if (through?._tag === "Failure")
    return story([...located.steps, { name: "proxy", ok: false, detail: through.failure, ms: null }], remedies.proxy_refused)
  const outcome = yield* dialled({
    through: through?.success ?? null,
    ...(spec.proxyProtocol === undefined ? {} : { preface: proxyHeader(spec.proxyProtocol, null) }),
    ...(spec.sourceAddresses === undefined ? {} : { sources: spec.sourceAddresses }),
    to: endpoint.at._tag === "Unix" ? { _tag: "Unix", path: endpoint.at.path } : { _tag: "Addresses", candidates: located.candidates },
    policy: spec.addresses,
    own: tools.own,
    identity: identityOf(spec.identity, endpoint, spec.protocol),
    tls: context?.success ?? null,
    timeouts: spec.timeouts
  })
  const steps = [...located.steps, ...connectionSteps(outcome, endpoint)]
  if (outcome._tag === "Failed") return story(steps, remedies[outcome.reason])
  const began = performance.now()
  const target = `${endpoint.pathPrefix ?? ""}${request.target}`
  const ask = isMultiplexed(spec.protocol) ? askedOverHttp2 : asked
  const answer = yield* ask(outcome, { ...request, target }, 10_000).pipe(Effect.ensuring(Effect.sync(() => outcome.socket.destroy())))
  return story([...steps, { name: "HTTP", ...answer, ms: Math.round(performance.now() - began) }], answer.ok ? null : httpRemedy)
})
