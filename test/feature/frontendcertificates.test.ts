// Client certificates of clients through `sluice run`: the Gateway's default and its ports, a ConfigMap that is edited, and statuses.
import { writeFileSync } from "node:fs"
import { get as httpsGet } from "node:https"
import { join } from "node:path"
import { afterEach, assert, describe, it } from "vitest"
import { folder, type Running, serving } from "../cli/program.ts"
import { type Authority, type IssuedCertificate, makeAuthority } from "../support/certificates.ts"
import { freePorts } from "../support/port.ts"

const children: Array<Running> = []
afterEach(async () => {
  for (const child of children.splice(0)) await child.end("SIGKILL")
})

const indented = (pem: string) => pem.trim().replaceAll(/^/gm, "    ")
const bundle = (name: string, { certificate }: Authority) => `apiVersion: v1
kind: ConfigMap
metadata: {name: ${name}, namespace: shop}
data:
  ca.crt: |
${indented(certificate)}
`

describe("spec.tls.frontend", () => {
  it("is heeded by port, and as its bundles are now", async () => {
    const [site, staff, partners] = await Promise.all([makeAuthority("site"), makeAuthority("staff"), makeAuthority("partners")])
    const [leaf, one, other] = await Promise.all([
      site.leaf({ dns: ["shop.test"] }),
      staff.leaf({ dns: ["one"], usage: "client" }),
      partners.leaf({ dns: ["other"], usage: "client" })
    ])
    const [main, partner, free, lax] = (await freePorts(4)) as [number, number, number, number]
    const refs = (name: string) => `caCertificateRefs: [{group: "", kind: ConfigMap, name: ${name}}]`
    const listener = (name: string, port: number) =>
      `{name: ${name}, port: ${port}, protocol: HTTPS, tls: {certificateRefs: [{name: shop}]}}`
    using place = folder({
      "m/all.yaml": `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  gatewayClassName: sluice
  tls:
    frontend:
      default: {validation: {${refs("staff")}}}
      perPort:
      - {port: ${partner}, tls: {validation: {${refs("partners")}}}}
      - {port: ${free}, tls: {}}
      - {port: ${lax}, tls: {validation: {mode: AllowInsecureFallback, ${refs("staff")}}}}
  listeners: [${listener("main", main)}, ${listener("partner", partner)}, ${listener("free", free)}, ${listener("lax", lax)}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: all, namespace: shop}
spec: {parentRefs: [{name: edge}], rules: [{filters: [{type: RequestRedirect, requestRedirect: {hostname: served.test}}]}]}
---
apiVersion: v1
kind: Secret
type: kubernetes.io/tls
metadata: {name: shop, namespace: shop}
stringData:
  tls.crt: |
${indented(leaf.chain)}
  tls.key: |
${indented(leaf.key)}
---
${bundle("partners", partners)}`,
      "m/staff.yaml": bundle("staff", staff)
    })
    const visit = (port: number, pair: IssuedCertificate | null) =>
      new Promise<string>((resolve) => {
        const shown = pair === null ? {} : { cert: pair.chain, key: pair.key }
        const options = { host: "127.0.0.1", port, servername: "shop.test", ca: site.certificate, agent: false, ...shown } as const
        httpsGet(options, (response) => {
          response.resume()
          resolve(String(response.statusCode))
        }).on("error", () => resolve("cut"))
      })
    const eventually = async (port: number, pair: IssuedCertificate | null, wanted: string) => {
      const deadline = performance.now() + 15_000
      let answer = await visit(port, pair)
      while (answer !== wanted && performance.now() < deadline) {
        await new Promise(setImmediate)
        answer = await visit(port, pair)
      }
      assert.strictEqual(answer, wanted)
    }
    const child = serving(place, { files: ["m"] })
    children.push(child)
    await child.line(/bound on/)
    for (const [port, ...wanted] of [
      [main, "302", "cut", "cut"],
      [partner, "cut", "302", "cut"],
      [free, "302", "302", "302"],
      [lax, "302", "302", "302"]
    ] as const)
      for (const [at, pair] of [one, other, null].entries()) await eventually(port, pair, wanted[at]!)

    writeFileSync(join(place.path, "m/staff.yaml"), bundle("staff", partners))
    await eventually(main, other, "302")
    assert.strictEqual(await visit(main, one), "cut")

    // Nobody can be verified: that port is closed, the others serve.
    writeFileSync(join(place.path, "m/staff.yaml"), bundle("another", staff))
    await eventually(main, other, "cut")
    assert.strictEqual(await visit(partner, other), "302")
    assert.strictEqual(await visit(free, null), "302")
  })
})
