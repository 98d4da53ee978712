// A Backend that is the name of a service, through the program: its records decide who is asked, a restart without a DNS server keeps them, explain tells them.
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { folder, gateway, type Running, running, sluice } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { type DnsServer, startDnsServer } from "../support/dns.ts"
import { type Origin, startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"

const service = "_web._tcp.shop.test"

const manifest = (dns: DnsServer) => `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: search, namespace: shop}
spec:
  endpoints: [{fqdn: {hostname: ${service}}}]
  dns: {srv: true, nameservers: ["${dns.address}"], minTTL: 1s, obsoleteGrace: 0s}
  failover: {returnAfter: 0s}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: search, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: search}]}]
`

let origins: ReadonlyArray<Origin> = []
let dns: DnsServer
let port = 0
let child: Running | null = null
let place: ReturnType<typeof folder>

const start = async () => {
  child = running(
    ["run", "--listen-address=127.0.0.1", "--admin-address=off", "--health-address=off", "--allow-loopback"].concat(
      `--state-folder=${join(place.path, "state")}`,
      join(place.path, "m.yaml")
    )
  )
  await child.line(/Gateway shop\/edge: http:/)
}

beforeEach(async () => {
  origins = await Promise.all(["a", "b"].map((name) => startOrigin({ script: ({ reply }) => reply({ body: name }) })))
  dns = await startDnsServer()
  for (const name of ["a.shop.test", "b.shop.test"]) dns.host(name, ["127.0.0.1"])
  dns.answer(service, "SRV", {
    ttl: 1,
    services: [
      { priority: 20, weight: 1, port: origins[1]!.port, target: "b.shop.test" },
      { priority: 10, weight: 1, port: origins[0]!.port, target: "a.shop.test" }
    ]
  })
  port = await freePort()
  place = folder({ "m.yaml": `${gateway(port)}${manifest(dns)}` })
})

afterEach(async () => {
  await child?.end("SIGKILL")
  child = null
  for (const origin of origins) await origin.close()
  await dns.close()
  place[Symbol.dispose]()
})

const got = async () => (await ask(port, "/x")).body

describe("a Backend that is a service", () => {
  it("is served by the priority of its records, by the next while nobody of it is there, and as the records change", async () => {
    await start()
    const [a, b] = origins as [Origin, Origin]
    // The first answer for its name may come after the other's.
    let first = ""
    while (first !== "a") first = await got()
    expect([await got(), await got()]).toEqual(["a", "a"])
    expect(a.seen[0]!.header("host")).toBe("shop.test")
    await a.close()
    expect(await got()).toBe("b")
    // The records turn: who was the second is the only one, and the first a third.
    const third = await startOrigin({ script: ({ reply }) => reply({ body: "c" }) })
    try {
      dns.host("c.shop.test", ["127.0.0.1"])
      dns.answer(service, "SRV", { ttl: 60, services: [{ priority: 1, port: third.port, target: "c.shop.test" }] })
      let answer = ""
      while (answer !== "c") {
        answer = await got()
        expect(answer).toMatch(/^[bc]$/)
      }
      expect(b.requests).toBeGreaterThan(0)
    } finally {
      await third.close()
    }
  }, 40_000)

  it("is served by what was known before a restart without a DNS server", async () => {
    await start()
    let before = ""
    while (before !== "a") before = await got()
    await child!.end("SIGTERM")
    for (const name of ["a.shop.test", "b.shop.test"])
      for (const type of ["A", "AAAA"] as const) dns.answer(name, type, { rcode: "SERVFAIL" })
    dns.answer(service, "SRV", { rcode: "SERVFAIL" })
    await start()
    expect(await got()).toBe("a")
  }, 40_000)

  it("is told by explain: the service offline, and with --probe its records and the first of them", async () => {
    const told = await sluice(["explain", `http://127.0.0.1:${port}/x`, join(place.path, "m.yaml"), "--allow-loopback", "--probe"])
    expect(told.out).toMatch(new RegExp(`Forwarded to ${service.replaceAll(".", "\\.")}\\.`))
    expect(told.out).toMatch(/Host +shop\.test/)
    expect(told.out).toContain(
      `${service} is served by a.shop.test:${origins[0]!.port} (priority 10), b.shop.test:${origins[1]!.port} (priority 20)`
    )
    expect(told.out).toContain("with Host shop.test was answered 200")
    expect(told.code).toBe(0)
  }, 40_000)
})
