// What single objects become, in words: the forms that the law of equal serving does not see.
import { describe, expect, it } from "vitest"
import { converted } from "./converted.ts"
import { served } from "./served.ts"

const edge = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec: {gatewayClassName: sluice, listeners: [{name: http, port: 80, protocol: HTTP}]}
---`

const backend = (name: string, spec: string, of = "gateway.envoyproxy.io"): string => `
apiVersion: ${of}/v1alpha1
kind: Backend
metadata: {name: ${name}, namespace: shop}
spec: {endpoints: [{fqdn: {hostname: ${name}.example, port: 443}}]${spec}}
---`

const ref = (name: string, more = "", group = "gateway.envoyproxy.io"): string => `{group: ${group}, kind: Backend, name: ${name}${more}}`

const route = (name: string, ...rules: ReadonlyArray<string>): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}, namespace: shop}
spec: {parentRefs: [{name: edge}], hostnames: [${name}.example], rules: [${rules.join(", ")}]}
---`

const all = (...names: ReadonlyArray<string>): string => `{backendRefs: [${names.join(", ")}]}`

/** An object as a test looks at it: whatever it asks for is there, or the test fails. */
interface Printed {
  readonly kind: string
  readonly apiVersion: string
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly [field: string]: unknown
    readonly endpoints: ReadonlyArray<{ readonly fqdn: { readonly port: number } }>
    readonly rules: ReadonlyArray<{ readonly backendRefs: ReadonlyArray<{ readonly name: string }> }>
  }
}

/** The objects of a kind that were printed. */
const printed = (text: string, kind: string, group = "gateway.sluice.dev") => {
  const made = converted(text)
  expect(served(made.after.translation)).toEqual(served(made.before.translation))
  const every = made.values as unknown as ReadonlyArray<Printed>
  const values = every.filter((value) => value.kind === kind && value.apiVersion.startsWith(group))
  const notes = made.manifests.flatMap((one) => one.notes.map(({ message }) => message))
  return { values, notes, all: every }
}

describe("fallback: true", () => {
  const three = `${backend("a", "")}${backend("b", "")}${backend("last", ", fallback: true")}`

  it("becomes the failover of those before it, and its reference goes", () => {
    const { values, notes, all: every } = printed(`${edge}${three}${route("r", all(ref("a"), ref("b"), ref("last")))}`, "Backend")
    const behind = { backendRefs: [{ group: "gateway.sluice.dev", kind: "Backend", name: "last" }] }
    expect(values.map(({ metadata, spec }) => [metadata.name, spec["failover"]])).toEqual([
      ["a", behind],
      ["b", behind],
      ["last", undefined]
    ])
    const refs = every.find(({ kind }) => kind === "HTTPRoute")?.spec.rules[0]?.backendRefs
    expect(refs?.map(({ name }) => name)).toEqual(["a", "b"])
    expect(notes).toEqual([])
  })

  it.each([
    ["a rule has one of them without it", `${three}${route("r", all(ref("a"), ref("last")), all(ref("a")))}`],
    [
      "one before it is not converted",
      `${three}${backend("own", "", "gateway.sluice.dev")}${route("r", all(ref("a"), ref("own", "", "gateway.sluice.dev"), ref("last")))}`
    ],
    [
      "filters of the references differ",
      `${three}${route("r", all(ref("a"), ref("last", ", filters: [{type: URLRewrite, urlRewrite: {hostname: x.example}}]")))}`
    ],
    [
      "one before it stands behind another",
      `${three}${backend("front", ", fallback: {backendRef: {name: a}}")}${route("r", all(ref("a"), ref("last")), all(ref("front")))}`
    ],
    [
      "another of its rule may not be named by it",
      `${backend("last", ", fallback: true")}${backend("far", ", fallback: true").replace("namespace: shop", "namespace: other")}${route("r", all(ref("last"), ref("far", ", namespace: other")))}`
    ],
    [
      "another of its rule stays, and there is no other",
      `${backend("last", ", fallback: true")}${backend("odd", ", fallback: true, tls: {ciphers: [x]}")}${route("r", all(ref("last"), ref("odd")))}`
    ]
  ])("stays where %s", (_, objects) => {
    const { values, notes } = printed(`${edge}${objects}`, "Backend", "gateway.envoyproxy.io")
    expect(values.map(({ metadata }) => metadata.name)).toContain("last")
    expect(notes.join()).toContain("stays as it is: spec.fallback: it serves what others of HTTPRoute shop/r spec.rules[")
  })

  it("goes, with a word, where no rule puts it behind others", () => {
    const { values, notes } = printed(`${edge}${three}${route("r", all(ref("last")))}`, "Backend")
    expect(values).toHaveLength(3)
    expect(notes.join()).toMatch(/^spec\.fallback: true: no rule/)
  })
})

