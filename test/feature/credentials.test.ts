// Credentials through the whole program: from a Secret in a manifest to the vendor's log, changed while it serves, and to nobody else.
import { join } from "node:path"
import { expect, it } from "vitest"
import { folder, gateway, serving } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { makeAuthority } from "../support/certificates.ts"
import { startDnsServer } from "../support/dns.ts"
import { startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"

const route = (name: string, more = "") => `
  - matches: [{path: {value: /${name}}}]${more}
    backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: ${name}}]`

const backend = (name: string, port: number, credentials: string) => `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: ${name}, namespace: shop}
spec:
  endpoints: [{fqdn: {hostname: api.vendor.example, port: ${port}}}]
  tls: {}
  connections: {keepAliveIdle: 1m}
  credentials: ${credentials}
`
const secret = (name: string, data: string) => `---
apiVersion: v1
kind: Secret
metadata: {name: ${name}, namespace: shop}
stringData: ${data}
`

it("a bearer token, a user, a key, a token that is asked for and a signature reach the vendor; a changed Secret is used on the same connection; one that is gone is 503", async () => {
  const authority = await makeAuthority()
  const { chain, key } = await authority.leaf({ dns: ["api.vendor.example", "login.vendor.example"] })
  await using vendor = await startOrigin({
    tls: { cert: chain, key },
    script: ({ request, reply }) =>
      request.target === "/oauth2/token"
        ? reply({ body: JSON.stringify({ access_token: "t-granted", token_type: "Bearer", expires_in: 3600 }) })
        : reply(
            request.target.startsWith("/moved") ? { status: 302, headers: [["Location", "https://elsewhere.example/"]] } : { body: "paid" }
          )
  })
  const dns = await startDnsServer()
  for (const name of ["api", "login"]) dns.host(`${name}.vendor.example`, ["127.0.0.1"])
  const port = await freePort()
  const routes = `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: all, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules:${route("token")}${route("user")}${route("key")}${route("moved")}${route("granted")}${route("store")}
  - matches: [{path: {value: /rewritten}}]
    filters: [{type: URLRewrite, urlRewrite: {hostname: tenant-b.vendor.example}}]
    backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: token}]
`
  const bearer = "{bearer: {secretRef: {name: token}}}"
  using place = folder({
    "ca.pem": authority.certificate,
    "m/a.yaml": `${gateway(port)}${routes}${backend("token", vendor.port, bearer)}${backend("moved", vendor.port, bearer)}${backend("user", vendor.port, "{basic: {secretRef: {name: user}}}")}${backend("key", vendor.port, "{header: {name: X-Api-Key, secretRef: {name: token}, key: token}}")}${backend("granted", vendor.port, `{oauth2: {tokenEndpoint: "https://login.vendor.example:${vendor.port}/oauth2/token", clientID: shop, secretRef: {name: user}, key: password}}`)}${backend("store", vendor.port, "{sigV4: {region: eu-west-1, secretRef: {name: aws}}}")}`,
    "m/aws.yaml": secret("aws", "{AWS_ACCESS_KEY_ID: AKID, AWS_SECRET_ACCESS_KEY: t-aws}"),
    "m/token.yaml": secret("token", "{token: t-1}"),
    "m/user.yaml": secret("user", "{username: u, password: p}")
  })
  const child = serving(place, {
    flags: [`--nameserver=${dns.address}`, `--trust-bundle=${join(place.path, "ca.pem")}`],
    files: ["m"]
  })
  try {
    await child.line(/Gateway shop\/edge: Programmed True/)
    const mine = { Authorization: "Bearer mine", "X-Api-Key": "mine" }
    const sent = async (path: string, field: string) => {
      const { status } = await ask(port, path, { headers: mine })
      const { header, connection } = vendor.seen.at(-1)!
      return { status, value: header(field), connection }
    }
    const first = await sent("/token", "authorization")
    expect([first.status, first.value]).toEqual([200, "Bearer t-1"])
    // Beside the credential's own field, what the client sent goes on.
    expect(vendor.seen.at(-1)!.header("x-api-key")).toBe("mine")
    expect(await sent("/user", "authorization")).toMatchObject({ status: 200, value: "Basic dTpw" })
    expect(await sent("/key", "x-api-key")).toMatchObject({ status: 200, value: "t-1" })

    for (let n = 0; n < 3; n++) expect(await sent("/granted", "authorization")).toMatchObject({ status: 200, value: "Bearer t-granted" })
    const asked = vendor.seen.filter(({ target }) => target === "/oauth2/token")
    expect(asked.map(({ header, servername }) => [header("authorization"), servername])).toEqual([
      [`Basic ${Buffer.from("shop:p").toString("base64")}`, "login.vendor.example"]
    ])

    const stored = await ask(port, "/store/key", { method: "PUT", headers: mine, body: "x".repeat(300_000) })
    const put = vendor.seen.at(-1)!
    expect([stored.status, put.header("x-amz-content-sha256"), put.header("content-length")]).toEqual([200, "UNSIGNED-PAYLOAD", "300000"])
    expect(put.header("authorization")).toMatch(/^AWS4-HMAC-SHA256 Credential=AKID\/[0-9]{8}\/eu-west-1\/s3\/aws4_request, /)

    const moved = await ask(port, "/moved", { headers: mine })
    expect([moved.status, moved.headers.location]).toEqual([302, "https://elsewhere.example/"])
    expect(JSON.stringify(moved.headers)).not.toContain("t-1")

    const before = vendor.requests
    expect((await ask(port, "/rewritten")).status).toBe(503)
    expect(vendor.requests).toBe(before)

    place.write("m/token.yaml", secret("token", "{token: t-2}"))
    await expect.poll(async () => (await sent("/token", "authorization")).value, { timeout: 10_000 }).toBe("Bearer t-2")
    expect((await sent("/token", "authorization")).connection).toBe(first.connection)

    place.write("m/token.yaml", secret("token", "{other: t-3}"))
    await child.line(/Backend shop\/token for Gateway shop\/edge: ResolvedRefs False.*has no data key token/)
    await expect.poll(async () => (await ask(port, "/token")).status, { timeout: 10_000 }).toBe(503)
    // What has its own Secret serves on.
    expect(await sent("/user", "authorization")).toMatchObject({ status: 200, value: "Basic dTpw" })
    expect(child.out() + child.err()).not.toMatch(/t-[123]\b|t-granted|t-aws|dTpw/)
  } finally {
    await child.end("SIGKILL")
    await dns.close()
  }
}, 60_000)
