// One service at two vendors, which serve it under different paths: a Backend whose endpoints have a pathPrefix, served and explained.
import { join } from "node:path"
import { expect, it } from "vitest"
import { folder, gateway, serving, sluice } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"

const manifest = (a: number, b: number) => `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: geocoder, namespace: shop}
spec:
  endpoints:
    - {ip: {address: 127.0.0.1, port: ${a}}, pathPrefix: /v1/}
    - {ip: {address: 127.0.0.1, port: ${b}}, pathPrefix: /public/geo}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: geo, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules:
    - matches: [{path: {type: PathPrefix, value: /geo}}]
      filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /search}}}]
      backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: geocoder}]
`

it("each endpoint gets its own prefix, after the route's rewrite", async () => {
  await using one = await startOrigin({ script: ({ reply }) => reply({ body: "one" }) })
  await using other = await startOrigin({ script: ({ reply }) => reply({ body: "other" }) })
  const port = await freePort()
  using place = folder({ "m.yaml": `${gateway(port)}${manifest(one.port, other.port)}` })
  const file = join(place.path, "m.yaml")
  const child = serving(place)
  try {
    await child.line(/Gateway shop\/edge: http:/)
    const bodies = [await ask(port, "/geo/oslo?q=1"), await ask(port, "/geo/oslo?q=1")].map((answer) => answer.body.toString())
    expect(bodies.sort()).toEqual(["one", "other"])
    expect(one.seen.map(({ target }) => target)).toEqual(["/v1/search/oslo?q=1"])
    expect(other.seen.map(({ target }) => target)).toEqual(["/public/geo/search/oslo?q=1"])
    const told = await sluice(["explain", `http://127.0.0.1:${port}/geo/oslo`, file, "--allow-loopback", "--probe"])
    expect(told.out).toContain(`127.0.0.1:${one.port}/v1`)
    expect(told.out).toContain("HEAD /public/geo/search/oslo")
    expect(one.seen.at(-1)?.target).toBe("/v1/search/oslo")
  } finally {
    await child.end("SIGKILL")
  }
}, 30_000)
