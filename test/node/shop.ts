// The case that the scenarios of the node level share: a namespace with a Gateway, and a route by Backend to an HTTPS host outside with its own authority.
import { type Authority, makeAuthority } from "../support/certificates.ts"
import type { DnsServer } from "../support/dns.ts"
import { type LoadReport, startLoad } from "../support/load.ts"
import { type Origin, startOrigin } from "../support/origin.ts"
import { answers, install, type NodeHarness, outside, rolledOut, startNames, uninstall } from "./harness.ts"

export const namespace = "shop"
export const gateway = `/apis/gateway.networking.k8s.io/v1/namespaces/${namespace}/gateways/edge`
/** Selects the pods of the Gateway; and the name of their Deployment. */
export const proxies = "gateway.networking.k8s.io/gateway-name=edge"
export const deployment = "edge-sluice"

const gatewayApi = { apiVersion: "gateway.networking.k8s.io/v1" }
const manifests = (ca: string) => ({
  apiVersion: "v1",
  kind: "List",
  items: [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "partner-ca", namespace }, data: { "ca.crt": ca } },
    {
      ...{ ...gatewayApi, kind: "Gateway", metadata: { name: "edge", namespace } },
      spec: { gatewayClassName: "sluice", listeners: [{ name: "http", protocol: "HTTP", port: 80 }] }
    },
    {
      ...{ apiVersion: "gateway.sluice.dev/v1alpha1", kind: "Backend", metadata: { name: "partner", namespace } },
      spec: {
        endpoints: [{ fqdn: { hostname: "partner.test", port: 443 } }],
        tls: { mode: "ServerOnly", caCertificateRefs: [{ group: "", kind: "ConfigMap", name: "partner-ca" }] }
      }
    },
    {
      ...{ ...gatewayApi, kind: "HTTPRoute", metadata: { name: "partner", namespace } },
      spec: {
        parentRefs: [{ name: "edge" }],
        rules: [{ backendRefs: [{ group: "gateway.sluice.dev", kind: "Backend", name: "partner" }] }]
      }
    }
  ]
})

interface Condition {
  readonly type: string
  readonly status: string
}

export const holds = (conditions: ReadonlyArray<Condition> | undefined, wanted: string): boolean =>
  conditions?.some(({ type, status }) => type === wanted && status === "True") ?? false

export interface Shop {
  readonly names: DnsServer
  /** Trusted by the ConfigMap `partner-ca`. */
  readonly authority: Authority
  /** Answers `SNI HOST TARGET`. */
  readonly origin: Origin
  /** Waits until a request to the Gateway's address is answered by the origin; returns the address. */
  readonly serving: () => Promise<string>
  readonly close: () => Promise<void>
}

/** Installs this checkout, lays out the shop and starts the world it needs. The objects stay until a test removes them. */
export const openShop = async (node: NodeHarness): Promise<Shop> => {
  const names = await startNames()
  names.host("partner.test", [outside.public[0]], 5)
  const authority = await makeAuthority()
  const leaf = await authority.leaf({ dns: ["partner.test"] })
  const origin = await startOrigin({ host: outside.public[0], port: 443, tls: { cert: leaf.chain, key: leaf.key } })
  origin.script = ({ request, reply }) => reply({ body: `${request.servername} ${request.header("host")} ${request.target}` })
  await install(node)
  await node.kubectl(["apply", "-f", "-"], JSON.stringify(manifests(authority.certificate)))
  return {
    ...{ names, authority, origin },
    serving: async () => {
      const { body } = await node.eventually(gateway, (answer) => holds(answer.body.status?.conditions, "Programmed"), 120_000)
      const address = body.status.addresses[0].value as string
      // The proxies have it; that their pods are ready is the kubelet's to find, and kube-proxy's to follow.
      await rolledOut(node, namespace, deployment)
      await answers(`http://${address}/hello`, "partner.test partner.test /hello")
      return address
    },
    close: async () => {
      await names.close()
      await origin.close()
    }
  }
}

/** 100 requests a second to the Gateway's address while something happens; each must be answered by the origin, asked by one of these names. */
export const underLoad = async (address: string, names: ReadonlyArray<string>, body: () => Promise<unknown>): Promise<LoadReport> => {
  const failed = (status: number, text: string) => status !== 200 || !names.some((name) => text.startsWith(`${name} `))
  const load = startLoad({ host: address, port: 80, perSecond: 100, failed })
  try {
    await load.more(50)
    await body()
    await load.more(50)
  } finally {
    await load.stop()
  }
  return load.report()
}

/** Removes what was installed and the shop; resolves when both namespaces are gone. */
export const removeAll = async (node: NodeHarness): Promise<void> => {
  await node.request("DELETE", `/api/v1/namespaces/${namespace}`)
  await node.eventually(`/api/v1/namespaces/${namespace}`, ({ status }) => status === 404, 120_000)
  await uninstall(node)
}