describe("a field that its kind does not have", () => {
  it("is told where the object becomes another, and is not where it goes on to be printed", () => {
    expect(printed(`${edge}${backend("a", ", tlz: {}")}${route("r", all(ref("a")))}`, "Backend").notes).toEqual([
      "spec.tlz left out: its kind has no such field"
    ])
    expect(printed(`${edge}${backend("a", ", tlz: {}", "gateway.sluice.dev")}`, "Backend").notes).toEqual([])
  })
})

describe("names", () => {
  it("are others where they are taken, in every reference", () => {
    const text = `${edge}${backend("api", "", "gateway.sluice.dev")}${backend("api", "")}${route("r", all(ref("api"), ref("api", ", weight: 2", "gateway.sluice.dev")))}
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: p, namespace: shop}
spec: {targetRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: api}], validation: {hostname: x.example, wellKnownCACertificates: System}}
`
    const { values, all: every } = printed(text, "Backend")
    expect(values.map(({ metadata }) => metadata.name)).toEqual(["api", "api-2"])
    expect(every.at(-1)?.spec["targetRefs"]).toEqual([{ group: "gateway.sluice.dev", kind: "Backend", name: "api-2" }])
  })
})

const service = (name: string, annotations: string, ports = ""): string => `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop, annotations: {${annotations}}}
spec: {type: ExternalName, externalName: ${name}.example${ports}}
---`

const asked = 'ingress.appscode.com/use-dns-resolver: "true"'

describe("a Service with Voyager's annotations", () => {
  it("becomes a Backend for each port that is used", () => {
    const text = `${edge}${service("fx", asked)}${route("r", all("{name: fx, port: 8443}"), all("{name: fx, port: 443}"))}`
    const { values, all: every, notes } = printed(text, "Backend")
    expect(values.map(({ metadata, spec }) => [metadata.name, spec.endpoints[0]?.fqdn.port])).toEqual([
      ["fx", 8443],
      ["fx-443", 443]
    ])
    expect(every.some(({ kind }) => kind === "Service")).toBe(false)
    expect(notes).toEqual([])
  })

  it("says what it was told of DNS and TLS in a Backend's words", () => {
    const annotations = [
      `ingress.appscode.com/dns-resolver-nameservers: '["10.9.0.2:53"]'`,
      `ingress.appscode.com/dns-resolver-hold: '{"nx":"15s","valid":"2m","obsolete":1500}'`,
      'ingress.appscode.com/dns-resolver-check-health: "true"',
      "ingress.appscode.com/backend-tls: ssl verify required sni str(tls.example)"
    ].join(", ")
    const { values } = printed(`${edge}${service("fx", annotations)}${route("r", all("{name: fx, port: 8443}"))}`, "Backend")
    expect(values[0]?.spec).toEqual({
      endpoints: [{ fqdn: { hostname: "fx.example", port: 8443 } }],
      tls: { sni: "tls.example" },
      dns: { nameservers: ["10.9.0.2:53"], hold: { nxdomain: "15s" }, maxTTL: "2m", obsoleteGrace: "1s500ms" },
      healthCheck: { type: "TCP", interval: "2s", timeout: "2s", unhealthyThreshold: 3, healthyThreshold: 2 }
    })
  })

  it.each(["GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute", "XRoute"])(
    "stays where a %s needs it as it is, beside what was made of it",
    (kind) => {
      const other = `
apiVersion: gateway.networking.k8s.io/v1
kind: ${kind}
metadata: {name: g, namespace: shop}
spec: {hostnames: [g.example], rules: [{backendRefs: [{name: fx, port: 443}]}]}
---`
      const { all: every, notes } = printed(`${edge}${service("fx", asked)}${route("r", all("{name: fx, port: 443}"))}${other}`, "Backend")
      expect(every.map(({ kind }) => kind)).toEqual(["Gateway", "Backend", "Service", "HTTPRoute", kind])
      expect(notes.join()).toContain(`${kind} shop/g needs it as it is`)
    }
  )

  it.each([
    ["no port is known of it", service("fx", asked), "it declares none"],
    ["it redirects and nobody names it", service("fx", asked.replace("true", "false")), "no HTTPRoute or Ingress"],
    ["an annotation cannot be read", service("fx", asked.replace("true", "perhaps")), "expected true or false"]
  ])("stays where %s", (_, objects, why) => {
    const { all: every, notes } = printed(`${edge}${objects}`, "Backend")
    expect(every.map(({ kind }) => kind)).toEqual(["Gateway", "Service"])
    expect(notes.join()).toMatch(/^stays as it is: /)
    expect(notes.join()).toContain(why)
  })
})

