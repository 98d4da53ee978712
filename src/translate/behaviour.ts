// Layers of behaviour merged field by field, later over earlier, remembering who said what: `explain` and `describe` print it.
import { type Behaviour, defaultBehaviour } from "../snapshot/behaviour.ts"
import type { Source } from "../snapshot/id.ts"

/** Any part of a record, at any depth; lists, settings and what is told apart by a `_tag` are leaves. */
export type Part<A> = {
  readonly [K in keyof A]?: A[K] extends ReadonlyArray<unknown> | { readonly _tag: string } ? A[K] : A[K] extends object ? Part<A[K]> : A[K]
}

/** Drops what was not said: a layer has only the fields that its object names. */
export const said = <A extends object>(fields: { readonly [K in keyof A]?: A[K] | undefined }): Part<A> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Part<A>

/** What one object says. A field it does not name is left to the layers below. */
export interface Layer {
  readonly source: Source
  readonly part: Part<Behaviour>
  /** Each block of it is one, whatever of it is said: of an Envoy policy the whole circuitBreaker counts, or nothing. */
  readonly whole?: true
}

export interface MergedBehaviour {
  readonly behaviour: Behaviour
  /** By field (`timeouts.connect`, `dns.hold.nxdomain`); a field that nobody set has its default and no entry. */
  readonly provenance: Readonly<Record<string, Source>>
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !("_tag" in value)

/** Defaults, then every layer in order. The result shares what no layer touched with the defaults. */
export const mergeBehaviour = (layers: ReadonlyArray<Layer>): MergedBehaviour => {
  const provenance: Record<string, Source> = {}
  const over = (base: Readonly<Record<string, unknown>>, part: Readonly<Record<string, unknown>>, path: string, source: Source) => {
    let made: Record<string, unknown> | null = null
    // Fields are those of the vocabulary: what a layer says beyond it cannot get in.
    for (const field of Object.keys(base)) {
      const said = part[field]
      if (said === undefined) continue
      const below = base[field]
      const where = path === "" ? field : `${path}.${field}`
      const value = isRecord(below) && isRecord(said) ? over(below, said, where, source) : said
      if (!isRecord(below)) provenance[where] = source
      if (value === below) continue
      made ??= { ...base }
      made[field] = value
    }
    return made ?? base
  }
  const merged = layers.reduce<Readonly<Record<string, unknown>>>(
    (base, layer) => over(base, layer.part as Readonly<Record<string, unknown>>, "", layer.source),
    defaultBehaviour as unknown as Readonly<Record<string, unknown>>
  )
  return { behaviour: merged as unknown as Behaviour, provenance }
}

/** Fields that are no part of the block that they lie in here: limits of requests, the time of a connection at rest, the answer that a Backend alone can give. */
const apart: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  limits: { maxRequests: "circuitBreaker", maxRetries: "circuitBreaker" },
  timeouts: { keepAliveIdle: "keepAliveIdle" },
  failover: { response: "response" }
}

const groupOf = (block: string, field: string): string => apart[block]?.[field] ?? block

/** Whose says of a block are told from each other, and all that it speaks of: where it is empty, all there is. */
const groupsOf = (block: string, said: unknown, whole: boolean): ReadonlyArray<string> => {
  if (apart[block] === undefined || !isRecord(said)) return [block]
  const fields = Object.keys(said)
  return whole || fields.length === 0 ? [block, ...Object.values(apart[block])] : fields.map((field) => groupOf(block, field))
}

/** What is left of a block when others have taken theirs; undefined: nothing. */
const leftOf = (block: string, said: unknown, taken: ReadonlySet<string>): unknown => {
  if (!isRecord(said)) return taken.has(block) ? undefined : said
  const fields = Object.entries(said).filter(([field]) => !taken.has(groupOf(block, field)))
  return fields.length === 0 ? undefined : Object.fromEntries(fields)
}

/**
 * Weakest first, as given: a block (`timeouts`, `dns`) that a stronger layer speaks of at all is left out of the weaker ones, and a layer of which nothing is left
 * is left out.
 */
export const nearestByBlock = (layers: ReadonlyArray<Layer>): ReadonlyArray<Layer> => {
  const taken = new Set<string>()
  const kept: Array<Layer> = []
  for (const { source, part, whole = false } of layers.toReversed()) {
    const all = Object.entries(part)
    const left = all.map(([block, said]) => [block, leftOf(block, said, taken)] as const).filter(([, said]) => said !== undefined)
    for (const group of all.flatMap(([block, said]) => groupsOf(block, said, whole))) taken.add(group)
    if (left.length > 0) kept.unshift({ source, part: Object.fromEntries(left) })
  }
  return kept
}
