// A backendRef made into an upstream, whatever dialect declares it: the one door from routes to backends (mirrors and authentication come through it too).
import { Result } from "effect"
import type { Backend } from "#schemas/backend.ts"
import type { EnvoyBackend } from "#schemas/dialects/envoybackend.ts"
import { type Condition, describeKey, type GroupKind, groupKind, type ObjectKey, objectKey, parseKey, spokenKind } from "#schemas/meta.ts"
import { voyagerGroup } from "#schemas/reference.ts"
import type { Service } from "#schemas/service.ts"
import type { XBackend } from "#schemas/xbackend.ts"
import { describeSource, type Id, type Source } from "../snapshot/id.ts"
import { entryText, suggestion } from "../snapshot/suggestion.ts"
import { type AddressPolicy, endpointName, isMultiplexed } from "../snapshot/upstream.ts"
import { backendNote } from "../status/backendnotes.ts"
import { backend, observed, type Said } from "../status/conditions.ts"
import { voyagerNote } from "../status/ingressnotes.ts"
import type { Verdict } from "../status/verdict.ts"
import { entriesByGateway } from "./ancestors.ts"
import { nearestByBlock } from "./behaviour.ts"
import type { Carries } from "./carriage.ts"
import { carried, governedAs } from "./carried.ts"
import { shownTo } from "./clientcertificate.ts"
import { type Declared, type Destination, refused, upstreamOf } from "./destination.ts"
import { judgeBackend } from "./dialects/backend.ts"
import { judgeEnvoyBackend } from "./dialects/envoybackend.ts"
import { externalNameDestination, externalNameRedirect } from "./dialects/externalname.ts"
import type { JudgedBackend } from "./dialects/judged.ts"
import { type ServiceObject, serviceDestination } from "./dialects/service.ts"
import { backendTls, readVoyager } from "./dialects/voyager.ts"
import { judgeXBackend } from "./dialects/xbackend.ts"
import { egressOf, missingByIntent, refusedByIntent } from "./egress.ts"
import { failoverOf } from "./failover.ts"
import { type BackendRules, rulesFor, rulesOf } from "./features.ts"
import { backendKind, envoyBackendKind, serviceKind, xbackendKind } from "./kinds.ts"
import { describeUnpermitted, permitted } from "./reference.ts"
import type { BackendReference, Referrer, ResolvedBackend, ResolvedStandby, ResolvedUpstream } from "./resolved.ts"
import type { TranslateSettings } from "./settings.ts"
import { backendTraffic, type Chain, type Governed, governedBy, showingGateway } from "./traffic.ts"
import type { View } from "./view.ts"

/** What reaches a backend object: whoever walks the routes collects it from each `ResolvedBackend` (its `object` and the id of its `upstream`). */
export interface Reach {
  readonly gateways: ReadonlySet<ObjectKey>
  readonly upstreams: ReadonlySet<Id>
}

/** By the backend object's key (Service, Backend of either group, XBackend). */
export type Reached = ReadonlyMap<ObjectKey, Reach>

const sourceOf = (key: ObjectKey): Source => {
  const { kind, namespace, name } = parseKey(key)
  return { kind: spokenKind(kind), namespace, name, section: null }
}

/** Kinds that are judged as a whole, whichever port a reference names. */
const judgedKinds: ReadonlyArray<GroupKind> = [backendKind, xbackendKind, envoyBackendKind]

/** A Backend (of either group) or XBackend judged; null: it does not exist. */
const judgedOf = (view: View, rules: BackendRules, key: ObjectKey): JudgedBackend | null =>
  view.unit("backend-object", `${key}${rules.id}`, (inner) => {
    const object = inner.get<{ readonly spec: unknown }>(key)
    if (object === null) return null
    const source = sourceOf(key)
    const what = describeKey(key)
    if (Result.isFailure(object.value)) {
      const message = backendNote.undecodable(what, object.value.failure)
      return {
        said: [backend.undecodable(object.value.failure), backend.resolvedRefs],
        declared: refused(key, source, "invalid_backend", "InvalidBackend", message),
        ports: null,
        skipsVerify: false
      }
    }
    try {
      return judged(inner, rules, key, source, object.value.success.spec, what)
    } catch (defect) {
      // Law 1 holds for our own defects too. The text stays out of the status: it may quote anything.
      const said = backend.defect(defect instanceof Error ? defect.name : typeof defect)
      return {
        said: [said, backend.resolvedRefs],
        declared: refused(key, source, "invalid_backend", "InvalidBackend", backendNote.address(what, said.message)),
        ports: null,
        skipsVerify: false
      }
    }
  })

