// Law 11 over the whole program: secrets that Sluice holds, refuses or passes through are in none of its outputs. A canary is a text that stands nowhere else.
import { readdirSync, readFileSync } from "node:fs"
import { request as httpRequest } from "node:http"
import { request as httpsRequest } from "node:https"
import { join } from "node:path"
import { afterEach, assert, describe, it } from "vitest"
import { folder, type Running, serving, sluice } from "../cli/program.ts"
import { makeAuthority } from "../support/certificates.ts"
import { startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"

const get = (url: string, headers: Readonly<Record<string, string>> = {}, servername = "") =>
  new Promise<{ readonly status: number; readonly body: string }>((resolve, reject) => {
    const send = url.startsWith("https:") ? httpsRequest : httpRequest
    const sent = send(url, { headers, agent: false, servername, rejectUnauthorized: false }, (response) => {
      let body = ""
      response.on("data", (part: Buffer) => (body += part.toString()))
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }))
    })
    sent.on("error", reject)
    sent.end()
  })

const base64 = (text: string): string => Buffer.from(text).toString("base64")

const children: Array<Running> = []
afterEach(async () => {
  for (const child of children.splice(0)) await child.end("SIGKILL")
})

/** Every spelling in which a secret might come out: as it is, in base64, and the body lines of a PEM key. */
const spellings = (secret: string): ReadonlyArray<string> => {
  const lines = secret.split("\n").filter((line) => line !== "" && !line.startsWith("-----"))
  return [...lines, ...lines.map((line) => base64(line).replace(/=+$/, "").slice(0, -2)), base64(secret).slice(0, 60)]
}

