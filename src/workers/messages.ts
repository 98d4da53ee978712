// What the primary of a pod and its workers say to each other, over the channel that Node gives a forked process (structured clones). Both ends are of one version: nothing is
// negotiated, nothing is doubted. Secret bytes cross it inside the parts of updates and as tokens, and go nowhere else (law 11).
import type { Settings } from "../config/settings.ts"
import type { BoundListener } from "../proxy/serving.ts"
import type { Ack, UpstreamFacts } from "../report/report.ts"
import type { Told } from "../report/sums.ts"
import type { DnsContract } from "../snapshot/behaviour.ts"
import type { UpdateHead } from "../snapshot/codec.ts"
import type { Id } from "../snapshot/id.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import type { AddressPolicy } from "../snapshot/upstream.ts"
import type { Token } from "../upstream/credential/token.ts"
import type { UpstreamDescription } from "../upstream/description.ts"
import type { NameKind } from "../upstream/discovery/names.ts"
import type { Resolution } from "../upstream/discovery/resolution.ts"
import type { Offence } from "../upstream/health/conduct.ts"
import type { Place } from "./share.ts"

/** Of a Gateway that is served: one deleted and made again is another. */
export type Serving = number

export interface Door {
  readonly address: string
  readonly port: number
}

/** Milliseconds, as of a proxy's drain. */
export interface Departure {
  readonly propagation: number
  readonly linger: number
  readonly deadline: number
}

/** Why an address fails now; forgiven: what requests would do was done, and did not fail. */
export interface Look {
  readonly upstream: Id
  readonly target: string
  readonly failing: string | null
  readonly forgiven: boolean
}

export interface Ejection {
  readonly upstream: Id
  readonly target: string
  readonly offence: Offence
  /** Milliseconds from now. */
  readonly long: number
}

/** What only a worker can say of a Gateway, for the admin port. */
export interface View {
  readonly serving: Serving
  readonly upstreams: ReadonlyArray<{ readonly description: UpstreamDescription; readonly facts: UpstreamFacts }>
}

/** Primary → worker. */
export type Down =
  | { readonly type: "Start"; readonly place: Place; readonly settings: Settings; readonly bundles: ReadonlyArray<string> }
  /** Where other parts of the pod answer: not dialled. */
  | { readonly type: "Doors"; readonly doors: ReadonlyArray<Door> }
  | { readonly type: "Serve"; readonly serving: Serving; readonly gateway: Snapshot["gateway"] }
  /** Part of an update against what the worker has taken; applied with the last one, which is answered by Took. */
  | {
      readonly type: "Update"
      readonly serving: Serving
      readonly sequence: number
      readonly head: UpdateHead
      readonly last: boolean
      readonly part: string
    }
  /** The Gateway is gone. */
  | { readonly type: "Retire"; readonly serving: Serving; readonly deadline: number }
  | { readonly type: "Leave"; readonly departure: Departure }
  | { readonly type: "Resolved"; readonly watch: number; readonly resolution: Resolution; readonly settled: boolean }
  | { readonly type: "Looked"; readonly serving: Serving; readonly looks: ReadonlyArray<Look> }
  | { readonly type: "Ejected"; readonly serving: Serving; readonly ejection: Ejection }
  /** asked null: it comes unasked. */
  | {
      readonly type: "Token"
      readonly serving: Serving
      readonly upstream: Id
      readonly asked: number | null
      readonly outcome: Token | string
    }
  | { readonly type: "Ask"; readonly question: number; readonly what: "Views" | "Metrics" }
  /** Lines of the access log were taken. */
  | { readonly type: "Passed" }
  | { readonly type: "Ping" }

/** Worker → primary. */
export type Up =
  /** version: of the program that it runs, which may have been replaced on disk since the primary began. */
  | { readonly type: "Hello"; readonly version: string }
  | { readonly type: "Pong" }
  | { readonly type: "Took"; readonly serving: Serving; readonly version: string }
  | {
      readonly type: "Acked"
      readonly serving: Serving
      readonly ack: Ack
      readonly listeners: ReadonlyArray<BoundListener>
    }
  /** What it had of the Gateway has ended. */
  | { readonly type: "Retired"; readonly serving: Serving }
  | { readonly type: "Opened"; readonly doors: ReadonlyArray<Door> }
  | {
      readonly type: "Reported"
      readonly serving: Serving
      readonly changed: ReadonlyMap<Id, UpstreamFacts>
      readonly gone: ReadonlyArray<Id>
    }
  | {
      readonly type: "Watch"
      readonly watch: number
      readonly name: string
      readonly contract: DnsContract
      readonly addresses: AddressPolicy
      readonly namespace: string
      readonly kind: NameKind
    }
  | { readonly type: "Unwatch"; readonly watch: number }
  | { readonly type: "Ejected"; readonly serving: Serving; readonly ejection: Ejection }
  | { readonly type: "Wanted"; readonly serving: Serving; readonly upstream: Id; readonly asked: number; readonly refused: boolean }
  | { readonly type: "Views"; readonly question: number; readonly views: ReadonlyArray<View> }
  | { readonly type: "Metrics"; readonly question: number; readonly metrics: ReadonlyArray<Told> }
  | { readonly type: "Said"; readonly level: Settings["logLevel"]; readonly message: string }
  | { readonly type: "Lines"; readonly lines: string }
  /** It was asked to go: it stays until another has taken its place. */
  | { readonly type: "Leaving" }
  /** All is drained: what it had counted. */
  | { readonly type: "Left"; readonly metrics: ReadonlyArray<Told> }

/** Says it, in order; what is said to a process that has gone is lost. */
export type Say = (message: Up) => void
export type Tell = (message: Down) => void
