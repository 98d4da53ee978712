// Our Backend (docs/external-api.md): endpoints of four kinds in one pool. What a later release serves is refused by a condition that names the field.
// A dialect that says the same in other words (envoybackend.ts) makes a declaration of it and is judged here too.
import { Result } from "effect"
import type { Backend } from "#schemas/backend.ts"
import { type ObjectKey, parseKey } from "#schemas/meta.ts"
import type { Source } from "../../snapshot/id.ts"
import type { RouteReason } from "../../snapshot/reason.ts"
import { type Endpoint, endpointName, type IdentitySettings, isMultiplexed, type Upstream } from "../../snapshot/upstream.ts"
import { backendNote, pathNote } from "../../status/backendnotes.ts"
import { backend, type Said } from "../../status/conditions.ts"
import { type Carries, plaintextNote, tlsAt } from "../carriage.ts"
import { declared, refused } from "../destination.ts"
import { failoverOf } from "../failover.ts"
import type { BackendRules } from "../features.ts"
import type { View } from "../view.ts"
import { behaviourOf, behaviourProblems } from "./backendbehaviour.ts"
import { backendCredentials, exposures } from "./backendcredentials.ts"
import { backendMembers, type DeclaredEndpoints, type EndpointProblem, type Raw, type RawMembers } from "./backendmembers.ts"
import { backendPath } from "./backendpath.ts"
import { type BackendTrust, backendTrust, contradicts } from "./backendtls.ts"
import type { JudgedBackend } from "./judged.ts"

export interface Cause {
  readonly reason: string
  readonly message: string
}

/** What is declared, in the words of our Backend. */
export interface Declaration {
  readonly spec: Omit<Backend["spec"], "endpoints"> & DeclaredEndpoints
  /** The name that is sent, asked for and verified where `spec` says none; null: each endpoint's own. */
  readonly name: string | null
  /** What the dialect does not serve of the object. */
  readonly problems: ReadonlyArray<Cause>
  readonly notes: ReadonlyArray<string>
  /** How the dialect calls what makes plaintext: of port 443 that would have TLS, and of one that has not. */
  readonly plaintext: { readonly optOut: string; readonly because: string }
}

const ownDeclaration = (spec: Backend["spec"]): Declaration => ({
  spec,
  name: null,
  problems: [],
  notes: [],
  plaintext: {
    optOut: "protocol: HTTP or tls.mode: None opts out",
    because: spec.tls?.mode === "None" ? "spec.tls.mode None" : `spec.protocol ${spec.protocol ?? "HTTP"}`
  }
})

/** What is spoken, of the protocols that are served. TLS is bytes within it. */
const protocols: ReadonlyMap<string | undefined, Upstream["protocol"]> = new Map([
  [undefined, "auto"],
  ["Auto", "auto"],
  ["HTTP", "http1"],
  ["TCP", "tcp"],
  ["TLS", "tcp"],
  ["UDP", "udp"],
  ["H2C", "h2c"],
  ["GRPC", "h2c"],
  ["H2", "h2"],
  ["GRPCS", "h2"]
])

/** What makes the whole object unusable, whatever its endpoints are. */
const wholeProblems = ({ spec, problems }: Declaration, rules: BackendRules): ReadonlyArray<Cause> => [
  ...problems,
  ...behaviourProblems(spec, rules.allowLoopback),
  ...(contradicts(spec) ? [{ reason: "Invalid", message: backendNote.plaintextProtocol(spec.protocol!) }] : []),
  ...(protocols.has(spec.protocol) ? [] : [{ reason: "UnsupportedProtocol", message: backendNote.laterProtocol(spec.protocol!) }])
]

const hostOf = ({ spec, name }: Declaration): IdentitySettings["host"] => {
  switch (spec.host) {
    case "Backend":
      return "Endpoint"
    case "Request":
      return "Request"
    case undefined:
      // Unsaid: fqdn endpoints get their own name; addresses and sockets have none and keep the client's Host.
      return name === null ? "Name" : { name }
    default:
      return { name: spec.host.value }
  }
}

