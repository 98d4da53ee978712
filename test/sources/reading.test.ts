// What is read besides files: pipes to their end, devices that have none within bounds.
import { execFileSync, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { read } from "#src/sources/reading.ts"

describe("what is named and is no file", () => {
  it("is read to its end when it is a pipe", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-reading-"))
    const pipe = join(folder, "pipe")
    execFileSync("mkfifo", [pipe])
    const writer = spawn("sh", ["-c", 'printf "kind: A\\n" > "$0"', pipe])
    const { files, faults } = await read([pipe], null)
    writer.kill()
    rmSync(folder, { recursive: true })
    assert.deepEqual([...files], [[pipe, "kind: A\n"]])
    assert.deepEqual(faults, [])
  })

  it("is refused, and not read on, when it is a device without an end", async () => {
    const { files, faults } = await read(["/dev/zero"], null)
    assert.equal(files.size, 0)
    assert.match(faults[0]!.message, /more than a manifest may have/)
  })
})
