// Pods move only when they must: what a running proxy can take up reaches the same pods, what it cannot rolls them, and neither costs a request.
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { asked, curl, outside, podsOf, rolledOut, theNode } from "./harness.ts"
import { deployment, gateway, namespace, openShop, proxies, removeAll, type Shop, underLoad } from "./shop.ts"

const node = theNode()
const api = "/apis/gateway.networking.k8s.io/v1"
const ours = "/apis/gateway.sluice.dev/v1alpha1"
const inShop = (group: string, plural: string, name: string) => `${group}/namespaces/${namespace}/${plural}/${name}`

const listener = { name: "http", protocol: "HTTP", port: 80 }
const terminated = { name: "https", protocol: "HTTPS", port: 443, tls: { certificateRefs: [{ name: "edge" }] } }
const parameters = { group: "gateway.sluice.dev", kind: "GatewayParameters", name: "edge" }

describe("the pods of a Gateway", () => {
  let shop: Shop
  let address = ""
  beforeAll(async () => {
    shop = await openShop(node)
    shop.names.host("second.test", [outside.public[0]], 5)
    address = await shop.serving()
  })
  afterAll(async () => {
    await removeAll(node)
    await shop.close()
  })

  const merge = async (path: string, body: unknown) => {
    const answer = await node.request("PATCH", path, { body })
    if (answer.status >= 300) throw new Error(`PATCH ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
  }
  const apply = (object: object) => node.kubectl(["apply", "-f", "-"], JSON.stringify(object))
  const uids = async () => (await podsOf(node, namespace, proxies)).map(({ uid }) => uid).sort()

  /** Whichever of the two names a change leads to. */
  const under = (body: () => Promise<unknown>) => underLoad(address, ["partner.test", "second.test"], body)
  const staysFor = async (change: () => Promise<unknown>) => {
    const before = await uids()
    const report = await under(change)
    expect(before).toHaveLength(2)
    expect(await uids()).toEqual(before)
    expect(report).toMatchObject({ failed: 0, reasons: {} })
  }
  /** The Deployment's generation tells that the change has come to it. */
  const rollsFor = async (change: () => Promise<unknown>) => {
    const path = inShop("/apis/apps/v1", "deployments", deployment)
    const before = await uids()
    const { generation } = (await node.request("GET", path)).body.metadata
    const report = await under(async () => {
      await change()
      await node.eventually(path, ({ body }) => body.metadata.generation > generation, 120_000)
      await rolledOut(node, namespace, deployment)
      await expect.poll(async () => (await uids()).length, { timeout: 120_000 }).toBe(2)
    })
    expect((await uids()).filter((uid) => before.includes(uid))).toEqual([])
    expect(report).toMatchObject({ failed: 0, reasons: {} })
  }

  const partner = (...args: ReadonlyArray<string>) => ["-i", ...args, `http://${address}/`]
  const certificateOf = async (wanted: string) => {
    const verbose = ["-k", "-v", "--resolve", `edge.shop:443:${address}`, "https://edge.shop/"]
    // curl tells of the certificate where it tells of errors.
    await asked(verbose, ({ error }) => error.includes(`subject: CN=${wanted}`), 120_000)
  }
  const certified = async (commonName: string) => {
    const leaf = await shop.authority.leaf({ dns: ["edge.shop"], commonName })
    return { "tls.crt": leaf.chain, "tls.key": leaf.key }
  }

  it("stay when a route changes", () =>
    staysFor(async () => {
      const filters = [{ type: "ResponseHeaderModifier", responseHeaderModifier: { set: [{ name: "x-changed", value: "route" }] } }]
      const backendRefs = [{ group: "gateway.sluice.dev", kind: "Backend", name: "partner" }]
      await merge(inShop(api, "httproutes", "partner"), { spec: { rules: [{ filters, backendRefs }] } })
      await asked(partner(), ({ body }) => /x-changed: route/iu.test(body))
    }))

  it("stay when the host outside is another one, and when its certificate must carry another name", () =>
    staysFor(async () => {
      const leaf = await shop.authority.leaf({ dns: ["partner.test", "second.test"] })
      shop.origin.setTls({ cert: leaf.chain, key: leaf.key })
      await merge(inShop(ours, "backends", "partner"), { spec: { endpoints: [{ fqdn: { hostname: "second.test", port: 443 } }] } })
      await asked(partner(), ({ body }) => body.includes("second.test second.test /"))
    }))

  it("stay when a policy comes and goes", async () => {
    const policy = {
      ...{ apiVersion: "gateway.sluice.dev/v1alpha1", kind: "EgressPolicy", metadata: { name: "pods" } },
      spec: { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } }, mode: "Enforce" }
    }
    const before = await uids()
    await apply(policy)
    await asked(partner(), ({ status }) => status === 503)
    await node.kubectl(["delete", "egresspolicy", "pods"])
    await asked(partner(), ({ status }) => status === 200)
    expect(await uids()).toEqual(before)
  })

  it("open a listener that is added, with the Service's ports, take its certificate's successor, and close it", () =>
    staysFor(async () => {
      const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "edge", namespace }, type: "kubernetes.io/tls" }
      await apply({ ...secret, stringData: await certified("first") })
      await merge(gateway, { spec: { listeners: [listener, terminated] } })
      await certificateOf("first")
      await apply({ ...secret, stringData: await certified("successor") })
      await certificateOf("successor")
      const service = await node.request("GET", inShop("/api/v1", "services", deployment))
      expect(service.body.spec.ports.map(({ port }: { readonly port: number }) => port)).toEqual([80, 443])
      await merge(gateway, { spec: { listeners: [listener] } })
      await node.eventually(inShop("/api/v1", "services", deployment), ({ body }) => body.spec.ports.length === 1)
      await asked([`https://${address}/`, "-k"], ({ error }) => error.includes("Couldn't connect"))
      expect((await curl(`http://${address}/`)).status).toBe(200)
    }))

  it("are replaced, one ready before one goes, when their resources change", () =>
    rollsFor(async () => {
      const resources = { requests: { cpu: "50m", memory: "128Mi" }, limits: { memory: "384Mi" } }
      await apply({
        ...{ apiVersion: "gateway.sluice.dev/v1alpha1", kind: "GatewayParameters", metadata: { name: "edge", namespace } },
        spec: { pod: { resources } }
      })
      await merge(gateway, { spec: { infrastructure: { parametersRef: parameters } } })
    }))

  it("are replaced when their image changes", () =>
    rollsFor(async () => {
      await node.ctr("images", "tag", "--force", `docker.io/library/${node.image}`, "docker.io/library/sluice:another")
      await merge(inShop(ours, "gatewayparameters", "edge"), { spec: { pod: { image: "sluice:another" } } })
    }))

  it("stay when there are to be more, and nothing is lost when there are to be fewer", async () => {
    const before = await uids()
    const scaled = (replicas: number) => async () => {
      await merge(inShop(ours, "gatewayparameters", "edge"), { spec: { replicas } })
      await expect.poll(async () => (await uids()).length, { timeout: 120_000 }).toBe(replicas)
      await rolledOut(node, namespace, deployment)
    }
    expect(await under(scaled(3))).toMatchObject({ failed: 0, reasons: {} })
    const three = await uids()
    expect(three.filter((uid) => before.includes(uid))).toEqual(before)
    expect(await under(scaled(2))).toMatchObject({ failed: 0, reasons: {} })
    expect((await uids()).every((uid) => three.includes(uid))).toBe(true)
  })

  it("get an autoscaler and a NetworkPolicy that the API server takes; what they do cannot be seen on this node", () =>
    staysFor(async () => {
      await merge(inShop(ours, "gatewayparameters", "edge"), { spec: { replicas: null, autoscaling: { minReplicas: 2, maxReplicas: 5 } } })
      const { body } = await node.eventually(
        inShop("/apis/autoscaling/v2", "horizontalpodautoscalers", deployment),
        ({ status }) => status === 200
      )
      expect(body.spec).toMatchObject({ minReplicas: 2, maxReplicas: 5, scaleTargetRef: { kind: "Deployment", name: deployment } })
      const policy = await node.request("GET", inShop("/apis/networking.k8s.io/v1", "networkpolicies", deployment))
      expect(policy.body.spec.ingress[0].ports.map(({ port }: { readonly port: number }) => port)).toEqual([10_080, 19_001])
    }))
})
