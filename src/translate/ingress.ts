// An Ingress, of networking.k8s.io or Voyager's: its verdict, and what it brings to the hosts of its Gateway's listeners: a route like any other, with rules of its own for each host.
import { Result } from "effect"
import type { Ingress } from "#schemas/dialects/ingress.ts"
import type { VoyagerIngress } from "#schemas/dialects/voyageringress.ts"
import { type GroupKind, type ObjectKey, parseKey, spokenKind } from "#schemas/meta.ts"
import { gatewayGroup } from "#schemas/reference.ts"
import { observed, routeNote, type Said, route as say } from "../status/conditions.ts"
import { ingressNote } from "../status/ingressnotes.ts"
import { type Attachment, attach } from "./attachment.ts"
import { type IngressHost, readIngress } from "./dialects/ingress.ts"
import { readVoyagerIngress } from "./dialects/voyageringress.ts"
import { ingressTlsSaid, parentOf } from "./gateway.ts"
import { ingressParent } from "./ingressclass.ts"
import { voyagerIngressKind } from "./kinds.ts"
import { requestMatches } from "./match.ts"
import { type TranslatedRule, translateRule } from "./rule.ts"
import type { TranslateSettings } from "./settings.ts"
import { gatewayChain } from "./traffic.ts"
import { acceptedAt, assembled, guarded, resolvedOf, type TranslatedRoute, without } from "./translatedroute.ts"
import type { Collected } from "./units.ts"
import type { Session, View } from "./view.ts"

interface Host {
  readonly hostname: string
  readonly attachment: Attachment
  readonly rules: ReadonlyArray<TranslatedRule>
  readonly problems: ReadonlyArray<string>
}

const hostOf = (
  view: View,
  settings: TranslateSettings,
  key: ObjectKey,
  gateway: ObjectKey,
  { hostname, port, rules: written }: IngressHost
): ReadonlyArray<Host> => {
  const { kind, namespace, name } = parseKey(key)
  const to = parseKey(gateway)
  const ref = { group: gatewayGroup, kind: "Gateway", namespace: to.namespace, name: to.name, ...(port === null ? {} : { port }) }
  // What a listener admits, it says in the kinds of Gateway API.
  const attachment = attach(view, settings, ref, "HTTPRoute", namespace, [hostname])
  if (attachment === null) return []
  const from = { kind: "Ingress", group: kind.slice(kind.indexOf(".") + 1), namespace, name }
  const chain = gatewayChain(view, attachment, null)
  const problems: Array<string> = []
  const rules = written.map(({ rule, path, backend, section, instead = null, problems: own = [] }) => {
    const source = { kind: spokenKind(kind), namespace, name, section }
    const made = translateRule(
      view,
      settings,
      rule,
      requestMatches(rule.matches, path),
      path,
      source,
      from,
      chain,
      "Requests",
      () => backend
    )
    const translated =
      instead === null || made.problems.length > 0
        ? made
        : { ...made, notes: [], problems: own, rules: made.rules.map((one) => ({ ...one, action: instead })) }
    if (translated.problems.length > 0) problems.push(routeNote.ruleRefused(translated.problems))
    return translated
  })
  return [{ hostname: port === null ? hostname : `${hostname} port ${port}`, attachment, rules, problems }]
}

/** Prefixes of annotations by which other controllers are told how to serve an Ingress. */
export const foreignAnnotation =
  /^([a-z0-9-]+\.)*(ingress\.kubernetes\.io|kubernetes\.io\/ingress\.|traefik\.|haproxy\.org|konghq\.com|appscode\.com|projectcontour\.io|alb\.)/

/** A note on those that stand there, but for the `known`; [] where there are none. */
export const foreignAnnotations = (annotations: ReadonlyMap<string, string>, known: ReadonlyArray<string>): ReadonlyArray<string> => {
  const names = [...annotations.keys()]
    .filter((name) => name !== "kubernetes.io/ingress.class" && foreignAnnotation.test(name) && !known.some((said) => said.includes(name)))
    .sort()
  return names.length === 0 ? [] : [ingressNote.annotations(names)]
}

const translated = (view: View, settings: TranslateSettings, key: ObjectKey): TranslatedRoute | string => {
  const object = view.get<Ingress | VoyagerIngress>(key)
  if (object === null) return "it does not exist"
  const { meta } = object
  const parent = ingressParent(view, settings, key)
  if (parent._tag === "Foreign") return parent.why
  const gateway = parent._tag === "Gateway" ? parent.gateway : null
  const entry = (conditions: ReadonlyArray<Said>) => ({
    parent: gateway,
    section: null,
    port: null,
    conditions: conditions.map((said) => observed(meta.generation, said)),
    listener: null
  })
  if (Result.isFailure(object.value)) return without(meta, [entry([say.undecodable(object.value.failure)])])
  if (gateway === null) return without(meta, [entry([say.noGateway(parent._tag === "Refused" ? parent.why : "")])])
  if (parentOf(view, settings, gateway) === null) return without(meta, [entry([say.noGateway(ingressNote.gatewayMissing(gateway))])])

  const { spec } = object.value.success
  const read = key.startsWith(`${voyagerIngressKind}/`)
    ? readVoyagerIngress(spec as VoyagerIngress["spec"], meta.annotations)
    : readIngress(spec as Ingress["spec"])
  const hosts = read.hosts.flatMap((host) => hostOf(view, settings, key, gateway, host))
  const rules = hosts.flatMap((host) => host.rules)
  const bound = hosts.find(({ attachment }) => attachment.refused === null)
  const tls = ingressTlsSaid(view, settings, key, gateway)
  const dropped = [
    ...read.problems,
    ...hosts.flatMap(({ hostname, attachment, problems }) =>
      attachment.refused === null ? problems : [ingressNote.hostRefused(hostname, attachment.refused.message)]
    )
  ]
  const badTls = [...spec.tls].flatMap((element) => (Result.isFailure(element) ? [routeNote.ruleUndecodable(element.failure)] : []))
  const fields = [...badTls, ...tls.problems, ...read.fields]
  const good = rules.some(({ problems }) => problems.length === 0)
  const refused =
    bound === undefined && hosts.length > 0
      ? hosts[0]!.attachment.refused!
      : good
        ? null
        : say.unsupportedValue(dropped.length === 0 ? [ingressNote.empty] : dropped)
  const resolved = resolvedOf(rules, {
    unresolved: tls.unresolved,
    notes: [...read.notes, ...tls.notes, ...foreignAnnotations(meta.annotations, read.fields)]
  })
  const partly = dropped.length + fields.length === 0 ? [] : [say.partly(dropped, fields)]
  const entries = [entry(refused === null ? [acceptedAt(bound!.attachment), resolved, ...partly] : [refused, resolved])]
  const parts = hosts.map(({ hostname, attachment, rules }) => ({
    attachment,
    from: `${key} ${hostname}` as ObjectKey,
    rules: rules.flatMap((rule) => rule.rules).slice(),
    stream: null
  }))
  return assembled(meta, entries, parts, rules, { counted: refused === null, serving: true })
}

/** Every Ingress of a kind. A string: it is another controller's, and why that is thought. */
export const translateIngresses = (session: Session, settings: TranslateSettings, kind: GroupKind): Collected<TranslatedRoute | string> =>
  session.each(kind, kind, (view, key) => guarded(view, settings, key, translated))