const notesOf = (
  trust: BackendTrust,
  { spec, plaintext }: Declaration,
  members: ReadonlyArray<Raw>,
  endpoints: ReadonlyArray<Endpoint>,
  carries: Carries
) => {
  const notes: Array<string> = []
  const written = (index: number): boolean => members[index]!.origin === "Written" && members[index]!.port !== null
  const unsaid = (index: number): boolean => written(index) && trust.said === null && members[index]!.tls === null
  if (endpoints.some((endpoint, index) => endpoint.tls && unsaid(index))) notes.push(backendNote.tlsBy443(plaintext.optOut))
  const on443 = endpoints.some((endpoint, index) => !endpoint.tls && written(index) && members[index]!.port === 443)
  const clear = on443 || endpoints.some((endpoint) => !endpoint.tls && endpoint.at._tag === "Name")
  const note = clear ? plaintextNote(carries, on443 ? plaintext.because : null) : null
  if (note !== null) notes.push(note)
  if (trust.policy !== null && spec.tls !== undefined)
    notes.push(backendNote.tlsPolicyOver(`BackendTLSPolicy ${trust.policy.source.name}`, "spec.tls"))
  if (endpoints.length > 0 && endpoints.every(({ weight }) => weight === 0)) notes.push(backendNote.noWeight)
  return notes
}

const routeReasons: Readonly<Record<string, string>> = { Invalid: "InvalidAddress" }
const shareReasons: Readonly<Record<string, RouteReason>> = { BackendNotFound: "backend_not_found", RefNotPermitted: "ref_not_permitted" }

/** What a Backend comes to, and its conditions. */
export const judgeBackend = (
  view: View,
  rules: BackendRules,
  key: ObjectKey,
  source: Source,
  spec: Backend["spec"],
  what: string
): JudgedBackend => judgeDeclaration(view, rules, key, source, ownDeclaration(spec), what)

