// Hosts outside that cannot be reached, as networks have them: a way that is told to be none, and one that swallows what is sent. What clients get, what is told
// of it, and who serves instead.
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Origin, startOrigin } from "../support/origin.ts"
import { asked, type CurlAnswer, curl, outside, theNode } from "./harness.ts"
import { namespace, openShop, removeAll, type Shop } from "./shop.ts"

const node = theNode()

const ours = "gateway.sluice.dev"
const names = { unreachable: [outside.unreachable], silent: [outside.silent], half: [outside.silent, outside.public[1]] }
const endpoint = (name: string, tier = 0) => ({ fqdn: { hostname: `${name}.test`, port: 8080 }, tier })
/** A Backend, and a route to it for requests to `NAME.shop`. */
const backend = (name: string, endpoints: ReadonlyArray<unknown>) => [
  {
    ...{ apiVersion: `${ours}/v1alpha1`, kind: "Backend", metadata: { name, namespace } },
    spec: { endpoints, timeouts: { connect: "3s" } }
  },
  {
    ...{ apiVersion: "gateway.networking.k8s.io/v1", kind: "HTTPRoute", metadata: { name, namespace } },
    spec: {
      parentRefs: [{ name: "edge" }],
      hostnames: [`${name}.shop`],
      rules: [{ backendRefs: [{ group: ours, kind: "Backend", name }] }]
    }
  }
]

describe("hosts that cannot be reached", () => {
  let shop: Shop
  let origin: Origin
  let address = ""
  beforeAll(async () => {
    shop = await openShop(node)
    for (const [name, addresses] of Object.entries({ ...names, standby: [outside.public[1]] }))
      shop.names.host(`${name}.test`, addresses, 60)
    origin = await startOrigin({ host: outside.public[1], port: 8080 })
    origin.script = ({ request, reply }) => reply({ body: request.header("host") ?? "" })
    const items = [
      ...Object.keys(names).flatMap((name) => backend(name, [endpoint(name)])),
      ...backend("chain", [endpoint("unreachable", 0), endpoint("silent", 1), endpoint("standby", 2)])
    ]
    await node.kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }))
    address = await shop.serving()
  })
  afterAll(async () => {
    await removeAll(node)
    await shop?.close()
    await origin?.close()
  })

  const request = (name: string) => ["-H", `Host: ${name}.shop`, `http://${address}/`]
  const ask = (name: string, wanted: (answer: CurlAnswer) => boolean) => asked(request(name), wanted, 120_000)
  const told = (name: string, ...wanted: ReadonlyArray<string>) =>
    expect
      .poll(() => node.kubectl(["-n", namespace, "describe", "backend", name]), { timeout: 120_000, interval: 250 })
      .toSatisfy((text: string) => wanted.every((one) => text.includes(one)))

  it("no way there: 503, and kubectl says so with what helps", async () => {
    await ask("unreachable", ({ status }) => status === 503)
    await told("unreachable", "connect_unreachable", outside.unreachable)
  })

  it("silence: 504 after the connect timeout, and kubectl says so with what helps", async () => {
    await ask("silent", ({ status }) => status === 504)
    await told("silent", "connect_timeout", "firewalls in both directions")
  })

  it("a name of which one address is silent is served by the other", async () => {
    await ask("half", ({ status }) => status === 200)
    const answers = await Promise.all(Array.from({ length: 20 }, () => curl(...request("half"))))
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
  })

  it("tiers before a host that answers: it serves, and no request fails", async () => {
    await ask("chain", ({ status }) => status === 200)
    const answers = await Promise.all(Array.from({ length: 20 }, () => curl(...request("chain"))))
    expect(answers.map(({ status, body }) => `${status} ${body}`)).toEqual(answers.map(() => "200 standby.test:8080"))
    await told("chain", "standby.test")
  })
})
