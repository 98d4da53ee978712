// Every condition, reason and message that Sluice writes, by the kind of object it is written on; nothing else makes a condition. One file, long as it is, so that
// what statuses say can be read and judged together, each row beside the clauses that fill it, and a test can hold the types in it against those that are ours.
// Only clauses that fill conditions of several kinds, about backends and Ingresses, are in files beside it (backendnotes.ts, ingressnotes.ts). Types and reasons
// are Gateway API's (v1.7), but for live facts and for kinds that are not its own. Messages name object, field and remedy.
import { type Condition, describeKey, type Issue, type ObjectKey } from "#schemas/meta.ts"
import { remedyOf } from "../report/remedies.ts"
import type { HealthFacts } from "../report/report.ts"

/** A condition before it is observed on a generation. */
export interface Said {
  readonly type: string
  readonly status: "True" | "False" | "Unknown"
  readonly reason: string
  readonly message: string
}

/** What the API server admits in a message. */
const longestMessage = 32_768

/** observedGeneration is the generation the judgement was made on, of the object that carries the condition. */
export const observed = (generation: number, said: Said): Condition => ({
  type: said.type,
  status: said.status,
  reason: said.reason,
  message: said.message.length > longestMessage ? `${said.message.slice(0, longestMessage - 2)} …` : said.message,
  observedGeneration: generation
})

const says =
  (type: string, status: Said["status"], reason: string) =>
  (message: string): Said => ({ type, status, reason, message })

/** `spec.rules[2].matches[0].path.value: expected a string; spec.…`: at most eight, since one cause often has many symptoms. */
export const describeIssues = (issues: ReadonlyArray<Issue>): string => {
  const shown = issues.slice(0, 8).map((issue) => (issue.path === "" ? issue.message : `${issue.path}: ${issue.message}`))
  return `${shown.join("; ")}${issues.length > shown.length ? `; and ${issues.length - shown.length} more` : ""}`
}

const undecodable = (issues: ReadonlyArray<Issue>): string =>
  `The object does not have the form its kind asks for: ${describeIssues(issues)}`

const sentences = (...parts: ReadonlyArray<string>): string => parts.filter((part) => part !== "").join(". ")

// ── GatewayClass ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
export const gatewayClass = {
  accepted: (note: string): Said => says("Accepted", "True", "Accepted")(sentences("Sluice serves the Gateways of this class", note)),
  /** The parameters cannot be had: `cause` says why and what to do. */
  invalidParameters: (cause: string): Said => says("Accepted", "False", "InvalidParameters")(`spec.parametersRef: ${cause}`),
  undecodable: (issues: ReadonlyArray<Issue>): Said => says("Accepted", "False", "Unsupported")(undecodable(issues)),
  /** Of the CRDs of Gateway API, by their annotation bundle-version; null: they have none. */
  version: (found: string | null, known: ReadonlyArray<string>): Said =>
    found !== null && known.some((one) => found.startsWith(`${one}.`))
      ? says("SupportedVersion", "True", "SupportedVersion")(`The CRDs of Gateway API are of version ${found}`)
      : says(
          "SupportedVersion",
          "False",
          "UnsupportedVersion"
        )(
          `The CRDs of Gateway API are ${found === null ? "of no known version (no annotation gateway.networking.k8s.io/bundle-version)" : `of version ${found}`}; ${known.join(" and ")} are known: what others add or change is not served`
        ),
  /** A note of `accepted`: a try-out must not be mistaken for a deployment. */
  loopbackAllowed: "Loopback addresses and single-label names are allowed (--allow-loopback): for a try-out on one machine only"
}

