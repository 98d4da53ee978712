// Manifests of other dialects as Gateway API and Sluice's own kinds (docs/convert.md). Pure: objects in, objects out, each where it stood; what cannot be carried over
// is said of its object. Whatever would be served otherwise stays what it is, as Sluice serves the dialects themselves.
import { unreadFields } from "#schemas/fields.ts"
import { kindOf } from "#schemas/kinds.ts"
import { describeKey, groupKind, type ObjectKey, parseKey } from "#schemas/meta.ts"
import { gatewayGroup } from "#schemas/reference.ts"
import { canonical } from "../snapshot/digest.ts"
import type { ClusterState } from "../state/state.ts"
import type { LentListener } from "../translate/ingresstls.ts"
import {
  backendKind,
  backendTlsPolicyKind,
  envoyBackendKind,
  envoyTrafficPolicyKind,
  httpRouteKind,
  ingressKind,
  routeKinds,
  serviceKind,
  trafficPolicyKind,
  voyagerIngressKind
} from "../translate/kinds.ts"
import type { TranslateSettings } from "../translate/settings.ts"
import { refsOf, targetOf, trafficPolicies } from "../translate/trafficpolicy.ts"
import { open } from "../translate/view.ts"
import { makeEnvoyBackends } from "./envoybackends.ts"
import { makeExternalNames } from "./externalname.ts"
import { withListeners } from "./gateway.ts"
import { type Ground, makeNotes } from "./ground.ts"
import { type ConvertedIngress, convertIngress } from "./ingress.ts"
import { unconverted } from "./ingressrefs.ts"
import { type Fields, isFields, itemsOf, type Manifest, manifestOf, specOf } from "./manifest.ts"
import { makeNames } from "./name.ts"
import { convertNote, type Note } from "./note.ts"
import { type Becoming, rerouted } from "./reroute.ts"
import { type Became, regranted, retargeted } from "./target.ts"

export interface ConvertedManifest {
  /** What stands in its place, in order; the value itself (===) where it stays as it is. */
  readonly values: ReadonlyArray<Fields>
  readonly notes: ReadonlyArray<Note>
}

export interface Conversion {
  /** By the place of each manifest. */
  readonly manifests: ReadonlyArray<ConvertedManifest>
  /** What nothing stood for: a Gateway that was implied, grants. */
  readonly more: ReadonlyArray<Fields>
}

const grantKind = groupKind(gatewayGroup, "ReferenceGrant")
const ingressKinds: ReadonlySet<string> = new Set([ingressKind, voyagerIngressKind])
const referring: ReadonlySet<string> = new Set([...routeKinds, backendKind])
const policies: ReadonlySet<string> = new Set([backendTlsPolicyKind, trafficPolicyKind, envoyTrafficPolicyKind])

/** Of any kind of Gateway API, those too that Sluice does not serve: all may name the same backends. */
const isRoute = ({ value, key }: Manifest): boolean =>
  key === null ? String(value["apiVersion"]).startsWith(`${gatewayGroup}/`) : referring.has(parseKey(key).kind)

/** Policies that speak of a listener of a Gateway, which no Ingress hears. */
const ofListeners = ({ view }: Ground, gateway: ObjectKey): ReadonlyArray<ObjectKey> =>
  trafficPolicies(view)
    .filter((policy) =>
      refsOf(policy).some((ref) => ref.sectionName !== undefined && targetOf(parseKey(policy.meta.key).namespace, ref) === gateway)
    )
    .map(({ meta }) => meta.key)

/** Who takes the same path of the same host at one Gateway as an Ingress before it: ages decided, which manifests to be made do not have. */
const makeClaims = () => {
  const claims = new Map<string, ObjectKey>()
  return (key: ObjectKey, { gateway, routes }: ConvertedIngress): ReadonlyArray<Note> => {
    const notes = new Map<string, Note>()
    for (const { hostnames = ["*"], parentRefs, rules } of routes.map(specOf)) {
      const ports = itemsOf(parentRefs).map((parent) => (isFields(parent) ? (parent["port"] ?? null) : null))
      for (const host of itemsOf(hostnames))
        for (const rule of itemsOf(rules)) {
          const claim = canonical([gateway, ports, host, isFields(rule) ? rule["matches"] : null])
          const first = claims.get(claim) ?? key
          claims.set(claim, first)
          if (first !== key) notes.set(`${String(host)} ${first}`, convertNote.claimed(String(host), first))
        }
    }
    return [...notes.values()]
  }
}

