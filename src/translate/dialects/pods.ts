// The pods that a selector of labels takes in a namespace, at a port of theirs: what EndpointSlices are to a Service, made here.
import { Result } from "effect"
import { describeKey, parseKey } from "#schemas/meta.ts"
import type { Pod } from "#schemas/pod.ts"
import { hasLabels, podKind, podSelection } from "#schemas/podselection.ts"
import { backendNote } from "../../status/backendnotes.ts"
import { canonicalAddress, refusedClass } from "../address.ts"
import type { BackendRules } from "../features.ts"
import type { Index } from "../lookup.ts"
import type { View } from "../view.ts"
import { bounded, type Candidate, type Members, union } from "./slices.ts"

const labelled = (namespace: string, name: string, value: string): string => `${namespace}/${name}=${value}`

const podsByLabel: Index<Pod> = {
  name: "Pod:label",
  kind: podKind,
  buckets: ({ meta }) => {
    const { namespace } = parseKey(meta.key)
    return [...meta.labels].map(([name, value]) => labelled(namespace, name, value))
  }
}

/** Set on pods by the API server (Kubernetes 1.35), as the node has it. */
const zoneLabel = "topology.kubernetes.io/zone"

const readiness = { Ready: "Ready", Leaving: "Last", No: "No" } as const

/** matchLabels: at least one. */
export const podMembers = (
  view: View,
  rules: Pick<BackendRules, "allowLoopback">,
  namespace: string,
  matchLabels: ReadonlyMap<string, string>,
  port: number
): Members => {
  const unseen = view.fetched(podSelection(namespace, matchLabels))
  const notes: Array<string> = []
  if (unseen != null && Result.isFailure(unseen.value)) notes.push(...unseen.value.failure.map(({ message }) => message))
  const [name, value] = [...matchLabels].sort()[0]!
  const candidates: Array<Candidate> = []
  for (const { meta, value: pod } of view.by(podsByLabel, labelled(namespace, name, value))) {
    if (Result.isFailure(pod) || !hasLabels(meta.labels, matchLabels)) continue
    const ready = readiness[pod.success.readiness]
    if (ready === "No") continue
    for (const address of pod.success.addresses) {
      const ip = canonicalAddress(address)
      const refused = ip === null ? "not an IP address" : refusedClass(ip, rules.allowLoopback)
      if (ip === null || refused !== null) notes.push(backendNote.slice.address(describeKey(meta.key), address, refused ?? ""))
      else candidates.push({ ip, port, zone: meta.labels.get(zoneLabel) ?? null, forZones: null, origin: "Pod", readiness: ready })
    }
  }
  return { members: union(candidates), notes: bounded(notes) }
}
