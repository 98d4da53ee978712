// `fallback: true` of Envoy Gateway's Backends: it serves what the other backends of a rule cannot, whichever these are. Here a Backend names those behind it, so it
// can be said where the backends before it become Backends that have the same behind them in every rule. Elsewhere the object stays.
import { Result } from "effect"
import type { EnvoyBackend } from "#schemas/dialects/envoybackend.ts"
import type { HTTPRoute, HTTPRouteRule } from "#schemas/httproute.ts"
import { describeKey, groupKind, type ObjectKey, objectKey, parseKey } from "#schemas/meta.ts"
import { gatewayGroup } from "#schemas/reference.ts"
import { canonical } from "../snapshot/digest.ts"
import { resolveBackend } from "../translate/backend.ts"
import { failoverOf } from "../translate/failover.ts"
import { backendKind, envoyBackendKind, httpRouteKind } from "../translate/kinds.ts"
import type { TranslateSettings } from "../translate/settings.ts"
import type { View } from "../translate/view.ts"

/** A rule, and those of its backends that are such, behind those that are not. */
interface Use {
  readonly where: string
  readonly before: ReadonlyArray<ObjectKey>
  readonly behind: ReadonlyArray<ObjectKey>
  /** What becomes of it could be said of the Backends before it. */
  readonly plain: boolean
}

export interface Fallbacks {
  /** Those that stay what they are, and the rule that is why. */
  readonly stay: ReadonlyMap<ObjectKey, string>
  /** By the Backend before: those to be named by its failover. */
  readonly behind: ReadonlyMap<ObjectKey, ReadonlyArray<ObjectKey>>
  /** Those that no rule puts behind others. */
  readonly alone: ReadonlySet<ObjectKey>
}

/** A Backend names no more, and may have one of its own. */
const mostStandbys = 8

const isFallback = (view: View, key: ObjectKey): boolean => {
  const value = parseKey(key).kind === envoyBackendKind ? view.get<EnvoyBackend>(key)?.value : undefined
  return value !== undefined && Result.isSuccess(value) && value.success.spec.fallback === true
}

const targetOf = (namespace: string, ref: HTTPRouteRule["backendRefs"][number]): ObjectKey =>
  objectKey(groupKind(ref.group, ref.kind), ref.namespace ?? namespace, ref.name)

const usesOf = (view: View, settings: TranslateSettings): ReadonlyArray<Use> =>
  view.list<HTTPRoute>(httpRouteKind).flatMap(({ meta, value }) => {
    if (Result.isFailure(value)) return []
    const { namespace } = parseKey(meta.key)
    return value.success.spec.rules.flatMap((rule, index): ReadonlyArray<Use> => {
      if (Result.isFailure(rule)) return []
      const refs = rule.success.backendRefs.filter(({ weight }) => weight > 0)
      const from = { ...parseKey(meta.key), group: gatewayGroup, kind: "HTTPRoute" }
      // One that may not be named, or has no such port, waits for nobody: whoever names it is told so.
      const waits = (ref: HTTPRouteRule["backendRefs"][number]): boolean =>
        resolveBackend(view, settings, { ...ref, namespace: ref.namespace ?? null, port: ref.port ?? null }, from).fallback
      const each = refs.map((ref) => ({ key: targetOf(namespace, ref), filters: canonical(ref.filters), waits: waits(ref) }))
      const behind = each.filter((one) => one.waits)
      const before = each.filter((one) => !one.waits)
      if (each.length === 0) return []
      const place = parseKey(each[0]!.key).namespace
      return [
        {
          where: `${describeKey(meta.key)} spec.rules[${index}]`,
          before: before.map(({ key }) => key),
          behind: [...new Set(behind.map(({ key }) => key))],
          plain: each.every(({ key, filters }) => filters === each[0]!.filters && parseKey(key).namespace === place)
        }
      ]
    })
  })

/** Backends that others name to stand by: what is put behind them would come behind those too. */
const standingBy = (view: View): ReadonlySet<ObjectKey> =>
  new Set(
    [backendKind, envoyBackendKind].flatMap((kind) =>
      view.list(kind).flatMap(({ meta }) => failoverOf(view, meta.key).standbys.map(({ key }) => key))
    )
  )

/** becomes: whether the object will be a Backend of ours. */
export const fallbacksOf = (view: View, settings: TranslateSettings, becomes: (key: ObjectKey) => boolean): Fallbacks => {
  const uses = usesOf(view, settings)
  const standbys = standingBy(view)
  const stay = new Map<ObjectKey, string>()
  const lists = new Map<ObjectKey, Set<string>>()
  for (const { before, behind } of uses) for (const key of before) lists.set(key, (lists.get(key) ?? new Set()).add(behind.join(" ")))
  const sayable = ({ before, behind, plain }: Use): boolean =>
    behind.every((key) => becomes(key) && !stay.has(key)) &&
    // Among themselves they are as any others: all of them, or one that stays would stand behind the rest.
    (before.length === 0 ||
      (plain && behind.length < mostStandbys && before.every((key) => becomes(key) && lists.get(key)!.size === 1 && !standbys.has(key))))
  // One that stays is why others of its rules stay: until there is no more of them.
  for (let count = -1; count !== stay.size; ) {
    count = stay.size
    for (const use of uses) if (!sayable(use)) for (const key of use.behind) if (!stay.has(key)) stay.set(key, use.where)
  }
  const behind = new Map<ObjectKey, ReadonlyArray<ObjectKey>>()
  const used = new Set<ObjectKey>()
  for (const use of uses)
    for (const key of use.before) {
      for (const one of use.behind) used.add(one)
      if (use.behind.length > 0 && sayable(use)) behind.set(key, use.behind)
    }
  const alone = view.list(envoyBackendKind).flatMap(({ meta }) => (isFallback(view, meta.key) && !used.has(meta.key) ? [meta.key] : []))
  return { stay, behind, alone: new Set(alone) }
}