describe("an Ingress", () => {
  it("of another controller stays, and what it names goes on to be there", () => {
    const text = `${edge}${backend("api", "")}${service("fx", asked, ", ports: [{port: 443}]")}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec:
  ingressClassName: nginx
  defaultBackend: {resource: {apiGroup: gateway.envoyproxy.io, kind: Backend, name: api}}
  rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: fx, port: {number: 443}}}}]}}]
`
    const { values, all: every } = printed(text, "Ingress", "networking.k8s.io")
    expect(values[0]?.spec["defaultBackend"]).toEqual({ resource: { apiGroup: "gateway.sluice.dev", kind: "Backend", name: "api" } })
    expect(every.map(({ kind }) => kind)).toEqual(["Gateway", "Backend", "Service", "Ingress"])
  })

  it("without a Gateway stays where the one it would have gives way to another", () => {
    const text = `${edge}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec: {defaultBackend: {service: {name: s, port: {number: 80}}}}
`
    const { all: every, notes } = printed(text, "Ingress", "networking.k8s.io")
    expect(every.map(({ kind }) => kind)).toEqual(["Gateway", "Ingress"])
    expect(notes.join()).toMatch(/Gateway default\/ingress, gives way to Gateway shop\/edge on port 80: give it the annotation/)
  })

  it("has as many HTTPRoutes as its rules need, in their order", () => {
    const paths = Array.from(
      { length: 40 },
      (_, n) => `{path: /p${n}, pathType: Prefix, backend: {service: {name: s, port: {number: 80}}}}`
    )
    const { values } = printed(
      `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec: {rules: [{host: a.example, http: {paths: [${paths.join(", ")}]}}]}
`,
      "HTTPRoute",
      "gateway.networking.k8s.io"
    )
    expect(values.map(({ metadata, spec }) => [metadata.name, spec.rules.length])).toEqual([
      ["web-1", 16],
      ["web-2", 16],
      ["web-3", 8]
    ])
  })
})

describe("what the schemas forgive", () => {
  it("a namespace that is written and empty is the object's own", () => {
    const text = `${edge}${backend("a", "")}${route("r", all(ref("a", ", namespace: ")))}`
    const { all: every } = printed(text, "HTTPRoute", "gateway.networking.k8s.io")
    expect(every.find(({ kind }) => kind === "HTTPRoute")!.spec.rules[0]!.backendRefs[0]).toMatchObject({
      group: "gateway.sluice.dev",
      name: "a"
    })
  })
})

