import { assert, describe, it } from "vitest"
import { resolved, upstreamOf } from "../world.ts"

const service = (name: string, ports?: string) => `
apiVersion: v1
kind: Service
metadata: {name: ledger, namespace: shop}
spec: {type: ExternalName, externalName: ${name}${ports === undefined ? "" : `, ports: [${ports}]`}}
`
const annotated = (annotations: Readonly<Record<string, string>>) => `
apiVersion: v1
kind: Service
metadata: ${JSON.stringify({ name: "ledger", namespace: "shop", annotations: Object.fromEntries(Object.entries(annotations).map(([name, value]) => [`ingress.appscode.com/${name}`, value])) })}
spec: {type: ExternalName, externalName: ${partner}}
`
const partner = "ledger.partner.example"
const of = (ports: string | undefined, port: number, name = partner) => resolved(service(name, ports), `Service ledger:${port}`)
const endpoint = (ports: string | undefined, port: number) => upstreamOf(of(ports, port)).endpoints[0]

describe("an ExternalName Service", () => {
  it("is dialled at its name and the port of the reference, with Host and SNI of the endpoint", () => {
    const { spec, endpoints } = upstreamOf(of("{name: api, port: 8443, appProtocol: https}", 8443))
    assert.deepEqual(endpoints, [
      {
        at: { _tag: "Name", name: partner, port: 8443, srv: false },
        tls: true,
        tier: 0,
        weight: 1,
        zone: null,
        draining: false,
        origin: "Written"
      }
    ])
    assert.deepEqual(spec.identity, { host: "Endpoint", sni: null, certificateName: null })
    assert.deepEqual(spec.of, { namespace: "shop", target: "Service shop/ledger:8443" })
    assert.deepEqual([spec.tls?.ca, spec.tls?.verify, spec.external], ["System", true, true])
  })
  it("ignores targetPort and its EndpointSlices", () => {
    const slice = `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a, namespace: shop, labels: {kubernetes.io/service-name: ledger}}
addressType: IPv4
ports: [{name: api, port: 1}]
endpoints: [{addresses: [10.0.0.1]}]
`
    const { endpoints } = upstreamOf(resolved(service(partner, "{name: api, port: 80, targetPort: 9}") + slice, "Service ledger:80"))
    assert.deepEqual(
      endpoints.map(({ at }) => at),
      [{ _tag: "Name", name: partner, port: 80, srv: false }]
    )
  })
  it("loses the trailing dot and upper case of its name is refused by the API, so only the dot is left to see", () =>
    assert.deepEqual(upstreamOf(of(undefined, 80, `${partner}.`)).endpoints[0]?.at, { _tag: "Name", name: partner, port: 80, srv: false }))
  it("names XBackend and Backend in what the route is told", () => assert.include(of(undefined, 80).notes.join(), "XBackend"))
})

describe("ports of an ExternalName Service", () => {
  it("are enforced when declared: another is refused with the list, never dialled", () => {
    const backend = of("{name: api, port: 8443, appProtocol: https}, {name: alt, port: 9443}", 80)
    assert.deepEqual([backend.upstream, backend.why, backend.problem?.reason], [null, "backend_not_found", "BackendNotFound"])
    assert.include(backend.problem?.message ?? "", "it declares 8443, 9443")
  })
  it("are whatever the reference says when none is declared", () =>
    assert.deepEqual(endpoint(undefined, 8080)?.at, { _tag: "Name", name: partner, port: 8080, srv: false }))
})

describe("TLS of an ExternalName Service", () => {
  it("is on for https and wss in any case, whatever the port", () => {
    for (const word of ["https", "HTTPS", "wss", "kubernetes.io/wss"])
      assert.isTrue(endpoint(`{port: 80, appProtocol: ${word}}`, 80)?.tls, word)
  })
  it("is off for http and ws, on port 443 too, which is told", () => {
    for (const word of ["http", "ws", "kubernetes.io/ws"]) assert.isFalse(endpoint(`{port: 443, appProtocol: ${word}}`, 443)?.tls, word)
    assert.include(of("{port: 443, appProtocol: http}", 443).notes.join(), "plaintext on port 443")
  })
  it("unsaid is on for port 443, declared or not, which is told", () => {
    for (const ports of [undefined, "{port: 443}"]) {
      assert.isTrue(endpoint(ports, 443)?.tls)
      assert.include(of(ports, 443).notes.join(), "port 443 without a word about TLS")
    }
  })
  it("unsaid is off for other ports, which is told", () => {
    assert.isFalse(endpoint("{port: 8080}", 8080)?.tls)
    assert.include(of("{port: 8080}", 8080).notes.join(), "plaintext to an external host")
  })
  it.each([
    ["kubernetes.io/h2c", false, "h2c"],
    ["grpc", false, "h2c"],
    ["h2", true, "h2"],
    ["GRPCS", true, "h2"]
  ] as const)("%s is HTTP/2", (word, tls, protocol) => {
    const { upstream } = of(`{port: 8443, appProtocol: ${word}}`, 8443)
    assert.deepEqual([endpoint(`{port: 8443, appProtocol: ${word}}`, 8443)?.tls, upstream?.spec.protocol], [tls, protocol])
  })
  it.each(["tcp", "udp", "gopher"])("%s is UnsupportedProtocol", (word) => {
    const backend = of(`{port: 443, appProtocol: ${word}}`, 443)
    assert.deepEqual([backend.upstream, backend.why, backend.problem?.reason], [null, "invalid_backend", "UnsupportedProtocol"])
    assert.include(backend.problem?.message ?? "", word)
  })
})

describe("names that an ExternalName Service may not have", () => {
  it.each(["10.0.0.1", "0x7f.1", "localhost", "intranet", "kubernetes.default.svc", "db.corp.cluster", "metadata.google.internal"])(
    "%s",
    (name) => {
      const backend = of(undefined, 80, name)
      assert.deepEqual([backend.upstream, backend.why, backend.problem?.reason], [null, "invalid_backend", "InvalidAddress"])
      assert.include(backend.problem?.message ?? "", `Service shop/ledger spec.externalName: hostname "${name}"`)
    }
  )
  it("single labels and localhost are allowed with --allow-loopback", () => {
    const at = upstreamOf(resolved(service("localhost"), "Service ledger:8080", "shop", { allowLoopback: true }))
    assert.deepEqual(at.endpoints[0]?.at, { _tag: "Name", name: "localhost", port: 8080, srv: false })
    assert.isTrue(at.spec.addresses.allowLoopback)
  })
})

describe("an ExternalName Service that redirects", () => {
  it("is told of every annotation that changes nothing then", () => {
    const told = (annotations: Readonly<Record<string, string>>) =>
      resolved(annotated({ "use-dns-resolver": "false", ...annotations }), "Service ledger:443").notes.some((note) =>
        note.includes("change nothing where clients are redirected")
      )
    assert.deepEqual(
      [
        told({}),
        told({ "dns-resolver-check-health": "false" }),
        told({ "dns-resolver-check-health": "true" }),
        told({ "dns-resolver-hold": '{"nx":"1s"}' }),
        told({ "backend-tls": "ssl" })
      ],
      [false, false, true, true, true]
    )
  })
})
