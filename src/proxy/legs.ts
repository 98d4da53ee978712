// Which of the upstreams that may serve a request is asked, and who after it. Apart from the exchange: it is about what they can take, not about the request.
import type { Id } from "../snapshot/id.ts"
import type { UpstreamRequest } from "../upstream/attempt.ts"
import { type Onward, planOf, type RetryPlan } from "../upstream/retry/plan.ts"
import type { LiveUpstream } from "../upstream/upstream.ts"
import type { LiveRule, LiveShare } from "./table.ts"

export interface Leg {
  readonly share: LiveShare
  readonly upstream: LiveUpstream
}

/**
 * In the order to ask them. Who is first takes what it can serve of the requests, the next what that one can of the rest; what nobody can serve is shared alike. After
 * it come those that can serve anything, in their order, then those that cannot: of a share with an answer of its own, only where somebody of them may serve after all.
 * random: 0 ≤ x < 1. A standby that says what is not served here is passed over.
 */
export const legsOf = (share: LiveShare, upstreams: ReadonlyMap<Id, LiveUpstream>, random: number): ReadonlyArray<Leg> => {
  const able: Array<Leg> = []
  const unable: Array<Leg> = []
  const bounds: Array<number> = []
  let left = 1
  for (const one of [share, ...share.standbys]) {
    const id = one.compiled.share.upstream
    const upstream = id === null ? undefined : upstreams.get(id)
    if (upstream === undefined || one.problem !== null || one.unserved !== null) continue
    const { level } = upstream
    if (level === 0) {
      if (share.answer === null || upstream.trouble === null) unable.push({ share: one, upstream })
    } else {
      able.push({ share: one, upstream })
      left -= Math.min(left, level)
      bounds.push(1 - left)
    }
  }
  const at = bounds.findIndex((bound) => random * (1 - left) < bound)
  return at <= 0 ? [...able, ...unable] : [able[at]!, ...able.slice(0, at), ...able.slice(at + 1), ...unable]
}

/**
 * What more than one try goes by; null: there is one, whatever comes of it. From each that cannot serve it goes on to the next of `others`, which are taken out.
 * always: one is wanted all the same. request: as that one is to get it.
 */
export const planOver = (
  first: Leg,
  others: Array<Leg>,
  rule: LiveRule,
  started: number,
  request: (leg: Leg) => UpstreamRequest,
  always = false
): RetryPlan | null => {
  const retry = rule.retry ?? first.share.retry
  const lone = others.length === 0
  if (retry === null && lone && !first.upstream.tiered && !always) return null
  const onward = (): Onward | null => {
    const leg = others.shift()
    return leg === undefined ? null : { host: leg.upstream.host, request: request(leg) }
  }
  return planOf(retry, lone ? null : onward, rule, started)
}
