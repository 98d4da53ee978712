// The endpoints of our Backend: each of the four kinds made into members, and what is wrong with each told by its path. A bad one costs itself.
import { posix } from "node:path"
import { Result } from "effect"
import type { Backend, BackendEndpoint } from "#schemas/backend.ts"
import { describeKey, type Element, objectKey } from "#schemas/meta.ts"
import { ownGroup } from "#schemas/reference.ts"
import type { Service } from "#schemas/service.ts"
import { type Endpoint, isMultiplexed } from "../../snapshot/upstream.ts"
import { backendNote } from "../../status/backendnotes.ts"
import { describeIssues } from "../../status/conditions.ts"
import { canonicalAddress, refusedClass } from "../address.ts"
import type { BackendRules } from "../features.ts"
import { externalName, serviceName } from "../hostname.ts"
import { serviceKind } from "../kinds.ts"
import { describePolicy, tlsPolicyOf } from "../policy.ts"
import { wireOf } from "../protocol.ts"
import { describeUnpermitted, permitted } from "../reference.ts"
import type { View } from "../view.ts"
import { declaredPort, type ServiceObject } from "./service.ts"
import { serviceMembers } from "./slices.ts"

/** An endpoint as a dialect makes it of its own form. */
export interface DeclaredEndpoint extends BackendEndpoint {
  /** What it says of TLS for itself. */
  readonly tls?: boolean
  /** Why the dialect cannot serve it. */
  readonly refused?: Pick<EndpointProblem, "reason" | "message">
}

export interface DeclaredEndpoints {
  readonly endpoints: ReadonlyArray<Element<DeclaredEndpoint>>
}

/** A member before TLS is decided. */
export interface Raw {
  readonly at: Endpoint["at"]
  /** What is said of TLS by the thing itself (a Service's appProtocol); null: nothing. */
  readonly tls: boolean | null
  readonly tier: number
  readonly weight: number
  readonly zone: string | null
  readonly forZones: ReadonlyArray<string> | null
  readonly pathPrefix: string | null
  readonly origin: Endpoint["origin"]
  /** An fqdn or ip endpoint: not of a Service. */
  readonly outside: boolean
  /** The port that was declared (a Service's, not its targetPort): 443 and BackendTLSPolicy sections go by it. null: a Unix socket, or a service whose records say it. */
  readonly port: number | null
}

export interface EndpointProblem {
  /** Of the object's Accepted condition; a reference that does not resolve has `reference` instead and leaves the object accepted. */
  readonly reason: "Invalid" | "UnsupportedValue" | "UnsupportedProtocol" | "UnsupportedAddressType"
  readonly reference: "BackendNotFound" | "RefNotPermitted" | null
  /** Of the route's ResolvedRefs, where nothing is wrong with the address. */
  readonly routeReason?: "InvalidBackend"
  readonly message: string
}

export interface RawMembers {
  readonly members: ReadonlyArray<Raw>
  readonly problems: ReadonlyArray<EndpointProblem>
  readonly notes: ReadonlyArray<string>
  /** Endpoints that are served, members or not (a Service may have no pod now). */
  readonly served: number
}

interface One {
  readonly members: ReadonlyArray<Raw>
  readonly notes: ReadonlyArray<string>
}

const problem = (message: string, reason: EndpointProblem["reason"] = "Invalid", reference: EndpointProblem["reference"] = null) =>
  Result.fail<EndpointProblem>({ reason, reference, message })

/** A path begins with a slash, so the prefix ends in none. */
const prefixOf = ({ pathPrefix }: DeclaredEndpoint): string | null => pathPrefix?.replace(/\/$/, "") ?? null

const one = (endpoint: DeclaredEndpoint, at: Endpoint["at"], port: number | null): Result.Result<One, never> =>
  Result.succeed({
    members: [
      {
        at,
        tls: endpoint.tls ?? null,
        tier: endpoint.tier,
        weight: endpoint.weight,
        zone: endpoint.zone ?? null,
        forZones: null,
        pathPrefix: prefixOf(endpoint),
        origin: "Written",
        outside: true,
        port
      }
    ],
    notes: []
  })

