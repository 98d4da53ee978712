// The verdicts on a Gateway and its ListenerSets: own conditions, and an entry a listener with what routes made of it.
import { Result } from "effect"
import type { Gateway } from "#schemas/gateway.ts"
import type { ObjectKey } from "#schemas/meta.ts"
import type { GatewayOwner } from "#schemas/owner.ts"
import type { Decoded } from "../state/change.ts"
import { observed, type Said, gateway as say } from "../status/conditions.ts"
import type { Verdict, VerdictEntry } from "../status/verdict.ts"
import type { OwnGateway, OwnSet } from "./gateway.ts"
import { ownClass } from "./gatewayclass.ts"
import type { Gathered } from "./gathering.ts"
import type { TranslateSettings } from "./settings.ts"
import type { View } from "./view.ts"

const entry = (
  generation: number,
  section: string | null,
  conditions: ReadonlyArray<Said>,
  listener: VerdictEntry["listener"]
): VerdictEntry => ({
  parent: null,
  section,
  port: null,
  conditions: conditions.map((said) => observed(generation, said)),
  listener
})

const verdictOf = (gateway: ObjectKey, own: Omit<OwnSet, "key">, object: ObjectKey, gathered: Gathered): Verdict => ({
  object,
  generation: own.generation,
  entries: [
    entry(own.generation, null, own.conditions, null),
    ...own.listeners.map((one) =>
      entry(own.generation, one.name, one.conditions, {
        attachedRoutes: gathered.attached.get(one.id) ?? 0,
        supportedKinds: one.supportedKinds,
        served: one.served,
        certificates: one.certificates
      })
    )
  ],
  upstreams: [],
  gateways: [gateway]
})

/** Of the Gateway and of each ListenerSet that is for it. */
export const gatewayVerdicts = (own: OwnGateway, gathered: Gathered): ReadonlyArray<Verdict> => {
  const verdict = verdictOf(own.key, own, own.key, gathered)
  if (own.sets.length === 0) return [verdict]
  const attached = own.sets.filter(({ conditions }) => conditions[0]?.status === "True").length
  const brought = own.sets.flatMap(({ listeners }) => listeners.filter(({ served }) => served).map(({ id }) => id))
  return [{ ...verdict, attachedSets: attached, brought }, ...own.sets.map((set) => verdictOf(own.key, set, set.key, gathered))]
}

/** Its class is ours. In a cluster it may be another controller's; among a user's own files silence would be worse. */
const oursToRefuse = (view: View, settings: TranslateSettings, owner: GatewayOwner | undefined): boolean =>
  settings.role === "Standalone" || (owner !== undefined && ownClass(view, settings, owner.spec.gatewayClassName) !== null)

/** A Gateway of ours that did not decode; null: it did, or it is not ours. */
export const undecodableGateway = (view: View, settings: TranslateSettings, { meta, value, owner }: Decoded<Gateway>): Verdict | null =>
  Result.isSuccess(value) || !oursToRefuse(view, settings, owner as GatewayOwner | undefined)
    ? null
    : {
        object: meta.key,
        generation: meta.generation,
        entries: [entry(meta.generation, null, [say.undecodable(value.failure)], null)],
        upstreams: [],
        gateways: []
      }
