import { assert, describe, it } from "vitest"
import type { ResolvedBackend } from "#src/translate/resolved.ts"
import { resolved, upstreamOf } from "../world.ts"

const service = (ports = "{name: http, port: 80, targetPort: 8080}", more = "selector: {app: cart}") => `
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {${more}${more === "" ? "" : ", "}ports: [${ports}]}
`
const owner = "ownerReferences: [{apiVersion: v1, kind: Service, name: cart, uid: u, controller: true}], "
const slice = (
  name: string,
  endpoints: string,
  {
    type = "IPv4",
    ports = "{name: http, port: 8080}",
    owned = true,
    of = "cart"
  }: { type?: string; ports?: string; owned?: boolean; of?: string } = {}
) => `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {${owned ? owner : ""}name: ${name}, namespace: shop, labels: {kubernetes.io/service-name: ${of}}}
addressType: ${type}
ports: [${ports}]
endpoints: [${endpoints}]
`
const pod = (ip: string, conditions = "{}") => `{addresses: ["${ip}"], conditions: ${conditions}}`
const addresses = (backend: ResolvedBackend) =>
  upstreamOf(backend).endpoints.map(({ at }) => (at._tag === "Address" ? `${at.ip} ${at.port}` : at._tag))
const notes = (backend: ResolvedBackend) => backend.notes.join("\n")

describe("members of a Service", () => {
  it("are the union of all its slices of both families, at the port of the same name", () => {
    const yaml =
      service() +
      slice("a", pod("10.1.0.1")) +
      slice("b", pod("10.1.0.2"), { ports: "{name: admin, port: 9}, {name: http, port: 8081}" }) +
      slice("c", pod("2001:db8::7"), { type: "IPv6" }) +
      slice("d", pod("10.1.0.9"), { ports: "{name: other, port: 8080}" }) +
      slice("e", pod("10.1.0.8"), { of: "other" })
    assert.deepEqual(addresses(resolved(yaml, "Service cart:80")), ["10.1.0.1 8080", "10.1.0.2 8081", "2001:db8::7 8080"])
  })
  it("match an unnamed port by the empty name", () => {
    const yaml =
      service("{port: 80}") +
      slice("a", pod("10.1.0.1"), { ports: '{name: "", port: 8080}' }) +
      slice("b", pod("10.1.0.2"), { ports: "{port: 81}" })
    assert.deepEqual(addresses(resolved(yaml, "Service cart:80")), ["10.1.0.1 8080", "10.1.0.2 81"])
  })
  it("are the ready ones, where ready left out means ready", () => {
    const yaml =
      service() +
      slice(
        "a",
        `${pod("10.1.0.1")}, ${pod("10.1.0.2", "{ready: false}")}, ${pod("10.1.0.3", "{ready: true}")}, ${pod("10.1.0.4", "{ready: false, serving: true, terminating: true}")}`
      )
    assert.deepEqual(addresses(resolved(yaml, "Service cart:80")), ["10.1.0.1 8080", "10.1.0.3 8080"])
  })
  it("are those still serving while they terminate, when none is ready", () => {
    const yaml =
      service() +
      slice(
        "a",
        `${pod("10.1.0.2", "{ready: false, terminating: true}")}, ${pod("10.1.0.4", "{ready: false, serving: true, terminating: true}")}, ${pod("10.1.0.5", "{ready: false, serving: true}")}`
      )
    assert.deepEqual(addresses(resolved(yaml, "Service cart:80")), ["10.1.0.4 8080"])
  })
  it("are listed once, though a controller is moving them between slices", () => {
    const yaml = service() + slice("a", pod("10.1.0.1", "{ready: false}")) + slice("b", pod("10.1.0.1")) + slice("c", pod("10.1.0.1"))
    assert.deepEqual(addresses(resolved(yaml, "Service cart:80")), ["10.1.0.1 8080"])
  })
  it("may be none: the upstream stands and its share answers 503", () => {
    const backend = resolved(service(), "Service cart:80")
    assert.deepEqual(upstreamOf(backend).endpoints, [])
    assert.include(notes(backend), "no ready endpoint")
  })
  it("keep their zone", () => {
    const yaml = service() + slice("a", '{addresses: ["10.1.0.1"], zone: eu-1}')
    assert.strictEqual(upstreamOf(resolved(yaml, "Service cart:80")).endpoints[0]?.zone, "eu-1")
  })
})