const judged = (view: View, rules: BackendRules, key: ObjectKey, source: Source, spec: unknown, what: string): JudgedBackend => {
  switch (parseKey(key).kind) {
    case xbackendKind:
      return judgeXBackend(view, rules, key, source, spec as XBackend["spec"], what)
    case envoyBackendKind:
      return judgeEnvoyBackend(view, rules, key, source, spec as EnvoyBackend["spec"], what)
    default:
      return judgeBackend(view, rules, key, source, spec as Backend["spec"], what)
  }
}

/** redirects: an ExternalName Service that does not say otherwise is a redirect. */
const ofService = (view: View, rules: BackendRules, key: ObjectKey, written: BackendReference["port"], redirects: boolean): Declared => {
  const object = view.get<Service>(key)
  const source = sourceOf(key)
  const what = describeKey(key)
  if (object === null) return refused(null, source, "backend_not_found", "BackendNotFound", backendNote.notFound(what))
  if (Result.isFailure(object.value))
    return refused(key, source, "invalid_backend", "InvalidBackend", backendNote.undecodable(what, object.value.failure))
  const { spec } = object.value.success
  const port = typeof written === "string" ? spec.ports.find(({ name }) => name === written)?.port : written
  if (port === undefined) {
    const names = spec.ports.flatMap(({ name }) => (name === "" ? [] : [name]))
    return refused(key, source, "backend_not_found", "BackendNotFound", backendNote.portNotNamed(what, String(written), names))
  }
  if (port === null) return refused(key, source, "backend_not_found", "BackendNotFound", backendNote.portMissing(what))
  if (spec.type === "ExternalName" && !rules.externalName)
    return refused(key, source, "invalid_backend", "NotPermitted", backendNote.externalNameDisabled(what))
  const service: ServiceObject = { key, source, ...parseKey(key), what, spec }
  if (spec.type !== "ExternalName") return serviceDestination(view, rules, service, port)
  const voyager = readVoyager(object.meta.annotations, rules.allowLoopback)
  return voyager.problems.length > 0
    ? refused(key, source, "invalid_backend", "UnsupportedValue", backendNote.about(what, voyager.problems.join("; ")))
    : (voyager.redirect ?? redirects)
      ? externalNameRedirect(rules, service, port, voyager)
      : externalNameDestination(view, rules, service, port, voyager)
}

/** What is declared, as a reference with this port sees it; who refers decides what an ExternalName Service is that says nothing. */
const declaredOf = (view: View, rules: BackendRules, key: ObjectKey, port: BackendReference["port"], redirects: boolean): Declared => {
  if (key.startsWith(`${serviceKind}/`)) return ofService(view, rules, key, port, redirects)
  const judged = judgedOf(view, rules, key)
  const what = describeKey(key)
  if (judged === null) return refused(null, sourceOf(key), "backend_not_found", "BackendNotFound", backendNote.notFound(what))
  // A port is not needed here; one that the object does not have is a mistake that must not be dialled past.
  return port === null || judged.ports === null || judged.ports.includes(Number(port))
    ? judged.declared
    : refused(key, sourceOf(key), "backend_not_found", "BackendNotFound", backendNote.portNotDeclared(what, Number(port), judged.ports))
}

/** One object for all upstreams of a pair of namespaces: the dialler reads each policy once in its life. */
const addressPolicy = (view: View, rules: BackendRules, object: string, route: string): AddressPolicy =>
  view.unit("addresses", `${object}/${route}${rules.id}`, (inner) => ({
    cluster: rules.clusterCidrs,
    allowLoopback: rules.allowLoopback,
    egress: egressOf(inner, object, route).rules
  }))

/** The layers of a destination with those of the policies on the way to it, and which of these are in force. */
const withPolicies = (
  destination: Destination,
  along: Governed,
  own: Governed | null
): { readonly destination: Destination; readonly policies: ReadonlyArray<Source> } => {
  const said = [along.under, own?.under ?? [], along.over]
  if (said.every((layers) => layers.length === 0)) return { destination, policies: [] }
  const layers = nearestByBlock([...along.under, ...destination.layers, ...(own?.under ?? []), ...along.over])
  // By what they say, not by identity: what stays of an earlier translation may be another object.
  const named = new Map(said.flat().map(({ source }) => [describeSource(source), source]))
  const policies = new Set(layers.map(({ source }) => describeSource(source)).filter((name) => named.has(name)))
  return { destination: { ...destination, layers }, policies: [...policies].map((name) => named.get(name)!) }
}

