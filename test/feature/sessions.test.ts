// Sessions through the whole program: from the manifest to a client that comes back, over two backends with weights; what explain and check say.
import { join } from "node:path"
import { expect, it } from "vitest"
import { folder, gateway, serving, sluice } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"

const backend = (name: string, ...ports: ReadonlyArray<number>) => `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: ${name}, namespace: shop}
spec: {protocol: HTTP, endpoints: [${ports.map((port) => `{ip: {address: 127.0.0.1, port: ${port}}}`).join(", ")}]}
`

const route = `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: api, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules:
    - matches: [{path: {value: /new}}]
      sessionPersistence: {absoluteTimeout: 1h, cookie: {name: seat, lifetimeType: Permanent}}
      backendRefs:
        - {group: gateway.sluice.dev, kind: Backend, name: one, weight: 3}
        - {group: gateway.sluice.dev, kind: Backend, name: two, weight: 1}
    - matches: [{path: {value: /old}}]
      sessionPersistence: {sessionName: place}
      backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: one}]
    - matches: [{path: {value: /bad}}]
      sessionPersistence: {type: Header, header: {name: Connection}}
      backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: one}]
`

it("a client comes back to who served it", async () => {
  await using a = await startOrigin({ script: ({ reply }) => reply({ body: "a" }) })
  await using b = await startOrigin({ script: ({ reply }) => reply({ body: "b" }) })
  await using c = await startOrigin({ script: ({ reply }) => reply({ body: "c" }) })
  const port = await freePort()
  using place = folder({ "m.yaml": `${gateway(port)}${backend("one", a.port, b.port)}${backend("two", c.port)}${route}` })
  const child = serving(place)
  try {
    await child.line(/Gateway shop\/edge: http:/)
    const first = await ask(port, "/new/x")
    const [given] = first.headers["set-cookie"]!
    expect(given).toMatch(/^seat=[A-Za-z0-9_-]{30}\.[0-9a-z]+; Path=\/; Max-Age=3600; HttpOnly$/)
    const again = await Promise.all(Array.from({ length: 20 }, () => ask(port, "/new/y", { headers: { Cookie: given!.split(";")[0]! } })))
    expect(new Set(again.map(({ body }) => body))).toEqual(new Set([first.body]))
    expect(again.every(({ headers }) => headers["set-cookie"] === undefined)).toBe(true)
    expect((await ask(port, "/old")).headers["set-cookie"]).toEqual([
      expect.stringMatching(/^place=[A-Za-z0-9_-]{30}; Path=\/old; HttpOnly$/)
    ])
    expect((await ask(port, "/bad")).status).toBe(500)

    const words = [join(place.path, "m.yaml"), "--allow-loopback"]
    expect((await sluice(["explain", `http://127.0.0.1:${port}/new`, ...words])).out).toContain("cookie seat under /, for 3600s at most")
    expect((await sluice(["check", ...words])).out).toContain(
      "spec.rules[2].sessionPersistence.header.name: the header Connection has another meaning"
    )
  } finally {
    await child.end("SIGKILL")
  }
}, 60_000)
