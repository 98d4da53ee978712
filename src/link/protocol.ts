// What operator and proxy say to each other, one JSON object a frame. Total: every text that is read is one of these, a message of a newer peer (ignored), or
// Unreadable. The golden files of test/link/golden hold what each released protocol looks like on the wire.
import type { EndpointFacts, HealthFacts, Refusal, Report, ResolutionState, UpstreamFacts } from "../report/report.ts"
import type { UpdateHead } from "../snapshot/codec.ts"
import { readHead } from "../snapshot/codec.ts"
import type { Id } from "../snapshot/id.ts"
import { entriesOf, fields, flag, list, nullable, oneOf, type Read, text, Unreadable, whole } from "../snapshot/reading.ts"
import { protocol } from "../snapshot/snapshot.ts"
import type { Table } from "../snapshot/update.ts"

export interface Range {
  readonly least: number
  readonly most: number
}

/** N and N-1; there is nothing before 1. */
export const spoken: Range = { least: Math.max(1, protocol - 1), most: protocol }

/** The newest that both speak; null: none. */
export const negotiate = (ours: Range, theirs: Range): number | null => {
  const most = Math.min(ours.most, theirs.most)
  return most >= Math.max(ours.least, theirs.least) ? most : null
}

/** ALPN: whoever finds the port by another protocol is not answered. */
export const alpn = "sluice-link"

/** Operator → proxy. */
export type Down =
  /** After the token was judged, and again when it changes whether the Gateway is served here. version: of what would be sent; null: nothing yet. */
  | { readonly type: "Hello"; readonly protocol: number; readonly version: string | null }
  /** A part of an update; it is applied when the last one is there. sequence: of the operator's publisher, equal in the parts of one update, and growing. */
  | { readonly type: "Update"; readonly sequence: number; readonly head: UpdateHead; readonly last: boolean; readonly part: unknown }
  | { readonly type: "Ping" }
  /** Why the connection is closed. */
  | { readonly type: "Refused"; readonly reason: string }

/** Proxy → operator. */
export type Up =
  | { readonly type: "Hello"; readonly protocols: Range; readonly token: string }
  /** Updates are wanted from here. version: what the proxy has; null: nothing. */
  | { readonly type: "Follow"; readonly version: string | null }
  /** A newer token of the same pod. */
  | { readonly type: "Token"; readonly token: string }
  | {
      readonly type: "Ack"
      readonly version: string
      readonly sequence: number
      readonly ready: boolean
      readonly refused: ReadonlyArray<Refusal>
    }
  /** fresh: what was reported before on this connection is forgotten first. */
  | {
      readonly type: "Report"
      readonly fresh: boolean
      readonly upstreams: ReadonlyMap<Id, UpstreamFacts>
      readonly gone: ReadonlyArray<Id>
      readonly invalidated: Report["invalidated"]
    }
  | { readonly type: "Pong" }

/** Of what comes up: a proxy is believed about itself only, and no further than this. */
export const upLimits = { refused: 1_000, reason: 512, upstreams: 2_000, endpoints: 64, sample: 8, word: 1_024, token: 8_192 } as const

const cut =
  (most: number): Read<string> =>
  (value) =>
    text(value).slice(0, most)
const capped =
  <A>(most: number, read: Read<A>): Read<ReadonlyArray<A>> =>
  (value) => {
    if (Array.isArray(value) && value.length > most) throw new Unreadable(`a list of at most ${most}`)
    return list(read)(value)
  }
const table =
  <A>(most: number, read: Read<A>): Read<ReadonlyMap<string, A>> =>
  (value) => {
    const entries = entriesOf(value)
    if (entries.length > most) throw new Unreadable(`a table of at most ${most}`)
    return new Map(
      entries.map(([id, one]) => {
        if (id.length > upLimits.word) throw new Unreadable("a table of such ids")
        return [id, read(one)]
      })
    )
  }

const state = oneOf<ResolutionState>("Pending", "Fresh", "Stale", "Failed", "Refused", "NotNeeded")

const endpointFacts = fields<EndpointFacts>({
  name: cut(upLimits.word),
  resolution: state,
  detail: cut(upLimits.reason),
  addresses: whole,
  healthy: whole,
  tier: whole,
  certificate: nullable(fields<NonNullable<EndpointFacts["certificate"]>>({ subject: cut(upLimits.word), expires: cut(64) })),
  sample: capped(upLimits.sample, cut(64))
})

const factsTold = fields<Omit<UpstreamFacts, "endpoints" | "health" | "passedOver">>({
  resolution: state,
  detail: cut(upLimits.reason),
  addresses: whole,
  healthy: whole,
  tier: whole,
  certificateExpires: nullable(cut(64)),
  lastFailure: nullable(cut(64))
})
const healthTold = fields<HealthFacts>({ out: whole, why: cut(upLimits.reason) })
const endpointsTold = capped(upLimits.endpoints, endpointFacts)
const facts: Read<UpstreamFacts> = (value) => {
  const told = factsTold(value)
  const { endpoints, health, passedOver } = value as { readonly [K in "endpoints" | "health" | "passedOver"]?: unknown }
  return {
    ...told,
    ...(passedOver === true ? { passedOver } : {}),
    ...(health === undefined ? {} : { health: healthTold(health) }),
    ...(endpoints === undefined ? {} : { endpoints: endpointsTold(endpoints) })
  }
}