/** values: objects as they are written, in their order. state: what they were read into, with every Secret that is asked for. */
export const convert = (values: ReadonlyArray<Fields>, state: ClusterState, settings: TranslateSettings): Conversion => {
  const { view } = open(state, null)
  const manifests = values.map(manifestOf)
  const given = new Map<ObjectKey, Manifest>()
  for (const manifest of manifests) if (manifest.key !== null && !given.has(manifest.key)) given.set(manifest.key, manifest)
  const taken = [backendKind, httpRouteKind, grantKind].flatMap((kind) => view.list(kind).map(({ meta }) => meta.key))
  const ground: Ground = { view, settings, names: makeNames(taken), given, ...makeNotes() }
  const { say, stays, notesOn } = ground
  const envoy = makeEnvoyBackends(ground)
  const services = makeExternalNames(ground)
  const becoming: Becoming = { services, backend: envoy.name, behind: envoy.behind }
  const lent = new Map<ObjectKey, ReadonlyArray<LentListener>>()

  /** Of which nothing stays. */
  const gone = new Set<ObjectKey>()

  const claimed = makeClaims()
  const ingress = (key: ObjectKey, value: Fields): ReadonlyArray<Fields> => {
    const made = convertIngress(ground, becoming, key)
    if (typeof made === "string") {
      stays(key, [made])
      return [unconverted(value, becoming, describeKey(key))]
    }
    lent.set(made.gateway, [...(lent.get(made.gateway) ?? []), ...made.listeners])
    gone.add(key)
    for (const policy of ofListeners(ground, made.gateway)) say(key, convertNote.listenerPolicy(policy))
    for (const note of claimed(key, made)) say(key, note)
    return made.routes
  }

  const placed = new Map<Manifest, ReadonlyArray<Fields>>()
  // Whoever refers first: what becomes of a Service depends on it.
  for (const manifest of manifests) {
    const { key, value } = manifest
    if (isRoute(manifest)) placed.set(manifest, [rerouted(value, key, becoming, (note) => key !== null && say(key, note))])
    if (key === null || given.get(key) !== manifest) continue
    const { kind } = parseKey(key)
    if (ingressKinds.has(kind)) placed.set(manifest, ingress(key, value))
  }
  for (const [key, manifest] of given) {
    if (parseKey(key).kind !== envoyBackendKind) continue
    if (envoy.name(key) !== null) gone.add(key)
    placed.set(manifest, [envoy.document(key, manifest.value, becoming)])
  }
  for (const [key, manifest] of given) {
    if (parseKey(key).kind !== serviceKind) continue
    const documents = services.documents(key)
    if (!documents.stays) gone.add(key)
    placed.set(manifest, [...documents.made, ...(documents.stays ? [manifest.value] : [])])
  }

  const backends: Became["backends"] = (key) => {
    const name = envoy.name(key)
    return [...[...services.made(key)].map(([port, name]) => ({ port, name })), ...(name === null ? [] : [{ port: null, name }])]
  }
  const within =
    (namespace: string, kind: string) =>
    (key: ObjectKey): boolean =>
      parseKey(key).kind === kind && parseKey(key).namespace === namespace
  const became: Became = {
    backends,
    gone: (key) => gone.has(key),
    all: (kind, namespace) => [...given.keys()].filter(within(namespace, kind)).filter((key) => backends(key).length > 0),
    ingress: (group, namespace) => [...gone].some(within(namespace, groupKind(group, "Ingress")))
  }
  for (const [key, manifest] of given) {
    const { kind } = parseKey(key)
    const tell = (note: Note) => say(key, note)
    if (policies.has(kind)) placed.set(manifest, [retargeted(view, became, manifest.value, tell)])
    if (kind === envoyTrafficPolicyKind) tell(convertNote.trafficPolicy)
    if (kind === grantKind) placed.set(manifest, [regranted(became, manifest.value, tell)])
  }
  for (const key of gone)
    for (const { path } of unreadFields(kindOf(parseKey(key).kind)!, given.get(key)!.value)) say(key, convertNote.unread(path))
  const more: Array<Fields> = []
  for (const [key, listeners] of lent) {
    const manifest = given.get(key) ?? null
    const { gateway, grants } = withListeners(ground, key, manifest?.value ?? null, listeners)
    if (manifest === null) more.push(gateway)
    else placed.set(manifest, [gateway])
    more.push(...grants)
  }
  return {
    manifests: manifests.map((manifest) => {
      const { key, value } = manifest
      if (key !== null && given.get(key) !== manifest) return { values: [], notes: [convertNote.twice] }
      return { values: placed.get(manifest) ?? [value], notes: key === null ? [] : notesOn(key) }
    }),
    more
  }
}
