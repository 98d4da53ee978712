// Law 11 in a cluster: keys of listeners and backends, the authority of the link, the digest key and tokens are in no output of operator and proxy, and in no
// object but the Secrets that hold them; on the proxy's disk they are in one file that its user alone reads.
import { readdirSync, readFileSync, statSync } from "node:fs"
import { get as httpGet } from "node:http"
import { join } from "node:path"
import { connect } from "node:tls"
import { afterAll, expect, it } from "vitest"
import { resourceName } from "#src/operator/render/name.ts"
import type { Access } from "../cluster/access.ts"
import { onControlPlane } from "../cluster/shared.ts"
import { makeAuthority } from "../support/certificates.ts"
import { freePorts } from "../support/port.ts"
import { startOperator, until } from "./operator.ts"
import { startProxy } from "./proxy.ts"

const gatewayApi = "/apis/gateway.networking.k8s.io/v1"
const base64 = (text: string): string => Buffer.from(text).toString("base64")

/** As it is, in base64, and line by line as PEM has it. */
const spellings = (secret: string): ReadonlyArray<string> => {
  const lines = secret.split("\n").filter((line) => line !== "" && !line.startsWith("-----"))
  return [...lines, ...lines.map((line) => base64(line).replace(/=+$/, "").slice(0, -2)), base64(secret).slice(0, 60)]
}

const page = (port: number, path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    httpGet({ host: "127.0.0.1", port, path }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part
      })
      response.on("end", () => resolve(text))
    }).on("error", reject)
  })

