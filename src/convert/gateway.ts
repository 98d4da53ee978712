// Gateways with the listeners that Ingresses lent them, and the grants that those need: what is lent in a namespace of its own has to be granted where it is written.
import { Result } from "effect"
import type { Gateway } from "#schemas/gateway.ts"
import { groupKind, type ObjectKey, parseKey } from "#schemas/meta.ts"
import { gatewayGroup } from "#schemas/reference.ts"
import type { LentListener } from "../translate/ingresstls.ts"
import { gatewayKind } from "../translate/kinds.ts"
import { permitted } from "../translate/reference.ts"
import type { Ground } from "./ground.ts"
import { listenerWritten } from "./ingress.ts"
import { type Fields, isFields, itemsOf, specOf, written } from "./manifest.ts"
import { makeNames } from "./name.ts"

/** A grant names no more objects than this. */
const mostTargets = 16

const grantKind = groupKind(gatewayGroup, "ReferenceGrant")

const grantsFor = ({ view, names }: Ground, gateway: ObjectKey, lent: ReadonlyArray<LentListener>): ReadonlyArray<Fields> => {
  const own = parseKey(gateway)
  const from = { group: gatewayGroup, kind: "Gateway", namespace: own.namespace }
  const secrets = new Map<string, Set<string>>()
  for (const { secret } of lent) {
    const { namespace, name } = parseKey(secret)
    if (permitted(view, from, { group: "", kind: "Secret", namespace, name })) continue
    secrets.set(namespace, (secrets.get(namespace) ?? new Set()).add(name))
  }
  return [...secrets].flatMap(([namespace, all]) => {
    const list = [...all]
    return Array.from({ length: Math.ceil(list.length / mostTargets) }, (_, at) => ({
      apiVersion: `${gatewayGroup}/v1`,
      kind: "ReferenceGrant",
      metadata: { name: names.take(grantKind, namespace, `${own.name}-certificates`), namespace },
      spec: {
        from: [from],
        to: list.slice(at * mostTargets, (at + 1) * mostTargets).map((name) => ({ group: "", kind: "Secret", name }))
      }
    }))
  })
}

/** The Gateway with those listeners beside its own. value: as it is written; null: it is the one that is implied where nobody writes it. */
export const withListeners = (
  ground: Ground,
  key: ObjectKey,
  value: Fields | null,
  lent: ReadonlyArray<LentListener>
): { readonly gateway: Fields; readonly grants: ReadonlyArray<Fields> } => {
  const { namespace, name } = parseKey(key)
  const decoded = ground.view.get<Gateway>(key)?.value
  const implied =
    decoded !== undefined && Result.isSuccess(decoded)
      ? written({
          gatewayClassName: decoded.success.spec.gatewayClassName,
          listeners: decoded.success.spec.listeners.flatMap((one) => (Result.isSuccess(one) ? [one.success] : []))
        })
      : {}
  const gateway = value ?? ({ apiVersion: `${gatewayGroup}/v1`, kind: "Gateway", metadata: { name, namespace }, spec: implied } as Fields)
  const listeners = itemsOf(specOf(gateway)["listeners"])
  const names = makeNames(
    listeners.flatMap((one) =>
      isFields(one) && typeof one["name"] === "string" ? [`${gatewayKind}/${namespace}/${one["name"]}` as const] : []
    )
  )
  const more = lent.map((one) => {
    const host = (one.listener.hostname ?? "").replace("*", "any")
    const wanted = `https${host === "" ? "" : `-${host}`}${one.listener.port === 443 ? "" : `-${one.listener.port}`}`
    return listenerWritten(one, names.take(gatewayKind, namespace, wanted), key)
  })
  return {
    gateway: more.length === 0 ? gateway : { ...gateway, spec: { ...specOf(gateway), listeners: [...listeners, ...more] } },
    grants: grantsFor(ground, key, lent)
  }
}
