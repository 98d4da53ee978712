// One proxy's connection at the operator: who it is, what it was given last, what it says. Its own file, because the order of its steps is the security of it:
// nothing is given, and nothing is believed, before the caller is known.
import type { TLSSocket } from "node:tls"
import { Effect, type Fiber, Stream } from "effect"
import type { Ack, Report, UpstreamFacts } from "../report/report.ts"
import { encodeParts } from "../snapshot/codec.ts"
import type { Id } from "../snapshot/id.ts"
import type { Published, Publisher } from "../snapshot/published.ts"
import { Unreadable } from "../snapshot/reading.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import { diff } from "../snapshot/update.ts"
import type { Caller, Review } from "./caller.ts"
import { downText, negotiate, readUp, spoken, type Up, updateText, upLimits } from "./protocol.ts"
import { type LinkTimes, openStream } from "./stream.ts"

export interface Served {
  readonly publisher: Pick<Publisher, "current" | "follow">
  /** A snapshot of that version, if it is among the newest. */
  readonly recent: (version: string) => Snapshot | null
}

export interface SessionOptions {
  readonly times: LinkTimes
  readonly part: number
  readonly review: Review
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly served: (gateway: Snapshot["gateway"]) => Served | null
  /** No more proxies are taken. */
  readonly full: () => boolean
  readonly onKnown: (caller: Caller) => void
  readonly onAck: (gateway: Snapshot["gateway"], ack: Ack) => void
  readonly onReport: (gateway: Snapshot["gateway"], report: Report) => void
  readonly onClose: () => void
}

export interface Session {
  /** null: not known yet. */
  readonly caller: () => Caller | null
  readonly ended: () => boolean
  /** Whether its Gateway is served here has changed. */
  readonly announce: () => void
  readonly end: (reason: string) => void
  readonly describe: () => {
    readonly gateway: Snapshot["gateway"]
    readonly proxy: string
    readonly following: boolean
    readonly version: string | null
    readonly since: number
  }
}

/** Bytes of a frame from a stranger (a token and little else), and from a proxy that is known. */
const frameLimits = { stranger: 16_384, proxy: 1024 * 1024 } as const

/** Messages between two pings: a start tells a frame for some hundred upstreams, a busy proxy some ten a second. */
const mostMessages = 5_000

/** A token that a timer cannot wait for is looked at again after a day. */
const longest = 86_400_000

/** Upstreams that a proxy may speak of: what it was given, and what is leaving. */
const mostUpstreams = (served: Served | null): number =>
  upLimits.upstreams + 2 * (served?.publisher.current()?.snapshot.upstreams.size ?? 0)

