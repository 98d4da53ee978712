// Cross-origin sharing as a browser meets it, through the whole program: questions answered without the backend, answers that say who may read them.
import { join } from "node:path"
import { expect, it } from "vitest"
import { folder, gateway, serving, sluice } from "../cli/program.ts"
import { type Answer, ask } from "../proxy/harness.ts"
import { startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"

const backend = (name: string, port: number) => `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: ${name}, namespace: shop}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: ${port}}}], protocol: HTTP}
`

const to = (name: string, more = "") => `{group: gateway.sluice.dev, kind: Backend, name: ${name}${more}}`

const route = `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: api, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules:
    - matches: [{path: {value: /api}}]
      filters:
        - type: CORS
          cors:
            allowOrigins: [https://www.foo.com, 'https://*.bar.com']
            allowMethods: [GET, PUT]
            allowHeaders: [x-token]
            exposeHeaders: [x-seen]
            allowCredentials: true
            maxAge: 600
        - {type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: x-by, value: edge}]}}
      backendRefs: [${to("api")}]
    - matches: [{path: {value: /only}, method: PUT}]
      filters: [{type: CORS, cors: {allowOrigins: ['*'], allowMethods: [PUT]}}]
      backendRefs: [${to("api")}]
    - matches: [{path: {value: /moved}}]
      filters:
        - {type: CORS, cors: {allowOrigins: ['*']}}
        - {type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: /api}}}
    - matches: [{path: {value: /dead}}]
      filters: [{type: CORS, cors: {allowOrigins: ['*']}}]
      backendRefs: [${to("dead")}]
    - matches: [{path: {value: /ref}}]
      backendRefs: [${to("api", ", filters: [{type: CORS, cors: {allowOrigins: ['https://ref.example']}}]")}]
    - matches: [{path: {value: /plain}}]
      backendRefs: [${to("api")}]
`

const foo = "https://www.foo.com"
const sharing = (answer: Answer) =>
  Object.fromEntries(Object.entries(answer.headers).filter(([name]) => name.startsWith("access-control-")))

it("a browser's questions are answered here, and answers say who may read them", async () => {
  await using origin = await startOrigin({
    script: ({ reply }) => reply({ headers: [["Access-Control-Allow-Origin", "https://backend.example"]], body: "ok" })
  })
  const [port, closed] = [await freePort(), await freePort()]
  using place = folder({ "m.yaml": `${gateway(port)}${backend("api", origin.port)}${backend("dead", closed)}${route}` })
  const child = serving(place)
  const preflight = (path: string, from: string, method = "PUT") =>
    ask(port, path, { method: "OPTIONS", headers: { Origin: from, "Access-Control-Request-Method": method } })
  try {
    await child.line(/Gateway shop\/edge: http:/)

    const asked = await preflight("/api/x", foo)
    expect([asked.status, asked.body, asked.headers["x-by"]]).toEqual([204, "", "edge"])
    expect(sharing(asked)).toEqual({
      "access-control-allow-origin": foo,
      "access-control-allow-credentials": "true",
      "access-control-allow-methods": "GET, PUT",
      "access-control-expose-headers": "x-seen",
      "access-control-max-age": "600"
    })
    const stranger = await preflight("/api/x", "https://evil.example")
    expect([stranger.status, sharing(stranger)]).toEqual([204, {}])
    expect(origin.requests).toBe(0)

    const answer = await ask(port, "/api/x", { headers: { Origin: "https://a.b.bar.com" } })
    expect([answer.status, answer.body, answer.headers.vary]).toEqual([200, "ok", "Origin"])
    expect(sharing(answer)).toEqual({
      "access-control-allow-origin": "https://a.b.bar.com",
      "access-control-allow-credentials": "true",
      "access-control-expose-headers": "x-seen"
    })
    // The backend serves a stranger all the same; whose page may not read it is the browser's to hold.
    const other = await ask(port, "/api/x", { headers: { Origin: "https://evil.example" } })
    expect([other.status, other.body, sharing(other)]).toEqual([200, "ok", {}])
    const plain = await ask(port, "/plain", { headers: { Origin: foo } })
    expect(sharing(plain)).toEqual({ "access-control-allow-origin": "https://backend.example" })

    // The rule of the request that is announced answers, though the question is of another method; without one, the backend does.
    expect(sharing(await preflight("/only", foo))).toMatchObject({
      "access-control-allow-origin": "*",
      "access-control-allow-methods": "PUT"
    })
    expect((await preflight("/only", foo, "DELETE")).status).toBe(404)
    const before = origin.requests
    expect((await preflight("/plain", foo)).body).toBe("ok")
    expect(origin.requests).toBe(before + 1)
    // OPTIONS that asks nothing is a request as any.
    expect((await ask(port, "/api/x", { method: "OPTIONS", headers: { Origin: foo } })).body).toBe("ok")

    // Redirects and failures say it too: a page could read neither without.
    expect((await preflight("/moved", foo)).status).toBe(204)
    const moved = await ask(port, "/moved", { headers: { Origin: foo } })
    expect([moved.status, sharing(moved)]).toEqual([302, { "access-control-allow-origin": "*" }])
    const dead = await ask(port, "/dead", { headers: { Origin: foo } })
    expect([dead.status, sharing(dead)]).toEqual([503, { "access-control-allow-origin": "*" }])

    expect(sharing(await preflight("/ref", "https://ref.example"))).toMatchObject({ "access-control-allow-origin": "https://ref.example" })
    expect(sharing(await preflight("/ref", foo))).toEqual({})

    const explain = (path: string, ...more: ReadonlyArray<string>) =>
      sluice(["explain", `http://127.0.0.1:${port}${path}`, join(place.path, "m.yaml"), "--allow-loopback", ...more])
    const question = (from: string) => [
      "--method",
      "OPTIONS",
      "--header",
      `Origin: ${from}`,
      "--header",
      "Access-Control-Request-Method: PUT"
    ]
    expect((await explain("/only", ...question(foo))).out).toContain(
      `Answered 204 by the CORS filter, no backend is asked: the origin ${foo} is allowed.`
    )
    expect((await explain("/ref", ...question(foo))).out).toContain(`the origin ${foo} is not allowed`)
    expect((await explain("/api/x")).out).toContain(
      "CORS for https://www.foo.com, https://*.bar.com; methods GET, PUT; headers x-token; with credentials"
    )
  } finally {
    await child.end("SIGKILL")
  }
}, 60_000)
