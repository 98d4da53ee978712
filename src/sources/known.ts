// What to say of a kind or a field that Sluice does not read: Kubernetes' own are simply not ours, a typo is told with what was probably meant.
import { coreFields } from "#schemas/corefields.ts"
import { type UnknownKind, unquoted } from "#schemas/decode.ts"
import type { UnreadField } from "#schemas/fields.ts"
import { type KindEntry, kinds } from "#schemas/kinds.ts"
import type { Problem } from "./problem.ts"

/** Groups of Kubernetes itself and of tools whose objects usually stand beside ours in one folder. */
const bystanders =
  /^(apps|batch|autoscaling|policy|rbac\.authorization\.k8s\.io|apiextensions\.k8s\.io|admissionregistration\.k8s\.io|apiregistration\.k8s\.io|storage\.k8s\.io|scheduling\.k8s\.io|coordination\.k8s\.io|node\.k8s\.io|certificates\.k8s\.io|flowcontrol\.apiserver\.k8s\.io|events\.k8s\.io|resource\.k8s\.io|kustomize\.config\.k8s\.io|cert-manager\.io|acme\.cert-manager\.io|monitoring\.coreos\.com|helm\.toolkit\.fluxcd\.io|kustomize\.toolkit\.fluxcd\.io|argoproj\.io|kyverno\.io|external-secrets\.io|snapshot\.storage\.k8s\.io)$/

/** Of the core group and of networking.k8s.io. */
const core = new Set([
  "PodTemplate",
  "ReplicationController",
  "ServiceAccount",
  "PersistentVolume",
  "PersistentVolumeClaim",
  "Node",
  "Event",
  "LimitRange",
  "ResourceQuota",
  "ComponentStatus",
  "Binding",
  "NetworkPolicy",
  "IPAddress",
  "ServiceCIDR"
])

/** They say how traffic flows, so that leaving them out changes what a user gets. */
const traffic = new Set([
  "XListenerSet",
  "XMesh",
  "XTelemetryPolicy",
  "BackendLBPolicy",
  "ClientTrafficPolicy",
  "SecurityPolicy",
  "EnvoyProxy",
  "EnvoyPatchPolicy",
  "EnvoyExtensionPolicy",
  "HTTPRouteFilter",
  "CachePolicy",
  "CacheInvalidation",
  "RouteFilter",
  "VarnishCachePolicy",
  "VarnishCacheInvalidation"
])

const pairs = (word: string): ReadonlyArray<string> => {
  const small = word.toLowerCase()
  return Array.from({ length: Math.max(0, small.length - 1) }, (_, at) => small.slice(at, at + 2))
}

/** Share of letter pairs in common, 0 to 1: forgiving of swaps, case and plurals. */
const likeness = (a: string, b: string): number => {
  const left = pairs(a)
  const right = [...pairs(b)]
  let common = 0
  for (const pair of left) {
    const at = right.indexOf(pair)
    if (at === -1) continue
    right.splice(at, 1)
    common++
  }
  return (2 * common) / Math.max(1, left.length + pairs(b).length)
}

/** Which of `names` was probably meant; null: none is near. */
const nearest = (name: string, names: Iterable<string>): string | null => {
  let best: string | null = null
  let most = 0.55
  for (const one of names) {
    const score = likeness(name, one)
    if (score < most || (score === most && best !== null)) continue
    best = one
    most = score
  }
  return best
}

/** The kind that a name was probably meant to be; null: none is near. */
const nearestKind = (name: string): string | null => nearest(name, new Set([...kinds.map((kind) => kind.kind), ...traffic]))

const fieldName = /^[\w.$/-]{1,63}$/

/**
 * The verdict on a field that a kind does not have. `kubectl apply` refuses such a manifest: a misspelt field must not pass for one that was heard.
 * Kubernetes' own kinds get fields with each release, and those are not ours to refuse.
 */
export const judgeField = (kind: KindEntry, unread: UnreadField): Pick<Problem, "severity" | "field" | "message" | "remedy"> => {
  const meant = nearest(unread.name, unread.known)
  // A stray indicator of YAML can make a key of a value: what is no field's name is not told, nor any of a Secret, where the value is the content.
  const named = fieldName.test(unread.name) && !unquoted.has(kind.groupKind)
  const correct = named ? "Correct its spelling and its place, or remove it" : "Look for a stray quote, bracket or question mark before it"
  return {
    severity: coreFields.has(kind.groupKind) ? "Warning" : "Refused",
    field: named ? unread.path : null,
    message: `${kind.kind} has ${named ? "no such field" : "a field whose name is not one of its own"}; it is not read`,
    remedy: meant === null ? correct : `Did you mean ${meant}?`
  }
}

/** The verdict on a kind that the table of kinds does not hold. */
export const judgeKind = (unknown: UnknownKind): Pick<Problem, "severity" | "field" | "message" | "remedy"> => {
  const slash = unknown.apiVersion.indexOf("/")
  const group = slash === -1 ? "" : unknown.apiVersion.slice(0, slash)
  const namesakes = kinds.filter((kind) => kind.kind === unknown.kind)
  const written = `${unknown.kind} of ${unknown.apiVersion}`
  if (namesakes.length > 0) {
    const own = namesakes.map((kind) => (kind.group === "" ? kind.version : `${kind.group}/${kind.version}`)).join(" or ")
    return {
      severity: "Refused",
      field: "apiVersion",
      message: `${written} is not a kind that Sluice reads`,
      remedy: `Write apiVersion: ${own}`
    }
  }
  if (traffic.has(unknown.kind))
    return {
      severity: "Refused",
      field: "kind",
      message: `${written} is not served by this version of Sluice`,
      remedy: "Remove it, or say the same with an HTTPRoute or a Backend"
    }
  if (bystanders.test(group) || ((group === "" || group === "networking.k8s.io") && core.has(unknown.kind)))
    return { severity: "Info", field: null, message: `${unknown.kind} is not used by Sluice`, remedy: "" }
  const meant = nearestKind(unknown.kind)
  return meant === null
    ? { severity: "Warning", field: "kind", message: `${written} is a kind unknown to Sluice, and is not used`, remedy: "" }
    : { severity: "Refused", field: "kind", message: `${written} is a kind unknown to Sluice`, remedy: `Did you mean ${meant}?` }
}