/** Below an allowed directory after `..` and doubled slashes are gone; symbolic links are the administrator's own, who owns the directory. */
const allowedSocket = (path: string, directories: ReadonlyArray<string>): boolean => {
  const normal = posix.normalize(path)
  return directories.some((directory) => {
    const base = posix.normalize(`${directory}/`)
    return normal.startsWith(base) && normal.length > base.length
  })
}

const ofService = (
  view: View,
  rules: BackendRules,
  namespace: string,
  endpoint: BackendEndpoint,
  ref: NonNullable<BackendEndpoint["service"]>,
  path: string,
  protocol: Backend["spec"]["protocol"]
): Result.Result<One, EndpointProblem> => {
  const to = { group: "", kind: "Service", namespace: ref.namespace ?? namespace, name: ref.name }
  const from = { group: ownGroup, kind: "Backend", namespace }
  if (!permitted(view, from, to)) return problem(`${path}.service: ${describeUnpermitted(from, to)}`, "Invalid", "RefNotPermitted")
  const key = objectKey(serviceKind, to.namespace, to.name)
  const what = describeKey(key)
  const object = view.get<Service>(key)
  if (object === null) return problem(`${path}.service: ${backendNote.notFound(what)}`, "Invalid", "BackendNotFound")
  if (Result.isFailure(object.value))
    return problem(`${path}.service: ${backendNote.undecodable(what, object.value.failure)}`, "Invalid", "BackendNotFound")
  const { spec } = object.value.success
  if (spec.type === "ExternalName")
    return problem(backendNote.serviceEndpoint.externalName(`${path}.service`, what, spec.externalName ?? ""))
  const source = { kind: "Service", namespace: to.namespace, name: to.name, section: null }
  const service: ServiceObject = { key, source, namespace: to.namespace, name: to.name, what, spec }
  const port = declaredPort(service, ref.port, rules.carries)
  if ("reason" in port)
    return port.reason === "BackendNotFound"
      ? problem(`${path}.service.port: ${port.message}`, "Invalid", "BackendNotFound")
      : problem(`${path}.service.port: ${port.message}`, "UnsupportedProtocol")
  const wire = wireOf(port.appProtocol, rules.carries)
  if (typeof wire === "string") return problem(`${path}.service: ${backendNote.protocol(what, ref.port, wire)}`, "UnsupportedProtocol")
  // One Upstream speaks one protocol: of HTTP/2 the Backend itself has to know.
  if (isMultiplexed(wire.protocol) && (protocol ?? "Auto") === "Auto")
    return problem(backendNote.serviceEndpoint.http2(`${path}.service`, what, port.appProtocol!))
  // One Upstream has one trust, and that of the Service may be another than the Backend's: plaintext or the wrong CA would be the alternative.
  const policy = tlsPolicyOf(view, to, port.name === "" ? null : port.name)
  if (policy !== null)
    return problem(
      policy.key === null
        ? backendNote.about(`${path}.service`, backendNote.tlsInvalid(describePolicy(policy)))
        : backendNote.serviceEndpoint.tlsPolicy(`${path}.service`, what)
    )
  const { members, notes } = serviceMembers(view, rules, to.namespace, to.name, port, spec.selector.size > 0)
  return Result.succeed({
    members: members.map((member) => ({
      at: { _tag: "Address", ip: member.ip, port: member.port },
      // Addresses of a Service carry no name: port 443 alone does not make them TLS, as in the Service dialect.
      tls: wire.tls ?? false,
      tier: endpoint.tier,
      weight: endpoint.weight,
      zone: endpoint.zone ?? member.zone,
      // What the endpoint says of its zone holds for all that is behind it.
      forZones: endpoint.zone === undefined ? member.forZones : null,
      pathPrefix: prefixOf(endpoint),
      origin: member.origin,
      outside: false,
      port: ref.port
    })),
    notes: members.length === 0 ? [...notes, backendNote.noEndpoints(`${what} port ${ref.port}`)] : notes
  })
}

