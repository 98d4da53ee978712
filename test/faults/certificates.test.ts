// Faults 9 and 10: a Secret is rotated a hundred times through the API, to pairs that do not match too, and a certificate expires. No handshake fails.
import { X509Certificate } from "node:crypto"
import { afterAll, beforeAll, expect, it } from "vitest"
import { onControlPlane } from "../cluster/shared.ts"
import { until } from "../operator/operator.ts"
import { type Authority, type IssuedCertificate, makeAuthority } from "../support/certificates.ts"
import { startVisits, visit } from "./handshakes.ts"
import { type Any, figures, openShop, type Shop, together } from "./shop.ts"

const none = { failed: 0, reasons: {} }
const name = "shop.test"
const base64 = (text: string) => Buffer.from(text).toString("base64")
const serialOf = (pair: IssuedCertificate) => BigInt(`0x${new X509Certificate(pair.certificate).serialNumber}`).toString(16)

await onControlPlane("a listener's Secret", (plane) => {
  let authority: Authority
  let leaves: ReadonlyArray<IssuedCertificate>
  let shop: Shop
  const put = (crt: string, key: string) =>
    plane.request("PATCH", `/api/v1/namespaces/${shop.namespace}/secrets/shop`, {
      body: { data: { "tls.crt": base64(crt), "tls.key": base64(key) } }
    })
  const https = async (): Promise<Any> => (await shop.get(shop.gatewayPath)).status.listeners.find((one: Any) => one.name === "https")
  const resolved = async (): Promise<Any> => (await https()).conditions.find((one: Any) => one.type === "ResolvedRefs")
  /** Milliseconds until the pair is shown. */
  const shown = async (pair: IssuedCertificate): Promise<number> => {
    const began = performance.now()
    await until("the pair is shown", async () => (await visit(shop.tlsPort, name)).serial === serialOf(pair), 10_000)
    return Math.round(performance.now() - began)
  }
  beforeAll(async () => {
    authority = await makeAuthority()
    leaves = await Promise.all(Array.from({ length: 8 }, () => authority.leaf({ dns: [name] })))
    shop = await openShop(plane, {
      listeners: (port) => [{ name: "https", port, protocol: "HTTPS", hostname: name, tls: { certificateRefs: [{ name: "shop" }] } }]
    })
    await shop.make("/api/v1", "secrets", {
      metadata: { name: "shop" },
      type: "kubernetes.io/tls",
      data: { "tls.crt": base64(leaves[0]!.chain), "tls.key": base64(leaves[0]!.key) }
    })
    await shown(leaves[0]!)
  }, 240_000)
  afterAll(() => shop?.close())

  it("rotated a hundred times, every fifth time to a key of another pair: shown within 2 s each time, the last good pair is kept, no handshake fails", async ({
    annotate
  }) => {
    const took: Array<number> = []
    const visits = startVisits(shop.tlsPort, [name])
    const report = await shop
      .during(
        async () => {
          let current = leaves[0]!
          for (let turn = 1; turn <= 100; turn++) {
            const next = leaves[turn % leaves.length]!
            if (turn % 5 === 0) {
              await put(next.chain, leaves[(turn + 1) % leaves.length]!.key)
              await until("the mismatch is told", async () => (await resolved()).reason === "InvalidCertificateRef")
              expect((await visit(shop.tlsPort, name)).serial).toBe(serialOf(current))
            } else {
              await put(next.chain, next.key)
              took.push(await shown(next))
              current = next
            }
          }
          await until("the last one resolves", async () => (await resolved()).status === "False")
        },
        { perSecond: 30 }
      )
      .finally(visits.stop)
    const all = together([report, await visits.stop()])
    took.sort((a, b) => a - b)
    await annotate(`9: ${figures(all)}; shown after ${took[took.length >> 1]} ms in the middle, ${took.at(-1)} ms at most`)
    expect(all).toMatchObject(none)
    expect(took.at(-1)).toBeLessThan(2_000)
  }, 90_000)

  it("whose certificate has expired is served all the same, a condition and a metric say so, and a good one heals it", async ({
    annotate
  }) => {
    const hour = 3_600_000
    const old = await authority.leaf({
      dns: [name],
      notBefore: new Date(Date.now() - 48 * hour),
      notAfter: new Date(Date.now() - 24 * hour)
    })
    const visits = startVisits(shop.tlsPort, [name])
    const report = await shop
      .during(
        async () => {
          await put(old.chain, old.key)
          await shown(old)
          await until("it is told", async () => /expired at .*: clients refuse it/.test((await resolved()).message))
          expect((await resolved()).status).toBe("True")
          await until("it is measured", async () => (await shop.proxy().metric("sluice_certificate_expiry_days")) < 0)
          await put(leaves[0]!.chain, leaves[0]!.key)
          await shown(leaves[0]!)
        },
        { perSecond: 30 }
      )
      .finally(visits.stop)
    const all = together([report, await visits.stop()])
    await annotate(`10: ${figures(all)}`)
    expect(all).toMatchObject(none)
  }, 60_000)
})