// ── Gateway ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
export const gateway = {
  accepted: (notes: ReadonlyArray<string>): Said => says("Accepted", "True", "Accepted")(sentences("The Gateway is served", ...notes)),
  /** Some listeners are valid: the Gateway is accepted (Gateway API v1.6, condition reasons). refused names those that do not serve; served: how many do, heldOver included: those without a certificate that can be used now. */
  someListenersInvalid: (
    refused: ReadonlyArray<string>,
    heldOver: ReadonlyArray<string>,
    served: number,
    notes: ReadonlyArray<string>
  ): Said => {
    const what = served === 0 ? "No listener can serve" : `Served but for ${count(refused.length, "listener")} that cannot serve`
    return says(
      "Accepted",
      "True",
      "ListenersNotValid"
    )(
      sentences(
        refused.length === 0 ? "" : `${what}: ${refused.join(", ")}; see the conditions of each`,
        heldOver.length === 0 ? "" : `No certificate that can be used now: ${heldOver.join(", ")}; see the conditions of each`,
        ...notes
      )
    )
  },
  noListenerValid: (refused: ReadonlyArray<string>): Said =>
    says("Accepted", "False", "ListenersNotValid")(`No listener can be served: ${refused.join(", ")}; see the conditions of each`),
  undecodable: (issues: ReadonlyArray<Issue>): Said => says("Accepted", "False", "Invalid")(undecodable(issues)),
  classNotAccepted: (name: string): Said =>
    says("Accepted", "False", "Invalid")(`spec.gatewayClassName: GatewayClass ${name} is not accepted; see its conditions`),
  invalidParameters: (cause: string): Said => says("Accepted", "False", "InvalidParameters")(`spec.infrastructure.parametersRef: ${cause}`),
  /** They can be read, and nothing can be made of them: what stood before goes on. named: the Gateway's own, or its class's. */
  unusableParameters: (named: ReadonlyArray<ObjectKey>, cause: string): Said =>
    says("Accepted", "False", "InvalidParameters")(`${named.map(describeKey).join(", ")}: ${cause}`),
  unsupportedAddress: (cluster: boolean): Said =>
    says(
      "Accepted",
      "False",
      "UnsupportedAddress"
    )(
      cluster
        ? "spec.addresses: only type IPAddress without routability can be asked for; a Hostname is assigned by the load balancer"
        : "spec.addresses: a standalone process has no addresses to assign; remove them, and the Gateway is reached where the process listens"
    ),
  /** Of all backends. expires: RFC 3339. */
  clientCertificate: (expires: string): Said =>
    says("ResolvedRefs", "True", "ResolvedRefs")(`The client certificate for backends is valid until ${expires}`),
  /** The Gateway is accepted all the same (Gateway API, GatewayConditionResolvedRefs). */
  noClientCertificate: ({ reason, message }: { readonly reason: string; readonly message: string }): Said =>
    says("ResolvedRefs", "False", reason)(`${message}. Backends are shown no client certificate, and those that ask for one refuse us`),
  insecureFrontend: says(
    "InsecureFrontendValidationMode",
    "True",
    "ConfigurationChanged"
  )("spec.tls.frontend: mode AllowInsecureFallback admits clients without a certificate that can be verified; AllowValidOnly refuses them"),
  /** Parts that the API accepts, that are not served, and without which the rest is still right. Fields with their remedy. */
  partiallyServed: (fields: ReadonlyArray<string>): Said =>
    says("PartiallyInvalid", "True", "UnsupportedValue")(`Not served, the rest is: ${fields.join("; ")}`)
}

/** What a Gateway's parts that are not served are called in `partiallyServed`, and notes of `accepted`. */
export const gatewayNote = {
  defaultScope: "spec.defaultScope: default Gateways are not served yet; routes attach by parentRefs",
  infrastructureHere:
    "spec.infrastructure: labels and annotations have no effect in a standalone process, which has no pods or Services to put them on",
  ownLabels: (path: string, names: ReadonlyArray<string>): string =>
    `${path}: ${names.join(", ")} without effect: Sluice sets ${names.length === 1 ? "it" : "them"} itself; remove ${names.length === 1 ? "it" : "them"}`,
  loopbackAllowed: gatewayClass.loopbackAllowed,
  /** Fields of GatewayParameters that nothing heeds. */
  parameters: {
    later: (key: ObjectKey, fields: ReadonlyArray<string>): string =>
      `${describeKey(key)}: ${fields.join(", ")} not served yet; remove ${fields.length === 1 ? "it" : "them"}`,
    ofPods: (key: ObjectKey, fields: ReadonlyArray<string>): string =>
      `${describeKey(key)}: ${fields.join(", ")} without effect in a standalone process, which has no pods or Services`,
    ofFlags: (key: ObjectKey, fields: ReadonlyArray<string>): string =>
      `${describeKey(key)}: ${fields.join(", ")} without effect in a standalone process, where flags say it (--drain-delay, --drain-deadline, --log-level, --access-log, --workers)`
  },
  parametersRef: {
    kind: (group: string, kind: string): string =>
      `${kind}${group === "" ? "" : `.${group}`} is not a kind of parameters that Sluice reads; refer to a GatewayParameters of group gateway.sluice.dev`,
    namespace: "namespace is missing; GatewayParameters are namespaced, so name the namespace",
    missing: (key: ObjectKey): string => `${describeKey(key)} does not exist; create it or remove the reference`,
    undecodable: (key: ObjectKey, issues: ReadonlyArray<Issue>): string => `${describeKey(key)} cannot be read: ${describeIssues(issues)}`
  }
}

// ── Listener (entries of a Gateway) ───────────────────────────────────────────────────────────────────────────────────────────────────
const refusedListener = (reason: string) => says("Accepted", "False", reason)

