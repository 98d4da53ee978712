// An update as JSON, for the link and the disk: in parts of bounded size, so that neither end stops serving for a large one. A virtual host says of the rules
// that the receiver has only where they stood in its own: one changed route among thousands is sent as one rule.
import type { Id } from "./id.ts"
import { attempt, entriesOf, fields, list, nullable, type Read, text, Unreadable, whole } from "./reading.ts"
import { invalidation, listener, rule, secret } from "./resources.ts"
import type { Rule, VirtualHost } from "./route.ts"
import { type Material, Sealed } from "./secret.ts"
import { type Snapshot, type Tables, tables } from "./snapshot.ts"
import type { Table, Update } from "./update.ts"
import { endpoints, upstream } from "./upstreamresource.ts"

/** A resource, or a part of one, that cannot be read: refused in the acknowledgement. */
export interface Unread {
  readonly table: Table
  readonly id: Id
  readonly reason: string
}

/** What an update says of itself, apart from its parts. */
export type UpdateHead = Pick<Update, "protocol" | "base" | "version" | "gateway">

const head = fields<UpdateHead>({
  protocol: whole,
  base: nullable(text),
  version: text,
  gateway: fields<Snapshot["gateway"]>({ namespace: text, name: text })
})

/** Throws Unreadable. */
export const readHead: Read<UpdateHead> = head

/** The one function that turns Secret bytes into text. What it gives goes to the wire and to the 0600 file, nowhere else (law 11). */
const openMaterial = ({ id, ref, chain, key, names, expires }: Material) => ({
  id,
  ref,
  chain,
  key: key === null ? null : { digest: key.digest, bytes: key.use((bytes) => Buffer.from(bytes).toString("base64")) },
  names,
  expires
})

const material = fields<Material>({
  id: text,
  ref: secret,
  chain: text,
  key: nullable((value) => {
    const read = fields<{ readonly digest: string; readonly bytes: string }>({ digest: text, bytes: text })(value)
    return new Sealed(Buffer.from(read.bytes, "base64"), read.digest)
  }),
  names: list(text),
  expires: text
})

/** `[first, count]` of the receiver's own rules of that host, or a rule. */
type WireRule = Rule | readonly [first: number, count: number]

const spans = (rules: ReadonlyArray<Rule>, known: ReadonlyArray<Rule>): ReadonlyArray<WireRule> => {
  if (known.length === 0) return rules
  const places = new Map(known.map((one, at) => [one, at]))
  const wire: Array<WireRule> = []
  for (const one of rules) {
    const at = places.get(one)
    const last = wire.at(-1)
    if (at === undefined) wire.push(one)
    else if (Array.isArray(last) && last[0] + last[1] === at) wire[wire.length - 1] = [last[0], last[1] + 1]
    else wire.push([at, 1])
  }
  return wire
}

/** What a part is put together from. */
interface Piece {
  readonly section: "set" | "material"
  readonly table: Table | null
  /** `"id":{…}`, or `{…}`. */
  readonly text: string
  /** A host of several pieces: one of them in a part, as the keys of an object are unique. */
  readonly alone: boolean
}

function* hostPieces(id: Id, host: VirtualHost, known: VirtualHost | undefined, bytes: number): Generator<Piece> {
  const start = `${JSON.stringify(id)}:{"hostname":${JSON.stringify(host.hostname)},"rules":[`
  let rules: Array<string> = []
  let size = 0
  let alone = false
  for (const one of spans(host.rules, known?.rules ?? [])) {
    const text = JSON.stringify(one)
    if (size > 0 && size + text.length > bytes) {
      alone = true
      // `more`: the rest of its rules is in a later part.
      yield { section: "set", table: "virtualHosts", text: `${start}${rules.join(",")}],"more":true}`, alone }
      rules = []
      size = 0
    }
    rules.push(text)
    size += text.length
  }
  yield { section: "set", table: "virtualHosts", text: `${start}${rules.join(",")}]}`, alone }
}

