// Whom a connection of a route of bytes goes to, or a client's datagrams: decided as of a request (decision.ts), of which there is none. Apart from stream.ts and
// session.ts, which are about how it goes.
import type { Id } from "../snapshot/id.ts"
import type { Reason } from "../snapshot/reason.ts"
import type { LiveUpstream } from "../upstream/upstream.ts"
import { decideRule } from "./decision.ts"
import { type Leg, legsOf } from "./legs.ts"
import type { LiveListener, LiveRule, LiveShare } from "./table.ts"

/** It goes nowhere. share: the one that it would have been. */
export interface NoCarriage {
  readonly share: LiveShare | null
  readonly reason: Reason
  readonly detail: string
}

/** In the order to ask them: one at least, and those after it where it cannot serve. rule null: no route takes it. */
export const carriageOf = (
  listener: LiveListener,
  rule: LiveRule | null,
  upstreams: ReadonlyMap<Id, LiveUpstream>
): readonly [Leg, ...ReadonlyArray<Leg>] | NoCarriage => {
  if (listener.problem !== null) return { share: null, reason: "invalid_listener", detail: listener.problem }
  if (rule === null) return { share: null, reason: "no_route", detail: "no route takes it" }
  const decision = decideRule(listener, rule, Math.random(), 0)
  const { share } = decision
  if (decision._tag === "Refuse") return { share, reason: decision.reason, detail: decision.detail }
  if (decision._tag !== "Forward") return { share, reason: "internal", detail: "a route of bytes answers nobody itself" }
  const upstream = upstreams.get(decision.upstream)
  if (upstream === undefined) return { share, reason: "internal", detail: `the snapshot has no upstream ${decision.upstream}` }
  const [first, ...others] = decision.share.standbys.length === 0 ? [] : legsOf(decision.share, upstreams, Math.random())
  return [first ?? { share: decision.share, upstream }, ...others]
}