export const listener = {
  accepted: says("Accepted", "True", "Accepted")("The listener is valid"),
  undecodable: (issues: ReadonlyArray<Issue>): Said =>
    refusedListener("UnsupportedValue")(`The listener does not have the form the API asks for: ${describeIssues(issues)}`),
  unsupportedProtocol: (path: string, protocol: string, served: ReadonlyArray<string>): Said =>
    refusedListener("UnsupportedProtocol")(`${path}.protocol: ${protocol} is not served; ${served.join(", ")} are`),
  /** field: absolute path; why: what is not served and what to do. */
  unsupportedValue: (field: string, why: string): Said => refusedListener("UnsupportedValue")(`${field}: ${why}`),
  portUnavailable: (why: string): Said => refusedListener("PortUnavailable")(why),
  /** The Gateway is refused as a whole, so its listeners do not serve. */
  gatewayRefused: says("Accepted", "False", "Invalid")("The Gateway is not accepted; see its conditions"),
  noConflicts: says("Conflicted", "False", "NoConflicts")("No other listener has the same port and hostname"),
  /** Of a ListenerSet, older ones first. most: of a Gateway, its own and those of its sets together. */
  tooMany: (most: number): Said =>
    refusedListener("TooManyListeners")(
      `The Gateway has ${most} listeners already, its own and those of its ListenerSets together: remove some, or use another Gateway`
    ),
  /** Each condition of a listener in conflict: Accepted False and Conflicted True, with one reason. others: \`listenerNote.named\`. */
  hostnameConflict: (others: string, port: number, hostname: string | null): ReadonlyArray<Said> =>
    conflict(
      "HostnameConflict",
      `Port ${port} and ${hostname === null ? "every hostname" : `hostname ${hostname}`} are also those of ${others}: give each a hostname or port of its own`
    ),
  protocolConflict: (others: string, port: number): ReadonlyArray<Said> =>
    conflict(
      "ProtocolConflict",
      `Port ${port} is also that of ${others}, and their protocols cannot share it: give each a port of its own`
    ),
  resolvedRefs: says("ResolvedRefs", "True", "ResolvedRefs")("All references resolve"),
  /** notes: what was noticed though the references resolve (a certificate that has expired is still served). */
  resolvedRefsWith: (notes: ReadonlyArray<string>): Said =>
    notes.length === 0
      ? listener.resolvedRefs
      : says("ResolvedRefs", "True", "ResolvedRefs")(sentences("All references resolve", ...notes)),
  invalidRouteKinds: (bad: ReadonlyArray<string>, good: ReadonlyArray<string>, possible: ReadonlyArray<string>): Said =>
    says(
      "ResolvedRefs",
      "False",
      "InvalidRouteKinds"
    )(
      `allowedRoutes.kinds: ${bad.join(", ")} cannot attach to this listener; ${good.length === 0 ? `no kind is left, allowed here is ${possible.join(" or ")}` : `only ${good.join(", ")} attaches`}`
    ),
  invalidCertificateRef: (causes: ReadonlyArray<string>): Said => says("ResolvedRefs", "False", "InvalidCertificateRef")(causes.join("; ")),
  refNotPermitted: (causes: ReadonlyArray<string>): Said => says("ResolvedRefs", "False", "RefNotPermitted")(causes.join("; ")),
  /** Of what client certificates are verified against. reason: as of other trust. */
  invalidCa: (reason: string, causes: ReadonlyArray<string>): Said =>
    says("ResolvedRefs", "False", reason === "InvalidKind" ? "InvalidCACertificateKind" : reason)(causes.join("; ")),
  noValidCa: (causes: ReadonlyArray<string>): Said =>
    refusedListener("NoValidCACertificate")(sentences("No client could be verified", causes.join("; "))),
  overlappingHostnames: (others: string, port: number): Said =>
    says(
      "OverlappingTLSConfig",
      "True",
      "OverlappingHostnames"
    )(
      `Hostnames overlap with those of ${others} on port ${port}: a browser may reuse one connection for both, such a request is answered 421`
    )
}

// ── ListenerSet ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
export const listenerSet = {
  /** bad: names of listeners that do not serve. */
  accepted: (gateway: ObjectKey, bad: ReadonlyArray<string>): Said =>
    says(
      "Accepted",
      "True",
      "Accepted"
    )(
      sentences(
        `${describeKey(gateway)} has its listeners`,
        bad.length === 0 ? "" : `But for those that cannot serve: ${bad.join(", ")}; see the conditions of each`
      )
    ),
  notAllowed: (gateway: ObjectKey, namespace: string): Said =>
    says(
      "Accepted",
      "False",
      "NotAllowed"
    )(
      `spec.allowedListeners of ${describeKey(gateway)} does not admit ListenerSets of namespace ${namespace}; its owner can allow it (namespaces.from: Same, All, or a Selector that matches the namespace's labels)`
    ),
  parentNotAccepted: (gateway: ObjectKey): Said =>
    says("Accepted", "False", "ParentNotAccepted")(`${describeKey(gateway)} is not accepted; see its conditions`),
  noListenerValid: (bad: ReadonlyArray<string>): Said =>
    says("Accepted", "False", "ListenersNotValid")(`No listener can be served: ${bad.join(", ")}; see the conditions of each`),
  undecodable: (issues: ReadonlyArray<Issue>): Said => says("Accepted", "False", "Invalid")(undecodable(issues)),
  /** It was a Gateway's of ours, and is no more: nobody has judged it anew. */
  noGateway: ["Accepted", "Programmed"].map((type) =>
    says(type, "Unknown", "Pending")("spec.parentRef names no Gateway that Sluice serves; it serves none of these listeners")
  ),
  /** What stands over the set where its Gateway turns out not to be accepted, or not to be reached. reason: of the Gateway's condition. */
  parentFails: (type: "Accepted" | "Programmed", gateway: ObjectKey, reason: string): Said =>
    says(type, "False", `ParentNot${type}`)(`${describeKey(gateway)} is not ${type.toLowerCase()} (${reason}); see its conditions`),
  portUnavailable: (names: ReadonlyArray<string>): Said =>
    says("Programmed", "False", "PortUnavailable")(`No port can be had of ${names.join(", ")}; see the conditions of each`),
  /** Programmed of one that is not accepted. reason: of its Accepted. */
  notProgrammed: (reason: string): Said =>
    says("Programmed", "False", reason === "ParentNotAccepted" ? "ParentNotProgrammed" : reason)("The ListenerSet is not accepted")
}

