// A Secret of a listener changed under load, bad pairs among the good ones: what the manifest says is translated and served, and no handshake fails.
import { X509Certificate } from "node:crypto"
import { type ConnectionOptions, connect } from "node:tls"
import { Effect, Exit, Scope } from "effect"
import { beforeAll, expect, it } from "vitest"
import { noAccessLog } from "#src/proxy/accesslog.ts"
import { makeProxy } from "#src/proxy/proxy.ts"
import { makeMetrics } from "#src/report/metrics.ts"
import type { Ack } from "#src/report/report.ts"
import { makePublisher } from "#src/snapshot/published.ts"
import type { ClusterState } from "#src/state/state.ts"
import { settle } from "#src/status/settle.ts"
import { makeTranslate, type Translation } from "#src/translate/translate.ts"
import { trustRoots } from "#src/upstream/dial/roots.ts"
import { type Authority, type IssuedCertificate, makeAuthority } from "../support/certificates.ts"
import { handNames } from "../support/live.ts"
import { freePort } from "../support/port.ts"
import { edited, settings, world } from "../translate/world.ts"

const gatewayKey = "Gateway.gateway.networking.k8s.io/shop/edge"
const name = "shop.test"

let authority: Authority
let leaves: ReadonlyArray<IssuedCertificate>
beforeAll(async () => {
  authority = await makeAuthority()
  leaves = await Promise.all(Array.from({ length: 8 }, () => authority.leaf({ dns: [name] })))
})

const serialOf = (n: number): string => new X509Certificate(leaves[n % leaves.length]!.certificate).serialNumber

const indented = (pem: string) => pem.trim().replaceAll(/^/gm, "    ")
const secret = (crt: string, key: string, type = "kubernetes.io/tls") => `
apiVersion: v1
kind: Secret
metadata: { name: shop, namespace: shop }
type: ${type}
stringData:
  tls.crt: |
${indented(crt)}
  tls.key: |
${indented(key)}
`
const good = (n: number) => secret(leaves[n % leaves.length]!.chain, leaves[n % leaves.length]!.key)
/** Every way to be wrong: another pair's key, no certificate, a key cut short, another type. */
const bad = (n: number) => {
  const one = leaves[n % leaves.length]!
  const two = leaves[(n + 1) % leaves.length]!
  return [
    secret(one.chain, two.key),
    secret("hello", one.key),
    secret(one.chain, one.key.slice(0, 60)),
    secret(one.chain, one.key, "Opaque")
  ][n % 4]!
}

const manifest = (port: number, secretText: string) => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge, namespace: shop }
spec:
  gatewayClassName: sluice
  listeners: [{ name: https, protocol: HTTPS, port: ${port}, hostname: ${name}, tls: { certificateRefs: [{ name: shop }] } }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: shop, namespace: shop }
spec:
  parentRefs: [{ name: edge }]
  rules: [{ filters: [{ type: RequestRedirect, requestRedirect: { statusCode: 302, hostname: answered.test } }] }]