/** Looks that a policy asks for and these endpoints cannot have; what a Backend itself asks for is judged with it. */
const lookProblem = ({ spec: { health, protocol, provenance }, endpoints }: ResolvedUpstream, what: string): string | null => {
  const by = provenance["health"]
  if (typeof health !== "object" || by === undefined) return null
  if (health.probe._tag === "Grpc" && !isMultiplexed(protocol)) return backendNote.traffic.lookWithoutCalls(describeSource(by), what)
  // Beyond a proxy a look has the name and the port that requests have.
  if (health.port !== null && endpoints.some(({ proxied }) => proxied === true))
    return backendNote.traffic.lookPastProxy(describeSource(by), what)
  const plaintext = health.probe._tag === "Tls" ? endpoints.find(({ tls }) => !tls) : undefined
  return plaintext === undefined ? null : backendNote.traffic.lookInPlaintext(describeSource(by), what, endpointName(plaintext))
}

/** A destination under the policies of its namespace and of the way to it. route: the namespace of the route. */
const placed = (
  view: View,
  rules: BackendRules,
  found: Declared,
  key: ObjectKey,
  route: string,
  chain: Chain
): Result.Result<{ readonly upstream: ResolvedUpstream; readonly notes: ReadonlyArray<string> }, Declared> => {
  const what = describeKey(key)
  const fit = carried(found, rules.carries, what)
  const { destination } = fit
  if (destination === null) return Result.fail(fit)
  const { kind, namespace } = parseKey(key)
  const skips = destination.tls !== null && !destination.tls.verify
  if (skips && !egressOf(view, namespace, route).permits.has("SkipVerify")) {
    const message =
      kind === serviceKind
        ? voyagerNote.skipVerify(backendTls, spoken(namespace, route))
        : backendNote.skipVerify("spec.tls.insecureSkipVerify", spoken(namespace, route))
    return Result.fail(refused(key, found.source, "invalid_backend", "NotPermitted", backendNote.address(what, message)))
  }
  const along = governedBy(view, chain)
  const own = backendTraffic(view, key)
  const bad = along.refused ?? own?.refused ?? null
  if (bad !== null)
    return Result.fail(refused(key, found.source, "invalid_backend", null, "", [backendNote.traffic.invalid(describeSource(bad), what)]))
  const governed = withPolicies(shownTo(view, showingGateway(chain), destination), along, own)
  const fitted = governedAs(governed.destination, rules.carries)
  if (fitted.problem !== null)
    return Result.fail(refused(key, found.source, "invalid_backend", "UnsupportedProtocol", backendNote.about(what, fitted.problem)))
  const upstream = {
    ...upstreamOf(fitted.destination, addressPolicy(view, rules, namespace, route), governed.policies),
    endpoints: destination.endpoints,
    materials: fitted.destination.materials,
    ...(destination.session === undefined ? {} : { session: destination.session })
  }
  const unlooked = lookProblem(upstream, what)
  if (unlooked !== null) return Result.fail(refused(key, found.source, "invalid_backend", null, "", [unlooked]))
  const notes = [...fit.notes, ...fitted.notes.map((note) => backendNote.about(what, note))]
  if (skips) notes.push(backendNote.about(what, backendNote.skipVerifyPermitted))
  if (refusedByIntent(upstream))
    notes.push(backendNote.egressRefused(what, upstream.spec.addresses.egress!.sources.map(describeSource).join(", ")))
  const missing = missingByIntent(upstream)
  if (missing.length > 0)
    notes.push(
      backendNote.egressWouldRefuse(
        what,
        upstream.spec.addresses.egress!.trial!.sources.map(describeSource).join(", "),
        suggestion(missing).map(entryText)
      )
    )
  return Result.succeed({ upstream, notes })
}

