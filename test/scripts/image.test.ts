// The image's laws that need neither network nor root: one content, one digest; a layout whose every blob is what it is called; a start without a shell.
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import fc from "fast-check"
import { afterAll, assert, describe, it } from "vitest"
import { dependencyFiles, launch, nodeFiles, programFiles, runtime } from "../../scripts/image/contents.ts"
import { layerOf, layoutOf } from "../../scripts/image/layout.ts"
import { type Entry, sorted, tar } from "../../scripts/image/tar.ts"

const root = join(import.meta.dirname, "..", "..")
const folder = mkdtempSync(join(tmpdir(), "sluice-image-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const file = (text: string, mode = 0o644): Entry => ({ type: "file", mode, data: Buffer.from(text) })
const digestOf = (data: Uint8Array) => `sha256:${createHash("sha256").update(data).digest("hex")}`

const unpacked = (pieces: Iterable<Uint8Array>) => {
  const [archive, place] = [join(folder, "archive.tar"), mkdtempSync(join(folder, "unpacked-"))]
  writeFileSync(archive, Buffer.concat([...pieces]))
  execFileSync("tar", ["-xpf", archive, "-C", place])
  return place
}

describe("a layer", () => {
  it("is the same for the same entries, in whatever order they are told", async () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,4}(?:\/[a-z]{1,4}){0,2}\.x$/u), { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(names, async (paths) => {
        const entries = paths.map((path) => [path, file(path)] as const)
        const [there, back] = [await layerOf(new Map(entries), ""), await layerOf(new Map([...entries].reverse()), "")]
        assert.strictEqual(there.digest, back.digest)
        assert.strictEqual(there.diffId, digestOf(gunzipSync(there.data)))
      }),
      { numRuns: 50 }
    )
  })

  it("holds what tar finds in it: content, modes, links, long names", () => {
    const long = `${"folder/".repeat(20)}${"f".repeat(90)}`
    const place = unpacked(
      tar(
        sorted(
          new Map<string, Entry>([
            ["bin/program", file("#!", 0o755)],
            ["tmp", { type: "directory", mode: 0o1777 }],
            ["link", { type: "link", target: "bin/program" }],
            [long, file("deep")]
          ])
        )
      )
    )
    assert.strictEqual(readFileSync(join(place, "link"), "utf8"), "#!")
    assert.strictEqual(statSync(join(place, "bin/program")).mode & 0o7777, 0o755)
    assert.strictEqual(statSync(join(place, "tmp")).mode & 0o7777, 0o1777)
    assert.strictEqual(readFileSync(join(place, long), "utf8"), "deep")
  })

  it("refuses a name that no tar of this kind can hold", () => {
    assert.throws(() => [...tar([["n".repeat(101), file("")]])], "too long a name")
  })
})

describe("the layout", () => {
  it("names every blob by its content, from the index down and from manifest.json", async () => {
    const layer = await layerOf(new Map([["a", file("a")]]), "one")
    const { digest, pieces } = layoutOf("docker.io/library/sluice", "1", runtime("1"), [
      { architecture: "amd64", layers: [layer] },
      { architecture: "arm64", layers: [layer] }
    ])
    const place = unpacked(pieces)
    const read = (path: string) => JSON.parse(readFileSync(join(place, path), "utf8"))
    const blob = (wanted: { readonly digest: string; readonly size: number }) => {
      const data = readFileSync(join(place, "blobs", wanted.digest.replace(":", "/")))
      assert.strictEqual(digestOf(data), wanted.digest)
      assert.strictEqual(data.length, wanted.size)
      return data
    }
    const [top] = read("index.json").manifests
    assert.strictEqual(top.digest, digest)
    assert.strictEqual(top.annotations["io.containerd.image.name"], "docker.io/library/sluice:1")
    const platforms = JSON.parse(blob(top).toString()).manifests
    assert.deepEqual(
      platforms.map((each: { readonly platform: unknown }) => each.platform),
      ["amd64", "arm64"].map((architecture) => ({ architecture, os: "linux" }))
    )
    for (const [at, platform] of platforms.entries()) {
      const manifest = JSON.parse(blob(platform).toString())
      const config = JSON.parse(blob(manifest.config).toString())
      assert.deepEqual(config.rootfs.diff_ids, [digestOf(gunzipSync(blob(manifest.layers[0])))])
      assert.strictEqual(config.config.User, "65532:65532")
      const docker = read("manifest.json")[at]
      assert.strictEqual(docker.Config, `blobs/${manifest.config.digest.replace(":", "/")}`)
      assert.deepEqual(docker.Layers, [`blobs/${layer.digest.replace(":", "/")}`])
      assert.deepEqual(docker.RepoTags, [at === 0 ? "sluice:1" : "sluice:1-arm64"])
    }
  })
})

describe("the contents", () => {
  it("start as bin/sluice starts them, without a shell", () => {
    const { flags, environment } = launch()
    assert.include(readFileSync(join(root, "bin", "sluice"), "utf8"), `exec "$node" ${flags.join(" ")} "$main" "$@"`)
    assert.isAbove(flags.length, 0)
    assert.include(flags, "--disable-proto=throw")
    assert.include(environment, "NODE_OPTIONS=")
    assert.deepEqual(runtime("1").entrypoint, ["/usr/local/bin/node", ...flags, "/sluice/dist/src/main.js"])
  })

  it("are started by the Dockerfile in the same way", () => {
    const text = readFileSync(join(root, "deploy", "image", "Dockerfile"), "utf8")
    const last = text.slice(text.indexOf("FROM scratch"))
    const { entrypoint, environment, user } = runtime("1")
    assert.deepEqual(JSON.parse(/^ENTRYPOINT (.*)$/mu.exec(last)?.[1] ?? "[]"), entrypoint)
    assert.strictEqual(/^ENV (.*)$/mu.exec(last)?.[1], environment.join(" "))
    assert.strictEqual(/^USER (.*)$/mu.exec(last)?.[1], user)
  })

  it("hold every production dependency, and nothing that only a developer needs", () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
    const names = [...dependencyFiles().keys()]
    for (const name of Object.keys(dependencies)) assert.isTrue(names.includes(`sluice/node_modules/${name}/package.json`), name)
    for (const name of ["vitest", "typescript"]) {
      assert.property(devDependencies, name)
      assert.isFalse(
        names.some((path) => path.startsWith(`sluice/node_modules/${name}/`)),
        name
      )
    }
    assert.isFalse(names.some((path) => /\.(?:map|ts)$/u.test(path)))
    assert.isTrue(programFiles().has("sluice/dist/src/main.js"))
  })

  it("refuse a Node that is for another machine, or none", () => {
    const other = process.arch === "arm64" ? "amd64" : "arm64"
    assert.throws(() => nodeFiles(other, process.execPath), `no Linux program for ${other}: --node-${other} names one`)
    const script = join(folder, "script")
    writeFileSync(script, "#!/bin/sh\n")
    assert.throws(() => nodeFiles("amd64", script), "no Linux program")
  })
})
