// Kubernetes' own kinds: judged by us alone here, as their rules are Go code and no CRD.
import { long, many, type Row, rowsOf } from "./row.ts"

const none = { known: [] }
const service = rowsOf({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "ledger", namespace: "finance" },
  spec: {
    ports: [
      { name: "http", port: 80, targetPort: "web" },
      { name: "metrics", port: 9090, targetPort: 9090 }
    ],
    selector: { app: "ledger" }
  }
})
const external = rowsOf({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "ledger", namespace: "finance" },
  spec: { type: "ExternalName", externalName: "ledger.partner.example", ports: [{ port: 443, appProtocol: "HTTPS" }] }
})
const slice = rowsOf({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: { name: "mainframe-a", namespace: "core", labels: { "kubernetes.io/service-name": "mainframe" } },
  addressType: "IPv4",
  ports: [{ name: "soap", port: 9855 }],
  endpoints: [{ addresses: ["10.61.4.17"] }, { addresses: ["10.61.4.18"], conditions: { ready: true } }]
})
const endpoints = rowsOf({
  apiVersion: "v1",
  kind: "Endpoints",
  metadata: { name: "mainframe", namespace: "core" },
  subsets: [{ addresses: [{ ip: "10.61.4.17" }], ports: [{ port: 9855 }] }]
})
const secret = rowsOf({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "cert", namespace: "infra" },
  type: "kubernetes.io/tls",
  data: { "tls.crt": "Y2VydA==", "tls.key": "a2V5" }
})
const config = rowsOf({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "ca", namespace: "infra" },
  data: { "ca.crt": "-----BEGIN CERTIFICATE-----" }
})
const pod = rowsOf({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "tiles-a", namespace: "maps", labels: { app: "tiles" } },
  spec: { containers: [{ name: "tiles", image: "tiles" }] },
  status: { phase: "Running", podIP: "10.8.0.1", podIPs: [{ ip: "10.8.0.1" }], conditions: [{ type: "Ready", status: "True" }] }
})
const namespace = rowsOf({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name: "shop", labels: { team: "a" } },
  spec: { finalizers: ["kubernetes"] }
})

export const rows: ReadonlyArray<Row> = [
  pod.good("a Pod", {}, none),
  pod.good("a Pod that runs nowhere yet", { status: undefined }, none),
  pod.bad("addresses of a Pod are texts", { "status.podIPs[0].ip": 1 }, none),
  service.good("a ClusterIP Service", {}, none),
  service.good("a headless Service without selector", { "spec.clusterIP": "None", "spec.selector": undefined }, none),
  service.good("a Service without ports", { "spec.ports": null }, none),
  service.bad("spec is required", { spec: undefined }, none),
  service.bad("a type that Kubernetes has not", { "spec.type": "Edge" }, none),
  service.bad("a port is 1 to 65535", { "spec.ports[0].port": 0 }, none),
  service.bad("several ports have names", { "spec.ports[0].name": undefined }, none),
  service.bad("port names differ", { "spec.ports[1].name": "http" }, none),
  service.bad("a port and protocol once", { "spec.ports[1].port": 80 }, none),
  service.good("one port, two protocols", { "spec.ports[1]": { name: "dns-udp", port: 80, protocol: "UDP" } }, none),
  service.bad("a protocol is TCP, UDP or SCTP", { "spec.ports[0].protocol": "tcp" }, none),
  service.bad("a targetPort is a port or a name", { "spec.ports[0].targetPort": true }, none),
  service.good("any appProtocol is read", { "spec.ports[0].appProtocol": "example.com/own" }, none),
  external.good("an ExternalName Service", {}, none),
  external.good("without ports", { "spec.ports": undefined }, none),
  external.good("with a trailing dot", { "spec.externalName": "ledger.partner.example." }, none),
  external.good("an address is a name here; translate refuses it", { "spec.externalName": "10.0.0.1" }, none),
  external.bad("without a name", { "spec.externalName": undefined }, none),
  ...external.field(
    "a name is a hostname",
    "spec.externalName",
    { bad: ["", "*.a.example", "LEDGER.example", "a b", "http://a", long(255)] },
    none
  ),

  slice.good("a slice", {}, none),
  slice.good("Go's null lists", { endpoints: null, ports: null }, none),
  slice.good("FQDN is read, for its condition", { addressType: "FQDN", "endpoints[0].addresses": ["a.example"] }, none),
  slice.bad("an address type is an enum", { addressType: "IPX" }, none),
  slice.bad("an address type is required", { addressType: undefined }, none),
  slice.bad("an endpoint has an address", { "endpoints[0].addresses": [] }, none),
  slice.bad("at most 100 addresses", { "endpoints[0].addresses": many(101, (i) => `10.0.0.${i}`) }, none),
  slice.bad("at most 1000 endpoints", { endpoints: many(1001, () => ({ addresses: ["10.0.0.1"] })) }, none),
  slice.bad("conditions are booleans", { "endpoints[0].conditions": { ready: "yes" } }, { at: "endpoints[0].conditions.ready", ...none }),
  slice.good(
    "a controller's slice",
    { "metadata.ownerReferences": [{ apiVersion: "v1", kind: "Service", name: "mainframe", controller: true, uid: "u" }] },
    none
  ),
  slice.bad("a port is 1 to 65535", { "ports[0].port": 70000 }, none),

  endpoints.good("Endpoints", {}, none),
  endpoints.good("without subsets", { subsets: null }, none),
  endpoints.good("IPv6 and a hostname", { "subsets[0].addresses[0]": { ip: "2001:db8::17", hostname: "a" } }, none),
  ...endpoints.field("an ip is an address", "subsets[0].addresses[0].ip", { bad: [undefined, "a.example", "010.0.0.1", "10.0.0"] }, none),
  endpoints.bad("a port has a number", { "subsets[0].ports[0].port": undefined }, none),

  secret.good("a TLS Secret", {}, none),
  secret.good("without tls.key, which translate reports as InvalidCertificateRef", { data: { "tls.crt": "" } }, none),
  secret.good("plain text in a manifest", { data: null, stringData: { "tls.crt": "x" } }, none),
  secret.bad("data is base64", { 'data["tls.key"]': "not base64!" }, none),
  secret.good("base64 in lines", { 'data["tls.key"]': "a2\nV5\r\n" }, none),
  ...secret.field("base64 is whole", 'data["tls.key"]', { good: ["", "YQ=="], bad: ["YQ", "YQ=", "Y Q==", "_-8=", "YQ==YQ=="] }, none),
  secret.bad("a key is a file name", { 'data["a/b"]': "" }, none),
  secret.bad("data are strings", { 'data["tls.key"]': 7 }, none),
  config.good("a CA bundle", {}, none),
  config.good("binary data", { binaryData: { "ca.der": "MIIB" } }, none),
  config.bad("binary data is base64", { 'binaryData["ca.der"]': "%" }, none),
  config.bad("data are strings", { 'data["ca.crt"]': { a: 1 } }, none),
  config.bad("a key is in one of the two", { 'binaryData["ca.crt"]': "MIIB" }, none),
  namespace.good("a Namespace is its labels", {}, none),
  namespace.bad("labels are strings", { "metadata.labels.team": 1 }, none)
]