describe("several Ingresses", () => {
  const ingress = (name: string, host: string, annotations = "") => `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: ${name}, namespace: shop, annotations: {gateway.sluice.dev/gateway: edge${annotations}}}
spec:
  tls: [{hosts: [${host}], secretName: cert}]
  rules: [{host: ${host}, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: ${name}, port: {number: 80}}}}]}}]
---`
  const notes = (text: string) => converted(text).manifests.flatMap((one) => one.notes.map(({ message }) => message))

  it("whose path another takes as well is told so", () => {
    const said = notes(`${edge}${ingress("b", "x.example")}${ingress("a", "x.example")}`)
    expect(said.filter((message) => message.includes("a path of x.example is taken by Ingress shop/b as well"))).toHaveLength(1)
  })

  it("stays where its Gateway would have more listeners than it may", () => {
    const many = Array.from({ length: 64 }, (_, n) => ingress(`i${n}`, `h${n}.example`)).join("")
    const said = notes(`${edge}${many}`)
    expect(said.filter((message) => message.includes("65 listeners, and a Gateway has at most 64"))).toHaveLength(64)
  })

  it("tells of a Certificate that goes with it, where it has TLS", () => {
    const issuer = ", cert-manager.io/cluster-issuer: ours"
    expect(notes(`${edge}${ingress("a", "x.example", issuer)}`).join()).toContain(
      "metadata.annotations cert-manager.io/cluster-issuer: the Certificate that is made of them goes with the Ingress"
    )
    const plain = ingress("a", "x.example", issuer).replace(/^ {2}tls: .*\n/m, "")
    expect(notes(`${edge}${plain}`).join()).not.toContain("Certificate")
  })

  it("tells of a policy that speaks of a listener of its Gateway, and of no other", () => {
    const policy = (name: string, target: string) => `
apiVersion: gateway.sluice.dev/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: ${name}, namespace: shop}
spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, ${target}}], retry: {numRetries: 1}}
---`
    const policies = `${policy("own", "name: edge, sectionName: http")}${policy("whole", "name: edge")}${policy("far", "name: other, sectionName: http")}`
    const said = notes(`${edge}${policies}${ingress("a", "x.example")}`).filter((message) => message.includes("speaks of a listener"))
    expect(said).toEqual(["BackendTrafficPolicy shop/own speaks of a listener: it holds for HTTPRoutes and did not for an Ingress"])
  })
})

describe("a policy of more targets than its kind has room for", () => {
  // Each Service becomes a Backend and stays for a route that is not converted, so that both are named.
  const names = (count: number) => Array.from({ length: count }, (_, n) => `fx${n}`)
  const text = (count: number, policy: string) => {
    const services = names(count).map((name) => service(name, asked))
    const rules = names(count).map((name) => all(`{name: ${name}, port: 443}`))
    const routes = rules.map((rule, at) => route(`r${at}`, rule))
    const stays = rules.map(
      (rule, at) => `
apiVersion: gateway.networking.k8s.io/v1
kind: ${other}
metadata: {name: o${at}, namespace: shop}
spec: {rules: [${rule}]}
---`
    )
    return `${edge}${services.join("")}${routes.join("")}${stays.join("")}${policy}`
  }
  const other = "XRoute"
  const targets = (count: number) =>
    names(count)
      .map((name) => `{group: "", kind: Service, name: ${name}}`)
      .join(", ")
  const notes = (text: string) => converted(text).manifests.flatMap((one) => one.notes.map(({ message }) => message))
  const own = (count: number) => `
apiVersion: gateway.sluice.dev/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: p, namespace: shop}
spec: {targetRefs: [${targets(count)}], retry: {numRetries: 1}}
`
  const envoy = (count: number) => own(count).replace("gateway.sluice.dev", "gateway.envoyproxy.io")

  it("is told to be split: 16 of ours, 64 of Envoy Gateway's", () => {
    expect(notes(text(8, own(8))).join()).not.toContain("are needed")
    expect(notes(text(9, own(9))).join()).toContain("spec.targetRefs: 18 are needed, and a policy has at most 16: split it")
    expect(notes(text(9, envoy(9))).join()).not.toContain("are needed")
    expect(notes(text(33, envoy(33))).join()).toContain("66 are needed, and a policy has at most 64")
  })
})
