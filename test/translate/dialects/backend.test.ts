import { assert, beforeAll, describe, it } from "vitest"
import { defaultDns, defaultLimits, defaultTimeouts } from "#src/snapshot/behaviour.ts"
import { identityOf } from "#src/upstream/dial/identity.ts"
import { type IssuedCertificate, makeAuthority } from "../../support/certificates.ts"
import { resolved, upstreamOf } from "../world.ts"
import { accepted, backend, cart, conditions, fqdn, made, of } from "./shopbackend.ts"

let pem: string
let pair: IssuedCertificate
beforeAll(async () => {
  const authority = await makeAuthority()
  pem = authority.certificate
  pair = await authority.leaf({ dns: ["client.example"], usage: "client" })
})
const indent = (text: string) => text.trim().replaceAll("\n", "\n    ")
const trust = () => `---
apiVersion: v1
kind: ConfigMap
metadata: {name: ca, namespace: shop}
data:
  ca.crt: |
    ${indent(pem)}
---
apiVersion: v1
kind: Secret
metadata: {name: ca, namespace: shop}
stringData:
  ca.crt: |
    ${indent(pem)}
---
apiVersion: v1
kind: Secret
type: kubernetes.io/tls
metadata: {name: client, namespace: shop}
stringData:
  tls.crt: |
    ${indent(pair.chain)}
  tls.key: |
    ${indent(pair.key)}
`