export const makeSession = (socket: TLSSocket, options: SessionOptions): Session => {
  const { times, fork } = options
  const since = Date.now()
  const from = String(socket.remoteAddress)
  let caller: Caller | null = null
  let protocol = 0
  let greeted = false
  let reviewing = false
  let messages = 0
  let acknowledged: string | null = null
  let following: Fiber.Fiber<void> | null = null
  let review: Fiber.Fiber<void> | null = null
  let expiry: NodeJS.Timeout | undefined
  let pinging: NodeJS.Timeout | undefined
  let upstreams: ReadonlyMap<Id, UpstreamFacts> = new Map()
  let invalidated: Report["invalidated"] = new Map()

  const stream = openStream(socket, {
    limit: frameLimits.stranger,
    times,
    onFrame: (value) => {
      if (++messages > mostMessages) throw new Unreadable("said at such a rate: so many messages")
      const message = readUp(value)
      if (message !== null) take(message)
    },
    onClose: () => {
      clearTimeout(greeting)
      clearTimeout(expiry)
      clearInterval(pinging)
      following?.interruptUnsafe()
      review?.interruptUnsafe()
      options.onClose()
    }
  })
  const greeting = setTimeout(() => stream.close("no greeting"), times.greeting)
  const refuse = (reason: string) => stream.dismiss(downText({ type: "Refused", reason }), reason)

  const hello = () => {
    if (caller === null) return
    stream.send(
      downText({ type: "Hello", protocol, version: options.served(caller.gateway)?.publisher.current()?.snapshot.version ?? null })
    )
  }

  const untilExpiry = ({ expires }: Caller) => {
    clearTimeout(expiry)
    if (expires !== null)
      expiry = setTimeout(
        () => (Date.now() >= expires ? refuse("the token has expired, and no newer one came") : untilExpiry(caller!)),
        Math.min(Math.max(0, expires - Date.now()), longest)
      )
  }

  const judge = (token: string, onCaller: (caller: Caller) => void, onUnknown: (message: string) => void) => {
    reviewing = true
    review = fork(
      options.review(token, from).pipe(
        Effect.matchEffect({
          onSuccess: (judged) => Effect.sync(() => onCaller(judged)),
          onFailure: (error) => Effect.sync(() => (error._tag === "CallerRefused" ? refuse(error.message) : onUnknown(error.message)))
        }),
        Effect.ensuring(
          Effect.sync(() => {
            reviewing = false
          })
        )
      )
    )
  }

  const accept = (judged: Caller) => {
    if (stream.closed()) return
    if (options.full()) return refuse("no more proxies are taken here")
    clearTimeout(greeting)
    caller = judged
    stream.take(frameLimits.proxy)
    untilExpiry(judged)
    pinging = setInterval(() => {
      messages = 0
      stream.send(downText({ type: "Ping" }))
    }, times.ping)
    options.onKnown(judged)
    hello()
  }

  const again = (judged: Caller) => {
    if (caller === null || stream.closed()) return
    const { gateway } = caller
    if (judged.pod !== caller.pod || judged.gateway.namespace !== gateway.namespace || judged.gateway.name !== gateway.name)
      return refuse("the newer token is of another pod or Gateway")
    caller = judged
    untilExpiry(judged)
  }

  const greet = (message: Extract<Up, { readonly type: "Hello" }>) => {
    if (greeted) throw new Unreadable("said once: a greeting")
    greeted = true
    const agreed = negotiate(spoken, message.protocols)
    if (agreed === null)
      return refuse(
        `protocols ${message.protocols.least} to ${message.protocols.most} are spoken there, ${spoken.least} to ${spoken.most} here: upgrade one version at a time`
      )
    protocol = agreed
    judge(message.token, accept, (reason) => refuse(`who calls could not be asked: ${reason}`))
  }

  const sender = (served: Served, version: string | null) => {
    // What the proxy has, as this side knows it; null: it is sent everything.
    let last = version === null ? null : served.recent(version)
    return Effect.fnUntraced(function* ({ snapshot, sequence, material }: Published) {
      const update = diff(last, snapshot, material)
      if (update !== null) {
        const head = { protocol, base: update.base, version: update.version, gateway: update.gateway }
        let part: string | null = null
        for (const next of encodeParts(update, last, options.part)) {
          if (part !== null) {
            yield* stream.write(updateText(sequence, head, false, part))
            // Others are served meanwhile.
            yield* breathe
          }
          part = next
        }
        yield* stream.write(updateText(sequence, head, true, part!))
      }
      last = snapshot
    })
  }

  const follow = (known: Caller, version: string | null) => {
    following?.interruptUnsafe()
    following = null
    const served = options.served(known.gateway)
    if (served === null) return hello()
    // A slow reader holds up this fiber alone; what is published meanwhile is one difference, from what it got to the newest.
    following = fork(served.publisher.follow.pipe(Stream.runForEach(sender(served, version))))
  }

  const report = (known: Caller, message: Extract<Up, { readonly type: "Report" }>) => {
    const next = new Map(message.fresh ? [] : upstreams)
    for (const id of message.gone) next.delete(id)
    for (const [id, facts] of message.upstreams) next.set(id, facts)
    if (next.size > mostUpstreams(options.served(known.gateway))) throw new Unreadable("about so many upstreams")
    upstreams = next
    invalidated = message.invalidated
    options.onReport(known.gateway, { proxy: known.pod, upstreams, invalidated })
  }

  const take = (message: Up) => {
    if (message.type === "Hello") return greet(message)
    // Before the caller is known, nothing it says is heard.
    if (caller === null) throw new Unreadable("said in turn: the greeting is answered first")
    switch (message.type) {
      case "Follow":
        return follow(caller, message.version)
      case "Token":
        // One at a time: a proxy cannot make the operator ask more than it would.
        if (!reviewing) judge(message.token, again, () => {})
        return
      case "Ack": {
        const { version, sequence, ready, refused } = message
        acknowledged = version
        return options.onAck(caller.gateway, { proxy: caller.pod, version, sequence, ready, refused })
      }
      case "Report":
        return report(caller, message)
      case "Pong":
        return
    }
  }

  return {
    caller: () => caller,
    ended: stream.closed,
    announce: () => {
      if (caller !== null && options.served(caller.gateway) === null) {
        following?.interruptUnsafe()
        following = null
      }
      hello()
    },
    end: refuse,
    describe: () => ({ gateway: caller!.gateway, proxy: caller!.pod, following: following !== null, version: acknowledged, since })
  }
}

const breathe = Effect.callback<void>((resume) => {
  const turn = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(turn))
})
