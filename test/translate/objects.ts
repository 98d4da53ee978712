// Arbitrary objects from a small crowd of names, and arbitrary edits.
import fc from "fast-check"
import { parseKey } from "#schemas/meta.ts"
import type { Change } from "#src/state/change.ts"
import { decoded, gatewayClass, upserted } from "./manifests.ts"

const gatewayApi = "gateway.networking.k8s.io/v1"

const namespaces = fc.oneof({ weight: 2, arbitrary: fc.constant("a") }, { weight: 1, arbitrary: fc.constant("b") })
const names = fc.oneof({ weight: 2, arbitrary: fc.constant("x") }, { weight: 1, arbitrary: fc.constantFrom("y", "z") })
const ports = fc.constantFrom(80, 443, 8080)
/** The one three times of four, or any of the rest. */
const often = <A>(usual: A, rest: fc.Arbitrary<A>): fc.Arbitrary<A> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: rest })
const hosts = often("h.example.com", fc.constantFrom("*.example.com", "g.example.com", "*.com", "10.0.0.1"))
const optional = <A>(of: fc.Arbitrary<A>) => fc.option(of, { nil: undefined, freq: 3 })

const meta = (cluster = false) =>
  fc.record({
    name: names,
    ...(cluster ? {} : { namespace: namespaces }),
    labels: fc.constantFrom<Readonly<Record<string, string>>>({}, { team: "web" }, { team: "data" }),
    generation: fc.integer({ min: 1, max: 3 }),
    creationTimestamp: fc.constantFrom("", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")
  })

const object = (apiVersion: string, kind: string, spec: fc.Arbitrary<unknown>, cluster = false) =>
  fc.record({ apiVersion: fc.constant(apiVersion), kind: fc.constant(kind), metadata: meta(cluster), spec })

const backendRef = fc.oneof(
  fc.record({ name: names, namespace: optional(namespaces), port: ports, weight: fc.constantFrom(0, 1, 5) }),
  fc.record({ group: fc.constant("gateway.sluice.dev"), kind: fc.constant("Backend"), name: names, namespace: optional(namespaces) }),
  fc.record({ group: fc.constant("gateway.networking.x-k8s.io"), kind: fc.constant("XBackend"), name: names }),
  fc.constant({ group: "example.com", kind: "Odd", name: "x" })
)

const filters = fc.array(
  fc.constantFrom<object>(
    { type: "RequestHeaderModifier", requestHeaderModifier: { set: [{ name: "X-A", value: "1" }] } },
    { type: "URLRewrite", urlRewrite: { hostname: "r.example.com" } },
    { type: "CORS", cors: { allowOrigins: ["*"] } },
    { type: "Teleport" }
  ),
  { maxLength: 1 }
)

const rule = fc.record({
  name: optional(names),
  matches: fc.array(
    fc.record({
      path: optional(
        fc.constantFrom(
          { value: "/" },
          { type: "Exact", value: "/e" },
          { type: "PathPrefix", value: "/p/" },
          { type: "RegularExpression", value: "(" },
          { value: "bad" }
        )
      ),
      method: optional(fc.constantFrom("GET", "POST"))
    }),
    { maxLength: 2 }
  ),
  filters,
  backendRefs: fc.array(backendRef, { maxLength: 2 }),
  timeouts: optional(fc.constant({ request: "5s" }))
})

const listener = fc.record({
  name: fc.constantFrom("one", "two", "three"),
  port: ports,
  hostname: optional(hosts),
  protocol: often("HTTP", fc.constantFrom("HTTPS", "TCP")),
  tls: fc.constant(undefined),
  allowedRoutes: fc.record({
    namespaces: often<object>(
      { from: "All" },
      fc.constantFrom<object>({ from: "Same" }, { from: "Selector", selector: { matchLabels: { team: "web" } } })
    ),
    kinds: often<ReadonlyArray<object>>([{ kind: "HTTPRoute" }], fc.constant([{ kind: "GRPCRoute" }]))
  })
})

const ingressBackend = fc.oneof(
  fc.record({ service: fc.record({ name: names, port: fc.constantFrom<object>({ number: 80 }, { name: "http" }) }) }),
  fc.constant({ resource: { apiGroup: "gateway.sluice.dev", kind: "Backend", name: "x" } })
)

const secureListener = fc
  .record({ name: fc.constantFrom("tls", "one"), secret: names, namespace: optional(namespaces), hostname: optional(hosts) })
  .map(({ name, secret, namespace, hostname }) => ({
    name,
    port: 443,
    protocol: "HTTPS",
    hostname,
    tls: { certificateRefs: [{ name: secret, namespace }] },
    allowedRoutes: { namespaces: { from: "All" } }
  }))

/** Raw objects of every kind that translate reads, from a small crowd of names, many of them wrong in some way. */
export const anyObject: fc.Arbitrary<object> = fc.oneof(
  {
    weight: 4,
    arbitrary: object(
      gatewayApi,
      "Gateway",
      fc.record({
        gatewayClassName: often("sluice", fc.constant("other")),
        listeners: fc.uniqueArray(fc.oneof({ weight: 3, arbitrary: listener }, { weight: 1, arbitrary: secureListener }), {
          minLength: 1,
          maxLength: 3,
          selector: (one) => one.name
        }),
        addresses: often<ReadonlyArray<object>>([], fc.constant([{ value: "10.0.0.9" }]))
      })
    )
  },
  {
    weight: 8,
    arbitrary: object(
      gatewayApi,
      "HTTPRoute",
      fc.record({
        parentRefs: fc.uniqueArray(
          fc.record({
            name: often("x", names),
            namespace: often<string | undefined>("a", fc.constant(undefined)),
            sectionName: fc.option(fc.constantFrom("one", "two"), { nil: undefined, freq: 1 })
          }),
          { minLength: 1, maxLength: 2, selector: (one) => `${one.namespace}/${one.name}` }
        ),
        hostnames: fc.uniqueArray(hosts, { maxLength: 2 }),
        rules: fc.array(rule, { minLength: 1, maxLength: 2 })
      })
    )
  },
  {
    weight: 4,
    arbitrary: object(
      "networking.k8s.io/v1",
      "Ingress",
      fc.record({
        ingressClassName: often<string | undefined>("x", fc.constantFrom(undefined, "y")),
        defaultBackend: optional(ingressBackend),
        tls: fc.array(fc.record({ hosts: fc.array(hosts, { maxLength: 2 }), secretName: optional(names) }), { maxLength: 2 }),
        rules: fc.array(
          fc.record({
            host: optional(hosts),
            http: fc.record({
              paths: fc.array(
                fc.record({
                  path: fc.constantFrom("/", "/p", "/(.*)", "bad"),
                  pathType: fc.constantFrom("Exact", "Prefix", "ImplementationSpecific"),
                  backend: ingressBackend
                }),
                { maxLength: 2 }
              )
            })
          }),
          { minLength: 1, maxLength: 2 }
        )
      })
    )
  },
  {
    weight: 2,
    arbitrary: object(
      "voyager.appscode.com/v1beta1",
      "Ingress",
      fc.record({
        tls: fc.array(fc.record({ hosts: fc.array(hosts, { maxLength: 2 }), secretName: optional(names) }), { maxLength: 1 }),
        rules: fc.array(
          fc.record({
            host: optional(hosts),
            tcp: often<object | undefined>(undefined, fc.constant({ port: 9 })),
            http: fc.record({
              port: optional(fc.constantFrom<string | number>(80, "8080", "x")),
              paths: fc.array(
                fc.record({
                  path: fc.constantFrom("/", "/p", "/[0-9]+", "/(", ""),
                  backend: fc.record({
                    serviceName: fc.constantFrom("x", "y.b", "a.b.c"),
                    servicePort: fc.constantFrom<string | number>(80, "443", "http"),
                    backendRules: fc.array(
                      fc.constantFrom("http-request redirect scheme https", "http-request deny", "http-request redirect location /("),
                      { maxLength: 1 }
                    )
                  })
                }),
                { maxLength: 2 }
              )
            })
          }),
          { minLength: 1, maxLength: 2 }
        )
      })
    )
  },
  {
    weight: 1,
    arbitrary: object(
      "networking.k8s.io/v1",
      "IngressClass",
      fc.constantFrom<object>(
        { controller: "example.com/other" },
        { controller: "sluice.dev/gateway-controller" },
        {
          controller: "sluice.dev/gateway-controller",
          parameters: { apiGroup: "gateway.sluice.dev", kind: "GatewayParameters", name: "x", scope: "Namespace", namespace: "a" }
        }
      ),
      true
    )
  },
  {
    weight: 1,
    arbitrary: object(
      "gateway.sluice.dev/v1alpha1",
      "GatewayParameters",
      fc.constantFrom<object>({ ingress: { gateway: { name: "x" } } }, { ingress: { gateway: { name: "y" } } }, {})
    )
  },
  {
    weight: 4,
    arbitrary: object(
      "v1",
      "Service",
      fc.constantFrom<object>(
        { type: "ExternalName", externalName: "api.example.net" },
        { type: "ExternalName", externalName: "b.example.net", ports: [{ port: 443 }] },
        { ports: [{ name: "http", port: 80 }] },
        { ports: "none" }
      )
    )
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ namespace: namespaces, service: names, name: names, address: fc.constantFrom("10.1.0.1", "10.1.0.2", "127.0.0.1") })
      .map(({ namespace, service, name, address }) => ({
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: { name, namespace, labels: { "kubernetes.io/service-name": service } },
        addressType: "IPv4",
        ports: [{ name: "http", port: 8080 }],
        endpoints: [{ addresses: [address] }]
      }))
  },
  {
    weight: 2,
    arbitrary: object(
      "gateway.sluice.dev/v1alpha1",
      "Backend",
      fc.constantFrom<object>(
        { endpoints: [{ fqdn: { hostname: "f.example.net", port: 443 } }] },
        { endpoints: [{ ip: { address: "192.0.2.1", port: 80 } }] },
        { endpoints: [{ fqdn: { hostname: "localhost", port: 443 } }] },
        ...["a", "b", "x"].map((name) => ({
          endpoints: [{ fqdn: { hostname: "f.example.net", port: 443 }, tier: 1 }],
          failover: { backendRefs: [{ group: "gateway.sluice.dev", kind: "Backend", name, namespace: name === "b" ? "b" : undefined }] }
        })),
        { endpoints: 3 }
      )
    )
  },
  {
    weight: 1,
    arbitrary: object(
      "gateway.networking.x-k8s.io/v1alpha1",
      "XBackend",
      fc.constant({
        type: "ExternalHostname",
        port: { number: 443 },
        externalHostname: { hostname: "x.example.net" },
        tls: { mode: "ServerOnly", validation: { hostname: "x.example.net", wellKnownCACertificates: "System" } }
      })
    )
  },
  {
    weight: 2,
    arbitrary: object(
      gatewayApi,
      "ReferenceGrant",
      fc.record({
        from: fc.constant(
          ["a", "b"].flatMap((namespace) => [
            { group: "gateway.networking.k8s.io", kind: "HTTPRoute", namespace },
            { group: "gateway.networking.k8s.io", kind: "Gateway", namespace }
          ])
        ),
        to: fc.constantFrom(
          [{ group: "", kind: "Service" }],
          [{ group: "", kind: "Secret" }],
          [{ group: "gateway.sluice.dev", kind: "Backend" }]
        )
      })
    )
  },
  {
    weight: 1,
    arbitrary: object(
      gatewayApi,
      "BackendTLSPolicy",
      fc.record({
        targetRefs: names.map((name) => [{ group: "", kind: "Service", name }]),
        validation: fc.constantFrom<object>(
          { hostname: "api.example.net", wellKnownCACertificates: "System" },
          { hostname: "api.example.net", caCertificateRefs: [{ group: "", kind: "ConfigMap", name: "x" }] }
        )
      })
    )
  },
  {
    weight: 1,
    arbitrary: object(
      "gateway.sluice.dev/v1alpha1",
      "EgressPolicy",
      fc.record({
        namespaceSelector: fc.constantFrom<object>({}, { matchLabels: { team: "web" } }),
        mode: fc.constantFrom("Enforce", "Open"),
        allow: fc.constant([{ hosts: ["*.example.net"] }])
      }),
      true
    )
  },
  {
    weight: 1,
    arbitrary: fc.record({
      apiVersion: fc.constant("v1"),
      kind: fc.constant("Namespace"),
      metadata: fc.record({ name: namespaces, labels: fc.constantFrom<object>({}, { team: "web" }) })
    })
  },
  { weight: 1, arbitrary: often(gatewayClass, fc.constant({ ...gatewayClass, spec: { controllerName: "example.com/other" } })) }
)

