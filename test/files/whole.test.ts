import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { writeWhole } from "#src/files/whole.ts"

describe("a file written whole", () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-whole-"))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it("is as it was when what was to be written ends in a failure, and nothing of that is left", async () => {
    const path = join(folder, "kept")
    await writeWhole(path, ["first\n", "second\n"])
    const failing = function* () {
      yield "third\n"
      throw new Error("no more")
    }
    const said = await writeWhole(path, failing()).catch((error: Error) => error.message)
    assert.strictEqual(said, "no more")
    assert.strictEqual(readFileSync(path, "utf8"), "first\nsecond\n")
    assert.deepEqual(readdirSync(folder), ["kept"])
  })

  it("lets what else waits have its turn between two pieces", async () => {
    const order: Array<string> = []
    const pieces = function* () {
      for (const piece of ["a", "b"]) {
        order.push(piece)
        setImmediate(() => order.push(`behind ${piece}`))
        yield piece
      }
    }
    await writeWhole(join(folder, "turns"), pieces())
    assert.deepEqual(order, ["a", "behind a", "b", "behind b"])
  })
})
