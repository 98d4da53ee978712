// What is told of a decision, as plain data: `--output json` prints it and the admin port answers it as it is, so that its names are an interface of their own.
// telling.ts fills in what comes from a snapshot, explanation.ts decides and chain.ts writes it as text.
import type { Id } from "../snapshot/id.ts"
import type { Refusal } from "./refusal.ts"

/** An object and where a manifest says it (`gateway.yaml:12`), when one does. */
export interface Said {
  readonly object: string
  readonly at: string | null
}

export interface EndpointStory {
  readonly endpoint: string
  readonly tls: boolean
  readonly tier: number
  readonly weight: number
  /** What is sent. */
  readonly host: string
  readonly sni: string | null
  readonly certificateName: string | null
  readonly alpn: ReadonlyArray<string>
  /** Why its written address is not dialled, with the remedy; of a name only its answer can tell. */
  readonly refused: string | null
  /** What an EgressPolicy in mode Report would refuse of it, and the entry of spec.allow that would keep it. */
  readonly wouldRefuse: string | null
}

export interface UpstreamStory {
  readonly id: Id
  readonly of: string
  readonly objects: ReadonlyArray<Said>
  readonly external: boolean
  readonly protocol: string
  readonly tls: {
    readonly ca: string
    readonly names: ReadonlyArray<string>
    readonly clientCertificate: boolean
    readonly verify: boolean
    readonly versions: string
  } | null
  /** What requests authenticate themselves with; null: what the client sent. */
  readonly credential: string | null
  readonly timeouts: Readonly<Record<string, string>>
  /** How requests are spread over the endpoints. */
  readonly balancing: string
  /** null: it has one tier. */
  readonly failover: string | null
  /** What is answered when nobody can serve; null: the failure. */
  readonly response: string | null
  /** Requests and connections at once. */
  readonly limits: Readonly<Record<string, string>>
  /** For rules that say nothing of retries; null: it says nothing of them either. */
  readonly retry: string | null
  /** What looks at an address; null: nothing does. */
  readonly healthCheck: string | null
  /** What ejects an address; null: nothing does. */
  readonly outlier: string | null
  readonly dns: Readonly<Record<string, string>> | null
  readonly addresses: string
  /** How its connections leave; null: straight. */
  readonly path: string | null
  readonly endpoints: ReadonlyArray<EndpointStory>
  /** Field → the object that set it. */
  readonly setBy: Readonly<Record<string, Said>>
}

export interface ShareStory {
  readonly backend: Said
  readonly weight: number
  /** 0 to 100. */
  readonly percent: number
  /** Why this share answers instead of forwarding. */
  readonly refused: Refusal | null
  /** The request as it leaves: origin form, and the edits of its headers and of the response's. */
  readonly target: string
  /** Its own, but for those that the next three tell. */
  readonly filters: ReadonlyArray<string>
  readonly requestHeaders: ReadonlyArray<string>
  readonly responseHeaders: ReadonlyArray<string>
  /** What ties clients to one of its endpoints; null: the rule, if anything. */
  readonly session: string | null
  readonly upstream: UpstreamStory | null
  /** Who serves what it cannot, in order. */
  readonly standbys: ReadonlyArray<ShareStory>
}

export interface RuleStory {
  readonly route: Said
  readonly match: string
  readonly deadlines: Readonly<Record<string, string>>
  /** null: the rule says nothing of retries. */
  readonly retry: string | null
  /** What ties clients to endpoints; null: nothing does. */
  readonly session: string | null
  /** Policies in force on the way to it, which may have set its times and retries, weakest first. */
  readonly policies: ReadonlyArray<Said>
  readonly filters: ReadonlyArray<string>
}

/** A rule that did not get the request, and why. */
export interface LoserStory {
  readonly route: string
  readonly match: string
  readonly why: string
}

export interface Explanation {
  readonly request: { readonly url: string; readonly method: string; readonly host: string; readonly path: string }
  /** One sentence: what becomes of the request. */
  readonly outcome: string
  /** What is answered without asking a backend; null: it is forwarded. */
  readonly answer: (Pick<Refusal, "status" | "grpc"> & { readonly reason: string | null; readonly location: string | null }) | null
  readonly gateway: Said | null
  readonly version: string | null
  readonly listener: {
    readonly object: Said
    readonly port: number
    readonly hostname: string
    readonly tls: boolean
    /** What clients begin with: `plain HTTP`, `TLS` (whoever ends it), `TCP`. */
    readonly speaks: string
    readonly bind: string
  } | null
  /** The route hostname that took it. */
  readonly hostname: string | null
  readonly rule: RuleStory | null
  readonly losers: ReadonlyArray<LoserStory>
  readonly shares: ReadonlyArray<ShareStory>
  readonly notes: ReadonlyArray<string>
}