const membersOf = (
  view: View,
  rules: BackendRules,
  namespace: string,
  endpoint: DeclaredEndpoint,
  path: string,
  protocol: Backend["spec"]["protocol"]
): Result.Result<One, EndpointProblem> => {
  if (endpoint.refused !== undefined) return problem(endpoint.refused.message, endpoint.refused.reason)
  if (endpoint.fqdn !== undefined) {
    const { hostname, port } = endpoint.fqdn
    // The schema wants a port of all others.
    const name = port === undefined ? serviceName(hostname, rules) : externalName(hostname, rules)
    if (Result.isFailure(name)) return problem(`${path}.fqdn.hostname: ${name.failure}`)
    if (port !== undefined) return one(endpoint, { _tag: "Name", name: name.success, port, srv: false }, port)
    // Its ports are not known here: the service says what is spoken.
    return one({ tls: hostname.startsWith("_https."), ...endpoint }, { _tag: "Name", name: name.success, port: 0, srv: true }, null)
  }
  if (endpoint.ip !== undefined) {
    const { address, port } = endpoint.ip
    const ip = canonicalAddress(address)
    const refused = ip === null ? "not an IP address" : refusedClass(ip, rules.allowLoopback)
    if (ip === null || refused !== null) return problem(backendNote.literal(`${path}.ip.address`, address, refused ?? ""))
    return one(endpoint, { _tag: "Address", ip, port }, port)
  }
  if (endpoint.unix !== undefined) {
    const { path: socket } = endpoint.unix
    if (!allowedSocket(socket, rules.unixDirectories))
      return problem(backendNote.unixNotAllowed(`${path}.unix.path`, socket, rules.unixDirectories), "UnsupportedAddressType")
    return one(endpoint, { _tag: "Unix", path: posix.normalize(socket) }, null)
  }
  if (endpoint.service !== undefined) return ofService(view, rules, namespace, endpoint, endpoint.service, path, protocol)
  return problem(`${path}: exactly one of fqdn, ip, unix, service is needed`)
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))

/** Weights above this are no longer told apart by a share of requests, and lists of balancers stay small. */
const finest = 1_000_000

/**
 * A weight is the endpoint's, however many members it has: a Service of 3 pods beside one name at equal weights gets half. The weights are brought to whole numbers
 * with a common factor; where that would grow beyond reason they are rounded, and no share with a weight loses all of it.
 */
const spread = (lists: ReadonlyArray<ReadonlyArray<Raw>>): ReadonlyArray<Raw> => {
  const counts = lists.map((list) => list.length).filter((count) => count > 0)
  if (counts.every((count) => count === 1)) return lists.flat()
  let factor = 1
  for (const count of counts) factor = Math.min(finest, (factor * count) / gcd(factor, count))
  const weighed = lists.flatMap((list) =>
    list.map((member) => ({ ...member, weight: member.weight === 0 ? 0 : Math.max(1, Math.round((member.weight * factor) / list.length)) }))
  )
  const common = weighed.reduce((sum, member) => gcd(sum, member.weight), 0)
  return common <= 1 ? weighed : weighed.map((member) => ({ ...member, weight: member.weight / common }))
}

/** Fields of an endpoint that do not say where it is. */
const besideAddress = /\]\.(?:weight|zone|tier|pathPrefix)\b/

/** All endpoints of a Backend. */
export const backendMembers = (
  view: View,
  rules: BackendRules,
  namespace: string,
  spec: DeclaredEndpoints & Pick<Backend["spec"], "protocol">
): RawMembers => {
  const lists: Array<ReadonlyArray<Raw>> = []
  const problems: Array<EndpointProblem> = []
  const notes: Array<string> = []
  for (const [index, element] of spec.endpoints.entries()) {
    const made = Result.isFailure(element)
      ? Result.fail<EndpointProblem>({
          reason: "Invalid",
          reference: null,
          ...(element.failure.every(({ path }) => besideAddress.test(path)) ? { routeReason: "InvalidBackend" } : {}),
          message: describeIssues(element.failure)
        })
      : membersOf(view, rules, namespace, element.success, `spec.endpoints[${index}]`, spec.protocol)
    if (Result.isFailure(made)) problems.push(made.failure)
    else {
      lists.push(made.success.members)
      notes.push(...made.success.notes)
    }
  }
  return { members: spread(lists), problems, notes, served: lists.length }
}
