// What the administrator switches for all backends of a Gateway: GatewayParameters of its class and its own, over the settings of the process. Apart from the
// dialects, because a switch is the Gateway's and a backend may be reached through several: then the strictest holds.
import { Result } from "effect"
import type { Gateway } from "#schemas/gateway.ts"
import { groupKind, type ObjectKey, objectKey } from "#schemas/meta.ts"
import type { AnyRoute } from "#schemas/route.ts"
import { digest } from "../snapshot/digest.ts"
import type { Carries } from "./carriage.ts"
import { ownClass } from "./gatewayclass.ts"
import type { NameRules } from "./hostname.ts"
import { ingressParent } from "./ingressclass.ts"
import { parametersKind } from "./kinds.ts"
import { gatewayOfParent } from "./listenerset.ts"
import { type ParametersSpec, parametersOf } from "./parameters.ts"
import type { Referrer } from "./resolved.ts"
import type { TranslateSettings } from "./settings.ts"
import type { View } from "./view.ts"

/** What dialects are told beside the state. */
export interface BackendRules extends NameRules {
  /** Part of the name of whatever is computed under these rules; "" for those of the process alone. */
  readonly id: string
  /** What the routes that refer send there. */
  readonly carries: Carries
  /** ExternalName Services are proxied. */
  readonly externalName: boolean
  /** Of the redirect that Voyager's annotation asks for: 301 is without the path, others are with it. */
  readonly redirectStatus: number
  readonly clusterCidrs: ReadonlyArray<string>
  readonly unixDirectories: ReadonlyArray<string>
}

type Plain = Omit<BackendRules, "id" | "carries" | "allowLoopback">

/** As Voyager's. */
const defaultRedirect = 301

const ofProcess = (settings: TranslateSettings): Plain => ({
  externalName: true,
  redirectStatus: defaultRedirect,
  clusterDomains: [settings.clusterDomain],
  clusterCidrs: settings.clusterCidrs,
  unixDirectories: settings.unixDirectories
})

/** Of one Gateway; null: it is not ours. Its own parameters win over its class's, field by field; lists add to those of the process. */
const ofGateway = (view: View, settings: TranslateSettings, key: ObjectKey): Plain | null =>
  view.unit("gateway-rules", key, (inner) => {
    const object = inner.get<Gateway>(key)
    if (object === null || Result.isFailure(object.value)) return null
    if (ownClass(inner, settings, object.value.success.spec.gatewayClassName) === null) return null
    const parameters = parametersOf(inner, key, object.value.success)
    const [shared, own] = [parameters.shared?.spec ?? null, parameters.own?.spec ?? null]
    const list = (pick: (spec: ParametersSpec) => ReadonlyArray<string>): ReadonlyArray<string> => {
      const said = own === null ? [] : pick(own)
      return said.length > 0 || shared === null ? said : pick(shared)
    }
    const domain = own?.clusterDomain ?? shared?.clusterDomain
    const base = ofProcess(settings)
    return {
      externalName: (own?.features?.externalName ?? shared?.features?.externalName) !== "Disabled",
      redirectStatus: (own?.features?.voyagerRedirect ?? shared?.features?.voyagerRedirect)?.statusCode ?? defaultRedirect,
      clusterDomains: [...new Set([...base.clusterDomains, ...(domain === undefined ? [] : [domain])])],
      clusterCidrs: [...new Set([...base.clusterCidrs, ...list((spec) => spec.clusterCIDRs)])],
      unixDirectories: [...new Set([...base.unixDirectories, ...list((spec) => spec.features?.unixDirectories ?? [])])]
    }
  })

/** What every one of the Gateways allows. */
const strictest = (all: ReadonlyArray<Plain>, base: Plain): Plain =>
  all.length === 0
    ? base
    : {
        externalName: all.every((one) => one.externalName),
        redirectStatus: all.every((one) => one.redirectStatus === all[0]!.redirectStatus) ? all[0]!.redirectStatus : defaultRedirect,
        clusterDomains: [...new Set(all.flatMap((one) => one.clusterDomains))],
        clusterCidrs: [...new Set(all.flatMap((one) => one.clusterCidrs))],
        unixDirectories: all[0]!.unixDirectories.filter((directory) => all.every((one) => one.unixDirectories.includes(directory)))
      }

const named = (plain: Plain, base: Plain, allowLoopback: boolean): BackendRules => {
  const id = digest(plain)
  return { ...plain, allowLoopback, carries: "Requests", id: id === digest(base) ? "" : id }
}

/** Without parameters, which is the rule, no Gateway can say otherwise, and nothing depends on which it is. */
const anyParameters = (view: View): boolean => view.list(parametersKind).length > 0

// The process's own rules, once: they are asked for with every reference.
const own = new WeakMap<TranslateSettings, BackendRules>()
const ownRules = (settings: TranslateSettings): BackendRules => {
  const known = own.get(settings)
  if (known !== undefined) return known
  const made: BackendRules = { ...ofProcess(settings), allowLoopback: settings.allowLoopback, carries: "Requests", id: "" }
  own.set(settings, made)
  return made
}

const together = (view: View, settings: TranslateSettings, gateways: ReadonlyArray<ObjectKey>): BackendRules =>
  view.unit("backend-rules", gateways.join(" "), (inner) => {
    const base = ofProcess(settings)
    const all = gateways.map((gateway) => ofGateway(inner, settings, gateway)).filter((plain) => plain !== null)
    return named(strictest(all, base), base, settings.allowLoopback)
  })

/** Rules toward a Gateway; those of the process alone for none. */
export const rulesFor = (view: View, settings: TranslateSettings, gateway: ObjectKey | null): BackendRules =>
  gateway === null || !anyParameters(view) ? ownRules(settings) : together(view, settings, [gateway])

const ofReferrer = (view: View, settings: TranslateSettings, from: Referrer): BackendRules => {
  if (!anyParameters(view)) return ownRules(settings)
  const key = objectKey(groupKind(from.group, from.kind), from.namespace, from.name)
  if (from.kind === "Ingress") {
    const parent = ingressParent(view, settings, key)
    return parent._tag === "Gateway" ? together(view, settings, [parent.gateway]) : ownRules(settings)
  }
  const route = view.get<AnyRoute>(key)
  if (route === null || Result.isFailure(route.value)) return ownRules(settings)
  const parents = route.value.success.spec.parentRefs.flatMap((ref) => gatewayOfParent(view, ref, from.namespace) ?? [])
  return together(view, settings, [...new Set(parents)].sort())
}

/** Rules for a reference: what every Gateway that the route names as a parent allows. What one of them switches off is off for the route. */
export const rulesOf = (view: View, settings: TranslateSettings, from: Referrer, carries: Carries): BackendRules => {
  const rules = ofReferrer(view, settings, from)
  return carries === "Requests" ? rules : { ...rules, carries, id: `${rules.id} ${carries}` }
}
