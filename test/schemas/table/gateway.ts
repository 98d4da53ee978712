// Gateway and its listeners.
import { everywhere, experimental, long, many, onlyNewExperimental, type Row, rowsOf } from "./row.ts"

const { good, bad, field } = rowsOf({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "Gateway",
  metadata: { name: "edge", namespace: "infra" },
  spec: {
    gatewayClassName: "sluice",
    listeners: [
      { name: "web", port: 80, protocol: "HTTP" },
      { name: "secure", port: 443, protocol: "HTTPS", tls: { certificateRefs: [{ name: "cert" }] } }
    ]
  }
})

const auth = { protocol: "HTTP", backendRef: { name: "auth", port: 80 }, http: {} }
const ca = [{ group: "", kind: "ConfigMap", name: "ca" }]

export const rows: ReadonlyArray<Row> = [
  good("a listener needs name, port and protocol", {}),
  ...field("gatewayClassName is 1 to 253 characters", "spec.gatewayClassName", { good: [long(253)], bad: [undefined, "", long(254)] }),
  bad("listeners are required", { "spec.listeners": undefined }),
  bad("at least one listener", { "spec.listeners": [] }),
  good("64 listeners", { "spec.listeners": many(64, (i) => ({ name: `l${i}`, port: 1000 + i, protocol: "HTTP" })) }),
  bad("at most 64 listeners", { "spec.listeners": many(65, (i) => ({ name: `l${i}`, port: 1000 + i, protocol: "HTTP" })) }),
  bad("listener names differ", { "spec.listeners[1].name": "web" }),
  ...field("a listener name is a DNS subdomain", "spec.listeners[0].name", {
    good: ["a.b", long(253)],
    bad: [undefined, "", "A", "a_b", long(254)]
  }),
  ...field("a port is 1 to 65535", "spec.listeners[0].port", { good: [1, 65535], bad: [undefined, 0, 65536, -1, 1.5, "80"] }),
  ...field("any protocol of the form is read, served or not", "spec.listeners[0].protocol", {
    good: ["x", "example.com/bar", "Foo-1"],
    bad: [undefined, "", "-", "a b", "example.com/", long(256)]
  }),
  ...field("a hostname is exact or a wildcard in lower case", "spec.listeners[0].hostname", {
    good: ["example.com", "*.example.com", "a", "10.0.0.1"],
    bad: ["", "*", "*.", "EXAMPLE.com", "a..b", "a.*.b", "example.com.", "example.com:80", long(254)]
  }),
  good("TLS in either mode", { "spec.listeners[0]": { name: "web", port: 8443, protocol: "TLS", tls: { mode: "Passthrough" } } }),
  good("TCP without hostname", { "spec.listeners[0]": { name: "web", port: 90, protocol: "TCP" } }),
  bad(
    "TLS needs tls",
    { "spec.listeners[0]": { name: "web", port: 8443, protocol: "TLS" } },
    { at: "spec.listeners[0].tls", cel: everywhere }
  ),
  bad("HTTP has no tls", { "spec.listeners[0].tls": { certificateRefs: [{ name: "cert" }] } }, { cel: everywhere }),
  bad(
    "TCP has no tls",
    { "spec.listeners[0]": { name: "web", port: 90, protocol: "TCP", tls: { mode: "Passthrough" } } },
    { at: "spec.listeners[0].tls", cel: everywhere }
  ),
  bad("HTTPS terminates", { "spec.listeners[1].tls.mode": "Passthrough" }, { cel: everywhere }),
  bad(
    "TCP has no hostname",
    { "spec.listeners[0]": { name: "web", port: 90, protocol: "TCP", hostname: "a.b" } },
    { at: "spec.listeners[0].hostname", cel: everywhere }
  ),
  bad(
    "UDP has no hostname",
    { "spec.listeners[0]": { name: "web", port: 90, protocol: "UDP", hostname: "a.b" } },
    { at: "spec.listeners[0].hostname", cel: everywhere }
  ),
  bad("Terminate needs a certificate", { "spec.listeners[1].tls": {} }, { at: "spec.listeners[1].tls.certificateRefs", cel: everywhere }),
  good("options may stand for certificates", { "spec.listeners[1].tls": { options: { "example.com/acme": "on" } } }),
  good("16 options", { "spec.listeners[1].tls.options": Object.fromEntries(many(16, (i) => [`k${i}`, "v"])) }),
  bad("at most 16 options", { "spec.listeners[1].tls.options": Object.fromEntries(many(17, (i) => [`k${i}`, "v"])) }),
  bad(
    "an option has at most 4096 characters",
    { "spec.listeners[1].tls.options": { a: long(4097) } },
    { at: "spec.listeners[1].tls.options.a" }
  ),
  bad("tls.mode is an enum", { "spec.listeners[1].tls.mode": "Both" }),
  good("64 certificates", { "spec.listeners[1].tls.certificateRefs": many(64, (i) => ({ name: `c${i}` })) }),
  bad("at most 64 certificates", { "spec.listeners[1].tls.certificateRefs": many(65, (i) => ({ name: `c${i}` })) }),
  bad("a certificateRef has a name", { "spec.listeners[1].tls.certificateRefs[0].name": "" }),
  good("a certificate of another kind is read, for its condition", {
    "spec.listeners[1].tls.certificateRefs[0]": { group: "x.io", kind: "Vault", name: "c", namespace: "n" }
  }),
  bad("a kind is a word", { "spec.listeners[1].tls.certificateRefs[0].kind": "a b" }),
  bad("a group is a DNS subdomain", { "spec.listeners[1].tls.certificateRefs[0].group": "X.io" }),
  ...field("allowedRoutes.namespaces.from", "spec.listeners[0].allowedRoutes.namespaces.from", {
    good: ["All", "Same", "Selector"],
    bad: ["None", "any", 1]
  }),
  good("a selector of labels and expressions", {
    "spec.listeners[0].allowedRoutes.namespaces": {
      from: "Selector",
      selector: {
        matchLabels: { a: "b" },
        matchExpressions: [
          { key: "c", operator: "In", values: ["d"] },
          { key: "e", operator: "Exists" }
        ]
      }
    }
  }),
  good("the CRD takes any operator", {
    "spec.listeners[0].allowedRoutes.namespaces.selector.matchExpressions": [{ key: "a", operator: "Near" }]
  }),
  bad(
    "an expression needs an operator",
    { "spec.listeners[0].allowedRoutes.namespaces.selector.matchExpressions": [{ key: "a" }] },
    {
      at: "spec.listeners[0].allowedRoutes.namespaces.selector.matchExpressions[0].operator"
    }
  ),
  bad(
    "label values are strings",
    { "spec.listeners[0].allowedRoutes.namespaces.selector.matchLabels": { a: true } },
    {
      at: "spec.listeners[0].allowedRoutes.namespaces.selector.matchLabels.a"
    }
  ),
  good("8 route kinds", { "spec.listeners[0].allowedRoutes.kinds": many(8, (i) => ({ kind: `K${i}` })) }),
  bad("at most 8 route kinds", { "spec.listeners[0].allowedRoutes.kinds": many(9, (i) => ({ kind: `K${i}` })) }),
  bad(
    "a route kind has a kind",
    { "spec.listeners[0].allowedRoutes.kinds": [{ group: "" }] },
    { at: "spec.listeners[0].allowedRoutes.kinds[0].kind" }
  ),
  good(
    "listener filters are read",
    {
      "spec.listeners[0].filters": {
        requests: [
          { type: "ExternalAuth", externalAuth: auth },
          { type: "ExtensionRef", extensionRef: { group: "", kind: "K", name: "n" } }
        ]
      }
    },
    { known: onlyNewExperimental }
  ),
  bad(
    "listener filters are HTTP's",
    { "spec.listeners[0]": { name: "web", port: 1, protocol: "TCP", filters: { requests: [] } } },
    { at: "spec.listeners[0].filters", known: onlyNewExperimental, cel: onlyNewExperimental }
  ),
  bad(
    "a listener filter has its body",
    { "spec.listeners[0].filters": { requests: [{ type: "ExternalAuth" }] } },
    { at: "spec.listeners[0].filters.requests[0].externalAuth", known: onlyNewExperimental, cel: onlyNewExperimental }
  ),
  bad(
    "a listener filter has no other body",
    {
      "spec.listeners[0].filters": {
        requests: [{ type: "ExtensionRef", extensionRef: { group: "", kind: "K", name: "n" }, externalAuth: auth }]
      }
    },
    { at: "spec.listeners[0].filters.requests[0].externalAuth", known: onlyNewExperimental, cel: onlyNewExperimental }
  ),
  bad(
    "a listener filter of another type",
    { "spec.listeners[0].filters": { requests: [{ type: "CORS" }] } },
    { at: "spec.listeners[0].filters.requests[0].type", known: onlyNewExperimental }
  ),
  bad(
    "at most 16 listener filters",
    { "spec.listeners[0].filters": { requests: many(17, () => ({ type: "ExternalAuth", externalAuth: auth })) } },
    { at: "spec.listeners[0].filters.requests", known: onlyNewExperimental }
  ),
  good(
    "two listeners with the same port, protocol and hostname",
    {
      "spec.listeners": [
        { name: "a", port: 80, protocol: "HTTP" },
        { name: "b", port: 80, protocol: "HTTP" }
      ]
    },
    {
      cel: everywhere,
      differs:
        "from a manifest they reach translate, which marks all of them Conflicted/HostnameConflict as the specification words it, instead of losing the Gateway"
    }
  ),
  good("addresses of every type", {
    "spec.addresses": [
      { value: "192.0.2.1" },
      { type: "IPAddress", value: "2001:db8::1" },
      { type: "Hostname", value: "a.example" },
      { type: "NamedAddress", value: "pool" },
      { type: "example.com/x", value: "y" },
      { type: "IPAddress" }
    ]
  }),
  good("16 addresses", { "spec.addresses": many(16, (i) => ({ value: `192.0.2.${i}` })) }),
  bad("at most 16 addresses", { "spec.addresses": many(17, (i) => ({ value: `192.0.2.${i}` })) }),
  ...field(
    "an IPAddress is one",
    "spec.addresses",
    { bad: [[{ value: "a.b" }], [{ value: "192.0.2.256" }], [{ value: "" }], [{ value: "1::2::3" }]] },
    { at: "spec.addresses[0].value" }
  ),
  bad("a Hostname is one", { "spec.addresses": [{ type: "Hostname", value: "A_b" }] }, { at: "spec.addresses[0].value", cel: everywhere }),
  bad(
    "address values differ",
    { "spec.addresses": [{ value: "192.0.2.1" }, { value: "192.0.2.1" }] },
    { at: "spec.addresses[1].value", cel: everywhere }
  ),
  bad("an address type is a word or domain/name", { "spec.addresses": [{ type: "x" }] }, { at: "spec.addresses[0].type" }),
  good(
    "routability",
    { "spec.addresses": [{ routability: "Cluster" }, { routability: "" }, { routability: "example.com/lan" }] },
    { known: onlyNewExperimental }
  ),
  ...field(
    "routability is reserved or prefixed",
    "spec.addresses",
    { bad: [[{ routability: "x" }], [{ routability: "k8s.io/x" }], [{ routability: "a.k8s.io/x" }], [{ routability: "x/" }]] },
    { at: "spec.addresses[0].routability", known: onlyNewExperimental, cel: onlyNewExperimental }
  ),
  good("infrastructure", {
    "spec.infrastructure": {
      labels: { "a.b/c": "d", e: "" },
      annotations: { f: "g h" },
      parametersRef: { group: "gateway.sluice.dev", kind: "GatewayParameters", name: "p" }
    }
  }),
  bad("at most 8 labels", { "spec.infrastructure.labels": Object.fromEntries(many(9, (i) => [`k${i}`, "v"])) }),
  bad("at most 16 annotations", { "spec.infrastructure.annotations": Object.fromEntries(many(17, (i) => [`k${i}`, "v"])) }),
  bad("a label value is short", { "spec.infrastructure.labels": { a: long(64) } }, { at: "spec.infrastructure.labels.a" }),
  bad("a label value has few characters", { "spec.infrastructure.labels": { a: "b c" } }, { at: "spec.infrastructure.labels.a" }),
  bad(
    "a label key is qualified",
    { "spec.infrastructure.labels": { "a/b/c": "d" } },
    { at: 'spec.infrastructure.labels["a/b/c"]', cel: everywhere }
  ),
  bad(
    "an annotation key is qualified",
    { "spec.infrastructure.annotations": { "-a": "d" } },
    { at: 'spec.infrastructure.annotations["-a"]', cel: everywhere }
  ),
  bad(
    "infrastructure parametersRef is local and whole",
    { "spec.infrastructure.parametersRef": { kind: "K", name: "n" } },
    { at: "spec.infrastructure.parametersRef.group" }
  ),
  good("allowedListeners", { "spec.allowedListeners": { namespaces: { from: "Selector", selector: { matchLabels: { a: "b" } } } } }),
  ...field("allowedListeners.namespaces.from", "spec.allowedListeners.namespaces.from", { good: ["None", "All", "Same"], bad: ["Any"] }),
  good("a client certificate toward backends", { "spec.tls": { backend: { clientCertificateRef: { name: "c" } } } }),
  good("frontend validation, by default and by port", {
    "spec.tls.frontend": {
      default: { validation: { caCertificateRefs: ca } },
      perPort: [{ port: 443, tls: { validation: { caCertificateRefs: ca, mode: "AllowInsecureFallback" } } }]
    }
  }),
  bad("frontend needs default", { "spec.tls.frontend": { perPort: [] } }, { at: "spec.tls.frontend.default" }),
  bad(
    "frontend validation needs a CA",
    { "spec.tls.frontend": { default: { validation: { caCertificateRefs: [] } } } },
    { at: "spec.tls.frontend.default.validation.caCertificateRefs" }
  ),
  bad(
    "at most 16 CAs",
    { "spec.tls.frontend": { default: { validation: { caCertificateRefs: many(17, () => ca[0]) } } } },
    { at: "spec.tls.frontend.default.validation.caCertificateRefs" }
  ),
  bad(
    "frontend mode is an enum",
    { "spec.tls.frontend": { default: { validation: { caCertificateRefs: ca, mode: "Off" } } } },
    { at: "spec.tls.frontend.default.validation.mode" }
  ),
  bad(
    "perPort ports differ",
    {
      "spec.tls.frontend": {
        default: {},
        perPort: [
          { port: 1, tls: {} },
          { port: 1, tls: {} }
        ]
      }
    },
    { at: "spec.tls.frontend.perPort[1].port" }
  ),
  bad(
    "a ClusterTrustBundle has no namespace",
    {
      "spec.tls.frontend": {
        default: {
          validation: { caCertificateRefs: [{ group: "certificates.k8s.io", kind: "ClusterTrustBundle", name: "b", namespace: "n" }] }
        }
      }
    },
    {
      at: "spec.tls.frontend.default.validation.caCertificateRefs[0].namespace",
      cel: onlyNewExperimental,
      differs: "v1.6 and the standard channel take it; the kind is cluster-scoped, so the reference cannot mean anything"
    }
  ),
  ...field("defaultScope", "spec.defaultScope", { good: ["All", "None"], bad: ["Some"] }, { known: experimental })
]
