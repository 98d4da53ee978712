// `sluice version`.
import type { Invocation, Output } from "./grammar.ts"
import { print, render } from "./print.ts"
import { nodeConcern, sluiceVersion } from "./runtime.ts"

export const main = async (invocation: Invocation): Promise<number> => {
  const node = process.versions.node
  const value = { sluice: sluiceVersion(), node, concern: nodeConcern(node) }
  const output = (invocation.flags.get("output")?.[0] ?? "text") as Output
  await print(
    await render(output, value, () =>
      [`sluice ${value.sluice}`, `node ${value.node}`, ...(value.concern === null ? [] : [`warning: ${value.concern}`])].join("\n")
    )
  )
  return 0
}