describe("endpoints of a Backend", () => {
  it("of all four kinds stand in one pool, with weight and zone", () => {
    const yaml = backend(
      `{fqdn: {hostname: api.vendor.example., port: 443}, weight: 3, zone: eu-1}, {ip: {address: "2001:DB8::1", port: 80}}, {unix: {path: /run/sluice//app.sock}, weight: 0}, {service: {name: cart, port: 80}}`.replace(
        "API",
        "api"
      )
    )
    const { endpoints, spec } = upstreamOf(of(yaml + cart))
    assert.deepEqual(
      endpoints.map(({ at, weight, zone, origin }) => [
        at._tag === "Name" ? at.name : at._tag === "Unix" ? at.path : at.ip,
        weight,
        zone,
        origin
      ]),
      [
        ["api.vendor.example", 9, "eu-1", "Written"],
        ["2001:db8::1", 3, null, "Written"],
        ["/run/sluice/app.sock", 0, null, "Written"],
        ["10.1.0.1", 1, null, "Slice"],
        ["10.1.0.2", 1, null, "Slice"],
        ["10.1.0.3", 1, null, "Slice"]
      ]
    )
    assert.deepEqual(spec.of, { namespace: "shop", target: "Backend shop/api" })
  })
  it("a weight is the endpoint's, however many addresses its Service has", () => {
    const { endpoints } = upstreamOf(of(backend(`${fqdn()}, {service: {name: cart, port: 80}}`) + cart))
    const [name, ...pods] = endpoints.map((endpoint) => endpoint.weight)
    assert.strictEqual(
      name,
      pods.reduce((sum, weight) => sum + weight, 0)
    )
  })
  it("have a path prefix each, without a slash at its end; those of a Service all the same", () => {
    const of = (endpoint: string) => upstreamOf(resolved(backend(endpoint) + cart, "Backend api")).endpoints.map((one) => one.pathPrefix)
    assert.deepEqual(of("{fqdn: {hostname: a.example, port: 80}, pathPrefix: /v1/}, {ip: {address: 192.0.2.1, port: 80}}"), [
      "/v1",
      undefined
    ])
    assert.deepEqual(of("{service: {name: cart, port: 80}, pathPrefix: /c}"), ["/c", "/c", "/c"])
  })
  it("have a tier each, those of a Service all the same", () => {
    const { endpoints, spec } = upstreamOf(of(backend(`${fqdn()}, {service: {name: cart, port: 80}, tier: 3}`) + cart))
    assert.deepEqual(
      endpoints.map((endpoint) => endpoint.tier),
      [0, 3, 3, 3]
    )
    assert.isUndefined(spec.failover)
  })
  it("that are names of services have no port of their own, TLS by what the service is called or the Backend says, and a domain that is judged", () => {
    const service = (name: string, more = "dns: {srv: true}") => made(`{fqdn: {hostname: ${name}}}`, more)
    const { endpoints, spec } = service("_https._tcp.Search.vendor.example.".toLowerCase())
    assert.deepEqual(endpoints[0]!.at, { _tag: "Name", name: "_https._tcp.search.vendor.example", port: 0, srv: true })
    assert.deepEqual([endpoints[0]!.tls, spec.tls?.verify, spec.external], [true, true, true])
    assert.isFalse(service("_web._tcp.search.vendor.example").endpoints[0]!.tls)
    assert.isTrue(service("_web._tcp.search.vendor.example", "dns: {srv: true}, tls: {mode: ServerOnly}").endpoints[0]!.tls)
    assert.isFalse(service("_https._tcp.search.vendor.example", "dns: {srv: true}, protocol: HTTP").endpoints[0]!.tls)
    for (const [name, why] of [
      ["_https._tcp.kubernetes.default.svc.cluster.local", "cluster's own domain"],
      ["_https._tcp.localhost", "means this machine"],
      ["_https._tcp.metadata.google.internal", "metadata"],
      ["_https._tcp.single", "single label"]
    ] as const) {
      const refused = of(backend(`{fqdn: {hostname: ${name}}}`, "dns: {srv: true}"))
      assert.strictEqual(refused.problem?.reason, "InvalidAddress")
      assert.include(refused.problem?.message, why)
    }
  })
  it("pass their requests on as the Backend says, and as usual where it does not", () => {
    const { spec } = made(fqdn(), "failover: {returnAfter: 1m}")
    assert.deepEqual(spec.failover, { spill: 140, returnAfter: 60_000, codes: [], response: null })
    assert.deepEqual(made(fqdn(), "failover: {spillThreshold: 100, returnAfter: 0s, statusCodes: [503]}").spec.failover, {
      spill: 100,
      returnAfter: 0,
      codes: [503],
      response: null
    })
    const said = made(fqdn(), 'failover: {response: {statusCode: 503, contentType: text/html, body: {inline: "<p>later"}}}').spec
    assert.deepEqual(said.failover?.response, { status: 503, contentType: "text/html", body: "<p>later" })
    assert.strictEqual(said.provenance["failover.response"]?.name, "api")
    assert.deepEqual(made(fqdn(), "failover: {response: {statusCode: 204}}").spec.failover?.response, {
      status: 204,
      contentType: "text/plain; charset=utf-8",
      body: ""
    })
    assert.strictEqual(spec.provenance["failover.returnAfter"]?.name, "api")
    assert.isUndefined(made(fqdn(), "failover: {}").spec.failover)
  })
  it("decide TLS each by its own port, unless protocol or tls says", () => {
    const tls = (more: string) =>
      made(`${fqdn(443)}, ${fqdn(8443)}, {ip: {address: 192.0.2.1, port: 443}}`, more).endpoints.map((endpoint) => endpoint.tls)
    assert.deepEqual(tls(""), [true, false, true])
    assert.deepEqual(tls("protocol: Auto"), [true, false, true])
    assert.deepEqual(tls("protocol: HTTP"), [false, false, false])
    assert.deepEqual(tls("tls: {mode: None}"), [false, false, false])
    assert.deepEqual(tls("tls: {}"), [true, true, true])
    assert.deepEqual(tls("protocol: HTTP, tls: {mode: ServerOnly}"), [true, true, true])
  })
  it("tell what was decided for them", () => {
    assert.include(accepted(backend(fqdn(443))).message, "port 443 without a word about TLS")
    assert.include(accepted(backend(fqdn(443), "protocol: HTTP")).message, "plaintext on port 443, because of spec.protocol HTTP")
    assert.include(accepted(backend(fqdn(443), "tls: {mode: None}")).message, "because of spec.tls.mode None")
    assert.include(accepted(backend(fqdn(80))).message, "plaintext to an external host")
  })
})

describe("the Host sent to a Backend", () => {
  const host = (endpoints: string, more = "") => made(endpoints, more).spec.identity.host
  it("is the endpoint's own name for fqdn, the client's for others, in one pool too", () => {
    const { spec, endpoints } = made(`${fqdn(8443)}, {ip: {address: 192.0.2.1, port: 80}}, {unix: {path: /run/sluice/a.sock}}`)
    assert.deepEqual(
      endpoints.map((endpoint) => identityOf(spec.identity, endpoint).host),
      ["api.vendor.example:8443", "Request", "Request"]
    )
  })
  it("is what spec.host says", () => {
    assert.strictEqual(host(fqdn(), "host: Request"), "Request")
    assert.strictEqual(host(`{ip: {address: 192.0.2.1, port: 80}}`, "host: Backend"), "Endpoint")
    assert.deepEqual(host(fqdn(), "host: {value: 'www.vendor.example:8443'}"), { name: "www.vendor.example:8443" })
  })
})

