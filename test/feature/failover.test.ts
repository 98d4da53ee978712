// A chain of four tiers in one route: an address, another endpoint of the same Backend, a Backend of another namespace, a Service. Faults by script, no sleeps.
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { folder, gateway, type Running, serving, sluice } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { type Origin, type Script, startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"

const manifest = (ports: ReadonlyArray<number>) => `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: search, namespace: shop}
spec:
  endpoints:
    - {ip: {address: 127.0.0.1, port: ${ports[0]}}}
    - {ip: {address: 127.0.0.1, port: ${ports[1]}}, tier: 1}
  failover:
    backendRefs:
      - {group: gateway.sluice.dev, kind: Backend, name: west, namespace: other}
    statusCodes: [503]
    returnAfter: 200ms
    response: {statusCode: 503, contentType: application/json, body: {inline: '{"away": true}'}}
---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: west, namespace: other}
spec:
  endpoints: [{ip: {address: 127.0.0.1, port: ${ports[2]}}}]
  host: {value: west.example}
  failover:
    backendRefs: [{name: archive, port: 80}]
    returnAfter: 0s
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: west, namespace: other}
spec:
  from: [{group: gateway.sluice.dev, kind: Backend, namespace: shop}]
  to: [{group: gateway.sluice.dev, kind: Backend, name: west}]
---
apiVersion: v1
kind: Service
metadata: {name: archive, namespace: other}
spec: {clusterIP: None, ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: archive-a, namespace: other, labels: {kubernetes.io/service-name: archive}}
addressType: IPv4
ports: [{name: http, port: ${ports[3]}}]
endpoints: [{addresses: [127.0.0.1]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: search, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules:
    - matches: [{path: {value: /}}]
      timeouts: {backendRequest: 4s}
      backendRefs:
        - group: gateway.sluice.dev
          kind: Backend
          name: search
          filters: [{type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: X-By, value: edge}]}}]
`

let origins: Array<Origin> = []
let port = 0
let child: Running
let place: ReturnType<typeof folder>

/** Says its name and what it was sent. */
const says =
  (name: string): Script =>
  async ({ read, reply }) =>
    reply({ body: `${name} ${(await read()).toString()}`.trim() })

beforeEach(async () => {
  origins = await Promise.all(["a", "b", "c", "d"].map((name) => startOrigin({ script: says(name) })))
  port = await freePort()
  place = folder({ "m.yaml": `${gateway(port)}${manifest(origins.map((origin) => origin.port))}` })
  child = serving(place)
  await child.line(/Gateway shop\/edge: http:/)
}, 20_000)

afterEach(async () => {
  await child.end("SIGKILL")
  for (const origin of origins) await origin.close()
  place[Symbol.dispose]()
})

const got = async (more: Parameters<typeof ask>[2] = {}) => {
  const { status, body } = await ask(port, "/x", more)
  return `${status} ${body.toString()}`
}

describe("a chain of four tiers", () => {
  it("passes a request on for each fault that allows it, and no other", async () => {
    const [a, b, c] = origins as [Origin, Origin, Origin, Origin]
    expect(await got()).toBe("200 a")
    // A status that the Backend names, for what may be repeated.
    a.script = ({ reply }) => reply({ status: 503, body: "busy" })
    expect(await got()).toBe("200 b")
    expect(await got({ method: "POST", body: "x" })).toBe("503 busy")
    expect(await got({ method: "PUT", body: "whole" })).toBe("200 b whole")
    a.script = ({ reply }) => reply({ status: 502, body: "not named" })
    expect(await got()).toBe("502 not named")
    // The connection dies after the request: only what may be repeated.
    a.script = ({ reset }) => reset()
    expect(await got()).toBe("200 b")
    expect(await got({ method: "POST", body: "x" })).toMatch(/^503 /)
    // No answer within the time of one try: the next, and the next.
    a.script = () => {}
    b.script = () => {}
    expect(await got()).toBe("200 c")
    expect(c.seen.at(-1)!.header("host")).toBe("west.example")
    expect(c.seen.at(-1)!.headers.filter(([name]) => name === "X-By")).toEqual([["X-By", "edge"]])
    // Nobody there: any method goes on. The last answer stands.
    await a.close()
    await b.close()
    await c.close()
    expect(await got({ method: "POST", body: "kept" })).toBe("200 d kept")
    origins[3]!.script = ({ reply }) => reply({ status: 503, body: "the last" })
    expect(await got()).toBe("503 the last")
  }, 40_000)

  it("goes back to the first when it is there again", async () => {
    const [a, , , d] = origins as [Origin, Origin, Origin, Origin]
    for (const origin of origins.slice(0, 3)) await origin.close()
    expect(await got()).toBe("200 d")
    origins[0] = await startOrigin({ port: a.port, script: says("a") })
    let answer = ""
    for (let n = 0; n < 5_000 && answer !== "200 a"; n++) {
      answer = await got({ method: "POST", body: "" })
      expect(answer).toMatch(/^200 [ad]$/)
    }
    expect(answer).toBe("200 a")
    expect(d.requests).toBeGreaterThan(0)
  }, 40_000)

  it("loses no request when its first tier dies, and answers from the second at once", async ({ annotate }) => {
    const [a] = origins as [Origin, Origin, Origin, Origin]
    const answers: Array<string> = []
    let died = Number.POSITIVE_INFINITY
    let after = 0
    const worker = async () => {
      for (let n = 0; n < 150; n++) {
        const answer = await got()
        answers.push(answer)
        if (answer === "200 b" && performance.now() > died && after === 0) after = performance.now() - died
      }
    }
    const workers = Array.from({ length: 4 }, worker)
    await a.until(({ requests }) => requests >= 100)
    died = performance.now()
    await a.close()
    await Promise.all(workers)
    await annotate(
      `from the first tier's death to the second's first answer: ${after.toFixed(1)} ms; ${answers.length} requests, none failed`
    )
    expect(new Set(answers)).toEqual(new Set(["200 a", "200 b"]))
    expect(after).toBeGreaterThan(0)
  }, 40_000)

  it("answers itself once all four are gone, and not for long once one is back", async () => {
    const [a, , , d] = origins as [Origin, Origin, Origin, Origin]
    expect(await got()).toBe("200 a")
    await a.close()
    expect(await got()).toBe("200 b")
    await child.line(/Backend shop\/search for Gateway shop\/edge: tier 1 takes the requests that tier 0 cannot serve/)
    for (const origin of origins.slice(1)) await origin.close()
    for (const method of ["GET", "POST", "PUT"]) expect(await got({ method })).toBe('503 {"away": true}')
    await child.line(/Backend shop\/search for Gateway shop\/edge: no tier can serve: requests go to what stands behind it/)
    await child.line(/"detail":"[^"]*; answered by failover\.response"/)
    // Those that have failed wait to be trusted where there is somebody else; this is nobody.
    origins[3] = await startOrigin({ port: d.port, script: says("d") })
    let answer = ""
    while (answer !== "200 d") {
      answer = await got()
      expect(answer).toMatch(/^(200 d|503 {"away": true})$/)
    }
    origins[0] = await startOrigin({ port: a.port, script: says("a") })
    await child.line(/Backend shop\/search for Gateway shop\/edge: tier 0 takes the requests again/)
    expect(await got()).toBe("200 a")
  }, 40_000)

  it("is told by explain, with the one after which each comes", async () => {
    const told = await sluice(["explain", `http://127.0.0.1:${port}/x`, join(place.path, "m.yaml"), "--allow-loopback", "--probe"])
    expect(told.out).toContain(`127.0.0.1:${origins[1]!.port} weight 1, tier 1`)
    expect(told.out).toMatch(/standby +Backend other\/west.* for what Backend shop\/search cannot serve/)
    expect(told.out).toMatch(/standby +Service other\/archive.* for what Backend shop\/search cannot serve/)
    expect(told.out).toMatch(/at last +503, application\/json, 14 bytes, when nobody can serve/)
    expect(told.out).toContain(`probe of 127.0.0.1:${origins[3]!.port}`)
  })
})
