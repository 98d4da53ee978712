// An XBackend of pods through the whole program: to whom its requests go, that its own sessions choose among its pods and weights before them, and that a pod that is no longer ready is left.
import { join } from "node:path"
import { expect, it } from "vitest"
import { folder, gateway, serving, sluice } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"

const xbackend = (name: string, port: number, more = "") => `---
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackend
metadata: {name: ${name}, namespace: shop}
spec: {type: EndpointSelector, port: {number: ${port}}, endpointSelector: {matchLabels: {app: ${name}}}${more}}
`

const pod = (app: string, name: string, ip: string, ready = true) => `---
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: shop, labels: {app: ${app}}}
spec: {containers: [{name: main, image: none}]}
status: {phase: Running, podIPs: [{ip: ${ip}}], conditions: [{type: Ready, status: "${ready ? "True" : "False"}"}]}
`

const ref = (name: string, weight: number) => `{group: gateway.networking.x-k8s.io, kind: XBackend, name: ${name}, weight: ${weight}}`

const route = `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: api, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules:
    - sessionPersistence: {cookie: {name: rule}}
      backendRefs: [${ref("tiles", 1)}, ${ref("plain", 1)}]
`

it("an XBackend of pods sends to those that are ready, and its session to one of them", async () => {
  const script = (body: string) => ({ host: body, script: ({ reply }: { reply: (with_: object) => void }) => reply({ body }) })
  await using a = await startOrigin(script("127.0.0.1"))
  const port = a.port
  await using b = await startOrigin({ ...script("127.0.0.2"), port })
  await using c = await startOrigin({ ...script("127.0.0.3"), port })
  const edge = await freePort()
  const session = ", sessionPersistence: {cookie: {name: own}}"
  const manifest = (ready: boolean) =>
    [
      ...[gateway(edge), xbackend("tiles", port, session), xbackend("plain", port), route],
      ...[pod("tiles", "a", a.host, ready), pod("tiles", "b", b.host), pod("plain", "c", c.host)]
    ].join("")
  using place = folder({ "m.yaml": manifest(true) })
  const child = serving(place)
  try {
    await child.line(/Gateway shop\/edge: http:/)
    /** Until both backends have answered: which one does is chance. */
    const cookies = new Map<string, { readonly cookie: string; readonly body: string }>()
    while (cookies.size < 2) {
      const { status, body, headers } = await ask(edge, "/")
      expect(status).toBe(200)
      const given = headers["set-cookie"]!
      expect(given).toHaveLength(1)
      const cookie = given[0]!.split(";")[0]!
      expect(cookie).toMatch(body === c.host ? /^rule=/ : /^own=/)
      expect(given[0]).toContain("Path=/;")
      cookies.set(body === c.host ? "rule" : "own", { cookie, body })
    }
    const own = cookies.get("own")!
    const again = await Promise.all(Array.from({ length: 40 }, () => ask(edge, "/", { headers: { Cookie: own.cookie } })))
    // Weights send it to either backend; in its own it has one address.
    expect(new Set(again.map(({ body }) => body))).toEqual(new Set([own.body, c.host]))
    // The rule's session is with a backend that has none of its own, and stays there.
    const rule = cookies.get("rule")!
    const stays = await Promise.all(Array.from({ length: 20 }, () => ask(edge, "/", { headers: { Cookie: rule.cookie } })))
    expect(new Set(stays.map(({ body }) => body))).toEqual(new Set([c.host]))
    const words = [join(place.path, "m.yaml"), "--allow-loopback"]
    expect((await sluice(["explain", `http://127.0.0.1:${edge}/`, ...words])).out).toMatch(/session\s+cookie own under \//)

    // A status alone has changed.
    place.write("m.yaml", manifest(false))
    for (;;) {
      const bodies = await Promise.all(Array.from({ length: 20 }, () => ask(edge, "/").then(({ body }) => body)))
      if (!bodies.includes(a.host)) break
    }
    const left = await Promise.all(Array.from({ length: 20 }, () => ask(edge, "/").then(({ body }) => body)))
    expect(left).not.toContain(a.host)
  } finally {
    await child.end("SIGKILL")
  }
}, 60_000)