const conflict = (reason: "HostnameConflict" | "ProtocolConflict", message: string): ReadonlyArray<Said> => [
  says("Accepted", "False", reason)(message),
  says("Conflicted", "True", reason)(message)
]

/** Sentences about listeners that conditions above are filled with. */
const heldOver = "a proxy that served an earlier pair of it goes on with that"

export const listenerNote = {
  /** Other listeners, as one may be told of them. hidden: how many there are besides whose names are not for this reader. */
  named: (names: ReadonlyArray<string>, hidden: number): string =>
    [
      names.length === 0 ? "" : `listener ${names.join(", ")}`,
      hidden === 0
        ? ""
        : hidden === 1
          ? "a listener that a ListenerSet of another namespace brings"
          : `${hidden} listeners that ListenerSets of other namespaces bring`
    ]
      .filter((part) => part !== "")
      .join(" and "),
  certificate: {
    kind: (path: string, group: string, kind: string): string =>
      `${path}: ${kind}${group === "" ? "" : `.${group}`} is not supported; refer to a Secret of type kubernetes.io/tls`,
    notPermitted: (path: string, secret: string, from: { readonly kind: string; readonly namespace: string }): string =>
      `${path}: ${secret} is in another namespace and no ReferenceGrant there lets ${from.kind}s of namespace ${from.namespace} refer to it`,
    missing: (path: string, secret: string): string => `${path}: ${secret} does not exist`,
    unread: (path: string, secret: string): string => `${path}: ${secret} has not been read yet`,
    undecodable: (path: string, secret: string, issues: ReadonlyArray<Issue>): string =>
      `${path}: ${secret} cannot be read: ${describeIssues(issues)}; ${heldOver}`,
    /** cause: a clause that follows the Secret's name and never quotes its bytes. */
    bad: (path: string, secret: string, cause: string): string => `${path}: ${secret} ${cause}; ${heldOver}`,
    none: (path: string): string =>
      `${path}.certificateRefs: a listener that ends TLS needs a certificate; refer to a Secret of type kubernetes.io/tls`,
    /** expires: RFC 3339. Served all the same: the client judges it. */
    expires: (secret: string, expires: string): string => `The certificate of ${secret} is valid until ${expires}`,
    /** In place of `expires`, once that is past. */
    expired: (secret: string, expires: string): string => `The certificate of ${secret} expired at ${expires}: clients refuse it, renew it`
  },
  port: {
    /** Standalone: the machine's ports are shared by all Gateways; older, then namespace and name, wins. */
    taken: (port: number, by: ObjectKey): string =>
      `Port ${port} is served for ${describeKey(by)}: in a standalone process the Gateways share the machine's ports; use another port or one Gateway`,
    /** Cluster: ports below 1024 bind 10000 higher. by: `listenerNote.named`. */
    shifted: (port: number, bound: number, by: string): string =>
      `Port ${port} is opened as ${bound} in the pod, which ${by} has already: use another port`
  },
  /** What a proxy says of requests for its hostnames. reason: of the condition that tells why. */
  notServed: (reason: string): string => `the listener is not served (${reason}); see its conditions`,
  tlsOptions: (keys: ReadonlyArray<string>): string => `the options ${keys.join(", ")} are not known to Sluice; remove them`,
  selectorMissing: "needed with from: Selector; without it no route may attach",
  hostnameIsAddress: "a listener's hostname is a DNS name, not an IP address",
  filters: "filters of a listener are not served yet; put them on the routes"
}

const count = (n: number, noun: string, many = `${noun}s`): string => `${n} ${n === 1 ? noun : many}`