---${secretText}`

/** One request on a connection of its own: the status line and the serial number of the certificate that was shown. */
const visit = (port: number): Promise<{ readonly answer: string; readonly serial: string }> =>
  new Promise((resolve, reject) => {
    const options: ConnectionOptions = { host: "127.0.0.1", port, servername: name, ca: authority.certificate, ALPNProtocols: ["http/1.1"] }
    const socket = connect(options, () => socket.write(`GET / HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`))
    const { promise, resolve: shown } = Promise.withResolvers<string>()
    socket.once("secureConnect", () => shown(socket.getPeerCertificate().serialNumber))
    let text = ""
    socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")))
    socket.once("error", reject)
    socket.once("close", () => void promise.then((serial) => resolve({ answer: text.slice(0, 12), serial })))
  })

/** What `run` does with a state: translated from the one before, published to a proxy, acknowledged; the Gateway's statuses settled from that. */
const serve = async (first: ClusterState) => {
  const scope = Scope.makeUnsafe()
  const translate = makeTranslate(settings)
  const publisher = await Effect.runPromise(makePublisher)
  let last: Ack | null = null
  let heard = () => {}
  let translation: Translation | undefined
  const take = async (state: ClusterState) => {
    translation = translate(state, translation)
    const { snapshot, material } = translation.gateways.get(gatewayKey)!
    const taken = new Promise<void>((resolve) => {
      heard = () => {
        if (last?.version === snapshot.version) resolve()
      }
    })
    heard()
    await Effect.runPromise(publisher.publish(snapshot, material))
    await taken
    return snapshot
  }
  const begun = take(first)
  const proxy = await Effect.runPromise(
    makeProxy({
      name: "proxy-0",
      gateway: { namespace: "shop", name: "edge" },
      follow: publisher.follow,
      onAck: (ack) => {
        last = ack
        heard()
      },
      onReport: () => {},
      names: handNames(),
      roots: trustRoots([], () => []),
      metrics: makeMetrics({ version: "test" }),
      log: noAccessLog
    }).pipe(Scope.provide(scope))
  )
  await begun
  return {
    take,
    proxy,
    translate,
    /** Conditions of the listener, Programmed included, as they would be written. */
    listener: () => {
      const verdict = translation!.verdicts.get(gatewayKey)!
      const settled = settle(verdict, new Set([last!.version]), [{ ...last!, ready: true }], [])
      const entry = settled.entries.find((one) => one.section === "https")!
      return new Map(entry.conditions.map((one) => [one.type, `${one.status} ${one.reason}: ${one.message}`]))
    },
    [Symbol.asyncDispose]: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

it("100 rotations, every third to a pair that cannot be used, fail no handshake; the last good pair is what is shown", async () => {
  const port = await freePort()
  let state = world(manifest(port, good(0)))
  await using served = await serve(state)
  let running = true
  const failed: Array<unknown> = []
  let done = 0
  const visiting = async () => {
    while (running) {
      await visit(port).then(
        ({ answer }) => answer === "HTTP/1.1 302" || failed.push(answer),
        (cause: Error) => failed.push(cause.message)
      )
      done++
    }
  }
  const visitors = [visiting(), visiting(), visiting()]
  let current = 0
  for (let n = 1; n <= 100; n++) {
    const wrong = n % 3 === 0
    if (!wrong) current = n
    state = edited(state, wrong ? bad(n) : good(n))
    await served.take(state)
    const { serial } = await visit(port)
    expect(BigInt(`0x${serial}`), `rotation ${n}`).toBe(BigInt(`0x${serialOf(current)}`))
    const conditions = served.listener()
    expect(conditions.get("ResolvedRefs"), `rotation ${n}`).toMatch(
      wrong ? /^False InvalidCertificateRef: .*goes on with that$/ : /^True ResolvedRefs/
    )
    expect(conditions.get("Programmed")).toMatch(/^True/)
  }
  running = false
  await Promise.all(visitors)
  expect(failed).toEqual([])
  expect(done).toBeGreaterThan(50)
}, 60_000)

it("a process that starts with a bad pair has no older one: it says so, every handshake fails, and the corrected Secret heals it", async () => {
  const port = await freePort()
  const state = world(manifest(port, bad(0)))
  await using served = await serve(state)
  await expect(visit(port)).rejects.toThrow()
  expect(served.listener().get("Programmed")).toMatch(/^False Invalid: .*no earlier pair is known here/)
  await served.take(edited(state, good(1)))
  expect((await visit(port)).answer).toBe("HTTP/1.1 302")
  expect(served.listener().get("Programmed")).toMatch(/^True/)
})

it("what was served before decides nothing in translate (law 13), and a Secret that is deleted takes its pair along", async () => {
  const port = await freePort()
  const state = world(manifest(port, good(0)))
  await using served = await serve(state)
  const spoiled = edited(state, bad(0))
  const snapshot = await served.take(spoiled)
  const afresh = served.translate(spoiled).gateways.get(gatewayKey)!.snapshot
  expect(snapshot.version).toBe(afresh.version)
  expect(snapshot.secrets.size).toBe(0)
  expect((await visit(port)).answer).toBe("HTTP/1.1 302")

  await served.take(world(manifest(port, "")))
  await expect(visit(port)).rejects.toThrow()
  // The pair is forgotten: a bad Secret of the same name does not bring it back.
  await served.take(spoiled)
  await expect(visit(port)).rejects.toThrow()
})