// A table that this operator does not know is told by a proxy that is newer: it is only shown.
const refusal = fields<Refusal>({ table: (value) => cut(64)(value) as Table, id: cut(upLimits.word), reason: cut(upLimits.reason) })

type Bodies<M extends { readonly type: string }> = { readonly [T in M["type"]]: Read<Omit<Extract<M, { readonly type: T }>, "type">> }

const nothing: Read<object> = () => ({})

const downBodies: Bodies<Down> = {
  Hello: fields<{ protocol: number; version: string | null }>({ protocol: whole, version: nullable(text) }),
  Update: fields<{ sequence: number; head: UpdateHead; last: boolean; part: unknown }>({
    sequence: whole,
    head: readHead,
    last: flag,
    part: (value) => value
  }),
  Ping: nothing,
  Refused: fields<{ reason: string }>({ reason: cut(upLimits.reason) })
}

const token: Read<string> = (value) => {
  if (text(value).length > upLimits.token) throw new Unreadable(`a token of at most ${upLimits.token} characters`)
  return value as string
}

const upBodies: Bodies<Up> = {
  Hello: fields<{ protocols: Range; token: string }>({ protocols: fields<Range>({ least: whole, most: whole }), token }),
  Follow: fields<{ version: string | null }>({ version: nullable(cut(upLimits.word)) }),
  Token: fields<{ token: string }>({ token }),
  Ack: fields<Omit<Extract<Up, { type: "Ack" }>, "type">>({
    version: cut(upLimits.word),
    sequence: whole,
    ready: flag,
    refused: capped(upLimits.refused, refusal)
  }),
  Report: fields<Omit<Extract<Up, { type: "Report" }>, "type">>({
    fresh: flag,
    upstreams: table(upLimits.upstreams, facts),
    gone: capped(upLimits.upstreams, cut(upLimits.word)),
    invalidated: table(upLimits.upstreams, nullable(cut(upLimits.reason)))
  }),
  Pong: nothing
}

const message = <M extends { readonly type: string }>(bodies: Bodies<M>): Read<M | null> => {
  const known = new Map(Object.entries(bodies) as ReadonlyArray<readonly [string, Read<object>]>)
  return (value) => {
    const type = typeof value === "object" && value !== null && "type" in value ? text(value.type) : text(undefined)
    const body = known.get(type)
    return body === undefined ? null : ({ type, ...body(value) } as M)
  }
}

/** null: a message of a newer peer, to be ignored. Throws Unreadable. */
export const readDown: Read<Down | null> = message(downBodies)
export const readUp: Read<Up | null> = message(upBodies)

/** part: the JSON text that `encodeParts` made. */
export const updateText = (sequence: number, head: UpdateHead, last: boolean, part: string): string =>
  `{"type":"Update","sequence":${sequence},"head":${JSON.stringify(head)},"last":${last},"part":${part}}`

export const downText = (message: Exclude<Down, { readonly type: "Update" }>): string => JSON.stringify(message)

export const upText = (message: Exclude<Up, { readonly type: "Report" }>): string => JSON.stringify(message)

/** About so many characters of a report in one frame: far below what is taken of a proxy. */
const reportPart = 128 * 1024

/** A report as one or more messages; there is always one. fresh: the first of this connection. */
export function* reportTexts(
  fresh: boolean,
  changed: Iterable<readonly [Id, UpstreamFacts]>,
  gone: ReadonlyArray<Id>,
  invalidated: Report["invalidated"]
): Generator<string> {
  const done = JSON.stringify(Object.fromEntries(invalidated))
  let first = true
  const text = (upstreams: ReadonlyArray<string>, left: ReadonlyArray<Id>): string => {
    const made = `{"type":"Report","fresh":${fresh && first},"upstreams":{${upstreams.join(",")}},"gone":${JSON.stringify(left)},"invalidated":${done}}`
    first = false
    return made
  }
  for (let at = 0; at < gone.length; at += upLimits.upstreams) yield text([], gone.slice(at, at + upLimits.upstreams))
  let entries: Array<string> = []
  let size = 0
  for (const [id, facts] of changed) {
    const entry = `${JSON.stringify(id)}:${JSON.stringify(facts)}`
    if (entries.length === upLimits.upstreams || (size > 0 && size + entry.length > reportPart)) {
      yield text(entries, [])
      entries = []
      size = 0
    }
    entries.push(entry)
    size += entry.length
  }
  if (first || entries.length > 0) yield text(entries, [])
}
