// The verdict on a Gateway: its own conditions, and an entry a listener with what routes made of it.
import { Result } from "effect"
import type { Gateway } from "#schemas/gateway.ts"
import type { Decoded } from "../state/change.ts"
import { observed, type Said, gateway as say } from "../status/conditions.ts"
import type { Verdict, VerdictEntry } from "../status/verdict.ts"
import type { OwnGateway } from "./gateway.ts"
import type { Gathered } from "./gathering.ts"
import type { TranslateSettings } from "./settings.ts"

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

export const gatewayVerdict = (own: OwnGateway, gathered: Gathered): Verdict => ({
  object: own.key,
  generation: own.generation,
  entries: [
    entry(own.generation, null, own.conditions, null),
    ...own.listeners.map((one) =>
      entry(own.generation, one.name, one.conditions, {
        attachedRoutes: gathered.attached.get(one.id) ?? 0,
        supportedKinds: one.supportedKinds,
        served: one.served
      })
    )
  ],
  upstreams: [],
  gateways: [own.key]
})

/** A Gateway that did not decode; null: it did, or it may be another controller's (its class cannot be read) and this is a cluster. */
export const undecodableGateway = (settings: TranslateSettings, { meta, value }: Decoded<Gateway>): Verdict | null =>
  Result.isSuccess(value) || settings.role === "Cluster"
    ? null
    : {
        object: meta.key,
        generation: meta.generation,
        entries: [entry(meta.generation, null, [say.undecodable(value.failure)], null)],
        upstreams: [],
        gateways: []
      }
