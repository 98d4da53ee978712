// Traffic through the load balancer while pods come and go: nothing that is planned costs a request.
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { evict, killContainers, podsOf, rolledOut, system, theNode } from "./harness.ts"
import { deployment, namespace, openShop, proxies, removeAll, type Shop, underLoad } from "./shop.ts"

const node = theNode()
const operators = "app.kubernetes.io/component=operator"

describe("traffic", () => {
  let shop: Shop
  let address = ""
  beforeAll(async () => {
    shop = await openShop(node)
    address = await shop.serving()
  })
  afterAll(async () => {
    await removeAll(node)
    await shop.close()
  })

  const during = (body: () => Promise<void>) => underLoad(address, ["partner.test"], body)

  it("loses nothing in a rolling update of the proxies", async () => {
    const before = await podsOf(node, namespace, proxies)
    const report = await during(async () => {
      await node.kubectl(["-n", namespace, "rollout", "restart", `deployment/${deployment}`])
      await rolledOut(node, namespace, deployment)
      await expect.poll(async () => (await podsOf(node, namespace, proxies)).length, { timeout: 120_000 }).toBe(before.length)
    })
    const after = await podsOf(node, namespace, proxies)
    expect(after.filter(({ uid }) => before.some((pod) => pod.uid === uid))).toEqual([])
    expect(report).toMatchObject({ failed: 0, reasons: {} })
  })

  it("loses nothing when one of two pods is evicted", async () => {
    const [pod] = await podsOf(node, namespace, proxies)
    const report = await during(async () => {
      // The budget hears of a rollout a moment late.
      await expect.poll(() => evict(node, namespace, pod?.name ?? ""), { timeout: 30_000, interval: 500 }).toBe(201)
      await expect
        .poll(async () => (await podsOf(node, namespace, proxies)).some(({ uid }) => uid === pod?.uid), { timeout: 120_000 })
        .toBe(false)
      await rolledOut(node, namespace, deployment)
    })
    expect(report).toMatchObject({ failed: 0, reasons: {} })
  })

  it("loses nothing when a pod is deleted", async () => {
    const [pod] = await podsOf(node, namespace, proxies)
    const report = await during(async () => {
      await node.kubectl(["-n", namespace, "delete", "pod", pod?.name ?? ""])
      await rolledOut(node, namespace, deployment)
    })
    expect(report).toMatchObject({ failed: 0, reasons: {} })
  })

  it("loses what a killed proxy had in hand, and what is sent to it until it has started again: without an operator, by what it was told last", async () => {
    const [pod] = await podsOf(node, namespace, proxies)
    const scaled = (replicas: number) =>
      node.kubectl(["-n", system, "scale", "deployment/sluice-operator", `--replicas=${replicas}`, "--timeout=60s"])
    await scaled(0)
    await expect.poll(() => podsOf(node, system, operators), { timeout: 120_000 }).toEqual([])
    const report = await during(async () => {
      await killContainers(node, namespace, pod?.name ?? "")
      await expect
        .poll(async () => (await podsOf(node, namespace, proxies)).find(({ uid }) => uid === pod?.uid), { timeout: 120_000 })
        .toMatchObject({ restarts: 1, ready: true })
    })
    console.log(`a proxy was killed: ${JSON.stringify(report)}`)
    expect(Object.keys(report.reasons).filter((reason) => !/^ECONN(?:REFUSED|RESET)$|^socket hang up$/u.test(reason))).toEqual([])
    await scaled(2)
    await rolledOut(node, system, "sluice-operator")
  })

  it("loses nothing when every operator is killed, and the proxies' pods stay", async () => {
    const before = await podsOf(node, namespace, proxies)
    const report = await during(async () => {
      for (const { name } of await podsOf(node, system, operators)) await killContainers(node, system, name)
      await expect
        .poll(async () => (await podsOf(node, system, operators)).every(({ ready, restarts }) => ready && restarts > 0), {
          timeout: 120_000
        })
        .toBe(true)
    })
    expect((await podsOf(node, namespace, proxies)).map(({ uid, restarts }) => ({ uid, restarts }))).toEqual(
      before.map(({ uid, restarts }) => ({ uid, restarts }))
    )
    expect(report).toMatchObject({ failed: 0, reasons: {} })
  })
})
