// Law 11 at its root: sealed bytes do not print, in any of the ways that things get printed.
import { format, inspect } from "node:util"
import { assert, describe, it } from "vitest"
import { seal, sealPublic } from "#src/snapshot/secret.ts"

const canary = "canary-3f1c9a"
const bytes = new TextEncoder().encode(canary)
const key = new Uint8Array(32).fill(7)

describe("sealed bytes", () => {
  it("show a digest however they are printed", () => {
    const sealed = seal(key, bytes)
    const shown = [
      JSON.stringify({ sealed }),
      String(sealed),
      inspect(sealed, { showHidden: true, depth: 9 }),
      format("%o %O %s %j", sealed, sealed, sealed, sealed),
      JSON.stringify(Object.getOwnPropertyDescriptors(sealed)),
      Object.values(sealed).join()
    ].join("\n")
    assert.notInclude(shown, canary)
    assert.notInclude(shown, [...bytes].join(","))
    assert.include(shown, sealed.digest.slice(0, 12))
  })

  it("are given to `use` alone", () => {
    assert.equal(
      seal(key, bytes).use((inside) => new TextDecoder().decode(inside)),
      canary
    )
  })

  it("have a digest that needs the key: the same password under two installs looks different", () => {
    assert.notEqual(seal(key, bytes).digest, seal(new Uint8Array(32).fill(8), bytes).digest)
    assert.equal(seal(key, bytes).digest, seal(key, Uint8Array.from(bytes)).digest)
  })

  it("are comparable across installs when they are public", () => {
    assert.equal(sealPublic(bytes).digest, sealPublic(Uint8Array.from(bytes)).digest)
  })
})
