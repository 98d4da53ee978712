// An EgressPolicy edited under a running `sluice run`: mode Report lets through, counts and tells; Enforce takes hold of live connections at once; one that
// cannot be read denies. Real files, a real origin, one client connection.
import { rmSync, writeFileSync } from "node:fs"
import { Agent, request } from "node:http"
import { join } from "node:path"
import { afterEach, assert, describe, it } from "vitest"
import { parse } from "yaml"
import { folder, type Running, serving } from "../cli/program.ts"
import { startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"

const agent = new Agent({ keepAlive: true, maxSockets: 1 })
const children: Array<Running> = []
afterEach(async () => {
  agent.destroy()
  for (const child of children.splice(0)) await child.end("SIGKILL")
})

const get = (port: number, path = "/", through: Agent | false = agent) =>
  new Promise<{ readonly status: number; readonly body: string }>((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path, agent: through }, (response) => {
      let body = ""
      response.on("data", (part: Buffer) => (body += part.toString()))
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }))
      response.on("error", reject)
    })
    sent.on("error", reject)
    sent.end()
  })

/** Asked again until it is so: an edit is noticed by an event, whose moment is not ours to know. */
const eventually = async <A>(ask: () => Promise<A>, so: (answer: A) => boolean): Promise<A> => {
  const deadline = performance.now() + 10_000
  for (;;) {
    const answer = await ask()
    if (so(answer)) return answer
    if (performance.now() > deadline) throw new Error(`never so, but: ${JSON.stringify(answer)}`)
    await new Promise(setImmediate)
  }
}

const policy = (spec: string) => `apiVersion: gateway.sluice.dev/v1alpha1
kind: EgressPolicy
metadata: {name: team}
spec: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}, ${spec}}
`

describe("an EgressPolicy of a running proxy", () => {
  it("in mode Report tells and counts; enforced, ends live pools at once and no request under way; unreadable, denies", async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    await using origin = await startOrigin({
      script: async ({ request, reply }) => {
        if (request.target === "/slow") await held
        await reply({ body: "canary-body" })
      }
    })
    const [port, admin, health] = [await freePort(), await freePort(), await freePort()]
    using place = folder({
      "m/gateway.yaml": `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec: {gatewayClassName: sluice, listeners: [{name: http, port: ${port}, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: all, namespace: shop}
spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: origin}]}]}
---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: origin, namespace: shop}
spec: {protocol: HTTP, connections: {keepAliveIdle: 120s}, endpoints: [{ip: {address: 127.0.0.1, port: ${origin.port}}}]}
`,
      "m/policy.yaml": policy("mode: Report")
    })
    const edit = (spec: string) => writeFileSync(join(place.path, "m/policy.yaml"), policy(spec))
    const page = async (path: string) => (await get(admin, path, false)).body
    const child = serving(place, { admin: `127.0.0.1:${admin}`, health: `127.0.0.1:${health}`, files: ["m"] })
    children.push(child)
    await child.line(/bound on/)

    // Report: served, told in the journal, in the condition, at the admin port, in explain, and counted.
    const [line] = await child.line(/egress would be refused: [^\n]*/)
    assert.include(line, `127.0.0.1 on port ${origin.port} is not allowed by EgressPolicy team (mode Report)`)
    assert.include(line, "namespace shop; backend Backend shop/origin")
    assert.include(line, "Gateway shop/edge; routes HTTPRoute shop/all")
    for (let n = 0; n < 3; n++) assert.deepEqual(await get(port, "/canary-path"), { status: 200, body: "canary-body" })
    const told = await page("/egress")
    assert.include(told, "mode Enforce would refuse these, 3 requests so far")
    const metrics = (await get(health, "/metrics", false)).body
    assert.match(metrics, /sluice_egress_reported_total\{gateway="shop\/edge",upstream="Backend shop\/origin[^"]*"\} 3\n/)
    assert.include(
      JSON.stringify(JSON.parse(await page("/statuses"))["EgressPolicy.gateway.sluice.dev//team"]),
      '"type":"WouldRefuse","status":"True"'
    )
    assert.include(await page(`/explain?url=http://localhost:${port}/`), "(mode Report): add it to spec.allow")
    const { allow } = parse(told).spec as { readonly allow: unknown }
    assert.deepEqual(allow, [{ ports: [origin.port], cidrs: ["127.0.0.1/32"] }])

    // Enforce: the pool's connections go, new requests on the same client connection are refused, the one under way ends well.
    const slow = get(port, "/slow", false)
    await origin.until(({ requests }) => requests === 4)
    edit("mode: Enforce")
    await eventually(
      () => get(port),
      ({ status }) => status === 503
    )
    await origin.until(({ open }) => open === 1)
    const before = origin.requests
    for (let n = 0; n < 20; n++) assert.strictEqual((await get(port)).status, 503)
    assert.strictEqual(origin.requests, before)
    await child.line(/egress refused: [^\n]*\(mode Enforce\)/)
    assert.include(await page("/egress"), "# Refused (mode Enforce):")
    release()
    assert.deepEqual(await slow, { status: 200, body: "canary-body" })
    await origin.until(({ open }) => open === 0)

    // The suggested list is what it takes.
    edit(`mode: Enforce, allow: ${JSON.stringify(allow)}`)
    await eventually(
      () => get(port),
      ({ status }) => status === 200
    )

    // An edit that cannot be read leaves what was read before; a policy of which nothing was ever read denies, whomever it meant.
    edit("mode: Sometimes")
    await child.line(/EgressPolicy team[^\n]*spec\.mode/)
    assert.strictEqual((await get(port)).status, 200)
    const other = join(place.path, "m/other.yaml")
    writeFileSync(other, policy("mode: Sometimes").replace("name: team", "name: other").replace("name: shop", "name: lab"))
    await eventually(
      () => get(port),
      ({ status }) => status === 503
    )
    await origin.until(({ open }) => open === 0)
    rmSync(other)
    await eventually(
      () => get(port),
      ({ status }) => status === 200
    )
    for (const [name, text] of [
      ["journal", child.err()],
      ["/egress", await page("/egress")]
    ] as const)
      assert.notInclude(text, "canary-", name)
  }, 30_000)
})