describe("TLS of a Backend", () => {
  it("is system roots, verified, from TLS 1.2 on", () =>
    assert.deepEqual(made(fqdn()).spec.tls, {
      ca: "System",
      names: [],
      client: null,
      verify: true,
      minVersion: "TLSv1.2",
      maxVersion: "TLSv1.3"
    }))
  it("takes names, versions, CAs of ConfigMaps and Secrets and a client certificate", () => {
    const { spec, materials } = upstreamOf(
      of(
        backend(
          fqdn(),
          "tls: {sni: edge.vendor.example, hostname: api.vendor.example, minVersion: '1.3', subjectAltNames: [{type: Hostname, hostname: a.example}], caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}, {group: '', kind: Secret, name: ca}], clientCertificateRef: {name: client}}"
        ) + trust()
      )
    )
    assert.deepEqual(spec.tls, {
      ca: ["ConfigMap/shop/ca#ca.crt", "Secret/shop/ca#ca.crt"],
      names: ["dns:a.example"],
      client: "Secret/shop/client",
      verify: true,
      minVersion: "TLSv1.3",
      maxVersion: "TLSv1.3"
    })
    assert.deepEqual([spec.identity.sni, spec.identity.certificateName], ["edge.vendor.example", "api.vendor.example"])
    assert.deepEqual(
      materials.map((one) => one.id),
      ["ConfigMap/shop/ca#ca.crt", "Secret/shop/ca#ca.crt", "Secret/shop/client"]
    )
    assert.strictEqual(spec.provenance["tls.ca"]?.name, "api")
  })
  it.each([
    ["caCertificateRefs: [{group: '', kind: ConfigMap, name: gone}]", "InvalidCACertificateRef", "ConfigMap shop/gone does not exist"],
    [
      "caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}, {group: '', kind: ConfigMap, name: gone}]",
      "InvalidCACertificateRef",
      "caCertificateRefs[1]"
    ],
    ["caCertificateRefs: [{group: apps, kind: Deployment, name: ca}]", "InvalidKind", "Deployment.apps ca"],
    ["clientCertificateRef: {name: ca}", "InvalidClientCertificateRef", "kubernetes.io/tls"],
    ["clientCertificateRef: {name: client, namespace: vault}", "RefNotPermitted", "ReferenceGrant"]
  ])("with %s is refused on the object and never plaintext", (tls, reason, told) => {
    const yaml = backend(fqdn(), `tls: {${tls}}`) + trust()
    assert.deepEqual([of(yaml).upstream, of(yaml).why], [null, "invalid_backend"])
    assert.strictEqual(accepted(yaml).state, "False/Invalid")
    assert.strictEqual(conditions(yaml).get("ResolvedRefs")?.state, `False/${reason}`)
    assert.include(conditions(yaml).get("ResolvedRefs")?.message ?? "", told)
  })
})

describe("insecureSkipVerify", () => {
  const yaml = backend(fqdn(), "tls: {insecureSkipVerify: true}")
  const policy = (permit: string) => `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: EgressPolicy
metadata: {name: lab}
spec: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}, mode: Open, permit: [${permit}]}
`
  it("is refused without an EgressPolicy that permits it", () => {
    for (const text of [yaml, yaml + policy("PrivateAddresses")]) {
      assert.deepEqual([of(text).why, of(text).problem?.reason], ["invalid_backend", "NotPermitted"])
      assert.strictEqual(accepted(text).state, "False/NotPermitted")
      assert.include(accepted(text).message, "SkipVerify")
    }
  })
  it("is served with one, and said", () => {
    const permittedBackend = of(yaml + policy("SkipVerify"))
    assert.isFalse(upstreamOf(permittedBackend).spec.tls?.verify)
    assert.include(permittedBackend.notes.join(), "not checked")
    assert.strictEqual(accepted(yaml + policy("SkipVerify")).state, "True/Accepted")
  })
  it("means nothing without TLS, and is refused there by its name", () => {
    const { upstream, problem } = of(backend(fqdn(80), "tls: {mode: None, insecureSkipVerify: true}"))
    assert.isNull(upstream)
    assert.match(problem?.message ?? "", /spec\.tls\.insecureSkipVerify: Not allowed with mode None/)
  })
})

