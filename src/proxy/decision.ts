// What is to be done with a request, before anything is done: listener, rule, share, or the row of the failure table it ends in. No sockets, no clock.
import { announcedBy } from "../routing/cors.ts"
import { answerPreflight } from "../routing/filters.ts"
import { findHost, type HostNode } from "../routing/hosts.ts"
import { matchRule, type RequestView } from "../routing/match.ts"
import { pickWeighted } from "../routing/share.ts"
import type { Reason } from "../snapshot/reason.ts"
import type { Redirect } from "../snapshot/route.ts"
import { hops, maxHops } from "./forwarded.ts"
import type { RequestHead } from "./head.ts"
import type { Pin } from "./pin.ts"
import type { LiveHost, LiveListener, LiveRule, LiveShare, PortTable } from "./table.ts"

interface Found {
  readonly listener: LiveListener | null
  readonly rule: LiveRule | null
  readonly share: LiveShare | null
}

interface Answered {
  readonly rule: LiveRule
  readonly fields: Array<string>
}

export type Decision =
  | (Found & { readonly _tag: "Refuse"; readonly reason: Reason; readonly detail: string })
  | (Found & {
      readonly _tag: "Redirect"
      readonly listener: LiveListener
      readonly rule: LiveRule
      readonly status: number
      readonly to: Redirect
    })
  /** A browser's question about another origin's page: these fields answer it. */
  | (Found & Answered & { readonly _tag: "Preflight"; readonly listener: LiveListener })
  | {
      readonly _tag: "Forward"
      readonly listener: LiveListener
      readonly rule: LiveRule
      readonly share: LiveShare
      readonly upstream: string
      /** null: the rule has no sessions. */
      readonly pin: Pin | null
      /** Gateways of this kind that the request has passed. */
      readonly hops: number
    }

const refuse = (
  reason: Reason,
  detail: string,
  listener: LiveListener | null = null,
  rule: LiveRule | null = null,
  share: LiveShare | null = null
): Decision => ({ _tag: "Refuse", reason, detail, listener, rule, share })

/**
 * servername: SNI of a TLS connection, "" when it had none; null: a plain one. verified: its client showed a certificate that holds. random in [0, 1) picks the
 * share. now: milliseconds since the epoch.
 */
export const decide = (
  table: PortTable,
  head: RequestHead,
  servername: string | null,
  verified: boolean,
  random: number,
  now: number
): Decision => {
  const passed = head.via ? hops(head.headers) : 0
  if (passed >= maxHops) return refuse("loop", `the request has passed ${passed} gateways of this kind`)
  const listener = findHost(table.listeners, head.host)?.entry ?? null
  if (listener === null) return refuse("no_listener", "no listener has this host")
  // Gateway API v1.6, Listener: the listener that SNI chose must be the one that Host chooses.
  if (servername !== null && (findHost(table.listeners, servername)?.entry ?? null) !== listener) {
    return refuse("misdirected", "SNI and Host choose different listeners")
  }
  // The connection is older than the listener's wish: a new one is asked for a certificate.
  if (listener.verifies && !verified) return refuse("misdirected", "the client showed no certificate when it connected", listener)
  if (listener.problem !== null) return refuse("invalid_listener", listener.problem, listener)
  const hosts = findHost(listener.hosts, head.host)
  const announced = announcedBy(head)
  const answered = announced === null ? null : preflight(hosts, announced, head, random)
  if (answered !== null) return { _tag: "Preflight", listener, share: null, ...answered }
  const rule = match(hosts, head)
  if (rule === null) return refuse("no_route", "no rule matches", listener)
  return decideRule(listener, rule, random, passed, rule.session === null ? null : rule.session.read(head, now))
}

/** The same once the rule is known. passed: gateways of this kind that the request has been through. pin: its session, of a rule that has them. */
export const decideRule = (listener: LiveListener, rule: LiveRule, random: number, passed: number, pin: Pin | null = null): Decision => {
  if (rule.problem !== null) return refuse("invalid_filter", rule.problem, listener, rule)

  const { action } = rule.compiled.rule
  if (action._tag === "Refuse") return refuse(action.why, "decided by the configuration", listener, rule)
  if (action._tag === "Redirect") return { _tag: "Redirect", listener, rule, share: null, status: action.status, to: action.to }
  const share = pin?.share(rule.shares.items) ?? pickWeighted(rule.shares, random)
  if (share === null) return refuse("no_backend", "no backend has any weight", listener, rule)
  if (share.problem !== null) return refuse("invalid_filter", share.problem, listener, rule, share)
  if (share.unserved !== null) return refuse("invalid_backend", share.unserved, listener, rule, share)
  const { upstream, why } = share.compiled.share
  if (upstream === null) return refuse(why ?? "invalid_backend", "decided by the configuration", listener, rule, share)
  return { _tag: "Forward", listener, rule, share, upstream, hops: passed, pin }
}

/** What answers a browser's question: the rule of the request that it announces, or its own, if that one says who may. null: neither does. */
const preflight = (hosts: HostNode<LiveHost> | null, announced: RequestView, head: RequestHead, random: number): Answered | null => {
  for (const request of [announced, head]) {
    const rule = match(hosts, request)
    if (rule === null || !rule.compiled.cors || rule.problem !== null) continue
    const fields = answerPreflight((pickWeighted(rule.shares, random)?.compiled ?? rule.compiled).filters, head)
    if (fields !== null) return { rule, fields }
  }
  return null
}

const match = (from: HostNode<LiveHost> | null, head: RequestView): LiveRule | null => {
  for (let node = from; node !== null; node = node.next) {
    const found = matchRule(node.entry.compiled, head)
    if (found !== null) return node.entry.rules.get(found) ?? null
  }
  return null
}