// ── HTTPRoute (entries by parent) ─────────────────────────────────────────────────────────────────────────────────────────────────────
export const route = {
  accepted: says("Accepted", "True", "Accepted")("The route is served by this Gateway"),
  /** It attaches, and yet no request comes to it: what it attaches to does not serve. */
  acceptedIdle: (names: ReadonlyArray<string>): Said =>
    says(
      "Accepted",
      "True",
      "Accepted"
    )(`The route attaches to listener ${names.join(", ")}, which does not serve; see the conditions of the Gateway`),
  undecodable: (issues: ReadonlyArray<Issue>): Said => says("Accepted", "False", "UnsupportedValue")(undecodable(issues)),
  /** kind: the name of the error class, nothing that could quote the object. */
  defect: (kind: string): Said =>
    says(
      "Accepted",
      "False",
      "UnsupportedValue"
    )(`Sluice itself failed on this route (${kind}): a defect of ours, please report it with the manifest. Other routes are served`),
  /** The parentRef names a section or port that the Gateway does not have. */
  noMatchingParent: (section: string | null, port: number | null, parent: ObjectKey, names: ReadonlyArray<string>): Said => {
    const asked = [section === null ? "" : ` named ${section}`, port === null ? "" : ` on port ${port}`].join("")
    const what = asked === "" ? "that a route can attach to" : asked.trim()
    return says(
      "Accepted",
      "False",
      "NoMatchingParent"
    )(`${describeKey(parent)} has no listener ${what}${names.length === 0 ? "" : `; it has ${names.join(", ")}`}`)
  },
  /** Of an Ingress, which names its Gateway otherwise. */
  noGateway: (why: string): Said => says("Accepted", "False", "NoMatchingParent")(why),
  kindNotAllowed: (kind: string, names: ReadonlyArray<string>): Said =>
    says("Accepted", "False", "NotAllowedByListeners")(`allowedRoutes.kinds of listener ${names.join(", ")} does not admit ${kind}`),
  namespaceNotAllowed: (namespace: string, names: ReadonlyArray<string>): Said =>
    says(
      "Accepted",
      "False",
      "NotAllowedByListeners"
    )(
      `allowedRoutes.namespaces of listener ${names.join(", ")} does not admit routes of namespace ${namespace}; the Gateway's owner can allow it (from: All, or a Selector that matches its labels)`
    ),
  noMatchingListenerHostname: (written: ReadonlyArray<string>, listeners: ReadonlyArray<string>): Said =>
    says(
      "Accepted",
      "False",
      "NoMatchingListenerHostname"
    )(`spec.hostnames: none of ${written.join(", ")} meets a hostname of the listeners (${listeners.join(", ")})`),
  /** No rule is left that can be served. */
  unsupportedValue: (problems: ReadonlyArray<string>): Said => says("Accepted", "False", "UnsupportedValue")(problems.join("; ")),
  /**
   * Some of an accepted route is served: rules are dropped, or fields are not served yet. About rules the message begins as the specification wants it
   * (Gateway API v1.6, condition reasons).
   */
  partly: (rules: ReadonlyArray<string>, fields: ReadonlyArray<string>): Said =>
    says(
      "PartiallyInvalid",
      "True",
      "UnsupportedValue"
    )(
      [
        ...rules.map((rule) => `Dropped Rule ${rule}`),
        ...(fields.length === 0 ? [] : [`Not served, the rest is: ${fields.join("; ")}`])
      ].join("; ")
    ),
  resolvedRefs: (notes: ReadonlyArray<string>): Said =>
    says("ResolvedRefs", "True", "ResolvedRefs")(sentences("All references resolve", ...notes)),
  /** The first problem gives the reason, the message has all of them, and what was decided about the others. */
  unresolvedRefs: (reason: string, messages: ReadonlyArray<string>, notes: ReadonlyArray<string>): Said =>
    says("ResolvedRefs", "False", reason)(sentences(messages.join("; "), ...notes))
}