describe("secrets", () => {
  it("are in no output of check, explain and run: not in logs, statuses, metrics or admin pages", async () => {
    const authority = await makeAuthority()
    const server = await authority.leaf({ dns: ["shop.example"] })
    const client = await authority.leaf({ dns: ["client.shop.example"] })
    await using origin = await startOrigin({
      script: ({ reply }) => reply({ headers: [["Set-Cookie", "session=canary-set-cookie"]], body: "canary-response-body" })
    })
    await using impostor = await startOrigin({ tls: { cert: server.chain, key: server.key } })
    const [http, https] = [await freePort(), await freePort()]
    const secret = (name: string, data: string, type = "kubernetes.io/tls") =>
      `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}, namespace: shop}\ntype: ${type}\n${data}\n---\n`
    const pair = (chain: string, key: string) => `data: {tls.crt: ${base64(chain)}, tls.key: ${base64(key)}}`
    const listener = (name: string) =>
      `{name: ${name}, port: ${https}, protocol: HTTPS, hostname: ${name}.example, tls: {certificateRefs: [{name: ${name}}]}}`
    const files = {
      "gateway.yaml": `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  gatewayClassName: sluice
  listeners:
  - {name: http, port: ${http}, protocol: HTTP}
  - ${["shop", "garbage", "opaque", "nobase64", "nostring", "absent"].map(listener).join("\n  - ")}
---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: origin, namespace: shop}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: ${origin.port}}}], protocol: HTTP}
---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: mutual, namespace: shop}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: ${impostor.port}}}], tls: {clientCertificateRef: {name: client}}}
---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: wrong, namespace: shop}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: ${origin.port}}}], tls: {caCertificateRefs: [{group: "", kind: Secret, name: opaque}], clientCertificateRef: {name: garbage}}}
---
${["paid", "spoilt"]
  .map(
    (name) => `apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: ${name}, namespace: shop}
spec:
  endpoints: [{ip: {address: 127.0.0.1, port: ${impostor.port}}}]
  host: {value: shop.example}
  tls: {hostname: shop.example, caCertificateRefs: [{group: "", kind: Secret, name: trust}]}
  credentials: {${name === "paid" ? "basic: {secretRef: {name: paid}}" : "bearer: {secretRef: {name: spoilt}}"}}
---
`
  )
  .join("")}apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: all, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules:
  - backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: origin}]
  - matches: [{path: {value: /mutual}}]
    backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: mutual}]
  - matches: [{path: {value: /wrong}}]
    backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: wrong}]
  - matches: [{path: {value: /paid}}]
    backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: paid}]
  - matches: [{path: {value: /spoilt}}]
    backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: spoilt}]
`,
      "secrets.yaml": [
        secret("shop", pair(server.chain, server.key)),
        secret("client", pair(client.chain, client.key)),
        secret("garbage", pair(server.chain, "-----BEGIN PRIVATE KEY-----\ncanary-garbage-key\n-----END PRIVATE KEY-----\n")),
        secret("opaque", "stringData: {ca.crt: canary-opaque-value, password: canary-password}", "Opaque"),
        secret("nobase64", 'data: {tls.crt: "?canary-not-base64", tls.key: "canary-not-base64?"}'),
        secret("nostring", "stringData: {tls.crt: [canary-in-list], tls.key: {a: canary-in-map}}"),
        secret("trust", `data: {ca.crt: ${base64(authority.certificate)}}`, "Opaque"),
        secret("paid", "stringData: {username: canary-user, password: canary-paid}", "kubernetes.io/basic-auth"),
        secret("spoilt", 'stringData: {token: "canary-spoilt with a space"}', "Opaque"),
        secret("unused", "stringData: {password: canary-nobody-refers}", "Opaque"),
        "apiVersion: v1\nkind: Secret\nmetadata: {name: alias}\nstringData: {password: *canary-alias}\n---\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: block}\nstringData:\n  password: |canary-block\n"
      ].join("")
    }
    using place = folder({ ...Object.fromEntries(Object.entries(files).map(([name, text]) => [`m/${name}`, text])), "key.pem": client.key })
    const secrets = [
      ...[server.key, client.key].flatMap(spellings),
      ...["garbage-key", "opaque-value", "password", "not-base64", "in-list", "in-map", "nobody-refers", "alias", "block"],
      ...["authorization", "cookie", "query", "set-cookie", "response-body", "user", "paid", "spoilt", base64("canary-user:canary-paid")]
    ].map((one) => (/^[a-z-]+$/.test(one) && !one.includes("canary") ? `canary-${one}` : one))
    const outputs = new Map<string, string>()
    const manifests = join(place.path, "m")
    const known = ["--allow-loopback", "--listen-address", "127.0.0.1"]

    await Promise.all(
      ["text", "json", "yaml"].map(async (form) => {
        const { out, err } = await sluice(["check", ...known, "-o", form, manifests])
        outputs.set(`check ${form}`, out + err)
        const told = await sluice(["explain", ...known, "-o", form, "--probe", `http://shop.example:${http}/mutual`, manifests])
        outputs.set(`explain ${form}`, told.out + told.err)
      })
    )

    const paid = await sluice(["explain", ...known, "--probe", `http://shop.example:${http}/paid`, manifests])
    outputs.set("explain paid", paid.out + paid.err)

    const log = join(place.path, "access.log")
    const child = serving(place, {
      ...{ admin: "127.0.0.1:0", health: "127.0.0.1:0" },
      ...{ flags: ["--log-level", "debug", "--access-log", log], files: ["m"] }
    })
    children.push(child)
    const [, admin] = await child.line(/admin on (http:\/\/127\.0\.0\.1:\d+)/)
    const [, health] = await child.line(/health on (http:\/\/127\.0\.0\.1:\d+)/)
    await child.line(/Gateway shop\/edge: Programmed True/)

    const sensitive = { Host: "shop.example", Authorization: "Bearer canary-authorization", Cookie: "session=canary-cookie" }
    const served = await get(`http://127.0.0.1:${http}/x?token=canary-query`, sensitive)
    assert.deepEqual([served.status, served.body], [200, "canary-response-body"])
    assert.strictEqual((await get(`https://127.0.0.1:${https}/x`, sensitive, "shop.example")).status, 200)
    // Nobody trusts its CA: a failure whose detail goes to the log.
    assert.strictEqual((await get(`http://127.0.0.1:${http}/mutual`, sensitive)).status, 502)
    assert.strictEqual((await get(`http://127.0.0.1:${http}/wrong`, sensitive)).status, 500)
    assert.strictEqual((await get(`http://127.0.0.1:${http}/paid`, sensitive)).status, 200)
    assert.strictEqual(impostor.seen.at(-1)!.header("authorization"), `Basic ${base64("canary-user:canary-paid")}`)
    assert.strictEqual((await get(`http://127.0.0.1:${http}/spoilt`, sensitive)).status, 503)

    const index = (await get(`${admin}/`)).body
    const pages = [...index.matchAll(/^(\/\S*)/gm)].map((match) => match[1]!).filter((page) => page !== "/explain")
    assert.includeMembers(pages, ["/", "/snapshot", "/statuses", "/upstreams", "/clusters"])
    pages.push(`/explain?url=${encodeURIComponent(`http://shop.example:${http}/mutual`)}&probe=true`)
    for (const page of pages) outputs.set(`admin ${page}`, (await get(`${admin}${page}`)).body)
    for (const page of ["/metrics", "/readyz", "/healthz"]) outputs.set(`health ${page}`, (await get(`${health}${page}`)).body)

    // An edit that breaks what was read, while it serves.
    place.write("m/secrets.yaml", files["secrets.yaml"].replace("password: |canary-block", "password: @canary-block"))
    await child.line(/secrets\.yaml:\d+: Secret: not YAML: text that begins/)
    assert.strictEqual(await child.end(), 0)
    outputs.set("run", child.out() + child.err())
    outputs.set("access log", readFileSync(log, "utf8"))
    for (const name of readdirSync(join(place.path, "state")))
      outputs.set(`state ${name}`, readFileSync(join(place.path, "state", name), "latin1"))

    assert.isAtLeast(outputs.size, 7 + pages.length + 3 + 3)
    for (const [name, text] of outputs) {
      assert.isNotEmpty(text, name)
      for (const one of secrets) assert.notInclude(text, one, name)
    }
    // The outputs that must speak of them do: an empty page would pass any test for what is not there.
    assert.include(outputs.get("check text"), "Secret shop/nobase64")
    assert.include(outputs.get("access log"), '"path":"/x"')
    assert.include(outputs.get("admin /snapshot"), "Secret/shop/client")
    assert.include(outputs.get("admin /upstreams"), "Secret/shop/paid#basic")
    assert.include(outputs.get("explain paid"), "Authorization: Basic, from Secret/shop/paid#basic")
  }, 60_000)
})