function* pieces(update: Update, from: Snapshot | null, bytes: number): Generator<Piece> {
  for (const table of tables) {
    if (table === "virtualHosts") {
      for (const [id, host] of update.set.virtualHosts ?? [])
        yield* hostPieces(id, host, update.base === null ? undefined : from?.virtualHosts.get(id), bytes)
      continue
    }
    const set: ReadonlyMap<Id, unknown> = update.set[table] ?? new Map()
    for (const [id, resource] of set)
      yield { section: "set", table, text: `${JSON.stringify(id)}:${JSON.stringify(resource)}`, alone: false }
  }
  for (const one of update.material) yield { section: "material", table: null, text: JSON.stringify(openMaterial(one)), alone: false }
}

const partText = (drop: string | null, gathered: ReadonlyArray<Piece>): string => {
  const set = tables.flatMap((table) => {
    const entries = gathered.filter((piece) => piece.table === table)
    return entries.length === 0 ? [] : [`"${table}":{${entries.map(({ text }) => text).join(",")}}`]
  })
  const material = gathered.filter((piece) => piece.section === "material")
  const sections = [
    ...(drop === null ? [] : [`"drop":${drop}`]),
    ...(set.length === 0 ? [] : [`"set":{${set.join(",")}}`]),
    ...(material.length === 0 ? [] : [`"material":[${material.map(({ text }) => text).join(",")}]`])
  ]
  return `{${sections.join(",")}}`
}

/**
 * The parts of an update, each the JSON text of an object of about `bytes` characters; one resource that is larger is a part of its own. At least one.
 * from: what the receiver has, of the version `update.base`.
 */
export function* encodeParts(update: Update, from: Snapshot | null, bytes: number): Generator<string> {
  let drop = tables.some((table) => update.drop[table] !== undefined) ? JSON.stringify(update.drop) : null
  let gathered: Array<Piece> = []
  let size = 0
  for (const piece of pieces(update, from, bytes)) {
    if (gathered.length > 0 && (piece.alone || gathered.at(-1)!.alone || size + piece.text.length > bytes)) {
      yield partText(drop, gathered)
      drop = null
      gathered = []
      size = 0
    }
    gathered.push(piece)
    size += piece.text.length
  }
  yield partText(drop, gathered)
}

export interface Decoded {
  readonly update: Update
  readonly unread: ReadonlyArray<Unread>
}

export interface Decoder {
  /** A part, as JSON.parse gave it. Throws Unreadable when it is not one at all; a resource that cannot be read is only noted. */
  readonly add: (part: unknown) => void
  readonly finish: () => Decoded
}

const readers: {
  readonly [T in Exclude<Table, "virtualHosts" | "endpoints">]: Read<Tables[T] extends ReadonlyMap<Id, infer A> ? A : never>
} = {
  listeners: listener,
  upstreams: upstream,
  secrets: secret,
  invalidations: invalidation
}

/** Without a list of rules, it is one that cannot be read: 500 for all of it. */
const hostFields = fields<{ readonly hostname: string; readonly rules: ReadonlyArray<unknown> }>({
  hostname: text,
  rules: (value) => (Array.isArray(value) ? value : [null])
})

const isTable = (name: string): name is Table => (tables as ReadonlyArray<string>).includes(name)

/** More is never told: an acknowledgement is bounded. */
const mostUnread = 1_000

/**
 * from: what the receiver has; must be of the version `head.base`, or anything when that is null (a whole update): what is equal in it stays the same object,
 * so that an operator which knows nothing of this proxy moves nothing in it.
 */
