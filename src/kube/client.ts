// The API server as everything else sees it: one request, or one stream of lines. Paths and JSON in, JSON out; who we are and whom we trust is settled here.
import { Context, Effect, Layer, type Stream } from "effect"
import { type Access, type AccessError, type AccessOptions, findAccess } from "./access.ts"
import { KubeError } from "./failure.ts"
import { makeWire } from "./wire.ts"

export { KubeError }

export interface KubeRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE"
  /** From the root: `/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/cart/status`. Segments are encoded by `kubePath`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Of the body; `application/json` unless said. Patches say which kind they are. */
  readonly contentType?: string
  /** `application/json` unless said: metadata alone is asked for by it. */
  readonly accept?: string
  /** Milliseconds for the whole answer; 30 s unless said. */
  readonly timeout?: number
}

export interface KubeOptions extends AccessOptions {
  /** `User-Agent`, which the API server's audit log shows; `sluice` unless said. */
  readonly userAgent?: string
}

export class Kube extends Context.Service<
  Kube,
  {
    /** The decoded JSON of a 2xx answer. */
    readonly request: (request: KubeRequest) => Effect.Effect<unknown, KubeError>
    /**
     * The lines of an answer that goes on (a watch), each decoded JSON. Ends when the server ends it; fails when no byte comes for `silence`
     * milliseconds (reason `Silent`), which is how a half-open connection is noticed. A slow reader slows the server down. opened: called at the
     * head of a 2xx answer.
     */
    readonly lines: (request: KubeRequest, silence: number, opened?: () => void) => Stream.Stream<unknown, KubeError>
    /** Completes the next time that the server answers after it did not: for whoever stays away meanwhile. */
    readonly back: Effect.Effect<void>
    /** It came back less than half a minute ago: what it refuses now it may grant in a moment. */
    readonly settling: () => boolean
    /** `https://10.0.0.1:443`, for messages. */
    readonly server: string
    /** Our own namespace: of the ServiceAccount, or of the kubeconfig's context. */
    readonly namespace: string
  }
>()("sluice/kube/Kube") {
  /** The API server of this pod, or of a kubeconfig. Reaching it is not tried: a server that is down at start is an ordinary failure of a request. */
  static readonly layer = (options: KubeOptions = {}): Layer.Layer<Kube, AccessError> =>
    Layer.unwrap(Effect.map(findAccess(options), (access) => Kube.layerOf(access, options.userAgent)))

  static readonly layerOf = (access: Access, userAgent = "sluice"): Layer.Layer<Kube> =>
    Layer.effect(
      Kube,
      Effect.map(
        Effect.acquireRelease(
          Effect.sync(() => makeWire(access, userAgent)),
          (wire) => Effect.sync(wire.close)
        ),
        ({ request, lines, back, settling }) =>
          Kube.of({ request, lines, back, settling, server: access.server, namespace: access.namespace })
      )
    )
}