/** Clauses about rules; `rule` is its path (`spec.rules[2]`). */
export const routeNote = {
  ruleUndecodable: (issues: ReadonlyArray<Issue>): string => describeIssues(issues),
  /** Its matches are known, so its requests are answered 500 and do not fall to a wider rule. */
  ruleRefused: (problems: ReadonlyArray<string>): string => `${problems.join("; ")} (requests that match are answered 500)`,
  pattern: (path: string, why: string): string => `${path}: the regular expression is refused: ${why}; RE2 syntax is served`,
  filterNotServed: (path: string, type: string): string => `${path}: ${notServed[type] ?? `filters of type ${type} are not served`}`,
  filterProblem: (path: string, why: string): string => `${path}: ${why}`,
  redirectShared: (path: string): string =>
    `${path}: a Service that redirects (Voyager's use-dns-resolver: "false") cannot have a share of the traffic; give it a rule of its own`,
  redirectFiltered: (path: string): string =>
    `${path}: a Service that redirects (Voyager's use-dns-resolver: "false") sends clients elsewhere, where no URLRewrite and no filter of its backendRef is applied; remove them`,
  mirrorRedirects: (path: string): string =>
    `${path}: a Service that redirects (Voyager's use-dns-resolver: "false") sends clients elsewhere and can be sent no copies; nothing is mirrored to it`,
  /** Of a rule whose requests go to no backend. */
  mirrorUnused: (path: string): string => `${path}: requests that are answered here are not mirrored`,
  defaultGateways: "spec.useDefaultGateways: default Gateways are not served yet; name the Gateway in parentRefs",
  /** What Gateway API wants (HTTPRouteRule.backendRefs), and what nobody means who reads "All references resolve". */
  nothingToSendTo: (path: string, refs: number): string =>
    `${path}.backendRefs: ${refs === 0 ? "there is none" : "none has a weight above 0"}, so its requests are answered 500`,
  noWeightForBytes: (path: string): string =>
    `${path}.backendRefs: none has a weight above 0, so connections are closed and datagrams dropped`,
  credentialWithheld: (path: string, target: string): string =>
    `${path}: ${target} has credentials, which go with its own Host only, and URLRewrite.hostname writes another: answered 503; set spec.host of the Backend instead`,
  hostnameIsAddress: (hostname: string): string => `spec.hostnames: ${hostname} is an IP address; a route's hostname is a DNS name`
}

const notServed: Readonly<Record<string, string>> = {
  RequestRedirect: "RequestRedirect on a backendRef is not served; put it on the rule",
  ExternalAuth: "ExternalAuth is not served yet; a rule that needs it is not served without it",
  ExtensionRef: "ExtensionRef names a filter that Sluice does not know; none is served yet"
}

// ── Objects that nothing is said on, because they are not ours: told by `check` ──────────────────────────────────────────────────────────
export const ignoredGateway = {
  foreignClass: (name: string): string =>
    `spec.gatewayClassName: GatewayClass ${name} does not exist or belongs to another controller; in a standalone process the class sluice is always there`
}

export const ignoredSet = "spec.parentRef names no Gateway that Sluice serves; check group, kind, name and namespace"

export const ignoredRoute = {
  noParent: "spec.parentRefs is empty: the route attaches to no Gateway; name one",
  foreignParent: "spec.parentRefs names no Gateway that Sluice serves; check name and namespace"
}

export const ignoredIngress = {
  foreignClass: (name: string, standalone: boolean): string =>
    `spec.ingressClassName: IngressClass ${name} does not exist or belongs to another controller${standalone ? "; in a standalone process the class sluice is always there, an Ingress without a class is served, and so is one whose annotation gateway.sluice.dev/gateway names a Gateway" : ""}`,
  noClass: "it names no IngressClass, and no Gateway by the annotation gateway.sluice.dev/gateway"
}

// ── Live facts: written by settle alone ───────────────────────────────────────────────────────────────────────────────────────────────
const askItsController = "kubectl describe service says what its controller is about"

const programmed = (status: Said["status"], reason: string) => says("Programmed", status, reason)

/** What the pod that fares worst sees of an object's upstreams, for kinds whose status has no room for it. */
export interface SeenAddresses {
  readonly addresses: number
  readonly healthy: number
  readonly certificateExpires: string | null
  /** A label of the failure table. */
  readonly lastFailure: string | null
}

const seenWell = (seen: SeenAddresses | null): string =>
  seen === null
    ? "Names resolve to addresses that may be dialled"
    : sentences(
        [
          `Names resolve to ${count(seen.addresses, "address", "addresses")} that may be dialled`,
          ...(seen.healthy === seen.addresses ? [] : [`${seen.healthy} healthy`]),
          ...(seen.certificateExpires === null ? [] : [`certificate valid until ${seen.certificateExpires}`]),
          ...(seen.lastFailure === null
            ? []
            : seen.lastFailure === "credential_unavailable"
              ? ["requests lack their credential (credential_unavailable)"]
              : [`the last connection failed (${seen.lastFailure})`])
        ].join("; "),
        seen.lastFailure === null ? "" : remedyOf(seen.lastFailure)
      )

