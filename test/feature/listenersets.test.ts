// ListenerSets through `sluice run`: their listeners serve beside the Gateway's, come and go with their files, are programmed as proxies have them, and never cost the
// Gateway anything.
import { rmSync, writeFileSync } from "node:fs"
import { get as httpGet } from "node:http"
import { join } from "node:path"
import { afterEach, assert, describe, it } from "vitest"
import { folder, type Running, serving, sluice } from "../cli/program.ts"
import { freePorts } from "../support/port.ts"

const children: Array<Running> = []
afterEach(async () => {
  for (const child of children.splice(0)) await child.end("SIGKILL")
})

const get = (port: number, host: string, path = "/") =>
  new Promise<string>((resolve) => {
    httpGet({ host: "127.0.0.1", port, path, agent: false, headers: { host } }, (response) => {
      let body = ""
      response.on("data", (part: Buffer) => (body += part.toString()))
      response.on("end", () => resolve(response.headers.location ?? (body !== "" && path !== "/" ? body : String(response.statusCode))))
    }).on("error", ({ code }: NodeJS.ErrnoException) => resolve(code ?? "?"))
  })

const eventually = async (ask: () => Promise<string>, so: (answer: string) => boolean) => {
  const deadline = performance.now() + 15_000
  let answer = await ask()
  while (!so(answer) && performance.now() < deadline) {
    await new Promise(setImmediate)
    answer = await ask()
  }
  assert.isTrue(so(answer), answer)
}

const route = (name: string, parent: string) => `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}, namespace: shop}
spec: {parentRefs: [${parent}], rules: [{filters: [{type: RequestRedirect, requestRedirect: {hostname: ${name}.answered, port: 80}}]}]}
---
`
const set = (name: string, listeners: string) => `apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: ${name}, namespace: shop}
spec: {parentRef: {name: edge, namespace: infra}, listeners: [${listeners}]}
---
`

describe("ListenerSets of a running Gateway", () => {
  it("serve on its ports and on their own, and come and go", async () => {
    const [port, own, admin] = (await freePorts(3)) as [number, number, number]
    const listener = (name: string, at: number, hostname: string) => `{name: ${name}, port: ${at}, protocol: HTTP, hostname: ${hostname}}`
    using place = folder({
      "m/all.yaml": `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: infra}
spec:
  gatewayClassName: sluice
  allowedListeners: {namespaces: {from: All}}
  listeners: [{name: web, port: ${port}, protocol: HTTP, hostname: own.test, allowedRoutes: {namespaces: {from: All}}}]
---
${route("gateway", "{name: edge, namespace: infra}")}${route("first", "{kind: ListenerSet, name: first}")}${route("second", "{kind: ListenerSet, name: second}")}`,
      "m/first.yaml": set("first", `${listener("web", port, "first.test")}, ${listener("own", own, "first.test")}`),
      "m/second.yaml": set("second", `${listener("web", port, "first.test")}, ${listener("late", port, "second.test")}`)
    })
    const child = serving(place, { admin: `127.0.0.1:${admin}`, files: ["m"] })
    children.push(child)
    await child.line(/bound on/)
    const statuses = async () => JSON.parse(await get(admin, "localhost", "/statuses")) as Record<string, unknown>
    const told = async (name: string) => JSON.stringify((await statuses())[`ListenerSet.gateway.networking.k8s.io/shop/${name}`])

    await eventually(
      () => get(port, "first.test"),
      (answer) => answer === "http://first.answered/"
    )
    assert.strictEqual(await get(own, "first.test"), "http://first.answered/")
    assert.strictEqual(await get(port, "own.test"), "http://gateway.answered/")
    assert.strictEqual(await get(port, "second.test"), "http://second.answered/")
    assert.strictEqual(await get(own, "second.test"), "404")
    await eventually(
      () => told("second"),
      (text) =>
        /"type":"Programmed","status":"True"/.test(text) && /"type":"Conflicted","status":"True","reason":"HostnameConflict"/.test(text)
    )

    // An edit of the set alone: proxies have it, and say so of its new generation.
    writeFileSync(join(place.path, "m/first.yaml"), set("first", listener("own", own, "moved.test")))
    await eventually(
      () => get(own, "moved.test"),
      (answer) => answer === "http://first.answered/"
    )
    // Who was second has what the first gave up.
    assert.strictEqual(await get(port, "first.test"), "http://second.answered/")
    await eventually(
      () => told("first"),
      (text) => /"type":"Programmed","status":"True"[^}]*"observedGeneration":2/.test(text)
    )

    rmSync(join(place.path, "m/second.yaml"))
    await eventually(
      () => get(port, "second.test"),
      (answer) => answer === "404"
    )
    assert.strictEqual(await get(port, "own.test"), "http://gateway.answered/")
    assert.include(await get(admin, "localhost", `/explain?url=http://moved.test:${own}/`), "ListenerSet shop/first")
    const checked = await sluice(["check", join(place.path, "m")])
    assert.match(checked.out, /ListenerSet shop\/first/)
  })
})