describe("behaviour of a Backend", () => {
  it("reaches the upstream field by field, with who said it", () => {
    const { spec } = made(
      fqdn(),
      "timeouts: {connect: 1s, firstByte: 0s, idle: 10s}, dns: {nameservers: ['10.0.0.2', 'tcp@10.0.0.3:5353', '2001:DB8::1', '[2001:db8::2]:54', 'tls@10.0.0.4', 'tls@[2001:db8::3]:8853#dns.example'], family: IPv4, hold: {nxdomain: 5s}, staleLimit: 0s}, connections: {maxConnections: 5, maxPending: 0, keepAliveIdle: 9s}"
    )
    assert.deepEqual(spec.timeouts, { ...defaultTimeouts, connect: 1_000, firstByte: "Disabled", idle: 10_000, keepAliveIdle: 9_000 })
    assert.deepEqual(spec.dns, {
      ...defaultDns,
      nameservers: [
        "10.0.0.2:53",
        "tcp@10.0.0.3:5353",
        "[2001:db8::1]:53",
        "[2001:db8::2]:54",
        "tls@10.0.0.4:853",
        "tls@[2001:db8::3]:8853#dns.example"
      ],
      family: "IPv4",
      hold: { ...defaultDns.hold, nxdomain: 5_000 },
      staleLimit: 0
    })
    assert.deepEqual(spec.limits, { ...defaultLimits, maxConnections: 5, maxPending: 0 })
    assert.strictEqual(spec.provenance["timeouts.connect"]?.kind, "Backend")
    assert.isUndefined(spec.provenance["timeouts.tlsHandshake"])
  })
  it("0s of a limit that cannot be off is the longest wait, and no wait is longer than a timer", () => {
    const { timeouts } = made(fqdn(), "timeouts: {connect: 0s, tlsHandshake: 99999h}").spec
    assert.deepEqual([timeouts.connect, timeouts.tlsHandshake], [2_147_483_647, 2_147_483_647])
  })
  it("a floor of TTL stays above a second, and below the ceiling", () => {
    assert.strictEqual(made(fqdn(), "dns: {minTTL: 0s}").spec.dns.minTtl, 1_000)
    const { minTtl, maxTtl } = made(fqdn(), "dns: {maxTTL: 2s}").spec.dns
    assert.deepEqual([minTtl, maxTtl], [2_000, 2_000])
  })
})

describe("what is not served yet is refused by its name", () => {
  it.each([
    [
      "healthCheck: {type: TCP, overrides: {port: 1}}, egressPath: {proxy: {ip: {address: 192.0.2.1, port: 3128}}}",
      "spec.healthCheck.overrides.port together with spec.egressPath.proxy"
    ],
    ["loadBalancer: {type: ConsistentHash, consistentHash: {type: SourceIP, tableSize: 1000}}", "tableSize is no prime; 1009 is the next"],
    ["loadBalancer: {type: ConsistentHash, consistentHash: {type: SourceIP, tableSize: 5000011}}", "tableSize: a larger table than 131071"],
    ...["{max-age: '9'}", "{a b: c}", "{a: 'b; Domain=c'}"].map((attributes): [string, string] => [
      `loadBalancer: {type: ConsistentHash, consistentHash: {type: Cookie, cookie: {name: a, ttl: 1h, attributes: ${attributes}}}}`,
      "spec.loadBalancer.consistentHash.cookie.attributes: "
    ])
  ])("%s", (more, field) => {
    const yaml = backend(fqdn(), more)
    assert.deepEqual([of(yaml).upstream, of(yaml).why, of(yaml).problem?.reason], [null, "invalid_backend", "UnsupportedValue"])
    assert.strictEqual(accepted(yaml).state, "False/UnsupportedValue")
    assert.include(accepted(yaml).message, field)
  })
  it.each(["TCP", "TLS", "UDP"])("protocol %s, which carries no requests, to an HTTPRoute alone", (protocol) => {
    const yaml = backend(fqdn(), `protocol: ${protocol}`)
    assert.strictEqual(accepted(yaml).state, "True/Accepted")
    assert.strictEqual(of(yaml).problem?.reason, "UnsupportedProtocol")
  })
  it.each(["H2", "GRPCS"])("protocol %s without the TLS that it is over", (protocol) => {
    const yaml = backend(fqdn(), `protocol: ${protocol}, tls: {mode: None}`)
    assert.strictEqual(accepted(yaml).state, "False/Invalid")
  })
})