/** An edit: mostly objects that come or change, some that go, lists said anew, answers to interest. */
export const anyChange: fc.Arbitrary<Change> = fc.oneof(
  { weight: 8, arbitrary: anyObject.map(upserted) },
  { weight: 3, arbitrary: anyObject.map((raw): Change => ({ _tag: "Deleted", key: decoded(raw).meta.key })) },
  {
    weight: 1,
    arbitrary: fc.array(anyObject, { maxLength: 6 }).map((raws): Change => {
      const objects = raws.map(decoded)
      const kind = objects[0] === undefined ? "Service" : parseKey(objects[0].meta.key).kind
      return { _tag: "Replaced", kind, objects: objects.filter((one) => parseKey(one.meta.key).kind === kind) }
    })
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ namespace: namespaces, name: names, kind: fc.constantFrom("Secret", "ConfigMap"), there: fc.boolean() })
      .map(({ namespace, name, kind, there }): Change => {
        const raw =
          kind === "Secret" ? { type: "kubernetes.io/tls", stringData: { "tls.crt": "no", "tls.key": "no" } } : { data: { "ca.crt": "no" } }
        const one = decoded({ apiVersion: "v1", kind, metadata: { name, namespace }, ...raw })
        return { _tag: "Fetched", key: one.meta.key, object: there ? one : null }
      })
  }
)
