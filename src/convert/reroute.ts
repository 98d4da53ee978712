// Routes whose backends become others: each reference is looked at as it is written, so that a rule that cannot be read names no object that is gone.
import { groupKind, type ObjectKey, objectKey, parseKey, spokenKind } from "#schemas/meta.ts"
import { gatewayGroup, ownGroup } from "#schemas/reference.ts"
import { httpRouteKind, serviceKind } from "../translate/kinds.ts"
import type { ExternalNames } from "./externalname.ts"
import { type Fields, isFields, itemsOf, metadataOf, namespaceOf, specOf } from "./manifest.ts"
import type { Note } from "./note.ts"
import { redirectFilter } from "./redirect.ts"

/** What references become, beside those to Services. */
export interface Becoming {
  readonly services: ExternalNames
  /** The name of the Backend that another object becomes; null: it stays. */
  readonly backend: (key: ObjectKey) => string | null
  /** Backends that are named by the failover of this one: a rule that names both names this one alone. */
  readonly behind: (key: ObjectKey) => ReadonlyArray<ObjectKey>
}

const keyOf = (namespace: string, ref: Fields): ObjectKey | null => {
  // What is written and empty is as good as not written.
  const [group, kind, name, other] = [ref["group"] ?? "", ref["kind"] ?? "Service", ref["name"], ref["namespace"] ?? namespace]
  return [group, kind, name, other].every((part) => typeof part === "string")
    ? objectKey(groupKind(group as string, kind as string), other as string, name as string)
    : null
}

const weighs = ({ weight }: Fields): boolean => weight !== 0

/** A reference under another name. */
export const renamed = ({ group: _group, kind: _kind, ...ref }: Fields, name: string): Fields => ({
  group: ownGroup,
  kind: "Backend",
  ...ref,
  name
})

const portless = ({ port: _port, ...ref }: Fields): Fields => ref

const changed = (list: unknown, change: (item: Fields, index: number) => unknown): unknown =>
  Array.isArray(list) ? list.map((item, index) => (isFields(item) ? change(item, index) : item)) : list

/** The Fields with those of `over` that are there. */
const edited = (fields: Fields, over: Fields): Fields => {
  const said = Object.entries(over).filter(([name, value]) => fields[name] !== undefined && value !== undefined)
  return said.length === 0 ? fields : { ...fields, ...Object.fromEntries(said) }
}

/** A route, or a Backend that names others to stand by, with its references renamed; the same value where none is. key: of the object. */
export const rerouted = (value: Fields, key: ObjectKey | null, becoming: Becoming, say: (note: Note) => void): Fields => {
  const namespace = namespaceOf(value)
  const { services, backend, behind } = becoming
  const route = key !== null && parseKey(key).kind === httpRouteKind ? { ...parseKey(key), group: gatewayGroup, kind: "HTTPRoute" } : null
  const name = key === null ? String(metadataOf(value)["name"]) : parseKey(key).name
  const by = `${key === null ? String(value["kind"]) : spokenKind(parseKey(key).kind)} ${namespace}/${name}`
  let touched = false
  const touch = <A>(made: A): A => {
    touched = true
    return made
  }
  const plainRef = (ref: Fields): Fields => {
    const target = keyOf(namespace, ref)
    if (target === null) return ref
    if (target.startsWith(`${serviceKind}/`)) {
      services.leave(by, target)
      return ref
    }
    const name = backend(target)
    return name === null ? ref : touch(renamed(ref, name))
  }
  const filterOf = (filter: Fields): Fields =>
    edited(filter, {
      requestMirror: isFields(filter["requestMirror"]) ? withRef(filter["requestMirror"]) : undefined,
      externalAuth: isFields(filter["externalAuth"]) ? withRef(filter["externalAuth"]) : undefined
    })
  const withRef = (body: Fields): Fields =>
    edited(body, { backendRef: isFields(body["backendRef"]) ? plainRef(body["backendRef"]) : undefined })

  const ruleOf = (rule: Fields, index: number): Fields => {
    const refs = itemsOf(rule["backendRefs"])
    const keys = refs.map((ref) => (isFields(ref) ? keyOf(namespace, ref) : null))
    const filters = itemsOf(rule["filters"])
    const gone = new Set(keys.flatMap((target, at) => (target !== null && weighs(refs[at] as Fields) ? behind(target) : [])))
    let redirect: Fields | null = null
    const next = refs.flatMap((ref, at): ReadonlyArray<unknown> => {
      const target = keys[at]!
      if (!isFields(ref) || target === null) return [ref]
      if (gone.has(target) && weighs(ref)) return touch([])
      const own = edited(ref, { filters: changed(ref["filters"], filterOf) })
      if (!target.startsWith(`${serviceKind}/`)) return [plainRef(own)]
      const port = typeof ref["port"] === "number" ? ref["port"] : null
      const to = route === null ? null : services.refer(route, target, port)
      if (to?._tag === "Backend") return [touch(portless(renamed(own, to.name)))]
      const alone = refs.length === 1 && weighs(ref) && itemsOf(ref["filters"]).length === 0
      const rewritten = filters.some((filter) => isFields(filter) && filter["type"] === "URLRewrite")
      if (to?._tag === "Redirect" && alone && !rewritten) {
        redirect = touch(redirectFilter(to.action, `spec.rules[${index}]`, say))
        return []
      }
      services.leave(by, target)
      return [ref]
    })
    const rule2 = edited(rule, { filters: changed(rule["filters"], filterOf), backendRefs: next })
    if (redirect === null) return rule2
    const { backendRefs: _refs, ...rest } = rule2
    return { ...rest, filters: [...filters, redirect] }
  }

  const spec = specOf(value)
  const next = edited(spec, {
    rules: changed(spec["rules"], ruleOf),
    failover: isFields(spec["failover"])
      ? edited(spec["failover"], {
          backendRefs: changed(spec["failover"]["backendRefs"], (ref) => standbyRef(ref, namespace, by, becoming, touch))
        })
      : spec["failover"]
  })
  return touched ? { ...value, spec: next } : value
}

/** A reference to a Backend that stands by. */
export const standbyRef = (
  ref: Fields,
  namespace: string,
  by: string,
  { services, backend }: Pick<Becoming, "services" | "backend">,
  touch: <A>(made: A) => A
): Fields => {
  const target = keyOf(namespace, ref)
  if (target === null) return ref
  if (!target.startsWith(`${serviceKind}/`)) {
    const name = backend(target)
    return name === null ? ref : touch(renamed(ref, name))
  }
  const name = services.standby(by, target, typeof ref["port"] === "number" ? ref["port"] : null)
  return name === null ? ref : touch(portless(renamed(ref, name)))
}
