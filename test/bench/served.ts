// A shop that is served by an operator and a proxy, with every status written: what the cluster's figures and the idle cluster (test/soak/idle.test.ts) begin with.
import { fillShop, type Origins } from "./shop.ts"
import { openStage, type Process, type Stage, type StageOptions, until } from "./stage.ts"

export interface ServedShop {
  readonly stage: Stage
  readonly operator: Process
  readonly proxy: Process
}

/** Everything that was started ends with `body`. */
export const onServedShop = async <A>(
  options: StageOptions,
  routes: number,
  origins: Origins,
  body: (shop: ServedShop) => Promise<A>
): Promise<A> => {
  const stage = await openStage(options)
  const running: Array<Process> = []
  try {
    await fillShop(stage.plane, routes, origins)
    const operator = stage.startOperator()
    running.push(operator)
    const proxy = stage.startProxy()
    running.push(proxy)
    await proxy.ready()
    const written = () => operator.metric("sluice_status_writes_total", { kind: "HTTPRoute", result: "ok" })
    await until("every route has its status", async () => (await written()) >= routes, 600_000, 200)
    return await body({ stage, operator, proxy })
  } finally {
    for (const one of running) await one.stop()
    await stage.stop()
  }
}
