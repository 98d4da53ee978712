// What the CRDs of our own kinds say beside the fields. Apart from kinds.ts: a process that serves has no use for it.
import type { Schema } from "effect"
import { BackendStatus, EgressPolicyStatus, TrafficPolicyStatus } from "./backendstatus.ts"
import { type GroupKind, groupKind } from "./meta.ts"
import { ownGroup } from "./reference.ts"

/** A column of `kubectl get`. */
export interface Column {
  readonly name: string
  readonly type: "string" | "integer" | "date"
  readonly path: string
  readonly description: string
  /** Only with `-o wide`. */
  readonly wide?: boolean
}

export interface Definition {
  readonly groupKind: GroupKind
  readonly description: string
  readonly shortNames: ReadonlyArray<string>
  readonly columns: ReadonlyArray<Column>
  /** null: nothing is written on it; what is wrong with it is told where it is used. */
  readonly status: Schema.Constraint | null
}

export const categories: ReadonlyArray<string> = ["sluice", "gateway-api"]

const condition = (type: string): Column => ({
  name: type,
  type: "string",
  path: `.status.conditions[?(@.type=="${type}")].status`,
  description: `The condition ${type}.`
})
const reason: Column = {
  name: "Reason",
  type: "string",
  path: `.status.conditions[?(@.type=="Accepted")].reason`,
  description: "The reason of Accepted: what is wrong where it is False."
}
/** Of a policy, whose conditions stand by Gateway. */
const ofFirst = (name: string, field: string, description: string): Column => ({
  name,
  type: "string",
  path: `.status.ancestors[0].conditions[?(@.type=="Accepted")].${field}`,
  description
})
const age: Column = { name: "Age", type: "date", path: ".metadata.creationTimestamp", description: "Since when it exists." }
const live = (name: string, type: Column["type"], field: string, description: string, wide = false): Column => ({
  name,
  type,
  path: `.status.live.${field}`,
  description,
  wide
})

export const definitions: ReadonlyArray<Definition> = [
  {
    groupKind: groupKind(ownGroup, "Backend"),
    description: "A destination outside the cluster, declared: where it is, how it is spoken to, and what is expected of it.",
    shortNames: ["sbe"],
    columns: [
      condition("Accepted"),
      reason,
      live("Resolution", "string", "resolution", "What became of its names: Fresh, Pending, Stale, Failed, Refused or NotNeeded."),
      live("Addresses", "integer", "addresses", "Addresses that may be dialled, as of the last write."),
      live("Healthy", "integer", "healthy", "Addresses whose last connection succeeded, or that were not tried yet."),
      live("Tier", "integer", "tier", "The tier in use.", true),
      // Not of type date: that is printed as an age, and a time to come as <invalid>.
      live("Expires", "string", "certificate.expires", "When its certificate expires, the first of several.", true),
      live("Failure", "string", "lastFailure", "The failure of the last connection.", true),
      live("Detail", "string", "reason", "Why it is not Fresh.", true),
      age
    ],
    status: BackendStatus
  },
  {
    groupKind: groupKind(ownGroup, "BackendTrafficPolicy"),
    description: "How requests to backends behave: said of a Gateway, a route, a rule or a backend of any kind, in the words of a Backend.",
    shortNames: ["sbtp"],
    columns: [
      { name: "Target", type: "string", path: ".spec.targetRefs[0].name", description: "Its first target." },
      ofFirst("Accepted", "status", "The condition Accepted, as its first Gateway has it."),
      ofFirst("Reason", "reason", "The reason of Accepted: what is wrong where it is False."),
      age
    ],
    status: TrafficPolicyStatus
  },
  {
    groupKind: groupKind(ownGroup, "EgressPolicy"),
    description: "Which namespaces may reach what outside the cluster. Without any, public addresses may be reached and no others.",
    shortNames: ["segp"],
    columns: [
      condition("Accepted"),
      reason,
      { name: "Mode", type: "string", path: ".spec.mode", description: "Enforce, Report or Open." },
      age
    ],
    status: EgressPolicyStatus
  },
  {
    groupKind: groupKind(ownGroup, "GatewayParameters"),
    description:
      "What the pods and the Service of a Gateway look like, and switches for all that it serves. Named by a GatewayClass or a Gateway.",
    shortNames: ["sgp"],
    columns: [
      { name: "Replicas", type: "integer", path: ".spec.replicas", description: "Pods of the Gateway." },
      { name: "Service", type: "string", path: ".spec.service.type", description: "The type of its Service." },
      age
    ],
    status: null
  }
]