const resolve = (view: View, rules: BackendRules, key: ObjectKey, ref: BackendReference, from: Referrer, chain: Chain): ResolvedBackend => {
  const { kind, namespace } = parseKey(key)
  const what = describeKey(key)
  const answer = (declared: Declared): ResolvedBackend => ({
    upstream: null,
    why: declared.refusal?.why ?? "invalid_backend",
    redirect: declared.redirect,
    problem: declared.refusal?.problem ?? null,
    notes: declared.notes,
    source: declared.source,
    object: declared.object,
    fallback: declared.fallback === true,
    standbys: []
  })
  const refuse = (...args: Parameters<typeof refused>): ResolvedBackend => answer(refused(...args))
  if (kind !== serviceKind && !judgedKinds.includes(kind))
    return refuse(null, sourceOf(key), "invalid_kind", "InvalidKind", backendNote.unknownKind(ref.group, ref.kind))
  // Asked before existence: an ungranted reference must not tell whether the object is there (RefNotPermitted even if it is not).
  if (kind === xbackendKind && namespace !== from.namespace)
    return refuse(null, sourceOf(key), "ref_not_permitted", "RefNotPermitted", backendNote.xbackendNamespace(what, from.namespace))
  const to = { group: ref.group, kind: ref.kind, namespace, name: ref.name }
  if (!permitted(view, from, to)) return refuse(null, sourceOf(key), "ref_not_permitted", "RefNotPermitted", describeUnpermitted(from, to))
  const found = declaredOf(view, rules, key, ref.port, from.group === voyagerGroup)
  const made = placed(view, rules, found, key, from.namespace, chain)
  if (Result.isFailure(made)) return answer(made.failure)
  const after = failoverOf(view, key)
  // Of other dialects the object's conditions are not ours to write.
  const notes = [...made.success.notes, ...after.problems.map(({ message }) => backendNote.about(what, message))]
  const standbys: Array<ResolvedStandby> = []
  for (const standby of after.standbys) {
    const at = parseKey(standby.key)
    if (at.kind === xbackendKind && at.namespace !== from.namespace) {
      const why = backendNote.xbackendNamespace(describeKey(standby.key), from.namespace)
      notes.push(backendNote.standbyLeftOut(what, why))
      continue
    }
    const said = declaredOf(view, rules, standby.key, standby.port, false)
    const one = placed(view, rules, said, standby.key, from.namespace, chain)
    if (Result.isFailure(one))
      notes.push(backendNote.standbyLeftOut(what, one.failure.refusal?.problem?.message ?? describeKey(standby.key)))
    else {
      standbys.push({ upstream: one.success.upstream, source: said.source, object: said.object })
      notes.push(...one.success.notes)
    }
  }
  const { source, object } = found
  const { upstream } = made.success
  return { upstream, why: null, redirect: null, problem: null, notes, source, object, fallback: found.fallback === true, standbys }
}

const spoken = (a: string, b: string): string => (a === b ? `namespace ${a}` : `namespaces ${a} and ${b}`)

/** The upstream that a reference means, or the reason its share answers 500. Total; a bad object costs only the shares that name it. */
export const resolveBackend = (
  view: View,
  settings: TranslateSettings,
  ref: BackendReference,
  from: Referrer,
  /** Who speaks between the Gateway and the rule that refers. */
  chain: Chain = "",
  carries: Carries = "Requests"
): ResolvedBackend => {
  const key = objectKey(groupKind(ref.group, ref.kind), ref.namespace ?? from.namespace, ref.name)
  // The referrer's name has a say only by its Gateways, so all routes of a namespace share one unit.
  const rules = rulesOf(view, settings, from, carries)
  return view.unit("backend", `${key}:${ref.port ?? ""} ${from.kind}.${from.group}/${from.namespace}${rules.id} ${chain}`, (inner) =>
    resolve(inner, rules, key, ref, from, chain)
  )
}

/** Verdicts of every Backend (of either group) and XBackend in the state: an entry per Gateway that reaches it; of one that none reaches, one entry without parent (for `check`). */
export const backendVerdicts = (view: View, settings: TranslateSettings, reached: Reached): ReadonlyMap<ObjectKey, Verdict> => {
  const verdicts = new Map<ObjectKey, Verdict>()
  for (const kind of judgedKinds)
    for (const { meta } of view.list(kind)) {
      const conditions = (gateway: ObjectKey | null): ReadonlyArray<Condition> => {
        const judged = judgedOf(view, rulesFor(view, settings, gateway), meta.key)
        const said = judged === null ? [] : judged.skipsVerify ? withPermit(view, meta.key, judged.said) : judged.said
        return said.map((one) => observed(meta.generation, one))
      }
      const options = { facts: true, most: kind === xbackendKind ? 32 : 16 }
      verdicts.set(meta.key, entriesByGateway(meta.key, meta.generation, conditions, [meta.key], reached, options))
    }
  return verdicts
}

/** Skip-verify is the administrator's to permit, so it is judged on the object too. */
const withPermit = (view: View, key: ObjectKey, said: ReadonlyArray<Said>): ReadonlyArray<Said> => {
  const { namespace } = parseKey(key)
  if (egressOf(view, namespace, namespace).permits.has("SkipVerify")) return said
  const refusal = backend.refused("NotPermitted", [backendNote.skipVerify("spec.tls.insecureSkipVerify", spoken(namespace, namespace))])
  return said.map((one) => (one.type === "Accepted" ? refusal : one))
}
