// A state made of manifests, as `sluice run` would have it with every Secret and ConfigMap answered, and the few calls that tests of backends make on it.
import type { ObjectKey } from "#schemas/meta.ts"
import { assemble } from "#src/sources/assembly.ts"
import { apply, type ClusterState, empty } from "#src/state/state.ts"
import { backendVerdicts, type Reached, resolveBackend } from "#src/translate/backend.ts"
import { policyVerdicts } from "#src/translate/policy.ts"
import type { BackendReference, ResolvedBackend, ResolvedUpstream } from "#src/translate/resolved.ts"
import { controllerName, type TranslateSettings } from "#src/translate/settings.ts"
import { open, type View } from "#src/translate/view.ts"

export const settings: TranslateSettings = {
  controllerName,
  role: "Standalone",
  listenAddress: "127.0.0.1",
  clusterDomain: "corp.cluster",
  clusterCidrs: ["10.96.0.0/12"],
  allowLoopback: false,
  unixDirectories: ["/run/sluice"]
}

/** A class of ours, as a document before others. */
export const ownClass = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: sluice }
spec: { controllerName: ${settings.controllerName} }
---`

const key = new Uint8Array(32).fill(7)

/** Throws when a document cannot be read at all: the manifest of a test is meant to reach translate. */
export const world = (yaml: string): ClusterState => {
  const assembly = assemble({ files: new Map([["test.yaml", yaml]]), faults: [], folders: new Map() }, key, null)
  let state = empty
  for (const [kind, objects] of assembly.listed) state = apply(state, { _tag: "Replaced", kind, objects })
  for (const [name, object] of assembly.demanded) state = apply(state, { _tag: "Fetched", key: name, object })
  return state
}

/** The state after the objects of another manifest were written over it. */
export const edited = (state: ClusterState, yaml: string): ClusterState => {
  const assembly = assemble({ files: new Map([["test.yaml", yaml]]), faults: [], folders: new Map() }, key, null)
  let next = state
  for (const objects of assembly.listed.values()) for (const object of objects) next = apply(next, { _tag: "Upserted", object })
  for (const [name, object] of assembly.demanded) next = apply(next, { _tag: "Fetched", key: name, object })
  return next
}

export const viewOf = (state: ClusterState): View => open(state, null).view

const groups: Readonly<Record<string, string>> = { Service: "", Backend: "gateway.sluice.dev", XBackend: "gateway.networking.x-k8s.io" }

/** `Service shop/cart:8080`, as an HTTPRoute of namespace `from` refers to it. */
export const reference = (text: string, from = "shop"): { readonly ref: BackendReference; readonly from: string } => {
  const [, kind, namespace, name, port] = /^(\w+) (?:([^/]+)\/)?([^:]+)(?::(\d+))?$/.exec(text)!
  return {
    ref: {
      group: groups[kind!] ?? "example.com",
      kind: kind!,
      namespace: namespace ?? null,
      name: name!,
      port: port === undefined ? null : Number(port)
    },
    from
  }
}

export const resolve = (view: View, text: string, from = "shop", over: Partial<TranslateSettings> = {}): ResolvedBackend =>
  resolveBackend(view, { ...settings, ...over }, reference(text, from).ref, {
    group: "gateway.networking.k8s.io",
    kind: "HTTPRoute",
    namespace: from,
    name: "route"
  })

/** Resolves in a world of its own. */
export const resolved = (yaml: string, text: string, from = "shop", over: Partial<TranslateSettings> = {}): ResolvedBackend =>
  resolve(viewOf(world(yaml)), text, from, over)

/** The upstream, or an error with what the route would be told. */
export const upstreamOf = (backend: ResolvedBackend): ResolvedUpstream => {
  if (backend.upstream === null)
    throw new Error(`refused: ${backend.why} ${backend.problem?.reason} ${backend.problem?.message} ${backend.notes}`)
  return backend.upstream
}

const gateway: ObjectKey = "Gateway.gateway.networking.k8s.io/infra/edge"

/** Conditions of an object toward one Gateway that reaches the targets: `Accepted=False/Invalid` by type, and the message. */
export const conditionsOf = (
  yaml: string,
  object: ObjectKey,
  targets: ReadonlyArray<ObjectKey> = [object]
): ReadonlyMap<string, { readonly state: string; readonly message: string }> => {
  const view = viewOf(world(yaml))
  const reached: Reached = new Map(targets.map((target) => [target, { gateways: new Set([gateway]), upstreams: new Set<string>() }]))
  const verdict = backendVerdicts(view, settings, reached).get(object) ?? policyVerdicts(view, reached).get(object)
  if (verdict === undefined) throw new Error(`no verdict on ${object}`)
  return new Map(verdict.entries[0]!.conditions.map((one) => [one.type, { state: `${one.status}/${one.reason}`, message: one.message }]))
}
