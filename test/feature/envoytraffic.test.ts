// BackendTrafficPolicy of Envoy Gateway through `sluice run`: retries, times and limits as a client sees them, a policy that is edited, and one that is refused.
import { join } from "node:path"
import { afterEach, assert, describe, it } from "vitest"
import { folder, gateway, type Running, serving, sluice } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { type Exchange, type Origin, startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"

const get = async (port: number, path: string) => {
  const { status, body } = await ask(port, path, { headers: { Host: "shop.example" } })
  return { status, body }
}

const children: Array<Running> = []
afterEach(async () => {
  for (const child of children.splice(0)) await child.end("SIGKILL")
})

const theirs = "gateway.envoyproxy.io"
const policy = (name: string, spec: object) =>
  `---\n${JSON.stringify({ apiVersion: `${theirs}/v1alpha1`, kind: "BackendTrafficPolicy", metadata: { name, namespace: "shop" }, spec })}\n`
const route = { group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "route" }
const paths = ["retried", "slow", "closed", "limited", "plain"] as const

const manifest = (port: number, origin: Origin, ...policies: ReadonlyArray<string>): string =>
  [
    gateway(port),
    `---\n${JSON.stringify({
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name: "route", namespace: "shop" },
      spec: {
        parentRefs: [{ name: "edge" }],
        rules: paths.map((name) => ({
          name,
          matches: [{ path: { value: `/${name}` } }],
          backendRefs: [{ group: theirs, kind: "Backend", name: "api" }]
        }))
      }
    })}\n`,
    `---\n${JSON.stringify({
      apiVersion: `${theirs}/v1alpha1`,
      kind: "Backend",
      metadata: { name: "api", namespace: "shop" },
      spec: { endpoints: [{ ip: { address: "127.0.0.1", port: origin.port } }] }
    })}\n`,
    ...policies
  ].join("")

const toRule = (sectionName: string) => ({ targetRefs: [{ ...route, sectionName }] })
const retried = (numRetries: number) =>
  policy("retried", {
    ...toRule("retried"),
    retry: { numRetries, retryOn: { triggers: ["gateway-error"] }, perRetry: { backOff: { baseInterval: "1ms" } } }
  })

describe("a BackendTrafficPolicy", () => {
  it("sets retries, times and limits of its rule alone; edited, it holds from the next request on; refused, its rule is answered 500", async () => {
    let failing = 0
    const script = async ({ request: seen, reply, closed, read }: Exchange) => {
      await read()
      if (seen.target === "/slow") return closed
      const fails = seen.target === "/retried" && failing-- > 0
      return reply({ status: fails ? 502 : 200, body: fails ? "failed" : "ok" })
    }
    await using origin = await startOrigin({ script: (exchange) => script(exchange) })
    const port = await freePort()
    const rest = [
      policy("slow", { ...toRule("slow"), timeout: { http: { requestTimeout: "150ms" } } }),
      policy("closed", { ...toRule("closed"), circuitBreaker: { maxConnections: 0, maxPendingRequests: 0, maxParallelRequests: 0 } }),
      policy("limited", { ...toRule("limited"), rateLimit: { type: "Local" } })
    ]
    using place = folder({ "m.yaml": manifest(port, origin, retried(3), ...rest) })
    const child = serving(place)
    children.push(child)
    await child.line(/Programmed True/)

    failing = 3
    assert.deepEqual(await get(port, "/retried"), { status: 200, body: "ok" })
    failing = 4
    assert.deepEqual(await get(port, "/retried"), { status: 502, body: "failed" })
    assert.strictEqual((await get(port, "/slow")).status, 504)
    const asked = origin.requests
    assert.strictEqual((await get(port, "/closed")).status, 503)
    assert.strictEqual((await get(port, "/limited")).status, 500)
    assert.strictEqual(origin.requests, asked, "neither was sent")
    assert.strictEqual((await get(port, "/plain")).status, 200)

    place.write("m.yaml", manifest(port, origin, retried(0), ...rest.slice(0, 2)))
    const served = async (): Promise<boolean> => {
      const { status } = await get(port, "/limited")
      return status === 200 || (await served())
    }
    assert.isTrue(await served())
    failing = 1
    assert.deepEqual(await get(port, "/retried"), { status: 502, body: "failed" })
  }, 30_000)

  it("is told by explain: the policies in force, and who set what", async () => {
    await using origin = await startOrigin()
    const port = await freePort()
    const block = policy("slow", { ...toRule("slow"), timeout: { tcp: { connectTimeout: "2s" }, http: { requestTimeout: "150ms" } } })
    using place = folder({ "m.yaml": manifest(port, origin, block) })
    const { out } = await sluice(["explain", "--allow-loopback", `http://shop.example:${port}/slow`, join(place.path, "m.yaml")])
    assert.match(out, /policy\s+BackendTrafficPolicy\.gateway\.envoyproxy\.io shop\/slow/)
    assert.match(out, /request 150 ?ms/)
    assert.match(out, /set by\s+BackendTrafficPolicy\.gateway\.envoyproxy\.io shop\/slow.*timeouts\.connect/)
    const other = await sluice(["explain", "--allow-loopback", `http://shop.example:${port}/plain`, join(place.path, "m.yaml")])
    assert.notMatch(other.out, /BackendTrafficPolicy/)
  })
})
