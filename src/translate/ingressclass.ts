// Ingresses: whose they are, and which Gateway serves them. Apart from what they become, because Gateways ask it too (whose TLS they serve), and so do switches.
import { Result } from "effect"
import {
  classNameOf,
  defaultGateway,
  gatewayAnnotation,
  type Ingress,
  type IngressClass,
  standaloneClassOf
} from "#schemas/dialects/ingress.ts"
import type { GatewayParameters } from "#schemas/gatewayparameters.ts"
import { groupKind, type ObjectKey, objectKey, parseKey } from "#schemas/meta.ts"
import type { IngressOwner } from "#schemas/owner.ts"
import { ignoredIngress } from "../status/conditions.ts"
import { ingressNote } from "../status/ingressnotes.ts"
import { gatewayKind, ingressClassKind, parametersKind } from "./kinds.ts"
import type { TranslateSettings } from "./settings.ts"
import type { View } from "./view.ts"

export type IngressParent =
  | { readonly _tag: "Gateway"; readonly gateway: ObjectKey }
  /** It is another controller's. */
  | { readonly _tag: "Foreign"; readonly why: string }
  /** It is ours, and nobody can tell which Gateway is meant. */
  | { readonly _tag: "Refused"; readonly why: string }

const refused = (why: string): IngressParent => ({ _tag: "Refused", why })
const to = (namespace: string, name: string): IngressParent => ({ _tag: "Gateway", gateway: objectKey(gatewayKind, namespace, name) })

const ownIngressClass = (view: View, settings: TranslateSettings, name: string): IngressClass["spec"] | null => {
  const found = view.get<IngressClass>(objectKey(ingressClassKind, "", name))?.value
  return found !== undefined && Result.isSuccess(found) && found.success.spec.controller === settings.controllerName
    ? found.success.spec
    : null
}

const named = /^(?:([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)\/)?([a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?)$/

/** What the class says; null: nothing. */
const byParameters = (view: View, name: string, { parameters }: IngressClass["spec"]): IngressParent | null => {
  if (parameters === undefined) return null
  if (groupKind(parameters.apiGroup, parameters.kind) !== parametersKind || parameters.namespace === undefined)
    return refused(ingressNote.parametersKind(name))
  const key = objectKey(parametersKind, parameters.namespace, parameters.name)
  const found = view.get<GatewayParameters>(key)?.value
  if (found === undefined || Result.isFailure(found)) return refused(ingressNote.parametersMissing(name, key, found !== undefined))
  const gateway = found.success.spec.ingress?.gateway
  return gateway === undefined ? null : to(gateway.namespace ?? parameters.namespace, gateway.name)
}

/** The Gateway of an Ingress that exists: what its annotation names, else what its class does; in a standalone process, else the default one. */
export const ingressParent = (view: View, settings: TranslateSettings, key: ObjectKey): IngressParent =>
  view.unit("ingress parent", key, (view) => {
    const object = view.get<Ingress>(key)
    if (object === null) return { _tag: "Foreign", why: "" }
    const { annotations } = object.meta
    const { spec } = Result.isSuccess(object.value) ? object.value.success : ((object.owner ?? { spec: {} }) as IngressOwner)
    const annotation = annotations.get(gatewayAnnotation)
    const alone = settings.role === "Standalone"
    const className = alone ? standaloneClassOf(key, annotations, spec) : classNameOf(annotations, spec)
    const own = className === null ? null : ownIngressClass(view, settings, className)
    // In a cluster the class decides: two controllers that serve one Ingress would write its status in turns.
    if (className !== null && own === null && !(alone && annotation !== undefined))
      return { _tag: "Foreign", why: ignoredIngress.foreignClass(className, alone) }
    if (className === null && annotation === undefined && !alone) return { _tag: "Foreign", why: ignoredIngress.noClass }
    if (annotation !== undefined) {
      const [, namespace, name] = named.exec(annotation) ?? []
      return name === undefined ? refused(ingressNote.annotation(annotation)) : to(namespace ?? parseKey(key).namespace, name)
    }
    const parameters = own === null ? null : byParameters(view, className!, own)
    if (parameters !== null) return parameters
    return alone ? to(defaultGateway.namespace, defaultGateway.name) : refused(ingressNote.noGateway)
  })