await onControlPlane("secrets of a cluster", (plane: Access) => {
  const ends: Array<() => unknown> = []
  afterAll(async () => {
    for (const end of ends) await end()
  })

  it("are in no log, metric, page, status, Event or object, and in one file", async () => {
    const [system, namespace] = [await plane.namespace("system"), await plane.namespace("canary")]
    const gatewayClass = `sluice-${namespace}`
    const authority = await makeAuthority()
    const [server, client] = [await authority.leaf({ dns: ["shop.example"] }), await authority.leaf({ dns: ["client.example"] })]
    const [https = 0] = await freePorts(1)
    const post = async (path: string, body: object) => {
      const answer = await plane.request("POST", path, { body })
      expect(answer.status, JSON.stringify(answer.body)).toBe(201)
    }
    const pair = (name: string, chain: string, key: string) =>
      post(`/api/v1/namespaces/${namespace}/secrets`, {
        metadata: { name },
        type: "kubernetes.io/tls",
        data: { "tls.crt": base64(chain), "tls.key": base64(key) }
      })
    await pair("shop", server.chain, server.key)
    await pair("client", client.chain, client.key)
    await pair("garbage", server.chain, "canary-garbage-that-is-no-key")
    await pair("crossed", server.chain, client.key)
    const apiVersion = "gateway.networking.k8s.io/v1"
    await post(`${gatewayApi}/gatewayclasses`, {
      apiVersion,
      kind: "GatewayClass",
      metadata: { name: gatewayClass },
      spec: { controllerName: "sluice.dev/gateway-controller" }
    })
    ends.push(() => plane.request("DELETE", `${gatewayApi}/gatewayclasses/${gatewayClass}`))
    await post(`${gatewayApi}/namespaces/${namespace}/gateways`, {
      apiVersion,
      kind: "Gateway",
      metadata: { name: "web" },
      spec: {
        gatewayClassName: gatewayClass,
        listeners: ["shop", "garbage", "crossed", "absent"].map((name) => ({
          name,
          port: https,
          protocol: "HTTPS",
          hostname: `${name}.example`,
          tls: { certificateRefs: [{ name }] }
        }))
      }
    })
    await post(`/apis/gateway.sluice.dev/v1alpha1/namespaces/${namespace}/backends`, {
      apiVersion: "gateway.sluice.dev/v1alpha1",
      kind: "Backend",
      metadata: { name: "pay" },
      spec: { endpoints: [{ fqdn: { hostname: "pay.invalid", port: 443 } }], tls: { clientCertificateRef: { name: "client" } } }
    })
    await post(`${gatewayApi}/namespaces/${namespace}/httproutes`, {
      apiVersion,
      kind: "HTTPRoute",
      metadata: { name: "pay" },
      spec: { parentRefs: [{ name: "web" }], rules: [{ backendRefs: [{ group: "gateway.sluice.dev", kind: "Backend", name: "pay" }] }] }
    })
    const operator = await startOperator(plane, system, { flags: [`--watch-namespace=${namespace}`, "--log-level=debug"] })
    ends.push(() => operator.kill())

    const gateway = { namespace, name: "web", made: resourceName("web", gatewayClass) }
    const proxy = await startProxy(plane, gateway, operator.linkPort, ["--log-level=debug"])
    ends.push(() => proxy.child.kill("SIGKILL"))
    const { adminPort: admin, healthPort: health, stateFolder: state, token } = proxy
    // The key is really there: a client is answered with it.
    await until(
      "a handshake with the certificate",
      () =>
        new Promise<boolean>((resolve) => {
          const socket = connect({ host: "127.0.0.1", port: https, servername: "shop.example", ca: authority.certificate })
          socket.once("secureConnect", () => {
            socket.once("close", () => resolve(true)).end("GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
            socket.resume()
          })
          socket.once("error", () => resolve(false))
        }),
      30_000
    )
    await until("both files of the last good state", () => readdirSync(state).filter((name) => name.endsWith(".jsonl")).length === 2)
    await until("the listeners are told of", async () => {
      const { body } = await plane.request("GET", `${gatewayApi}/namespaces/${namespace}/gateways/web`)
      return body.status?.listeners?.length === 4 && /garbage/.test(JSON.stringify(body.status))
    })

    const operatorHealth = Number(/health on http:\/\/127\.0\.0\.1:(\d+)/.exec(operator.log())?.[1])
    const outputs: Record<string, string> = {
      operator: operator.log(),
      proxy: proxy.said(),
      metrics: await page(operatorHealth, "/metrics")
    }
    for (const path of ["/", "/snapshot", "/clusters", "/statuses", "/explain?url=https://shop.example/&probe=true"])
      outputs[path] = await page(admin, path)
    outputs["proxy metrics"] = await page(health, "/metrics")
    for (const path of [
      ...["services", "serviceaccounts", "configmaps", "pods"].map((kind) => `/api/v1/namespaces/${namespace}/${kind}`),
      `/api/v1/namespaces/${system}/configmaps`,
      `/apis/apps/v1/namespaces/${namespace}/deployments`,
      `/apis/events.k8s.io/v1/namespaces/${namespace}/events`,
      ...["gateways", "httproutes"].map((kind) => `${gatewayApi}/namespaces/${namespace}/${kind}`),
      `/apis/gateway.sluice.dev/v1alpha1/namespaces/${namespace}/backends`
    ])
      outputs[path] = JSON.stringify((await plane.request("GET", path)).body)
    outputs["snapshot file"] = readFileSync(join(state, "snapshot.jsonl"), "utf8")

    const own = async (name: string): Promise<Readonly<Record<string, string>>> =>
      (await plane.request("GET", `/api/v1/namespaces/${system}/secrets/${name}`)).body.data
    const link = await own("sluice-authority")
    const digest = await own("sluice-digest-key")
    const secrets = {
      "the listener's key": spellings(server.key),
      "the backend's key": spellings(client.key),
      "a key that is none": spellings("canary-garbage-that-is-no-key"),
      "the key of the link": spellings(Buffer.from(link["ca.key"] ?? "", "base64").toString()),
      "the digest key": [digest["key"] ?? "", Buffer.from(digest["key"] ?? "", "base64").toString("hex")],
      "the token": [token, token.split(".")[2] ?? ""]
    }
    for (const [where, text] of Object.entries(outputs)) {
      expect(text.length, where).toBeGreaterThan(2)
      for (const [what, texts] of Object.entries(secrets))
        expect(
          texts.some((one) => one.length > 8 && text.includes(one)),
          `${what} in ${where}`
        ).toBe(false)
    }
    const material = join(state, "material.jsonl")
    expect(secrets["the listener's key"].concat(base64(server.key)).some((one) => readFileSync(material, "utf8").includes(one))).toBe(true)
    for (const name of readdirSync(state)) expect(statSync(join(state, name)).mode & 0o077, name).toBe(0)
    expect(statSync(state).mode & 0o077).toBe(0)
  }, 90_000)
})
