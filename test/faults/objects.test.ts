// Faults 5, 14 and 15: objects that were written to do harm, the right to one namespace's Secrets taken away, a kind that is absent and comes. Each costs what
// it says it is, and traffic does not notice.
import { X509Certificate } from "node:crypto"
import { afterAll, beforeAll, expect, it } from "vitest"
import type { ControlPlane } from "../cluster/control.ts"
import { installCrds } from "../cluster/crds.ts"
import { withClusterPrograms } from "../cluster/shared.ts"
import { until } from "../operator/operator.ts"
import type { Relay } from "../sources/relay.ts"
import { type Authority, type IssuedCertificate, makeAuthority } from "../support/certificates.ts"
import { startVisits, visit } from "./handshakes.ts"
import { type Installation, openInstallation, system } from "./installation.ts"
import { type Any, figures, gatewayApi, openShop, type Shop, together } from "./shop.ts"

const none = { failed: 0, reasons: {} }
const base64 = (text: string) => Buffer.from(text).toString("base64")
const serialOf = (pair: IssuedCertificate) => BigInt(`0x${new X509Certificate(pair.certificate).serialNumber}`).toString(16)
const rbac = (namespace: string) => `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`
const operatorAccount = { kind: "ServiceAccount", name: "sluice-operator", namespace: system }
const experimental = [
  ...["gatewayclasses", "gateways", "httproutes", "referencegrants", "backendtlspolicies"],
  ...["grpcroutes", "tlsroutes", "listenersets"]
]