/** What a declaration comes to, and its conditions. */
export const judgeDeclaration = (
  view: View,
  rules: BackendRules,
  key: ObjectKey,
  source: Source,
  declaration: Declaration,
  what: string
): JudgedBackend => {
  const { kind, namespace, name } = parseKey(key)
  const { spec } = declaration
  const whole = wholeProblems(declaration, rules)
  const raw = backendMembers(view, rules, namespace, spec)
  const trust = backendTrust(view, kind.slice(kind.indexOf(".") + 1), namespace, name, spec, raw.members, source)
  const path = backendPath(view, rules, namespace, spec, source)
  const credentials = backendCredentials(view, rules, namespace, spec)
  const missing = [credentials.missing, Result.isSuccess(path) ? path.success.missing : null].filter((problem) => problem !== null)
  const resolved = resolvedRefs(raw, [
    ...(Result.isFailure(trust) ? trust.failure.references : []),
    ...(Result.isFailure(path) ? path.failure.references : []),
    ...(credentials.refusal === null || credentials.refusal.reason === "Invalid" ? [] : [credentials.refusal]),
    ...missing,
    ...failoverOf(view, key).problems
  ])
  const refuse = (reason: string, routeReason: string, causes: ReadonlyArray<string>): JudgedBackend => ({
    said: [backend.refused(reason, causes), resolved],
    declared: refused(key, source, "invalid_backend", routeReason, backendNote.address(what, causes.join("; "))),
    ports: null,
    skipsVerify: false
  })
  if (whole.length > 0)
    return refuse(
      whole[0]!.reason,
      whole[0]!.reason === "Invalid" ? "InvalidBackend" : whole[0]!.reason,
      whole.map((cause) => cause.message)
    )
  if (raw.served === 0) {
    const first = raw.problems.find((problem) => problem.reference === null)
    const causes = raw.problems.map((problem) => problem.message)
    if (first !== undefined) return refuse(first.reason, first.routeReason ?? routeReasons[first.reason] ?? first.reason, causes)
    const reference = raw.problems[0]!.reference!
    return {
      said: [backend.refused("Invalid", causes), resolved],
      declared: refused(key, source, shareReasons[reference]!, reference, backendNote.address(what, causes.join("; "))),
      ports: null,
      skipsVerify: false
    }
  }
  if (Result.isFailure(trust))
    return refuse("Invalid", "InvalidBackend", [...trust.failure.references.map((problem) => problem.message), ...trust.failure.others])
  if (credentials.refusal !== null) return refuse("Invalid", "InvalidBackend", [credentials.refusal.message])
  if (Result.isFailure(path))
    return refuse("Invalid", "InvalidBackend", [...path.failure.references.map((problem) => problem.message), ...path.failure.others])
  const { tls, said } = trust.success
  const endpoints = raw.members.map(
    (member): Endpoint => ({
      at: member.at,
      tls: said ?? member.tls ?? (member.port !== null && tlsAt(null, member.port, rules.carries)),
      tier: member.tier,
      weight: member.weight,
      zone: member.zone,
      ...(member.forZones === null ? {} : { forZones: member.forZones }),
      draining: false,
      origin: member.origin,
      ...(path.success.proxied(member) ? { proxied: true as const } : {}),
      ...(member.pathPrefix === null ? {} : { pathPrefix: member.pathPrefix })
    })
  )
  const exposed = credentials.credential === null ? [] : exposures(spec, declaration.name, tls, endpoints)
  if (exposed.length > 0) return refuse("Invalid", "InvalidBackend", exposed)
  const plaintext = spec.healthCheck?.type === "TLS" ? endpoints.find(({ tls }) => !tls) : undefined
  if (plaintext !== undefined) return refuse("Invalid", "InvalidBackend", [backendNote.probedTls(endpointName(plaintext))])
  const protocol = protocols.get(spec.protocol)!
  if (spec.healthCheck?.type === "GRPC" && !isMultiplexed(protocol)) return refuse("Invalid", "InvalidBackend", [backendNote.probedByCall])
  const encrypted = endpoints.some((endpoint) => endpoint.tls)
  const notes = [...notesOf(trust.success, declaration, raw.members, endpoints, rules.carries), ...declaration.notes, ...raw.notes]
  if (credentials.note !== null) notes.push(credentials.note)
  if (spec.egressPath?.proxy !== undefined && endpoints.every(({ proxied }) => proxied !== true)) notes.push(pathNote.unused)
  const left = raw.problems.map((problem) => problem.message)
  return {
    said: [backend.accepted(notes), ...(left.length === 0 ? [] : [backend.someEndpoints(left)]), resolved],
    declared: declared(
      key,
      source,
      {
        of: { namespace, target: what },
        sources: trust.success.sources,
        external: raw.members.some((member) => member.origin === "Written" && member.at._tag !== "Unix"),
        protocol,
        identity: { host: hostOf(declaration), sni: trust.success.sni ?? declaration.name, certificateName: trust.success.certificateName },
        tls: encrypted ? tls : null,
        credential: credentials.credential,
        path: path.success.path,
        materials: [...(encrypted ? trust.success.materials : []), ...credentials.materials, ...path.success.materials],
        layers: [{ source, part: behaviourOf(spec) }],
        provenance: {
          ...(spec.protocol === undefined ? {} : { protocol: source }),
          ...(spec.host === undefined && declaration.name === null ? {} : { "identity.host": source }),
          ...(declaration.name === null ? {} : { "identity.sni": source, "identity.certificateName": source }),
          ...(credentials.credential === null ? {} : { credential: source }),
          ...path.success.provenance,
          ...trust.success.provenance
        },
        endpoints
      },
      [...notes, ...left, ...missing.map((problem) => problem.message)].map((note) => backendNote.about(what, note))
    ),
    ports: portsOf(spec),
    skipsVerify: encrypted && !tls.verify
  }
}

/** Ports that a reference may name: any that an endpoint declares. */
const portsOf = (spec: DeclaredEndpoints): ReadonlyArray<number> => {
  const ports = spec.endpoints.flatMap((endpoint) => {
    const port = Result.isSuccess(endpoint) ? (endpoint.success.fqdn ?? endpoint.success.ip ?? endpoint.success.service)?.port : undefined
    return port === undefined ? [] : [port]
  })
  return [...new Set(ports)]
}

const resolvedRefs = (raw: RawMembers, others: ReadonlyArray<Cause>): Said => {
  const references = raw.problems.flatMap((problem: EndpointProblem) =>
    problem.reference === null ? [] : [{ reason: problem.reference as string, message: problem.message }]
  )
  const causes = [...references, ...others]
  return causes.length === 0
    ? backend.resolvedRefs
    : backend.unresolvedRefs(
        causes[0]!.reason,
        causes.map((cause) => cause.message)
      )
}