describe("origin Pod", () => {
  const originOf = (yaml: string) => upstreamOf(resolved(yaml, "Service cart:80")).endpoints[0]?.origin
  it("needs the controller's ownerReference and a selector", () => {
    assert.strictEqual(originOf(service() + slice("a", pod("10.1.0.1"))), "Pod")
    assert.strictEqual(originOf(service(undefined, "") + slice("a", pod("10.1.0.1"))), "Slice")
    assert.strictEqual(originOf(service() + slice("a", pod("10.1.0.1"), { owned: false })), "Slice")
  })
  it("is not had by an owner that is not the controller, or another Service", () => {
    const written = slice("a", pod("10.1.0.1"))
    assert.strictEqual(originOf(service() + written.replace("controller: true", "controller: false")), "Slice")
    assert.strictEqual(originOf(service() + written.replace("name: cart, uid", "name: other, uid")), "Slice")
    assert.strictEqual(
      originOf(service() + written.replace("kind: Service, name: cart, uid", "kind: Deployment, name: cart, uid")),
      "Slice"
    )
  })
  it("is not had by a label, which users can write", () => {
    const written = slice("a", pod("10.1.0.1"), { owned: false }).replace(
      "labels: {",
      "labels: {endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io, "
    )
    assert.strictEqual(originOf(service() + written), "Slice")
  })
})

describe("what a slice may not hold", () => {
  it("names: addressType FQDN has no meaning, and the other slices serve", () => {
    const backend = resolved(
      service() + slice("a", pod("api.example.com"), { type: "FQDN" }) + slice("b", pod("10.1.0.1")),
      "Service cart:80"
    )
    assert.deepEqual(addresses(backend), ["10.1.0.1 8080"])
    assert.include(notes(backend), "EndpointSlice shop/a: addressType FQDN")
    assert.include(notes(backend), "XBackend")
  })
  it("addresses that are never dialled: each is left out alone, and told", () => {
    const yaml =
      service() +
      slice(
        "a",
        `${pod("127.0.0.1")}, ${pod("169.254.169.254")}, ${pod("10.1.0.1")}, ${pod("224.0.0.1")}, ${pod("0.0.0.0")}, ${pod("010.1.0.2")}`
      )
    const backend = resolved(yaml, "Service cart:80")
    assert.deepEqual(addresses(backend), ["10.1.0.1 8080"])
    for (const told of [
      "127.0.0.1 is loopback",
      "169.254.169.254 is a metadata service's address",
      "224.0.0.1 is multicast",
      "0.0.0.0 is unspecified",
      "010.1.0.2 is not an IPv4 address"
    ])
      assert.include(notes(backend), told)
  })
  it("an endpoint that does not decode costs itself", () => {
    const backend = resolved(service() + slice("a", `{addresses: []}, ${pod("10.1.0.1")}`), "Service cart:80")
    assert.deepEqual(addresses(backend), ["10.1.0.1 8080"])
    assert.include(notes(backend), "endpoints[0]")
  })
  it("a thousand bad addresses make a short message", () => {
    const backend = resolved(
      service() + slice("a", Array.from({ length: 500 }, (_, i) => pod(`127.0.${i % 250}.1`)).join(",")),
      "Service cart:80"
    )
    assert.isBelow(notes(backend).length, 2_000)
    assert.include(notes(backend), "and 492 more")
  })
})

describe("Endpoints", () => {
  const endpoints = `---
apiVersion: v1
kind: Endpoints
metadata: {name: cart, namespace: shop}
subsets:
- addresses: [{ip: 10.9.0.1}, {ip: 127.0.0.1}]
  notReadyAddresses: [{ip: 10.9.0.2}]
  ports: [{name: http, port: 9855}]
`
  it("are read when the Service has no slice", () => {
    const backend = resolved(service(undefined, "clusterIP: None") + endpoints, "Service cart:80")
    assert.deepEqual(addresses(backend), ["10.9.0.1 9855"])
    assert.strictEqual(upstreamOf(backend).endpoints[0]?.origin, "Slice")
    assert.include(notes(backend), "127.0.0.1 is loopback")
  })
  it("are not read beside slices, which mirror them", () =>
    assert.deepEqual(addresses(resolved(service() + endpoints + slice("a", pod("10.1.0.1")), "Service cart:80")), ["10.1.0.1 8080"]))
})