export const live = {
  programmed: (proxies: number): Said => programmed("True", "Programmed")(`Served by ${count(proxies, "proxy", "proxies")}`),
  /** Nobody reports: offline, or before the first proxy. */
  noProxy: programmed("Unknown", "Pending")("No proxy has reported yet"),
  waiting: (acknowledged: number, ready: number): Said =>
    programmed("False", "Pending")(`${acknowledged} of ${ready} ready proxies have taken up this generation`),
  noneReady: (proxies: number): Said => programmed("False", "Pending")(`None of ${proxies} proxies is ready`),
  invalid: (why: string): Said => programmed("False", "Invalid")(why),
  /** The conflict reason of the listener's Accepted condition stands on Programmed too. */
  conflicted: (reason: string, message: string): Said => programmed("False", reason)(message),
  /** A proxy could not take the listener up: what the system said. */
  listenerRefused: (detail: string): Said =>
    programmed("False", /EADDR|EACCES|in use|port/i.test(detail) ? "PortUnavailable" : "Invalid")(`The proxy could not open it: ${detail}`),
  /** No proxy yet: how far its pods have come. failure: what their Deployment complains of, or "", when only the pods know. */
  noProxyYet: (deployment: string, ready: number, wanted: number, failure: string): Said =>
    programmed(
      "Unknown",
      "Pending"
    )(
      wanted === 0
        ? `No proxy can report: Deployment ${deployment} has 0 replicas, as its GatewayParameters or autoscaler say`
        : sentences(
            `No proxy has reported yet: Deployment ${deployment} has ${ready} of ${wanted} pods ready`,
            failure === "" ? "If it stays so, kubectl describe pods tells why (image, scheduling, probes)" : failure
          )
    ),
  /** Proxies have it, and no client would get to one: a pod is Ready, and listed, a moment after its proxy is. */
  unreachable: (service: string): Said => programmed("False", "Pending")(`Service ${service} has no ready endpoint yet`),
  /** It serves, and nobody knows where. */
  addressNotAssigned: (service: string, type: string): Said =>
    programmed(
      "False",
      "AddressNotAssigned"
    )(
      type === "LoadBalancer"
        ? `Service ${service} of type LoadBalancer has no address yet: ${askItsController}; where there is none, set GatewayParameters spec.service.type`
        : `Service ${service} has no address yet`
    ),
  addressNotUsable: (service: string, type: string, wanted: ReadonlyArray<string>, has: ReadonlyArray<string>): Said =>
    programmed(
      "False",
      "AddressNotUsable"
    )(
      `spec.addresses: Service ${service} of type ${type} was not given ${wanted.join(", ")} but ${has.length === 0 ? "nothing so far" : has.join(", ")}: ask for ${has.length === 0 ? `what it may be given; ${askItsController}` : "one that it may be given"}`
    ),
  addressesAssigned: says("AddressesAssigned", "True", "AddressesAssigned")("The Gateway has the addresses that spec.addresses asks for"),
  addressesMissing: (wanted: ReadonlyArray<string>, partly: boolean): Said =>
    says("AddressesAssigned", "False", partly ? "PartiallyAssigned" : "NotAssigned")(`spec.addresses: not assigned: ${wanted.join(", ")}`),
  /** cause: what the API server said when pods or what belongs to them were written. */
  noResources: (what: string, cause: string): Said => programmed("False", "NoResources")(`${what} cannot be made: ${cause}`),
  nameTaken: (what: string): Said =>
    programmed("False", "Invalid")(`${what} exists and was not made by Sluice for this Gateway: delete or rename it, it is not touched`),
  listenersRefused: (names: ReadonlyArray<string>): Said =>
    programmed("False", "Invalid")(`No listener could be opened: ${names.join(", ")}; see the conditions of each`),
  /** Names of external backends, merged over proxies: the worst counts. Stale is False (docs/dns.md): the last good answer serves on, and somebody should look. */
  resolved: (state: "Pending" | "Fresh" | "Stale" | "Failed" | "Refused", detail: string, seen: SeenAddresses | null = null): Said =>
    says(
      "Resolved",
      state === "Fresh" ? "True" : state === "Pending" ? "Unknown" : "False",
      state
    )(state === "Fresh" && detail === "" ? seenWell(seen) : detail !== "" ? detail : `Resolution: ${state}`),
  /** Where health is judged, by the pod that fares worst. */
  health: (addresses: number, { out, why }: HealthFacts): Said =>
    out < addresses
      ? says(
          "Healthy",
          "True",
          "Healthy"
        )(
          out === 0
            ? `${count(addresses, "address", "addresses")}, none is out`
            : `${out} of ${count(addresses, "address", "addresses")} out for a while: ${why}`
        )
      : says(
          "Healthy",
          "False",
          "Unhealthy"
        )(sentences(`Every address is out (${addresses}): ${why}`, "Requests go to them all the same unless panicThreshold is 0"))
}

// ── Backends ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
export const backend = {
  /** notes: decisions made on the user's behalf. */
  accepted: (notes: ReadonlyArray<string>): Said => says("Accepted", "True", "Accepted")(["The backend is served", ...notes].join("; ")),
  undecodable: (issues: ReadonlyArray<Issue>): Said => says("Accepted", "False", "Invalid")(undecodable(issues)),
  /** reason: Invalid, UnsupportedValue, UnsupportedProtocol, UnsupportedAddressType, NotPermitted. */
  refused: (reason: string, causes: ReadonlyArray<string>): Said => says("Accepted", "False", reason)(causes.join("; ")),
  /** Some endpoints are served, these are not. */
  someEndpoints: (causes: ReadonlyArray<string>): Said =>
    says("PartiallyInvalid", "True", "Invalid")(`Left out, the other endpoints serve: ${causes.join("; ")}`),
  defect: (kind: string): Said =>
    says(
      "Accepted",
      "False",
      "Invalid"
    )(`Sluice itself failed on this object (${kind}): a defect of ours, please report it with the manifest. Others are served`),
  resolvedRefs: says("ResolvedRefs", "True", "ResolvedRefs")("All references resolve"),
  /** reason: BackendNotFound, RefNotPermitted, InvalidKind, InvalidCACertificateRef, InvalidClientCertificateRef, InvalidCredentialRef. */
  unresolvedRefs: (reason: string, causes: ReadonlyArray<string>): Said => says("ResolvedRefs", "False", reason)(causes.join("; "))
}

