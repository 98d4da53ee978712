// Every condition, reason and message that Sluice writes, by the kind of object it is written on; nothing else makes a condition. One file, long as it is, so that
// the words of statuses can be read and judged together: a table with a row a condition, and no logic to split by. Types and reasons are Gateway API's (v1.7),
// but for the live ones at the end. Messages name object, field and remedy.
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

// ── Ingress: it is read into the same routes, and its conditions are those of a route; in a cluster they are told as Events ────────────────────────
/** Clauses about an Ingress, each with its field. */
export const ingressNote = {
  annotation: (value: string): string =>
    `metadata.annotations gateway.sluice.dev/gateway: ${JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)} is neither the name of a Gateway nor namespace/name`,
  parametersKind: (name: string): string =>
    `IngressClass ${name} spec.parameters: GatewayParameters of group gateway.sluice.dev are expected, with scope Namespace and their namespace`,
  parametersMissing: (name: string, key: ObjectKey, there: boolean): string =>
    `IngressClass ${name} spec.parameters: ${describeKey(key)} ${there ? "cannot be read" : "does not exist"}`,
  noGateway:
    "no Gateway is named: give the Ingress the annotation gateway.sluice.dev/gateway, or its IngressClass parameters with ingress.gateway (docs/ingress.md)",
  gatewayMissing: (gateway: ObjectKey): string => `${describeKey(gateway)} does not exist, or Sluice does not serve it`,
  hostIsAddress: (path: string, host: string): string => `${path}: ${host} is an IP address; a host is a DNS name`,
  wildcard: (path: string, host: string): string => `${path}: ${host} takes names of several labels too, as a wildcard of a Gateway does`,
  nothing: (path: string): string => `${path}: there is neither http nor spec.defaultBackend, so nothing is served by it`,
  empty: "spec: there is neither a path nor a default backend, so nothing is served by it; add one",
  expression: (path: string): string =>
    `${JSON.stringify(path)} is a regular expression to some controllers, and ImplementationSpecific is served as Prefix here: write Exact or Prefix, or an HTTPRoute with path type RegularExpression`,
  hostRefused: (host: string, why: string): string => `${host === "*" ? "rules without a host" : `host ${host}`}: ${why}`,
  /** Annotations of other controllers: each would change something there. */
  annotations: (names: ReadonlyArray<string>): string =>
    `metadata.annotations ${names.join(", ")}: read by other controllers and not by Sluice; what they ask for is said with an HTTPRoute or a Backend`,
  tls: {
    portProtocol: (path: string, port: number, gateway: ObjectKey): string =>
      `${path}: port ${port} of ${describeKey(gateway)} is not HTTPS, so its hosts have no TLS there: give that listener another port`,
    noSecret: (path: string, host: string, gateway: ObjectKey): string =>
      `${path}.secretName: there is none, and no HTTPS listener of ${describeKey(gateway)} is for ${host}: name the Secret`,
    /** listener: `listenerNote.named`; so in `notAdmitted`. own: the Gateway writes it, no ListenerSet. */
    gatewayHas: (path: string, host: string, listener: string, own: boolean): string =>
      `${path}: ${host} is the host of ${own ? "the Gateway's own " : ""}${listener}, whose certificate it has`,
    notWithin: (path: string, host: string, gateway: ObjectKey): string =>
      `${path}: no listener of ${describeKey(gateway)} that admits this namespace has all of ${host}, so it has no TLS`,
    notAdmitted: (path: string, host: string, port: number, listener: string): string =>
      `${path}: ${host} on port ${port} is of ${listener}, which does not admit this namespace, so it has no TLS there`,
    clientsUnverifiable: (path: string, port: number, gateway: ObjectKey): string =>
      `${path}: ${describeKey(gateway)} wants client certificates on port ${port} (spec.tls.frontend) and has nothing to verify them against; see its conditions`,
    taken: (path: string, host: string, by: ObjectKey): string =>
      `${path}: ${host} has the certificate that ${describeKey(by)} names, which is older or comes first by name: name the same Secret, or another host`,
    notServed: (path: string, port: number, why: string): string => `${path}: port ${port} is not served: ${why}`
  }
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
const mostEntries = 32

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

const portList = (ports: ReadonlyArray<number>): string => (ports.length === 0 ? "it declares none" : `it declares ${ports.join(", ")}`)

/** Sentences about Voyager's annotations. key: the annotation. */
export const voyagerNote = {
  unreadable: (key: string, value: string, expected: string): string =>
    `the annotation ${key} is ${JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)}: expected ${expected}`,
  unknown: (key: string): string => `the annotation ${key} is none that Sluice knows: remove it, docs/voyager.md lists those it reads`,
  /** unsaid: it has no such annotation. */
  redirects: (what: string, to: string, status: number, unsaid: boolean): string =>
    `${what} is not proxied: ${unsaid ? 'without the annotation use-dns-resolver: "true" an Ingress of Voyager' : 'its annotation use-dns-resolver: "false"'} redirects clients (${status}) to ${to}${status === 301 ? ", without path and query" : ""}`,
  unusedByRedirect: "nameservers, holds, check-health and backend-tls change nothing where clients are redirected",
  field: (path: string): string => `${path} is not served; remove it, docs/voyager.md has what is`,
  pods: (fields: ReadonlyArray<string>): string =>
    `${fields.join(", ")} without effect: Voyager's own pods and Service are meant; GatewayParameters say it of the Gateway's`,
  noTls: (path: string): string => `${path} changes nothing: a host is served in plain at every HTTP listener, and with TLS beside it`,
  tcp: (path: string): string => `${path}: TCP is not served yet`,
  port: (path: string, written: string): string => `${path}: ${JSON.stringify(written.slice(0, 60))} is no port from 1 to 65535`,
  serviceName: (path: string, written: string): string =>
    `${path}: ${JSON.stringify(written.slice(0, 60))} is neither the name of a Service nor name.namespace`,
  /** Of a line that may hold a credential its first words alone are quoted (law 11). */
  line: (path: string, text: string): string =>
    `${path}: ${JSON.stringify(text.trim().split(/\s+/, 2).join(" ").slice(0, 60))} is not understood: http-request redirect with location, prefix or scheme is, without conditions and expressions; say the rest with an HTTPRoute`,
  nameserver: (key: string, written: string, refused: string): string =>
    `the annotation ${key} names ${written}, which is ${refused}: never asked`,
  caFile: (key: string): string =>
    `the annotation ${key} names a ca-file, which would be a file of ours: give the CA in a BackendTLSPolicy`,
  sni: (key: string, name: string): string => `the annotation ${key} has sni str(${name}): ${name} is no hostname in lower case`,
  unused: (key: string): string => `the annotation ${key} changes nothing: names are asked for as docs/dns.md says`,
  governed: (key: string): string => `the annotation ${key} is not used where a BackendTLSPolicy speaks`,
  skipVerify: (key: string, namespaces: string): string =>
    `the annotation ${key}: verify none needs an EgressPolicy that selects ${namespaces} and has permit SkipVerify; give the CA in a BackendTLSPolicy instead`
}

/** Sentences about spec.credentials of a Backend. */
export const credentialNote = {
  sent: (path: string, secret: string): string =>
    `requests are sent with ${path} of ${secret}: whoever a route lets in acts with it, so let in whom you mean`,
  plaintext:
    "spec.credentials: an endpoint is dialled without TLS, and credentials are sent to nobody whose certificate was not verified; use TLS (port 443, or a tls block) for every endpoint, or remove them",
  unverified:
    "spec.credentials: with tls.insecureSkipVerify anybody could take them; give the CA in caCertificateRefs instead, or remove them",
  clientsHost:
    "spec.credentials: the Host would be the client's, and with it which tenant of the server gets them; say spec.host: {value: name}, or host: Backend"
}

/** Sentences about spec.egressPath of a Backend. */
export const pathNote = {
  source: (path: string, address: string, why: string): string =>
    `${path}: ${address} is ${why}: no connection is dialled from there; give an address of the machine's network`,
  unused: "spec.egressPath.proxy: no endpoint goes through it; services and sockets never do, and noProxy takes out the others"
}

/** Sentences about references to backends, for a route's ResolvedRefs and for the conditions above. */
export const backendNote = {
  unknownKind: (group: string, kind: string): string =>
    `${kind}${group === "" ? "" : `.${group}`} is not a kind of backend that Sluice knows: Service, Backend (gateway.sluice.dev, gateway.envoyproxy.io) and XBackend (gateway.networking.x-k8s.io) are`,
  notFound: (what: string): string => `${what} does not exist`,
  undecodable: (what: string, issues: ReadonlyArray<Issue>): string => `${what} cannot be read: ${describeIssues(issues)}`,
  xbackendNamespace: (what: string, from: string): string =>
    `${what} can be reached from its own namespace only (GEP-4894), not from ${from}, and a ReferenceGrant does not change that: put the XBackend beside the route, or use a Backend`,
  portNotNamed: (what: string, port: string, names: ReadonlyArray<string>): string =>
    `${what} has no port named ${JSON.stringify(port)}; ${names.length === 0 ? "none of its ports has a name" : `it has ${names.join(", ")}`}`,
  portMissing: (what: string): string => `${what}: a reference to a Service needs a port`,
  portNotDeclared: (what: string, port: number, ports: ReadonlyArray<number>): string => `${what} has no port ${port}; ${portList(ports)}`,
  portProtocol: (what: string, port: number, protocol: string, needed: "TCP" | "UDP"): string =>
    `${what} port ${port} is ${protocol}, which this kind of route cannot use: a ${needed} port is needed`,
  protocol: (what: string, port: number, why: string): string => `${what} port ${port}: ${why}`,
  address: (what: string, why: string): string => `${what}: ${why}`,
  externalName: (what: string, name: string): string =>
    `${what} is proxied to ${name}; an XBackend or a Backend says the same and has a status of its own`,
  externalNameDisabled: (what: string): string =>
    `${what} is of type ExternalName, which GatewayParameters (features.externalName: Disabled) of a Gateway of this route switches off: use an XBackend or a Backend`,
  egressRefused: (what: string, policies: string): string =>
    `${what}: ${policies} (mode Enforce) lists none of its endpoints, so its share is answered 503; add them to spec.allow`,
  egressWouldRefuse: (what: string, policies: string, entries: ReadonlyArray<string>): string =>
    `${what}: ${policies} (mode Report) would refuse it in mode Enforce; to keep it, add to spec.allow: ${entries.slice(0, mostEntries).join(", ")}${entries.length > mostEntries ? " …" : ""}`,
  /** A note told on another object than the one it is about. */
  about: (what: string, note: string): string => `${what}: ${note}`,
  tlsBy443: (optOut: string): string => `port 443 without a word about TLS is dialled with TLS and system roots (${optOut})`,
  plaintext443: (because: string): string => `plaintext on port 443, because of ${because}`,
  plaintextToExternal: "plaintext to an external host; anyone on the way can read and change it",
  bytesTo443:
    "port 443 is sent the bytes as clients write them: where these are not TLS, spec.tls of a Backend or a BackendTLSPolicy makes TLS of them",
  plaintextService443: "plaintext on port 443 as Gateway API has it for Services; a BackendTLSPolicy (or appProtocol: https) makes it TLS",
  tlsWithoutName:
    "TLS with system roots and no server name, so certificates must carry the endpoints' IP addresses; a BackendTLSPolicy names the host and the CA",
  tlsInvalid: (policy: string): string =>
    `${policy} cannot be applied and plaintext is not used instead, so its share is answered 500; see the conditions of the policy`,
  policiesUnread: (namespace: string): string =>
    `a BackendTLSPolicy that may govern it (those of namespace ${namespace} may not be read: grant the operator get, list and watch)`,
  tlsPolicyOver: (policy: string, over: string): string => `${policy} wins over ${over}`,
  slice: {
    undecodable: (slice: string, issues: ReadonlyArray<Issue>): string => `${slice} cannot be read: ${describeIssues(issues)}`,
    fqdn: (slice: string): string =>
      `${slice}: addressType FQDN has no defined meaning (kubernetes#114210) and is not read; use a Backend (fqdn endpoint) or an XBackend`,
    endpoint: (slice: string, issues: ReadonlyArray<Issue>): string => `${slice}: ${describeIssues(issues)}`,
    address: (slice: string, address: string, why: string): string => `${slice}: address ${address} is ${why} and is left out`,
    noPort: (slice: string, name: string): string => `${slice}: its port ${JSON.stringify(name)} has no number, so there is nothing to dial`
  },
  noEndpoints: (what: string): string => `${what} has no ready endpoint now: its share is answered 503`,
  /** rule: of the address policy. */
  willBeRefused: (rule: string): string => `not dialled as things are: ${rule}`,
  noWeight: "spec.endpoints: none has a weight above 0, so its share is answered 503",
  more: (left: number): string => `and ${left} more of this kind`,
  podsWithoutName:
    "spec.tls.validation: required with EndpointSelector, as addresses of pods carry no name: give the hostname that their certificate has, and the CA",
  xbackend443: `spec.tls: mode None on port 443 is refused, because the v1.7 CRD writes it where nothing was said: set tls.mode to ServerOnly with validation {hostname, wellKnownCACertificates: System}, or use a Backend with tls.mode None for plaintext on port 443`,
  wellKnown: (path: string, name: string): string => `${path}: ${JSON.stringify(name)} is not known; System is`,
  optionsNotServed: (keys: ReadonlyArray<string>): string => `spec.options: ${keys.join(", ")} not known to Sluice; remove them`,
  xbackendTarget: (index: number, name: string): string =>
    `spec.targetRefs[${index}]: a BackendTLSPolicy must not target XBackend ${name} (GEP-4894): write spec.tls there`,
  targetKind: (index: number, group: string, kind: string): string =>
    `spec.targetRefs[${index}]: ${kind}${group === "" ? "" : `.${group}`} cannot be a target: a Service or a Backend (gateway.sluice.dev, gateway.envoyproxy.io) can`,
  targetMissing: (index: number, what: string): string => `spec.targetRefs[${index}]: ${what} does not exist`,
  targetSection: (index: number, what: string, section: string, has: ReadonlyArray<string>): string =>
    `spec.targetRefs[${index}].sectionName: ${what} has no port ${JSON.stringify(section)}; it has ${has.length === 0 ? "none that a section can name" : has.join(", ")}`,
  failoverTooMany: (path: string, most: number): string => `${path}: ${most} backends stand by already, and no more do: take it out`,
  failoverLoop: (path: string, loop: string): string => `${path}: ${loop} is a loop, and is not followed; take one of its references out`,
  standbyLeftOut: (what: string, message: string): string => `${what}: failover passes over a backend that cannot be used: ${message}`,
  later: (path: string): string => `${path} is not served yet; remove the field`,
  balance: {
    tableTooLarge: (most: number): string =>
      `spec.loadBalancer.consistentHash.tableSize: a larger table than ${most} would hold up other requests while it is made; use that`,
    tableNotPrime: (next: number): string => `spec.loadBalancer.consistentHash.tableSize is no prime; ${next} is the next one`,
    cookieLifetime:
      "spec.loadBalancer.consistentHash.cookie.attributes: how long the cookie lives is said by ttl; take Max-Age and Expires out",
    cookieAttribute:
      "spec.loadBalancer.consistentHash.cookie.attributes: a name is of letters, digits and !#$%&'*+-.^_`|~, a value of printable ASCII without a semicolon"
  },
  probedByCall:
    "spec.healthCheck.type: GRPC is spoken in HTTP/2, so spec.protocol has to say it: H2C or GRPC in plaintext, H2 or GRPCS over TLS; or use HTTP or TCP",
  probedTls: (endpoint: string): string => `spec.healthCheck.type: ${endpoint} is plaintext and has no TLS to look at: use HTTP or TCP`,
  /** What of a backend does not go with what a route carries there. */
  carriage: {
    bytesOnly: (protocol: string): string =>
      `it is declared for ${protocol.toUpperCase()}, which carries no requests of HTTP: name it from a ${protocol === "udp" ? "UDPRoute" : "TCPRoute or a TLSRoute"}, or give it an HTTP protocol`,
    callsOfHttp1:
      "it is declared for HTTP/1.1, and gRPC needs HTTP/2: say h2c, or h2 over TLS (appProtocol kubernetes.io/h2c of a Service's port), or leave the protocol out",
    datagramsOnly: "it is declared for UDP: name it from a UDPRoute, or give it protocol TCP",
    noDatagrams: "its protocol is one of connections, and a UDPRoute carries datagrams: give it protocol UDP, or leave the protocol out",
    credentials:
      "it has credentials, which go with requests of HTTP, and this route carries bytes that nobody looks into: name a Backend without spec.credentials",
    pathPrefix: "an endpoint has a pathPrefix, which requests of HTTP have and bytes have not: name a Backend without it",
    redirect: "it redirects clients, which only requests of HTTP can be: proxy it, or name another backend",
    tlsOfDatagrams: "TLS is asked for, which goes over connections, and a UDPRoute carries datagrams: name a backend without TLS",
    socketOfDatagrams: "an endpoint is a unix socket, which takes connections, and a UDPRoute carries datagrams: remove it",
    proxyOfDatagrams:
      "it is reached through a proxy, which forwards connections, and a UDPRoute carries datagrams: name a Backend without egressPath.proxy",
    headerOfDatagrams: (by: string): string =>
      `${by} asks for a header of the PROXY protocol, which begins a connection, and a UDPRoute carries datagrams: remove proxyProtocol`,
    looksOfDatagrams: "health checks are left out, as a UDPRoute carries datagrams and nobody knows what answers them",
    sessions: "its sessionPersistence is left out, as it goes by requests of HTTP and this route carries bytes",
    tlsOfClients: "clients speak TLS with it themselves, so what is said of TLS toward it is not used (the listener passes TLS through)"
  },
  laterProtocol: (protocol: string): string =>
    `spec.protocol: ${protocol} is not served yet; HTTP/1.1 and HTTP/2 are, with gRPC, over TCP or TLS: use one of them, or leave it out`,
  plaintextProtocol: (protocol: string): string =>
    `spec.protocol: ${protocol} is over TLS, and spec.tls.mode None is plaintext: use ${protocol === "GRPCS" ? "GRPC" : "H2C"}, or leave spec.tls out`,
  envoy: {
    dynamicResolver: "spec.type: DynamicResolver is not served; name the hosts as endpoints",
    version: (path: string, version: string): string => `${path}: TLS ${version} is not spoken, 1.2 is the oldest; leave the field out`,
    alpn: "spec.tls.alpnProtocols: one protocol is offered to a backend, h2 where its appProtocol is h2, h2c, grpc or grpcs, else http/1.1; name that, or remove the field",
    fingerprints: "spec.tls.fingerprints means nothing toward a backend and is not used",
    contradiction: (path: string, protocol: string, by: string): string =>
      `${path}: ${protocol} contradicts ${by}, which holds for all endpoints; use a Backend for each`,
    hostnames: (path: string): string =>
      `${path} is not served where endpoints differ in it: give it to all of them alike, or use a Backend for each`
  },
  traffic: {
    invalid: (policy: string, what: string): string =>
      `${what}: ${policy} cannot be applied, so its requests are answered 500; the conditions of the policy say why`,
    balancer: (type: string): string =>
      `spec.loadBalancer.type: ${type} is not served; RoundRobin, LeastRequest, Random and ConsistentHash are`,
    partOfZone:
      "spec.loadBalancer.zoneAware.preferLocal.percentageEnabled: all requests prefer the zone, or none do; leave it out, or zoneAware",
    noWait: (path: string): string => `${path}: 0s is no wait between tries; leave it out`,
    perEndpoint: (all: number): string =>
      `spec.circuitBreaker.perEndpoint.maxConnections: a limit of one endpoint below that of all of them (${all}) is not served yet; remove the field`,
    clusterIp: "spec.routingType: Service is not served: endpoints are dialled, never the cluster IP; leave it out",
    upgrade: (path: string): string => `${path}: upgrades other than websocket are not served; remove the entry`,
    mergeTarget: "spec.mergeType: only with routes as targets: there is nothing that another target is merged into",
    requestOfBackend:
      "spec.timeout.http.requestTimeout: not with a backend as a target, as it is a time of whole requests: target the route or the Gateway, or set spec.timeout.http.streamIdleTimeout",
    codesWithoutTrigger: "spec.retry.retryOn.httpStatusCodes has no effect without the trigger retriable-status-codes",
    refreshRate: "spec.dns.dnsRefreshRate has no effect but with respectDnsTtl: false: names are asked for when their answers expire",
    lookPastProxy: (policy: string, what: string): string =>
      `${what}: the healthCheck of ${policy} looks at another port (overrides.port), which is not served through spec.egressPath.proxy, so its requests are answered 500; leave the port out, or have another policy for it`,
    lookWithoutCalls: (by: string, what: string): string =>
      `${what}: the healthCheck of ${by} is of type GRPC, which HTTP/2 carries, and it is spoken to in another protocol here, so its requests are answered 500; say its protocol (appProtocol kubernetes.io/h2c of a Service's port), or have another healthCheck for it`,
    lookInPlaintext: (policy: string, what: string, endpoint: string): string =>
      `${what}: the healthCheck of ${policy} is of type TLS, and ${endpoint} is spoken to in plaintext, so its requests are answered 500; have it of type TCP or HTTP, or another policy for it`,
    srv: "spec.dns.srv: not of a policy, as it says what names of endpoints are; set it on the Backend",
    lookMethod: (path: string, methods: ReadonlyArray<string>): string => `${path}: ${methods.join(", ")} are served; write one of them`,
    lookBody: (path: string): string => `${path}: only with method POST or PUT`,
    lookContent: (path: string): string => `${path}: not with method HEAD, whose answers have no content`,
    lookInterval: (path: string): string => `${path}: 100ms at least`,
    noTime: (path: string): string => `${path}: 0s is no time; leave it out for the default`,
    initialJitter:
      "spec.healthCheck.active.initialJitter has no effect: first looks are spread over a second, or the interval where it is shorter",
    sweep:
      "spec.healthCheck.passive.interval has no effect without failurePercentageThreshold: an address is ejected at the failure that is one too many, and is back when its time is over",
    alwaysOne:
      "spec.healthCheck.passive.alwaysEjectOneEndpoint: false has no effect: maxEjectionPercent is rounded up, so one of a few can go",
    localFailures:
      "spec.healthCheck.passive.consecutiveLocalOriginFailures has no effect without splitExternalLocalOriginErrors: failures without an answer count as errors",
    panicAlone: "spec.healthCheck.panicThreshold has no effect without active or passive",
    kind: (path: string, what: string): string =>
      `${path}: ${what} is not served as a target: Gateway, HTTPRoute, GRPCRoute, TLSRoute, TCPRoute, UDPRoute, Service and the kinds of Backend are`,
    missing: (path: string, what: string): string => `${path}: ${what} does not exist`,
    backendsOnly: (path: string, what: string): string =>
      `${path}: ${what} is no backend, and an XBackendTrafficPolicy speaks of backends: target a Service, an XBackend or a Backend`,
    sessionsOfPolicy:
      "spec.sessionPersistence: not served of a policy, and Gateway API 1.7 takes it away from here: write it on the rules of routes, or on an XBackend of type EndpointSelector",
    section: (path: string, what: string, section: string, has: ReadonlyArray<string>): string =>
      `${path}.sectionName: ${what} has no ${JSON.stringify(section)}; it has ${has.length === 0 ? "none that a section can name" : has.join(", ")}`,
    sectionOfBackend: (path: string, what: string): string => `${path}.sectionName: not served of ${what}; leave it out`,
    nothingSelected: (path: string): string => `${path}: selects nothing`
  },
  unixNotAllowed: (path: string, socket: string, directories: ReadonlyArray<string>): string =>
    `${path}: ${socket} is not below a directory that the administrator allows (${directories.length === 0 ? "none is; --unix-directory or GatewayParameters features.unixDirectories allow one" : directories.join(", ")})`,
  literal: (path: string, address: string, kind: string): string => `${path}: ${address} is ${kind}: never dialled`,
  skipVerify: (path: string, namespaces: string): string =>
    `${path}: not checking certificates needs an EgressPolicy that selects ${namespaces} and has permit SkipVerify; give the CA in caCertificateRefs instead`,
  skipVerifyPermitted: "certificates are not checked (insecureSkipVerify, permitted by EgressPolicy)",
  serviceEndpoint: {
    http2: (path: string, what: string, appProtocol: string): string =>
      `${path}: ${what} says appProtocol ${JSON.stringify(appProtocol)}, and this Backend speaks HTTP/1.1: set spec.protocol to H2C or GRPC, or to H2 or GRPCS over TLS`,
    externalName: (path: string, what: string, name: string): string =>
      `${path}: ${what} is an ExternalName Service; write {fqdn: {hostname: ${name}, port}} instead`,
    tlsPolicy: (path: string, what: string): string =>
      `${path}: ${what} is governed by a BackendTLSPolicy, which holds for references to the Service itself: name the Service in the route, or target this Backend`
  },
  tlsMixed: (ports: ReadonlyArray<string>): string =>
    `BackendTLSPolicies differ between the ports of its endpoints (${ports.join(", ")}): one TLS setting is used for all endpoints of a Backend, so use a Backend for each`
}
