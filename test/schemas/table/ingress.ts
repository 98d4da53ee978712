// Ingress and IngressClass of networking.k8s.io/v1: judged by Kubernetes in Go code, so by us alone here.
import { type Row, rowsOf } from "./row.ts"

const none = { known: [] }
const backend = { service: { name: "cart", port: { number: 8080 } } }
const path = { path: "/", pathType: "Prefix", backend }
const ingress = rowsOf({
  apiVersion: "networking.k8s.io/v1",
  kind: "Ingress",
  metadata: { name: "web", namespace: "shop" },
  spec: {
    ingressClassName: "sluice",
    tls: [{ hosts: ["shop.example.com"], secretName: "shop" }],
    rules: [{ host: "shop.example.com", http: { paths: [path] } }]
  }
})
const ingressClass = rowsOf({
  apiVersion: "networking.k8s.io/v1",
  kind: "IngressClass",
  metadata: { name: "sluice" },
  spec: { controller: "sluice.dev/gateway-controller" }
})
const voyager = rowsOf({
  apiVersion: "voyager.appscode.com/v1beta1",
  kind: "Ingress",
  metadata: { name: "web", namespace: "shop" },
  spec: {
    tls: [{ ref: { kind: "Secret", name: "shop" }, hosts: ["shop.example.com"] }],
    rules: [
      {
        host: "shop.example.com",
        http: { port: "8080", paths: [{ path: "/", backend: { serviceName: "cart.other", servicePort: "http" } }] }
      }
    ]
  }
})
const first = "spec.rules[0].http.paths[0]"

export const rows: ReadonlyArray<Row> = [
  ingress.good("an Ingress", {}, none),
  ingress.good("a default backend alone", { "spec.rules": undefined, "spec.defaultBackend": backend }, none),
  ingress.good("a host without paths, for the default backend", { "spec.rules[0].http": undefined, "spec.defaultBackend": backend }, none),
  ingress.good("no host, or an empty one", { "spec.rules[0].host": "" }, none),
  ingress.good("ImplementationSpecific without a path", { [first]: { pathType: "ImplementationSpecific", backend } }, none),
  ingress.good("a port by its name", { [`${first}.backend.service.port`]: { name: "http" } }, none),
  ingress.good("a resource", { [`${first}.backend`]: { resource: { apiGroup: "example.com", kind: "Bucket", name: "a" } } }, none),
  ingress.good("TLS of every host, with what the Gateway has", { "spec.tls": [{}] }, none),
  ingress.bad("neither rules nor a default backend", { "spec.rules": undefined }, { ...none, at: "spec.rules" }),
  ingress.bad("a host with a port", { "spec.rules[0].host": "shop.example.com:80" }, { ...none, at: "spec.rules[0].host" }),
  ingress.bad("Prefix without a path", { [`${first}.path`]: undefined }, { ...none, at: `${first}.path` }),
  ingress.bad("a path that is relative", { [`${first}.path`]: "a" }, { ...none, at: `${first}.path` }),
  ingress.bad("a path type that is none", { [`${first}.pathType`]: "Regex" }, { ...none, at: `${first}.pathType` }),
  ingress.bad("no path type", { [`${first}.pathType`]: undefined }, { ...none, at: `${first}.pathType` }),
  ingress.bad("a backend that is nothing", { [`${first}.backend`]: {} }, { ...none, at: `${first}.backend` }),
  ingress.bad(
    "a backend that is two things",
    { [`${first}.backend.resource`]: { kind: "Bucket", name: "a" } },
    { ...none, at: `${first}.backend` }
  ),
  ingress.bad(
    "a port by name and number",
    { [`${first}.backend.service.port.name`]: "http" },
    { ...none, at: `${first}.backend.service.port` }
  ),
  ingress.bad(
    "a port whose name is a number",
    { [`${first}.backend.service.port`]: { name: "80" } },
    { ...none, at: `${first}.backend.service.port.name` }
  ),
  ingress.bad("TLS of a host that is none", { "spec.tls[0].hosts": ["a b"] }, { ...none, at: "spec.tls[0].hosts[0]" }),
  voyager.good("Voyager's Ingress", {}, none),
  voyager.good("every host", { "spec.rules[0].host": "*" }, none),
  voyager.good("TCP, to be refused by name", { "spec.rules[0].tcp": { port: 1 } }, none),
  voyager.bad("a certificate of its own making", { "spec.tls[0].ref.kind": "Certificate" }, { ...none, at: "spec.tls[0].ref.kind" }),
  voyager.bad(
    "a backend without a Service",
    { "spec.rules[0].http.paths[0].backend.serviceName": undefined },
    { ...none, at: "spec.rules[0].http.paths[0].backend.serviceName" }
  ),
  voyager.bad(
    "a rule of HAProxy that is no text",
    { "spec.rules[0].http.paths[0].backend.backendRules": [1] },
    { ...none, at: "spec.rules[0].http.paths[0].backend.backendRules[0]" }
  ),
  ingressClass.good("a class", {}, none),
  ingressClass.good("a class without anything", { spec: undefined }, none),
  ingressClass.good(
    "a class with parameters of a namespace",
    {
      "spec.parameters": {
        apiGroup: "gateway.sluice.dev",
        kind: "GatewayParameters",
        scope: "Namespace",
        namespace: "infra",
        name: "public"
      }
    },
    none
  ),
  ingressClass.bad(
    "a scope that is none",
    { "spec.parameters": { kind: "A", name: "b", scope: "Node" } },
    { ...none, at: "spec.parameters.scope" }
  )
]