describe("a bad endpoint", () => {
  it.each([
    ["{fqdn: {hostname: 10.0.0.1, port: 80}}", "InvalidAddress", "spelling of an IP address"],
    ["{fqdn: {hostname: a.svc.cluster.local, port: 80}}", "InvalidAddress", "cluster's own domain"],
    ["{fqdn: {hostname: a.example, port: 0}}", "InvalidAddress", "port"],
    ["{ip: {address: 127.0.0.1, port: 80}}", "InvalidAddress", "loopback"],
    ["{ip: {address: 169.254.169.254, port: 80}}", "InvalidAddress", "is a metadata service's address: never dialled"],
    ["{ip: {address: 010.0.0.1, port: 80}}", "InvalidAddress", "IPv4"],
    ["{ip: {address: '::ffff:127.0.0.1', port: 80}}", "InvalidAddress", "loopback"],
    ["{fqdn: {hostname: a.example, port: 80}, weight: 1000001}", "InvalidBackend", "weight"],
    ["{fqdn: {hostname: a.example, port: 0}, weight: 1000001}", "InvalidAddress", "weight"],
    ["{weight: 1}", "InvalidAddress", "exactly one of"],
    ["{ip: {address: 192.0.2.1, port: 80}, unix: {path: /x}}", "InvalidAddress", "exactly one of"]
  ])("%s alone refuses the Backend: Invalid there, %s on the route", (endpoint, reason, told) => {
    const yaml = backend(endpoint)
    assert.deepEqual([of(yaml).upstream, of(yaml).why, of(yaml).problem?.reason], [null, "invalid_backend", reason])
    assert.strictEqual(accepted(yaml).state, "False/Invalid")
    assert.include(accepted(yaml).message, "spec.endpoints[0]")
    assert.include(accepted(yaml).message, told)
  })
  it("beside good ones costs itself, and is told on both", () => {
    const yaml = backend(
      `{fqdn: {hostname: localhost, port: 80}}, ${fqdn()}, {ip: {address: 127.0.0.1, port: 80}}, {service: {name: gone, port: 80}}`
    )
    assert.deepEqual(
      upstreamOf(of(yaml)).endpoints.map(({ at }) => (at._tag === "Name" ? at.name : at._tag)),
      ["api.vendor.example"]
    )
    assert.strictEqual(accepted(yaml).state, "True/Accepted")
    const partial = conditions(yaml).get("PartiallyInvalid")
    assert.strictEqual(partial?.state, "True/Invalid")
    for (const told of ["spec.endpoints[0]", "spec.endpoints[2]", "spec.endpoints[3]"]) {
      assert.include(partial?.message ?? "", told)
      assert.include(of(yaml).notes.join(), told)
    }
    assert.strictEqual(conditions(yaml).get("ResolvedRefs")?.state, "False/BackendNotFound")
  })
})

describe("unix endpoints", () => {
  const unix = (path: string) => backend(`{unix: {path: ${path}}}`)
  it("serve below an allowed directory", () => assert.isNotNull(of(unix("/run/sluice/a/b.sock")).upstream))
  it.each(["/run/other.sock", "/run/sluice/../docker.sock", "/run/sluicex/a.sock", "/run/sluice", "/run/sluice/", "/run/sluice/./../x"])(
    "%s is UnsupportedAddressType",
    (path) => {
      assert.strictEqual(of(unix(path)).problem?.reason, "UnsupportedAddressType")
      assert.strictEqual(accepted(unix(path)).state, "False/UnsupportedAddressType")
      assert.include(accepted(unix(path)).message, "/run/sluice")
    }
  )
  it("are refused everywhere when no directory is allowed", () =>
    assert.strictEqual(
      resolved(unix("/run/sluice/a.sock"), "Backend api", "shop", { unixDirectories: [] }).problem?.reason,
      "UnsupportedAddressType"
    ))
})

describe("a reference to a Backend", () => {
  it("needs no port, takes any that an endpoint has, and refuses others", () => {
    const yaml = backend(`${fqdn(443)}, ${fqdn(8443)}`)
    assert.isNotNull(of(yaml).upstream)
    assert.strictEqual(of(yaml, "Backend api:8443").upstream?.id, of(yaml).upstream?.id)
    assert.strictEqual(of(yaml, "Backend api:80").problem?.reason, "BackendNotFound")
  })
  it("to one that does not decode is InvalidBackend with the field", () => {
    const yaml = backend(fqdn(), "protocol: Carrier")
    assert.deepEqual([of(yaml).why, of(yaml).problem?.reason], ["invalid_backend", "InvalidBackend"])
    assert.include(of(yaml).problem?.message ?? "", "spec.protocol")
    assert.strictEqual(accepted(yaml).state, "False/Invalid")
  })
})
