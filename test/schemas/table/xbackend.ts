// XBackend in its v1.6 and its v1.7 shape.
import { experimental, long, many, onlyNewExperimental, onlyOldExperimental, type Row, rowsOf } from "./row.ts"

const old = rowsOf({
  apiVersion: "gateway.networking.x-k8s.io/v1alpha1",
  kind: "XBackend",
  metadata: { name: "tiles", namespace: "maps" },
  spec: { type: "ExternalHostname", port: { port: 443 }, externalHostname: { hostname: "tiles.example" } }
})
const shape = rowsOf({
  apiVersion: "gateway.networking.x-k8s.io/v1alpha1",
  kind: "XBackend",
  metadata: { name: "tiles", namespace: "maps" },
  spec: { type: "ExternalHostname", port: { number: 443 }, externalHostname: { hostname: "tiles.example" } }
})
const selector = rowsOf({
  apiVersion: "gateway.networking.x-k8s.io/v1alpha1",
  kind: "XBackend",
  metadata: { name: "tiles", namespace: "maps" },
  spec: { type: "EndpointSelector", port: { number: 80 }, endpointSelector: { matchLabels: { app: "a" } } }
})

const before = { known: onlyOldExperimental }
const after = { known: onlyNewExperimental }
const roots = { hostname: "tiles.example", wellKnownCACertificates: "System" }
const ca = { group: "", kind: "ConfigMap", name: "c" }

