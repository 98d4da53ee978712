// The images that every cluster needs, out of the programs that test/cluster/build.ts built: one program in an empty folder.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { layerOf, layoutOf } from "../../scripts/image/layout.ts"

/** What the manifests of test/cluster call them; nothing can be pulled, so they are as good as any. */
export const systemImages = { pause: "sluice.test/pause:1", coredns: "sluice.test/coredns:1" } as const

/** A tar with an image of a static program, beside the program; made once. */
export const programImage = async (program: string, reference: string): Promise<string> => {
  const path = `${program}.tar`
  if (existsSync(path)) return path
  const [name = "", tag = ""] = reference.split(":")
  const command = basename(program)
  const layer = await layerOf(new Map([[command, { type: "file", mode: 0o755, data: readFileSync(program) }]]), command)
  const architecture = process.arch === "arm64" ? "arm64" : "amd64"
  const runtime = { entrypoint: [`/${command}`], environment: ["PATH=/"], user: "0:0", labels: {} }
  const { pieces } = layoutOf(name, tag, runtime, [{ architecture, layers: [layer] }])
  const scratch = join(dirname(program), `${command}.${process.pid}`)
  writeFileSync(scratch, Buffer.concat([...pieces]))
  renameSync(scratch, path)
  return path
}
