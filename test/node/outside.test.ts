// Hosts outside the cluster in every form of backend, at a public address and at a private one, and what `kubectl` tells of each.
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Origin, startOrigin } from "../support/origin.ts"
import { asked, type CurlAnswer, outside, theNode } from "./harness.ts"
import { namespace, openShop, removeAll, type Shop } from "./shop.ts"

const node = theNode()

const ca = [{ group: "", kind: "ConfigMap", name: "partner-ca" }]
const meta = (name: string) => ({ name, namespace })
const externalName = (name: string) => ({
  ...{ apiVersion: "v1", kind: "Service", metadata: meta(name) },
  spec: { type: "ExternalName", externalName: `${name}.test`, ports: [{ name: "https", port: 443, appProtocol: "https" }] }
})
/** A route for requests to `NAME.shop`. */
const route = (name: string, ref: object) => ({
  ...{ apiVersion: "gateway.networking.k8s.io/v1", kind: "HTTPRoute", metadata: meta(name) },
  spec: { parentRefs: [{ name: "edge" }], hostnames: [`${name}.shop`], rules: [{ backendRefs: [{ name, ...ref }] }] }
})
const tlsOf = (name: string) => ({
  ...{ apiVersion: "gateway.networking.k8s.io/v1", kind: "BackendTLSPolicy", metadata: meta(name) },
  spec: { targetRefs: [{ group: "", kind: "Service", name }], validation: { hostname: `${name}.test`, caCertificateRefs: ca } }
})

const manifests = [
  externalName("named"),
  tlsOf("named"),
  route("named", { port: 443 }),
  {
    ...{ apiVersion: "gateway.networking.x-k8s.io/v1alpha1", kind: "XBackend", metadata: meta("upstream") },
    spec: {
      ...{ type: "ExternalHostname", port: { number: 443 }, externalHostname: { hostname: "upstream.test" } },
      tls: { mode: "ServerOnly", validation: { hostname: "upstream.test", caCertificateRefs: ca } }
    }
  },
  route("upstream", { group: "gateway.networking.x-k8s.io", kind: "XBackend" }),
  {
    ...{ apiVersion: "gateway.sluice.dev/v1alpha1", kind: "Backend", metadata: meta("intranet") },
    spec: { endpoints: [{ fqdn: { hostname: "intranet.test", port: 443 } }], tls: { mode: "ServerOnly", caCertificateRefs: ca } }
  },
  route("intranet", { group: "gateway.sluice.dev", kind: "Backend" }),
  externalName("gone"),
  route("gone", { port: 443 })
]

const opening = {
  ...{ apiVersion: "gateway.sluice.dev/v1alpha1", kind: "EgressPolicy", metadata: { name: "intranet" } },
  spec: {
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
    mode: "Open",
    allow: [{ hosts: ["intranet.test"], cidrs: [`${outside.private}/32`] }]
  }
}

describe("what lies outside", () => {
  let shop: Shop
  let origins: ReadonlyArray<Origin> = []
  let address = ""
  beforeAll(async () => {
    shop = await openShop(node)
    shop.names.host("named.test", [outside.public[1]], 5)
    shop.names.host("upstream.test", [outside.public[1]], 5)
    shop.names.host("intranet.test", [outside.private], 5)
    const leaf = await shop.authority.leaf({ dns: ["named.test", "upstream.test", "intranet.test", "gone.test"] })
    origins = await Promise.all(
      [outside.public[1], outside.private].map((host) => startOrigin({ host, port: 443, tls: { cert: leaf.chain, key: leaf.key } }))
    )
    for (const origin of origins)
      origin.script = ({ request, reply }) => reply({ body: `${origin.host} ${request.servername} ${request.header("host")}` })
    await apply(...manifests)
    address = await shop.serving()
  })
  afterAll(async () => {
    await node.kubectl(["delete", "egresspolicy", "--ignore-not-found", "intranet"])
    await removeAll(node)
    await shop.close()
    for (const origin of origins) await origin.close()
  })

  const apply = (...items: ReadonlyArray<unknown>) =>
    node.kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }))
  const ask = (name: string, wanted: (answer: CurlAnswer) => boolean) =>
    asked(["-H", `Host: ${name}.shop`, `http://${address}/`], wanted, 120_000)
  const describes = (kind: string, name: string) => node.kubectl(["-n", namespace, "describe", kind, name])
  /** Until `kubectl describe` says it. */
  const told = (kind: string, name: string, ...wanted: ReadonlyArray<string | RegExp>) =>
    expect
      .poll(() => describes(kind, name), { timeout: 120_000, interval: 250 })
      .toSatisfy((text: string) => wanted.every((one) => (typeof one === "string" ? text.includes(one) : one.test(text))))

  for (const name of ["named", "upstream"])
    it(`is reached by its own name, over TLS: ${name === "named" ? "an ExternalName Service" : "an XBackend"}`, async () => {
      const { body } = await ask(name, ({ status }) => status === 200)
      expect(body).toBe(`${outside.public[1]} ${name}.test ${name}.test`)
    })

  it("is refused at a private address, with the rule that would open it, until an EgressPolicy does; and again without", async () => {
    const refusal = `${outside.private} is a private address: needs, for intranet.test, an EgressPolicy entry whose cidrs hold it`
    await ask("intranet", ({ status }) => status === 503)
    await told("backend", "intranet", "Refused", refusal, "ResolutionRefused")
    await told("httproute", "intranet", "Refused", refusal)
    await apply(opening)
    const { body } = await ask("intranet", ({ status }) => status === 200)
    expect(body).toBe(`${outside.private} intranet.test intranet.test`)
    await told("backend", "intranet", /Resolution: +Fresh/u, "ResolutionRecovered")
    await node.kubectl(["delete", "egresspolicy", "intranet"])
    await ask("intranet", ({ status }) => status === 503)
    await told("backend", "intranet", "Refused", refusal)
  })

  it("is described with what the proxies see of it: resolution, addresses, health, days that its certificate is left", async () => {
    // A certificate is known once a connection was made; policies that came and went had others made.
    await asked([`http://${address}/`], ({ status }) => status === 200)
    await told("backend", "partner", /Resolution: +Fresh/u, /Days Left: +\d+/u, outside.public[0], /Healthy: +1/u, /Proxies: +2/u)
    await told("xbackend", "upstream", /Type: +Resolved/u, /Reason: +Fresh/u)
    await told("httproute", "named", /Type: +Resolved/u, /Reason: +Fresh/u)
    await told("gateway", "edge", /Attached Routes: +5/u, /Type: +Programmed/u, address)
    const columns = (await node.kubectl(["-n", namespace, "get", "backend", "partner", "--no-headers"])).trim().split(/ +/u)
    expect(columns.slice(0, 5)).toEqual(["partner", "True", "Accepted", "Fresh", "1"])
  })

  it("that has no name is told of where users look: the route, and Events of the Service; and that it has one again", async () => {
    await ask("gone", ({ status }) => status === 503)
    await told("httproute", "gone", /Reason: +Failed/u, "gone.test")
    await told("service", "gone", "ResolutionFailed", "gone.test")
    shop.names.host("gone.test", [outside.public[1]], 5)
    await apply(tlsOf("gone"))
    await ask("gone", ({ status }) => status === 200)
    await told("service", "gone", "ResolutionRecovered")
    await told("httproute", "gone", /Reason: +Fresh/u)
  })
})