await withClusterPrograms("objects and rights", () => {
  let installation: Installation
  let plane: ControlPlane
  let way: Relay
  let shop: Shop
  let authority: Authority
  let other = ""

  const created = async (path: string, body: object) => {
    const answer = await plane.request("POST", path, { body })
    expect(answer.status, JSON.stringify(answer.body).slice(0, 1_000)).toBe(201)
  }
  /** Secrets of a namespace may be read by the operator. */
  const grant = (namespace: string) =>
    created(`${rbac(namespace)}/rolebindings`, {
      metadata: { name: "secrets" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "secrets" },
      subjects: [operatorAccount]
    })
  const secret = async (namespace: string, pair: IssuedCertificate) => {
    const data = { "tls.crt": base64(pair.chain), "tls.key": base64(pair.key) }
    const path = `/api/v1/namespaces/${namespace}/secrets`
    const answer = await plane.request("PATCH", `${path}/shop`, { body: { data } })
    if (answer.status === 404) await created(path, { metadata: { name: "shop" }, type: "kubernetes.io/tls", data })
  }
  const leaf = (name: string) => authority.leaf({ dns: [name] })
  const shown = (name: string, pair: IssuedCertificate, milliseconds = 20_000) =>
    until(`the pair of ${name} is shown`, async () => (await visit(shop.tlsPort, name)).serial === serialOf(pair), milliseconds)
  /** Rights by namespace instead of the cluster-wide one to Secrets, as the overlay for some namespaces gives them. */
  const prepare = async (namespace: string) => {
    const roles = (await plane.request("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles")).body.items as ReadonlyArray<Any>
    for (const role of roles.filter(({ metadata }) => metadata.name.startsWith("sluice"))) {
      const rules = role.rules.map((rule: Any) => ({
        ...rule,
        ...(rule.resources?.includes("secrets") ? { resources: ["configmaps"] } : {})
      }))
      await plane.request("PATCH", `/apis/rbac.authorization.k8s.io/v1/clusterroles/${role.metadata.name}`, { body: { rules } })
    }
    for (const each of [namespace, other]) {
      const rules = [{ apiGroups: [""], resources: ["secrets"], verbs: ["get", "list", "watch"] }]
      await created(`${rbac(each)}/roles`, { metadata: { name: "secrets" }, rules })
      await grant(each)
    }
    return [`--watch-namespace=${namespace}`, `--watch-namespace=${other}`]
  }

  beforeAll(async () => {
    authority = await makeAuthority()
    installation = await openInstallation(experimental)
    ;({ plane, way } = installation)
    other = await plane.namespace("other")
    shop = await openShop(plane, {
      ...{ kubeconfig: way.kubeconfig, system, flags: prepare },
      listeners: (port) => [
        { name: "here", port, protocol: "HTTPS", hostname: "here.test", tls: { certificateRefs: [{ name: "shop" }] } },
        { name: "there", port, protocol: "HTTPS", hostname: "there.test", tls: { certificateRefs: [{ name: "shop", namespace: other }] } },
        { name: "bad", port, protocol: "HTTPS", hostname: "bad.test", tls: { certificateRefs: [{ name: "no-pem" }] } },
        { name: "keyless", port, protocol: "HTTPS", hostname: "keyless.test", tls: { certificateRefs: [{ name: "keyless" }] } }
      ]
    })
    await created(`${gatewayApi}/namespaces/${other}/referencegrants`, {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "ReferenceGrant",
      metadata: { name: "shop" },
      spec: {
        from: [{ group: "gateway.networking.k8s.io", kind: "Gateway", namespace: shop.namespace }],
        to: [{ group: "", kind: "Secret" }]
      }
    })
    for (const [namespace, name] of [
      [shop.namespace, "here.test"],
      [other, "there.test"]
    ] as const) {
      const pair = await leaf(name)
      await secret(namespace, pair)
      await shown(name, pair)
    }
  }, 240_000)
  afterAll(async () => {
    await shop?.close()
    await installation?.close()
  })
  const operator = () => shop.operators[0]!
  const route = (name: string, rules: ReadonlyArray<unknown>) =>
    shop.make(gatewayApi, "httproutes", {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name },
      spec: { parentRefs: [{ name: "web" }], rules }
    })
  const redirect = { type: "RequestRedirect", requestRedirect: { hostname: "elsewhere.example", statusCode: 302 } }
  /** With handshakes meanwhile. */
  const during = async (body: () => Promise<void>) => {
    const visits = startVisits(shop.tlsPort, ["here.test", "there.test"])
    const report = await shop.during(body, { perSecond: 50 }).finally(visits.stop)
    return together([report, await visits.stop()])
  }

  it("a kind that is absent is done without, and served when it comes; a kind in another version is read anew", async ({ annotate }) => {
    await route("xbackend", [
      {
        matches: [{ path: { type: "PathPrefix", value: "/xbackend" } }],
        backendRefs: [{ group: "gateway.networking.x-k8s.io", kind: "XBackend", name: "api" }]
      }
    ])
    const resolved = async () => (await shop.conditions(shop.routePath("xbackend")))["ResolvedRefs"]
    // What is absent is tried again, ever less often: an operator that has just begun does it soon.
    await operator().stop()
    await shop.startOperator(0)
    const report = await during(async () => {
      await until("the route says what is missing", async () => /^False/.test((await resolved()) ?? ""))
      expect(await operator().metric("sluice_kube_watch_state", { state: "Unserved" })).toBeGreaterThan(0)
      await installCrds(plane, "v1.6.3/experimental", ["httproutes"])
      await shop.makeRoute("older")
      await shop.live("older")
      await installCrds(plane, "v1.7.0/experimental", ["httproutes", "xbackends"])
      await shop.make("/apis/gateway.networking.x-k8s.io/v1alpha1", "xbackends", {
        apiVersion: "gateway.networking.x-k8s.io/v1alpha1",
        kind: "XBackend",
        metadata: { name: "api" },
        spec: { type: "ExternalHostname", port: { number: 80 }, externalHostname: { hostname: "api.example.com" }, protocol: "HTTP" }
      })
      await until("the kind was tried again, and the route resolves", async () => (await resolved()) === "True ResolvedRefs", 45_000)
    })
    await annotate(`15: ${figures(report)}`)
    expect(report).toMatchObject(none)
  }, 90_000)

  it("without the right to one namespace's Secrets what was read there is served on, the others' change is seen, and with the right again all is", async ({
    annotate
  }) => {
    const [here, there] = [await leaf("here.test"), await leaf("there.test")]
    const before = (await visit(shop.tlsPort, "there.test")).serial
    const report = await during(async () => {
      await plane.request("DELETE", `${rbac(other)}/rolebindings/secrets`)
      // A watch that was permitted once goes on until it is cut.
      way.cut()
      const denied = () => operator().metric("sluice_kube_watch_state", { state: "Denied", namespace: other })
      await until("it is denied", async () => (await denied()) === 1)
      await secret(other, there)
      await secret(shop.namespace, here)
      await shown("here.test", here)
      await shop.makeRoute("denied")
      await shop.live("denied")
      expect((await visit(shop.tlsPort, "there.test")).serial).toBe(before)
      await grant(other)
      await shown("there.test", there, 45_000)
    })
    await annotate(`14: ${figures(report)}`)
    expect(report).toMatchObject(none)
  }, 90_000)

  it("written to do harm costs its own rule or listener: expressions without end, a route of a megabyte, a method nobody knows, no PEM, no key", async ({
    annotate
  }) => {
    const listener = async (name: string): Promise<string> => {
      const { status } = await shop.get(shop.gatewayPath)
      const found = status.listeners.find((one: Any) => one.name === name).conditions.find((one: Any) => one.type === "ResolvedRefs")
      return `${found.status} ${found.reason}`
    }
    const report = await during(async () => {
      await shop.make("/api/v1", "secrets", {
        metadata: { name: "no-pem" },
        type: "kubernetes.io/tls",
        data: { "tls.crt": base64("hello"), "tls.key": "" }
      })
      await shop.make("/api/v1", "secrets", { metadata: { name: "keyless" }, type: "Opaque", data: { other: base64("hello") } })
      await route("endless", [
        { matches: [{ path: { type: "RegularExpression", value: "/(a+)+b" } }], filters: [redirect] },
        { matches: [{ headers: [{ type: "RegularExpression", name: "x", value: "(x+x+)+y" }] }], filters: [redirect] }
      ])
      const set = Array.from({ length: 16 }, (_, at) => ({ name: `x-${at}`, value: "v".repeat(4_000) }))
      await route(
        "large",
        Array.from({ length: 16 }, (_, at) => ({
          matches: [{ path: { type: "PathPrefix", value: `/large-${at}` } }],
          filters: [{ type: "RequestHeaderModifier", requestHeaderModifier: { set } }, redirect]
        }))
      )
      // As a later release might have it.
      const crd = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/httproutes.gateway.networking.k8s.io"
      const known = (await plane.request("GET", crd)).body
      const wider = JSON.parse(JSON.stringify(known).replaceAll('"PATCH"', '"PATCH","BREW"'))
      expect((await plane.request("PUT", crd, { body: wider })).status).toBe(200)
      const brewed = () =>
        plane.request("POST", `${gatewayApi}/namespaces/${shop.namespace}/httproutes`, {
          body: {
            apiVersion: "gateway.networking.k8s.io/v1",
            kind: "HTTPRoute",
            metadata: { name: "brewed" },
            spec: {
              parentRefs: [{ name: "web" }],
              rules: [
                { matches: [{ path: { type: "PathPrefix", value: "/pot" }, method: "BREW" }], filters: [redirect] },
                { matches: [{ path: { type: "PathPrefix", value: "/brewed" } }], filters: [redirect] }
              ]
            }
          }
        })
      await until("the API server takes it", async () => (await brewed()).status === 201)
      await shop.live("large-15")
      await shop.live("brewed")
      await until("the listeners say so", async () => (await listener("bad")) === "False InvalidCertificateRef")
      await until("the listeners say so", async () => (await listener("keyless")) === "False InvalidCertificateRef")
      expect(await listener("here")).toBe("True ResolvedRefs")
      const began = performance.now()
      expect(await shop.answers(`/${"a".repeat(2_000)}`)).toBe(200)
      expect((await fetch(`http://127.0.0.1:${shop.port}/`, { headers: { x: "x".repeat(2_000) } })).status).toBe(200)
      expect(performance.now() - began).toBeLessThan(2_000)
      await shop.makeRoute("unharmed")
      await shop.live("unharmed")
    })
    await annotate(`5: ${figures(report)}`)
    expect(report).toMatchObject(none)
  }, 90_000)
})
