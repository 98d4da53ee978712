// status of our own kinds, as the operator writes it. Apart from the specs: nothing reads it back, and its facts are the proxies', merged over the pods.
// An XBackend's CRD is upstream's and has no room for facts: there they stand in the messages of its conditions.
import { Schema } from "effect"
import { requiredList } from "./absent.ts"
import { Instant, WrittenAncestor, writtenConditions } from "./condition.ts"
import { integer, text } from "./name.ts"

/** In order of badness, the best first. Of several pods, or several endpoints, the worst is told. */
export const Resolution = Schema.Literals(["NotNeeded", "Fresh", "Pending", "Stale", "Failed", "Refused"])
export type Resolution = typeof Resolution.Type

const Count = integer(0, 2_147_483_647)

/** How the peer named itself on the newest connection, and until when. Whole days: what is written must not change by the hour. */
export const PeerCertificate = Schema.Struct({
  subject: text(0, 1024).annotateKey({ description: "The certificate's subject, or its first alternative name." }),
  expires: Instant.annotateKey({ description: "When the certificate expires." }),
  daysLeft: Schema.Int.annotateKey({ description: "Whole days until then, as of the last write; negative when it has expired." })
})
export type PeerCertificate = typeof PeerCertificate.Type

/** An endpoint of the spec, in its order. */
export const EndpointFacts = Schema.Struct({
  name: text(1, 512).annotateKey({
    description: "The endpoint as it is written: api.example:443, _https._tcp.api.example, 192.0.2.1:80, [2001:db8::1]:80, /run/a.sock."
  }),
  resolution: Resolution.annotateKey({
    description:
      "Fresh: a current answer. Stale: an older answer is used, within its limit. Failed: no answer. Refused: no address may be dialled."
  }),
  reason: Schema.optionalKey(text(0, 1024)).annotateKey({
    description: "Why it is not Fresh: what the resolver said, or the rule of the address policy."
  }),
  addresses: Schema.Struct({
    count: Count,
    first: requiredList(text(1, 64), 0, 4).annotateKey({
      description: "The first four, of a service the places in its records, as of the last write: they rotate, writes do not follow them."
    }),
    asOf: Schema.optionalKey(Instant)
  }).annotateKey({ description: "What the name resolves to." }),
  healthy: Count.annotateKey({ description: "Addresses whose last connection succeeded, or that were not tried yet." }),
  tier: Schema.optionalKey(integer(0, 15)),
  tls: Schema.optionalKey(PeerCertificate).annotateKey({ description: "The certificate of the newest connection." }),
  lastFailure: Schema.optionalKey(text(1, 256)).annotateKey({
    description: "The failure of the last connection, absent since the last success."
  })
})
export type EndpointFacts = typeof EndpointFacts.Type

/** The endpoints together: what `kubectl get backend` shows. */
export const LiveFacts = Schema.Struct({
  asOf: Instant.annotateKey({ description: "When this was written. Facts are written when a state changes, not when addresses rotate." }),
  proxies: Count.annotateKey({ description: "Pods that reported." }),
  resolution: Resolution.annotateKey({ description: "The worst of all endpoints, as any pod sees it." }),
  reason: Schema.optionalKey(text(0, 1024)).annotateKey({ description: "Why it is not Fresh." }),
  addresses: Count.annotateKey({ description: "Addresses that may be dialled." }),
  healthy: Count.annotateKey({ description: "Addresses whose last connection succeeded, or that were not tried yet." }),
  tier: integer(0, 15).annotateKey({ description: "The tier in use: 0 is the first." }),
  passedOver: Schema.optionalKey(Schema.Boolean).annotateKey({
    description: "No tier can serve: requests go to what stands behind it (failover), where that can. Absent: some can."
  }),
  certificate: Schema.optionalKey(PeerCertificate).annotateKey({ description: "The certificate that expires first." }),
  lastFailure: Schema.optionalKey(text(1, 256)).annotateKey({
    description: "The failure of the last connection, absent since the last success."
  })
})
export type LiveFacts = typeof LiveFacts.Type

export const BackendStatus = Schema.Struct({
  conditions: Schema.optionalKey(writtenConditions(0)).annotateKey({
    description: "Over all Gateways together, the worst of each type: what printer columns and `kubectl wait` read."
  }),
  ancestors: Schema.optionalKey(requiredList(WrittenAncestor, 0, 16)).annotateKey({
    description: "What each Gateway that reaches this object makes of it. Entries of other controllers are theirs."
  }),
  live: Schema.optionalKey(LiveFacts).annotateKey({ description: "What the proxies see. Absent until one reports." }),
  endpoints: Schema.optionalKey(requiredList(EndpointFacts, 0, 64)).annotateKey({
    description: "What the proxies see of the first 64 endpoints."
  })
})
export type BackendStatus = typeof BackendStatus.Type

export const TrafficPolicyStatus = Schema.Struct({
  ancestors: Schema.optionalKey(requiredList(WrittenAncestor, 0, 16)).annotateKey({
    description: "What each Gateway whose requests it is about makes of it. Entries of other controllers are theirs."
  })
})
export type TrafficPolicyStatus = typeof TrafficPolicyStatus.Type

export const EgressPolicyStatus = Schema.Struct({
  conditions: Schema.optionalKey(writtenConditions(0))
})
export type EgressPolicyStatus = typeof EgressPolicyStatus.Type
