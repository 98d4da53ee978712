// Who calls on the link: token → TokenReview → pod → its one Gateway (law 14). Apart from the link, which knows no Kubernetes.
import { createHash } from "node:crypto"
import { Clock, Effect, Semaphore } from "effect"
import { read } from "../kube/apply.ts"
import type { Kube, KubeError } from "../kube/client.ts"
import { type Caller, CallerRefused, CallerUnknown, type Review } from "../link/caller.ts"
import { audience, gatewayNameLabel } from "../link/mount.ts"
import { makeAllowance } from "./allowance.ts"

export interface CallerOptions {
  readonly kube: Kube["Service"]
  /**
   * The Gateway of that namespace whose pods carry the label value (names longer than a label are hashed in it), and the ServiceAccount of its pods;
   * null: none that is known here.
   */
  readonly find: (namespace: string, label: string) => { readonly name: string; readonly serviceAccount: string } | null
  /** Whether a ServiceAccount of its namespace was made for the Gateway too: when it was of another class, for pods that are yet to go. */
  readonly madeFor?: (gateway: Caller["gateway"], serviceAccount: string) => boolean
  /** limited: not asked about, because too many of its address were asked about in vain. */
  readonly onJudged?: (result: "accepted" | "refused" | "unknown" | "limited") => void
}

/** A caller that was judged is believed for so long without being asked about again: all proxies come back at once when an operator starts. */
const believed = 60_000
const mostBelieved = 10_000

/** Reviews under way: the API server is asked by few at a time. */
const atOnce = 16

interface TokenReviewStatus {
  readonly authenticated?: boolean
  readonly audiences?: ReadonlyArray<string>
  readonly user?: { readonly username?: string; readonly extra?: Readonly<Record<string, ReadonlyArray<string>>> }
}

/** The pod that a token of the kubelet is bound to, in the claims that the API server hands on (KEP-1205). */
const extras = { pod: "authentication.kubernetes.io/pod-name", uid: "authentication.kubernetes.io/pod-uid" } as const

const refused = (message: string) => Effect.fail(new CallerRefused({ message }))

/** The claim `exp`, of a token that the API server has just found good; null when it is no JWT. */
const expiryOf = (token: string): number | null => {
  try {
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8")) as { readonly exp?: unknown }
    return typeof claims.exp === "number" && Number.isFinite(claims.exp) ? claims.exp * 1_000 : null
  } catch {
    return null
  }
}

const unasked = (what: string) => (error: KubeError) =>
  Effect.fail(
    new CallerUnknown({
      message: error.status === 403 ? `the operator may not ${what}: see the ClusterRole of the installation` : `${what}: ${error.reason}`
    })
  )

export const makeReview = (options: CallerOptions): Review => {
  const { kube, find } = options
  const known = new Map<string, { readonly caller: Caller; readonly until: number }>()
  const few = Semaphore.makeUnsafe(atOnce)
  const allowance = makeAllowance()

  const judge = Effect.fnUntraced(function* (token: string) {
    const answer = (yield* kube
      .request({
        method: "POST",
        path: "/apis/authentication.k8s.io/v1/tokenreviews",
        body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token, audiences: [audience] } }
      })
      .pipe(Effect.catchTag("KubeError", unasked("review tokens")))) as { readonly status?: TokenReviewStatus }
    const { authenticated, audiences = [], user } = answer.status ?? {}
    // `error` of the answer may quote the token's claims; it stays out of messages.
    if (authenticated !== true) return yield* refused("the token is not good: it has expired, is of another audience, or of nobody")
    // An authenticator that knows no audiences answers none, and has then not looked at ours (TokenReviewStatus.audiences).
    if (!audiences.includes(audience)) return yield* refused(`the token is not for ${audience}`)
    const [, namespace, serviceAccount] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user?.username ?? "") ?? []
    const pod = user?.extra?.[extras.pod]?.[0]
    const uid = user?.extra?.[extras.uid]?.[0]
    if (namespace === undefined || serviceAccount === undefined) return yield* refused("the token is not of a ServiceAccount")
    if (pod === undefined || uid === undefined) return yield* refused("the token is bound to no pod")

    const found = yield* read(kube, { group: "", version: "v1", plural: "pods", namespace, name: pod }).pipe(
      Effect.catchTag("KubeError", unasked("read pods"))
    )
    if (found === null || found.metadata.uid !== uid) return yield* refused(`there is no pod ${namespace}/${pod} of that token`)
    const { labels = {} } = found.metadata as { readonly labels?: Readonly<Record<string, string>> }
    const label = labels[gatewayNameLabel]
    if (label === undefined) return yield* refused(`pod ${namespace}/${pod} has no label ${gatewayNameLabel}: it belongs to no Gateway`)
    // The pod's namespace is the Gateway's: no label leads out of it.
    const gateway = find(namespace, label)
    if (gateway === null) return yield* new CallerUnknown({ message: `Gateway ${namespace}/${label} is not served here yet` })
    if (gateway.serviceAccount !== serviceAccount && options.madeFor?.({ namespace, name: gateway.name }, serviceAccount) !== true)
      return yield* refused(
        `pod ${namespace}/${pod} does not run as ${gateway.serviceAccount}, the ServiceAccount of Gateway ${gateway.name}`
      )
    return { gateway: { namespace, name: gateway.name }, pod, expires: expiryOf(token) } satisfies Caller
  })

  const ask = (token: string, from: string) =>
    Effect.gen(function* () {
      if (!allowance.take(from, yield* Clock.currentTimeMillis)) {
        options.onJudged?.("limited")
        return yield* new CallerUnknown({ message: `too many callers of ${from} were not known, the next is asked about in a moment` })
      }
      const caller = yield* judge(token).pipe(
        Effect.tapError(({ _tag }) => Effect.sync(() => options.onJudged?.(_tag === "CallerRefused" ? "refused" : "unknown")))
      )
      allowance.giveBack(from)
      options.onJudged?.("accepted")
      return caller
    })

  return (token, from) =>
    Effect.gen(function* () {
      const key = createHash("sha256").update(token).digest("hex")
      const now = yield* Clock.currentTimeMillis
      const before = known.get(key)
      if (before !== undefined && now < before.until) return before.caller
      known.delete(key)
      const caller = yield* few.withPermits(1)(ask(token, from))
      if (known.size >= mostBelieved) known.clear()
      known.set(key, { caller, until: Math.min(now + believed, caller.expires ?? Number.POSITIVE_INFINITY) })
      return caller
    })
}