export const rows: ReadonlyArray<Row> = [
  old.good("the v1.6 shape", {}, before),
  old.good(
    "a named port",
    { "spec.port.name": "https" },
    { ...before, cel: onlyOldExperimental, differs: "its rule compares an optional with null, and so refuses every name" }
  ),
  old.good("an empty port name", { "spec.port.name": "" }, before),
  old.bad("a port name is a DNS label", { "spec.port.name": "A.b" }, { ...before, cel: onlyOldExperimental }),
  old.bad("a port name is at most 63 characters", { "spec.port.name": long(64) }, before),
  old.bad("a port is 1 to 65535", { "spec.port.port": 0 }, before),
  old.good("both fields agree", { "spec.port.number": 443 }, { known: experimental, refusedBy: [] }),
  old.bad(
    "both fields differ",
    { "spec.port.number": 80 },
    {
      known: experimental,
      differs: "each CRD knows one of the fields and drops the other; a manifest that says both must not be guessed at"
    }
  ),
  old.good("ServerOnly alone", { "spec.tls": { mode: "ServerOnly" } }, { ...before }),
  old.good("HTTP2 without TLS", { "spec.protocol": "HTTP2" }, { ...before }),
  old.good(
    "H2C with TLS",
    { "spec.protocol": "H2C", "spec.tls": { mode: "ServerOnly", validation: roots } },
    { known: onlyOldExperimental }
  ),
  old.good("None beside a validation", { "spec.tls": { mode: "None", validation: roots } }, before),

  shape.good("the v1.7 shape", {}, after),
  shape.bad("a port without number", { "spec.port": {} }, { at: "spec.port.number", known: experimental }),
  shape.bad("a port is required", { "spec.port": undefined }, { known: experimental }),
  shape.bad("a number is 1 to 65535", { "spec.port.number": 65536 }, after),
  shape.bad("type is required", { "spec.type": undefined }, { known: experimental }),
  shape.bad("a type that no CRD has", { "spec.type": "Mesh" }, { known: experimental }),
  shape.bad("ExternalHostname has its block", { "spec.externalHostname": undefined }, { ...after, cel: onlyNewExperimental }),
  shape.bad(
    "ExternalHostname has no selector",
    { "spec.endpointSelector": { matchLabels: { a: "b" } } },
    { ...after, cel: onlyNewExperimental }
  ),
  ...shape.field(
    "a hostname is exact",
    "spec.externalHostname.hostname",
    { good: ["a.b", "10.0.0.1", "localhost", "cluster.local"], bad: [undefined, "", "*.a", "A.b", "a.b.", long(254)] },
    after
  ),
  shape.bad(
    "a hostname is outside the cluster",
    { "spec.externalHostname.hostname": "s.n.svc.cluster.local" },
    { ...after, cel: onlyNewExperimental }
  ),
  ...shape.field("a protocol", "spec.protocol", { good: ["TCP", "HTTP", "HTTP11", "H2C", "MCP", "GRPC"], bad: ["h2", "HTTPS", ""] }, after),
  shape.bad("WSS needs TLS", { "spec.protocol": "WSS" }, { at: "spec.tls", ...after, cel: onlyNewExperimental }),
  shape.good("WSS over TLS", { "spec.protocol": "WSS", "spec.tls": { mode: "ServerOnly", validation: roots } }, after),
  shape.good(
    "HTTP2 without TLS, as v1.6 admits",
    { "spec.protocol": "HTTP2" },
    { ...after, cel: onlyNewExperimental, differs: "objects stored under the v1.6 CRD still arrive after an upgrade: h2c is served" }
  ),
  ...shape.field(
    "a TLS mode",
    "spec.tls",
    {
      good: [
        { mode: "None" },
        { mode: "ServerOnly", validation: roots },
        { mode: "ClientAndServer", validation: roots, clientCertificateRef: { name: "c" } }
      ]
    },
    after
  ),
  shape.bad("tls has a mode", { "spec.tls": {} }, { at: "spec.tls.mode", known: experimental }),
  shape.bad("another TLS mode", { "spec.tls": { mode: "Mutual" } }, { at: "spec.tls.mode", known: experimental }),
  old.bad(
    "ClientAndServer needs a certificate",
    { "spec.tls": { mode: "ClientAndServer", validation: roots } },
    { at: "spec.tls.clientCertificateRef", ...before, cel: onlyOldExperimental }
  ),
  shape.bad(
    "ServerOnly has no client certificate",
    { "spec.tls": { mode: "ServerOnly", validation: roots, clientCertificateRef: { name: "c" } } },
    { at: "spec.tls.clientCertificateRef", ...after, cel: onlyNewExperimental }
  ),
  shape.bad(
    "validation has a hostname",
    { "spec.tls": { mode: "ServerOnly", validation: { wellKnownCACertificates: "System" } } },
    { at: "spec.tls.validation.hostname", known: experimental }
  ),
  shape.bad(
    "validation has a CA source: the upstream example is refused",
    { "spec.tls": { mode: "ServerOnly", validation: { hostname: "a" } } },
    { at: "spec.tls.validation", ...after, cel: onlyNewExperimental }
  ),
  shape.bad(
    "validation has one CA source",
    { "spec.tls": { mode: "ServerOnly", validation: { ...roots, caCertificateRefs: [ca] } } },
    { at: "spec.tls.validation", ...after, cel: onlyNewExperimental }
  ),
  old.bad(
    "at most 8 CAs",
    { "spec.tls": { mode: "ServerOnly", validation: { hostname: "a", caCertificateRefs: many(9, () => ca) } } },
    { at: "spec.tls.validation.caCertificateRefs", ...before }
  ),

  selector.good("an EndpointSelector", {}, after),
  selector.bad("an EndpointSelector has its block", { "spec.endpointSelector": undefined }, { ...after, cel: onlyNewExperimental }),
  selector.bad(
    "an EndpointSelector has no hostname",
    { "spec.externalHostname": { hostname: "a" } },
    { ...after, cel: onlyNewExperimental }
  ),
  selector.bad("labels are not empty", { "spec.endpointSelector.matchLabels": {} }, after),
  selector.bad("at most 64 labels", { "spec.endpointSelector.matchLabels": Object.fromEntries(many(65, (i) => [`k${i}`, "v"])) }, after),
  selector.bad(
    "a label value",
    { "spec.endpointSelector.matchLabels": { a: "b c" } },
    { at: "spec.endpointSelector.matchLabels.a", ...after }
  ),
  selector.bad(
    "a label key",
    { "spec.endpointSelector.matchLabels": { "a b": "c" } },
    { at: 'spec.endpointSelector.matchLabels["a b"]', ...after, cel: onlyNewExperimental }
  ),
  selector.good("sessions of an EndpointSelector", { "spec.sessionPersistence": { cookie: {} } }, after),
  shape.bad("no sessions of an external hostname", { "spec.sessionPersistence": { cookie: {} } }, { ...after, cel: onlyNewExperimental })
]
