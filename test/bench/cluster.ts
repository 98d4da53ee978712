// The cluster form's figures: a real API server, one operator and one proxy, all on the same two cores.
import { cpus } from "node:os"
import { ensurePrograms } from "../cluster/build.ts"
import { propagation, storm } from "./changes.ts"
import type { FigureRow } from "./row.ts"
import { onServedShop } from "./served.ts"
import { type Origins, openClient, startOrigins } from "./shop.ts"
import { until } from "./stage.ts"
import { starting } from "./start.ts"
import { attaching, idling } from "./statuses.ts"

export interface ClusterOptions {
  readonly launcher: string
  readonly folder: string
  readonly quick: boolean
}

export type ClusterFigures =
  | { readonly _tag: "Measured"; readonly rows: ReadonlyArray<FigureRow>; readonly setting: string }
  | { readonly _tag: "Skipped"; readonly reason: string }

const routes = 3_000

const note = (rows: ReadonlyArray<FigureRow>): ReadonlyArray<FigureRow> => {
  for (const { work, figure, bar } of rows) console.error(`${work}: ${figure} (bar ${bar})`)
  return rows
}

const withShop = (options: ClusterOptions, origins: Origins): Promise<ReadonlyArray<FigureRow>> =>
  onServedShop(options, routes, origins, async ({ stage, operator, proxy }) => {
    const client = openClient(stage.port, routes)
    try {
      await until("the last route is served", async () => (await client.ask(routes - 1)).startsWith("200"))
      await until("all statuses are written", async () => (await operator.metric("sluice_status_waiting")) === 0, 600_000, 100)
      const world = { stage, routes, operator, proxy, client }
      return [
        ...note([await propagation(world, options.quick ? 50 : 200)]),
        ...note(await storm(world, 300, options.quick ? 20 : 60)),
        ...note([await attaching(stage.plane, operator, routes, options.quick ? 200 : 1_000)]),
        ...note([await idling(stage.plane, operator, options.quick ? 20 : 60)])
      ]
    } finally {
      client.close()
    }
  })

export const measureCluster = async (options: ClusterOptions): Promise<ClusterFigures> => {
  const built = await ensurePrograms()
  if (built._tag === "Absent") return { _tag: "Skipped", reason: built.reason }
  const origins = await startOrigins()
  if (origins === null) return { _tag: "Skipped", reason: "needs an IPv4 address besides loopback, which no proxy of a cluster dials" }
  try {
    const rows = [...(await withShop(options, origins)), ...note(await starting(options, 10_000, 50_000))]
    const setting = `A real API server with etcd, one
\`sluice operator\`, one \`sluice proxy\`, the client and its origins share these ${cpus().length} cores with whatever else runs there; routes are ten a host. The controllers do not run.`
    return { _tag: "Measured", rows, setting }
  } finally {
    origins.stop()
  }
}
