// Our own BackendTrafficPolicy through `sluice run`: on a Service that has no fields for it, a rule's word over the backend's, one that is edited, and one that is refused.
import { join } from "node:path"
import { expect, it } from "vitest"
import { folder, gateway, serving, sluice } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"

const object = (apiVersion: string, kind: string, name: string, rest: object) =>
  `---\n${JSON.stringify({ apiVersion, kind, metadata: { name, namespace: "shop" }, ...rest })}\n`

const route = { group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "route" }
const service = { group: "", kind: "Service", name: "api" }
const policy = (name: string, target: object, blocks: object) =>
  object("gateway.sluice.dev/v1alpha1", "BackendTrafficPolicy", name, { spec: { targetRefs: [target], ...blocks } })
const retried = (numRetries: number) => ({
  retry: { numRetries, retryOn: { triggers: ["gateway-error"] }, perRetry: { backOff: { baseInterval: "1ms" } } }
})

it("says of a Service what it has no fields for, of a rule something else, and of what it refuses that it is answered 500", async () => {
  let failing = 0
  await using origin = await startOrigin({
    script: async ({ read, reply }) => {
      await read()
      return reply({ status: failing-- > 0 ? 502 : 200 })
    }
  })
  const port = await freePort()
  const slices = [
    object("v1", "Service", "api", { spec: { ports: [{ name: "http", port: 80 }] } }),
    object("discovery.k8s.io/v1", "EndpointSlice", "api-1", {
      addressType: "IPv4",
      ports: [{ name: "http", port: origin.port }],
      endpoints: [{ addresses: ["127.0.0.1"] }]
    }).replace('"namespace":"shop"', '"namespace":"shop","labels":{"kubernetes.io/service-name":"api"}')
  ]
  const rules = ["retried", "once", "refused"].map((name) => ({
    name,
    matches: [{ path: { value: `/${name}` } }],
    backendRefs: [{ name: "api", port: 80 }]
  }))
  const manifest = (retries: number, ...more: ReadonlyArray<string>) =>
    [
      gateway(port),
      object("gateway.networking.k8s.io/v1", "HTTPRoute", "route", { spec: { parentRefs: [{ name: "edge" }], rules } }),
      ...slices,
      policy("of-service", service, retried(retries)),
      policy("of-rule", { ...route, sectionName: "once" }, retried(0)),
      ...more
    ].join("")
  const refused = policy("refused", { ...route, sectionName: "refused" }, { dns: { nameservers: ["169.254.169.254"] } })
  using place = folder({ "m.yaml": manifest(3, refused) })
  const child = serving(place)
  try {
    await child.line(/Gateway shop\/edge: http:/)
    const status = async (path: string, failures: number): Promise<number> => {
      failing = failures
      return (await ask(port, path)).status
    }
    expect(await status("/retried", 3)).toBe(200)
    expect(await status("/retried", 4)).toBe(502)
    expect(await status("/once", 1)).toBe(502)
    const asked = origin.requests
    expect(await status("/refused", 0)).toBe(500)
    expect(origin.requests).toBe(asked)

    const told = await sluice(["explain", `http://localhost:${port}/retried`, "--allow-loopback", join(place.path, "m.yaml")])
    expect(told.out).toMatch(/set by +BackendTrafficPolicy shop\/of-service.*retry/)
    const checked = await sluice(["check", "--allow-loopback", join(place.path, "m.yaml")])
    expect(checked.out).toMatch(/BackendTrafficPolicy shop\/refused[\s\S]*spec\.dns\.nameservers\[0\]/)

    place.write("m.yaml", manifest(0))
    const deadline = performance.now() + 30_000
    while ((await status("/refused", 0)) !== 200) if (performance.now() > deadline) throw new Error("the edit is not served")
    expect(await status("/retried", 1)).toBe(502)
  } finally {
    await child.end("SIGKILL")
  }
}, 120_000)
