// A small crowded world.
import { externalName, gatewayClass, httpGateway, route } from "./manifests.ts"

/** Something that serves, for edits to spoil and mend. */
export const crowd: ReadonlyArray<object> = [
  gatewayClass,
  httpGateway("x", "a"),
  httpGateway("y", "a", 8080),
  externalName("x", "a"),
  externalName("y", "b"),
  ...["a", "b"].map((namespace) =>
    route(
      "x",
      {
        parentRefs: [{ name: "x", namespace: "a" }],
        hostnames: ["h.example.com"],
        rules: [
          {
            backendRefs: [
              { name: "x", port: 8080 },
              { group: "gateway.sluice.dev", kind: "Backend", name: "x" }
            ]
          }
        ]
      },
      namespace
    )
  ),
  {
    apiVersion: "gateway.sluice.dev/v1alpha1",
    kind: "Backend",
    metadata: { name: "x", namespace: "a" },
    spec: { endpoints: [{ fqdn: { hostname: "f.example.net", port: 443 } }] }
  },
  {
    apiVersion: "networking.k8s.io/v1",
    kind: "IngressClass",
    metadata: { name: "x" },
    spec: {
      controller: "sluice.dev/gateway-controller",
      parameters: { apiGroup: "gateway.sluice.dev", kind: "GatewayParameters", name: "x", scope: "Namespace", namespace: "a" }
    }
  },
  {
    apiVersion: "gateway.sluice.dev/v1alpha1",
    kind: "GatewayParameters",
    metadata: { name: "x", namespace: "a" },
    spec: { ingress: { gateway: { name: "x" } } }
  },
  {
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: { name: "x", namespace: "a" },
    spec: {
      ingressClassName: "x",
      tls: [{ hosts: ["h.example.com"], secretName: "x" }],
      rules: [
        {
          host: "h.example.com",
          http: { paths: [{ path: "/p", pathType: "Prefix", backend: { service: { name: "x", port: { number: 80 } } } }] }
        }
      ]
    }
  }
]