export const tlsPolicy = {
  accepted: (notes: ReadonlyArray<string>): Said =>
    says("Accepted", "True", "Accepted")(sentences("Connections to its targets use TLS as written here", ...notes)),
  undecodable: (issues: ReadonlyArray<Issue>): Said => says("Accepted", "False", "Invalid")(undecodable(issues)),
  invalid: (causes: ReadonlyArray<string>): Said => says("Accepted", "False", "Invalid")(causes.join("; ")),
  targetNotFound: (causes: ReadonlyArray<string>): Said => says("Accepted", "False", "TargetNotFound")(causes.join("; ")),
  /** Older wins, then namespace and name. The others of its targets are still its own. */
  conflicted: (lost: ReadonlyArray<{ readonly target: string; readonly to: ObjectKey }>): Said =>
    says(
      "Accepted",
      "False",
      "Conflicted"
    )(lost.map(({ target, to }) => `${target} is governed by ${describeKey(to)}, which is older or comes first by name`).join("; ")),
  noValidCa: (causes: ReadonlyArray<string>): Said => says("Accepted", "False", "NoValidCACertificate")(causes.join("; ")),
  resolvedRefs: backend.resolvedRefs,
  unresolvedRefs: backend.unresolvedRefs
}

/** How many names of one message are shown. */
const mostNamed = 8

const listed = (names: ReadonlyArray<string>): string =>
  `${names.slice(0, mostNamed).join(", ")}${names.length > mostNamed ? `, and ${names.length - mostNamed} more` : ""}`

/** Types beside Accepted are Envoy Gateway's. */
export const trafficPolicy = {
  accepted: (notes: ReadonlyArray<string>): Said =>
    says("Accepted", "True", "Accepted")(sentences("Requests to its targets are served as written here", ...notes)),
  /** causes: fields that are wrong, or not served. */
  invalid: (causes: ReadonlyArray<string>): Said =>
    says("Accepted", "False", "Invalid")(sentences(causes.join("; "), "Until then what it targets is answered 500")),
  targetNotFound: tlsPolicy.targetNotFound,
  conflicted: tlsPolicy.conflicted,
  overridden: (by: ReadonlyArray<string>): Said =>
    says("Overridden", "True", "Overridden")(`Policies nearer to them hold for ${listed(by)}; what this one says does not count there`),
  merged: (into: ReadonlyArray<string>): Said => says("Merged", "True", "Merged")(`Merged into ${listed(into)}`)
}

/** Suggested entries of one message. */
export const mostEntries = 32

export const egressPolicy = {
  accepted: (namespaces: number, governed: number, refused: number, notes: ReadonlyArray<string>): Said =>
    says(
      "Accepted",
      "True",
      "Accepted"
    )(sentences(`Selects ${count(namespaces, "namespace")}; ${count(governed, "backend")} governed, ${refused} refused`, ...notes)),
  dynamicResolver: "spec.permit: DynamicResolver permits nothing yet, as backends of that type are not served",
  undecodable: (issues: ReadonlyArray<Issue>): Said =>
    says(
      "Accepted",
      "False",
      "Invalid"
    )(
      `${undecodable(issues)}. Whom it selects cannot be known, so nothing outside the cluster is dialled for any namespace until it can be read`
    ),
  /** Mode Report. What names resolve to is judged by the proxies: they count and log. entries: as spec.allow takes them. */
  wouldRefuse: (would: number, entries: ReadonlyArray<string>): Said =>
    would === 0
      ? says(
          "WouldRefuse",
          "False",
          "AllListed"
        )("Mode Enforce would refuse no endpoint that is written; the proxies tell where names lead")
      : says(
          "WouldRefuse",
          "True",
          "NotListed"
        )(
          `Mode Enforce would refuse endpoints of ${count(would, "backend")}; they are dialled. To keep them, add to spec.allow: ${entries.slice(0, mostEntries).join(", ")}${entries.length > mostEntries ? `, and ${entries.length - mostEntries} more (the proxies' admin port lists them at /egress)` : ""}`
        ),
  someEntries: (causes: ReadonlyArray<string>): Said =>
    says("PartiallyInvalid", "True", "Invalid")(`Entries that allow nothing: ${causes.join("; ")}`)
}