describe("a reference to a Service", () => {
  it("names a port the Service declares, never a targetPort", () => {
    const backend = resolved(service("{name: http, port: 80, targetPort: 8080}, {name: admin, port: 9000}"), "Service cart:8080")
    assert.strictEqual(backend.why, "backend_not_found")
    assert.strictEqual(backend.problem?.reason, "BackendNotFound")
    assert.include(backend.problem?.message ?? "", "Service shop/cart has no port 8080; it declares 80, 9000")
  })
  it("finds the TCP port where UDP has the same number, and refuses UDP alone", () => {
    const both =
      service("{name: dns, port: 53, protocol: UDP}, {name: tcp, port: 53}") +
      slice("a", pod("10.1.0.1"), { ports: "{name: dns, port: 1, protocol: UDP}, {name: tcp, port: 2}" })
    assert.deepEqual(addresses(resolved(both, "Service cart:53")), ["10.1.0.1 2"])
    assert.strictEqual(resolved(service("{name: dns, port: 53, protocol: UDP}"), "Service cart:53").problem?.reason, "UnsupportedProtocol")
  })
  it("to nothing is BackendNotFound, to an unknown kind InvalidKind", () => {
    assert.strictEqual(resolved("", "Service gone:80").problem?.reason, "BackendNotFound")
    assert.isNull(resolved("", "Service gone:80").object)
    const unknown = resolved("", "Bucket gone:80")
    assert.deepEqual([unknown.why, unknown.problem?.reason], ["invalid_kind", "InvalidKind"])
    assert.include(unknown.problem?.message ?? "", "Bucket.example.com")
  })
  it("of another namespace needs a grant, and without one does not tell whether the Service is there", () => {
    const there = resolved(service(), "Service shop/cart:80", "other")
    const absent = resolved("", "Service shop/cart:80", "other")
    assert.deepEqual([there.why, there.problem], [absent.why, absent.problem])
    assert.strictEqual(there.problem?.reason, "RefNotPermitted")
    const grant = `---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: g, namespace: shop}
spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: other}], to: [{group: "", kind: Service}]}
`
    assert.isNotNull(resolved(service() + grant, "Service shop/cart:80", "other").upstream)
  })
})

describe("the wire to a Service", () => {
  const of = (appProtocol: string, port = 80) =>
    resolved(service(`{name: http, port: ${port}, appProtocol: "${appProtocol}"}`) + slice("a", pod("10.1.0.1")), `Service cart:${port}`)
  it("is plaintext with the client's Host, on port 443 too, which is told", () => {
    const { spec, endpoints } = upstreamOf(resolved(service("{name: http, port: 443}") + slice("a", pod("10.1.0.1")), "Service cart:443"))
    assert.deepEqual([spec.identity.host, spec.tls, endpoints[0]?.tls, spec.external], ["Request", null, false, false])
    assert.include(notes(resolved(service("{name: http, port: 443}"), "Service cart:443")), "plaintext on port 443")
  })
  it("is TLS for https and wss, by IP address names, which is told", () => {
    for (const word of ["https", "HTTPS", "kubernetes.io/wss", "wss"]) {
      const { spec, endpoints } = upstreamOf(of(word))
      assert.isTrue(endpoints[0]?.tls, word)
      assert.deepEqual([spec.tls?.ca, spec.tls?.verify, spec.identity.sni], ["System", true, null])
    }
    assert.include(notes(of("https")), "IP addresses")
  })
  it("is HTTP/1.1 alone for http and ws", () => {
    for (const word of ["http", "kubernetes.io/ws", "ws"]) assert.strictEqual(upstreamOf(of(word)).spec.protocol, "http1")
    assert.strictEqual(upstreamOf(of("https")).spec.protocol, "auto")
    for (const word of ["kubernetes.io/h2c", "grpc"]) assert.strictEqual(upstreamOf(of(word)).spec.protocol, "h2c")
    for (const word of ["h2", "GRPCS"]) assert.strictEqual(upstreamOf(of(word)).spec.protocol, "h2")
  })
  it.each(["tcp", "udp", "mysql", "example.com/odd"])("is refused for %s", (word) => {
    const backend = of(word)
    assert.deepEqual([backend.why, backend.problem?.reason], ["invalid_backend", "UnsupportedProtocol"])
    assert.include(backend.problem?.message ?? "", `Service shop/cart port 80: appProtocol "${word}"`)
  })
})
