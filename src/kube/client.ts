// The API server as everything else sees it: one request, or one stream of lines. Paths and JSON in, JSON out; who we are and whom we trust is settled here.
import { Context, Data, type Effect, type Stream } from "effect"

export interface KubeRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE"
  /** From the root: `/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/cart/status`. Segments are encoded by `kubePath`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Of the body; `application/json` unless said. Patches say which kind they are. */
  readonly contentType?: string
  /** Milliseconds for the whole answer; 30 s unless said. */
  readonly timeout?: number
}

/** An answer that is not 2xx, or none. No token, no Secret, no body of ours is in it (law 11). */
export class KubeError extends Data.TaggedError("KubeError")<{
  /** HTTP status; null: there was no answer. */
  readonly status: number | null
  /** `reason` of the API server's Status (`NotFound`, `Expired`, `Conflict`), or the errno of a connection. */
  readonly reason: string
  readonly message: string
  /** Milliseconds the server asks us to stay away (Retry-After), or null. */
  readonly retryAfter: number | null
}> {}

export class Kube extends Context.Service<
  Kube,
  {
    /** The decoded JSON of a 2xx answer. */
    readonly request: (request: KubeRequest) => Effect.Effect<unknown, KubeError>
    /**
     * The lines of an answer that goes on (a watch), each decoded JSON. Ends when the server ends it; fails when no byte comes for `silence`
     * milliseconds, which is how a half-open connection is noticed.
     */
    readonly lines: (request: KubeRequest, silence: number) => Stream.Stream<unknown, KubeError>
    /** `https://10.0.0.1:443`, for messages. */
    readonly server: string
    /** Our own namespace: of the ServiceAccount, or of the kubeconfig's context. */
    readonly namespace: string
  }
>()("sluice/kube/Kube") {}
