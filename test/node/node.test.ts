// The node that the scenarios stand on: pods of our image run as the image says, every network path is there, names inside and outside are found.
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { makeAuthority } from "../support/certificates.ts"
import type { DnsServer } from "../support/dns.ts"
import { type Origin, startOrigin } from "../support/origin.ts"
import { curl, loadBalancerAddress, outside, podsOf, rolledOut, startNames, theNode } from "./harness.ts"

const node = theNode()
const namespace = "paths"

/** Runs in a pod of our image, with its own Node: `/fetch?url=` gets a URL from inside, `/lookup?name=` a name, `/self` who it is. */
const program = `
const { createServer } = require("node:http")
const { lookup } = require("node:dns/promises")
const fs = require("node:fs")
createServer(async (request, response) => {
  const url = new URL(request.url, "http://x")
  try {
    if (url.pathname === "/lookup") return response.end(JSON.stringify(await lookup(url.searchParams.get("name"), { all: true })))
    if (url.pathname === "/fetch") {
      const answer = await fetch(url.searchParams.get("url"))
      return response.end(answer.status + " " + (await answer.text()))
    }
    const writable = (() => { try { fs.writeFileSync("/x", ""); return true } catch { return false } })()
    response.end(JSON.stringify({ uid: process.getuid(), writable, version: process.version, peer: request.socket.remoteAddress }))
  } catch (error) {
    response.statusCode = 502
    response.end(String(error.cause ?? error))
  }
}).listen(8080)
console.log("listening")
process.on("SIGTERM", () => process.exit(0))`

const manifests = {
  apiVersion: "v1",
  kind: "List",
  items: [
    // The strictest profile: what our pods must pass as well.
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels: { "pod-security.kubernetes.io/enforce": "restricted" } } },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "inside", namespace },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: "inside" } },
        template: {
          metadata: { labels: { app: "inside" } },
          spec: {
            securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
            containers: [
              {
                name: "main",
                image: node.image,
                imagePullPolicy: "Never",
                command: ["/usr/local/bin/node", "-e", program],
                securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
                readinessProbe: { httpGet: { path: "/self", port: 8080 }, periodSeconds: 1 }
              }
            ]
          }
        }
      }
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "inside", namespace },
      spec: { type: "LoadBalancer", selector: { app: "inside" }, ports: [{ port: 80, targetPort: 8080 }] }
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "external", namespace },
      spec: { type: "ExternalName", externalName: "origin.test" }
    }
  ]
}

describe("the node level", () => {
  let names: DnsServer
  let origin: Origin
  let address = ""
  beforeAll(async () => {
    names = await startNames()
    names.host("origin.test", [outside.public[0]], 1)
    const leaf = await (await makeAuthority()).leaf({ dns: ["origin.test"] })
    origin = await startOrigin({ host: outside.public[0], port: 443, tls: { cert: leaf.chain, key: leaf.key } })
    origin.script = ({ request, reply, socket }) => reply({ body: `${request.servername} from ${socket.remoteAddress}` })
    await node.kubectl(["apply", "-f", "-"], JSON.stringify(manifests))
    await rolledOut(node, namespace, "inside")
    address = await loadBalancerAddress(node, namespace, "inside")
  })
  afterAll(async () => {
    await node.kubectl(["delete", "namespace", namespace, "--wait=false"])
    await names.close()
    await origin.close()
  })

  const inside = async (path: string) => (await curl(`http://${address}${path}`)).body
  const fetched = (url: string) => inside(`/fetch?url=${encodeURIComponent(url)}`)

  it("runs the image as a user of its own on a root that cannot be written", async () => {
    await expect.poll(async () => (await curl(`http://${address}/self`)).status, { timeout: 60_000, interval: 200 }).toBe(200)
    expect(JSON.parse(await inside("/self"))).toMatchObject({ uid: 65_532, writable: false })
  })

  it("runs the program of the image", async () => {
    const overrides = {
      spec: {
        securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
        containers: [
          {
            ...{ name: "once", image: node.image, imagePullPolicy: "Never", args: ["version"] },
            securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } }
          }
        ]
      }
    }
    const flags = ["--restart=Never", `--image=${node.image}`, `--overrides=${JSON.stringify(overrides)}`]
    await node.kubectl(["-n", namespace, "run", "once", ...flags])
    await node.eventually(`/api/v1/namespaces/${namespace}/pods/once`, ({ body }) => body.status?.phase === "Succeeded", 60_000)
    expect(await node.kubectl(["-n", namespace, "logs", "once"])).toMatch(/^sluice \d/u)
  })

  it("finds names inside and outside the cluster", async () => {
    expect(JSON.parse(await inside(`/lookup?name=origin.test`))).toEqual([{ address: outside.public[0], family: 4 }])
    expect(JSON.parse(await inside(`/lookup?name=external.${namespace}.svc.cluster.local`))).toEqual([
      { address: outside.public[0], family: 4 }
    ])
    expect(JSON.parse(await inside("/lookup?name=kubernetes.default"))).toEqual([{ address: "10.96.0.1", family: 4 }])
    expect(await inside("/lookup?name=nothing.test")).toContain("ENOTFOUND")
  })

  it("lets pods reach pods by Service, load balancer and address, and the world outside by its public and private addresses", async () => {
    expect(await fetched(`http://inside.${namespace}/self`)).toMatch(/^200 /u)
    expect(await fetched(`http://${address}/self`)).toMatch(/^200 /u)
    for (const pod of await podsOf(node, namespace, "app=inside")) expect(await fetched(`http://${pod.ip}:8080/self`)).toMatch(/^200 /u)
    // Reached, and refused for its certificate: nobody in the pod knows the authority.
    expect(await fetched("https://origin.test/")).toContain("certificate")
    const plain = await startOrigin({ host: outside.private, port: 80 })
    plain.script = ({ reply, socket }) => reply({ body: `${socket.remoteAddress}` })
    expect(await fetched(`http://${outside.private}/`)).toMatch(/^200 10\.244\./u)
    await plain.close()
  })

  it("refuses what no Service listens on", async () => {
    expect((await curl(`http://${address}:81/`)).error).toContain("Couldn't connect")
    expect((await curl("http://10.97.0.200/")).error).toContain("Couldn't connect")
  })

  it("shows logs and runs commands in pods", async () => {
    expect(await node.kubectl(["-n", namespace, "logs", "deployment/inside"])).toBe("listening\n")
    const command = ["/usr/local/bin/node", "-p", "process.getuid()"]
    expect(await node.kubectl(["-n", namespace, "exec", "deployment/inside", "--", ...command])).toBe("65532\n")
    await expect(node.kubectl(["-n", namespace, "exec", "deployment/inside", "--", "/bin/sh"])).rejects.toThrow("no such file")
  })
})