export const makeDecoder = (head: UpdateHead, from: Snapshot | null, equal: (a: unknown, b: unknown) => boolean): Decoder => {
  const set: { [T in Table]: Map<Id, unknown> } = {
    listeners: new Map(),
    virtualHosts: new Map(),
    upstreams: new Map(),
    endpoints: new Map(),
    secrets: new Map(),
    invalidations: new Map()
  }
  const drop: { [T in Table]?: Set<Id> } = {}
  const materials: Array<Material> = []
  const unread: Array<Unread> = []
  const unfinished = new Map<Id, Array<Rule>>()

  const refuse = (table: Table, id: Id, reason: string) => {
    if (unread.length < mostUnread) unread.push({ table, id, reason: reason.slice(0, 512) })
  }
  const dropped = (table: Table): Set<Id> => {
    const known = drop[table] ?? new Set()
    drop[table] = known
    return known
  }
  const put = (table: Table, id: Id, resource: unknown) => {
    const known: unknown = head.base === null ? from?.[table].get(id) : undefined
    set[table].set(id, known !== undefined && equal(known, resource) ? known : resource)
  }
  /** Not understood: it is not there, and neither is what stood in its place. */
  const fail = (table: Table, id: Id, reason: string) => {
    refuse(table, id, reason)
    if (head.base !== null && from?.[table].has(id)) dropped(table).add(id)
  }

  const host = (id: Id, value: unknown) => {
    const given = attempt(() => hostFields(value))
    if ("problem" in given) return fail("virtualHosts", id, given.problem)
    const { hostname, rules } = given.value
    const known = head.base === null ? [] : (from?.virtualHosts.get(id)?.rules ?? [])
    const read = unfinished.get(id) ?? []
    for (const item of rules) {
      if (Array.isArray(item)) {
        const [first, count] = [whole(item[0]), whole(item[1])]
        // Not of what we have: nothing of this update can be trusted to fit.
        if (first + count > known.length) throw new Unreadable(`a span of the ${known.length} rules that are known`)
        for (let at = first; at < first + count; at++) read.push(known[at]!)
        continue
      }
      const one = rule(item)
      if (one.problem !== null) refuse("virtualHosts", id, one.problem)
      read.push(one.rule)
    }
    if ((value as { readonly more?: unknown }).more === true) unfinished.set(id, read)
    else {
      unfinished.delete(id)
      put("virtualHosts", id, { hostname, rules: read } satisfies VirtualHost)
    }
  }

  const resource = (table: Table, id: Id, value: unknown) => {
    if (table === "virtualHosts") return host(id, value)
    if (table === "endpoints") {
      const one = attempt(() => endpoints(value))
      if ("problem" in one) return fail(table, id, one.problem)
      if (one.value.problem !== null) refuse(table, id, one.value.problem)
      return put(table, id, one.value.endpoints)
    }
    const one = attempt(() => readers[table](value))
    if ("problem" in one) fail(table, id, one.problem)
    else put(table, id, one.value)
  }

  return {
    add: (part) => {
      const given = new Map(entriesOf(part))
      for (const [table, ids] of entriesOf(given.get("drop") ?? {})) {
        if (!isTable(table)) continue
        for (const id of list(text)(ids)) dropped(table).add(id)
      }
      for (const [table, entries] of entriesOf(given.get("set") ?? {})) {
        // Told under the name it came with: the operator that sent it knows the table.
        if (!isTable(table)) refuse(table as Table, "*", "the table is not known to this proxy")
        else for (const [id, value] of entriesOf(entries)) resource(table, id, value)
      }
      const bodies = given.get("material") ?? []
      if (!Array.isArray(bodies)) throw new Unreadable("a list of material")
      for (const body of bodies) {
        const one = attempt(() => material(body))
        if ("value" in one) materials.push(one.value)
        else refuse("secrets", "*", `material: ${one.problem}`)
      }
    },
    finish: () => {
      if (unfinished.size > 0) throw new Unreadable("whole: the rest of a virtual host did not come")
      return {
        update: {
          ...head,
          set: Object.fromEntries(tables.flatMap((table) => (set[table].size === 0 ? [] : [[table, set[table]]]))) as Update["set"],
          drop: Object.fromEntries(
            tables.flatMap((table) => (drop[table] === undefined ? [] : [[table, [...drop[table]]]]))
          ) as Update["drop"],
          material: materials
        },
        unread
      }
    }
  }
}
