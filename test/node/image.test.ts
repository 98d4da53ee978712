// The image as it is built, and as containerd has taken it: reproducible, for two platforms, with nothing in it to run but the program.
import { execFileSync } from "node:child_process"
import { chmodSync, copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { launch, programFiles } from "../../scripts/image/contents.ts"
import { layerOf } from "../../scripts/image/layout.ts"
import { buildImage, writeRoot } from "../../scripts/image.ts"
import { theNode } from "./harness.ts"

const node = theNode()
const folder = mkdtempSync(join(tmpdir(), "sluice-image-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Paths of the layers, by platform. */
const layersIn = (tar: string): ReadonlyArray<ReadonlyArray<string>> =>
  JSON.parse(execFileSync("tar", ["-xOf", tar, "manifest.json"], { encoding: "utf8" })).map(
    (each: { readonly Layers: ReadonlyArray<string> }) => each.Layers
  )

const foreign = process.arch === "arm64" ? "amd64" : "arm64"

describe("the image", () => {
  it("has the same digest when it is built again, and the same bytes", async () => {
    const again = join(folder, "again.tar")
    const { digest } = await buildImage({ out: again })
    const [first, second] = [layersIn(node.imageFile), layersIn(again)]
    // The program comes last. Somebody may have saved a file of it since the first image: then that layer alone may differ.
    expect(second.map((layers) => layers.slice(0, -1))).toEqual(first.map((layers) => layers.slice(0, -1)))
    expect((await layerOf(programFiles(), "")).digest).toBe((await layerOf(programFiles(), "")).digest)
    if (first[0]?.at(-1) !== second[0]?.at(-1)) return
    expect(digest).toBe(process.env["SLUICE_NODE_IMAGE_DIGEST"])
    expect(readFileSync(again).equals(readFileSync(node.imageFile))).toBe(true)
  })

  it("is known to containerd under its name, for amd64 and arm64", async () => {
    const listed = (await node.ctr("images", "list", `name==docker.io/library/${node.image}`)).trim().split("\n")
    expect(listed).toHaveLength(2)
    expect(listed[1]).toContain(process.env["SLUICE_NODE_IMAGE_DIGEST"])
    expect(listed[1]).toContain("linux/amd64,linux/arm64")
  })

  it("holds one program and its libraries, none of it writable or owned by its user", () => {
    const place = join(folder, "root")
    writeRoot(place, process.arch === "arm64" ? "arm64" : "amd64")
    const paths = readdirSync(place, { recursive: true, encoding: "utf8" }).filter((path) => statSync(join(place, path)).isFile())
    const executable = paths.filter((path) => (statSync(join(place, path)).mode & 0o111) !== 0)
    expect(executable.filter((path) => !/\/ld-linux[^/]*$/u.test(path))).toEqual(["usr/local/bin/node"])
    expect(paths.filter((path) => (statSync(join(place, path)).mode & 0o022) !== 0)).toEqual([])
    expect(paths.filter((path) => /(?:^|\/)(?:sh|bash|busybox|apt|dpkg|npm|npx)$/u.test(path))).toEqual([])
  })

  it(`starts on ${foreign} as well, emulated`, () => {
    const [place, emulator] = [join(folder, "foreign"), process.env["SLUICE_NODE_EMULATOR"] ?? ""]
    writeRoot(place, foreign)
    copyFileSync(emulator, join(place, "emulator"))
    chmodSync(join(place, "emulator"), 0o755)
    // The image's files alone: a root of its own, and the user of the image.
    const words = [
      "--userspec=65532:65532",
      place,
      "/emulator",
      "/usr/local/bin/node",
      ...launch().flags,
      "/sluice/dist/src/main.js",
      "version"
    ]
    expect(execFileSync("chroot", words, { encoding: "utf8", env: { PATH: process.env["PATH"] ?? "" } })).toMatch(/^sluice \d/u)
  })
})
