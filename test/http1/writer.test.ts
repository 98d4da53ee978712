// What is written is exactly one line a part, or it is not written at all.
import { assert, describe, it } from "vitest"
import { chunkStart, fieldLines, lastChunk, lastChunkWith, requestLine, statusLine } from "#src/http1/writer.ts"

describe("the writer", () => {
  it("writes start lines, fields and chunks", () => {
    assert.strictEqual(requestLine("PURGE", "/a?b"), "PURGE /a?b HTTP/1.1\r\n")
    assert.strictEqual(statusLine(200, "OK \xfc"), "HTTP/1.1 200 OK \xfc\r\n")
    assert.strictEqual(statusLine(599, ""), "HTTP/1.1 599 \r\n")
    assert.strictEqual(fieldLines(["A", "b", "a", "", "C", "d\te \xff"]), "A: b\r\na: \r\nC: d\te \xff\r\n")
    assert.strictEqual(fieldLines([]), "")
    assert.strictEqual(chunkStart(255), "ff\r\n")
    assert.strictEqual(lastChunk, "0\r\n\r\n")
    assert.strictEqual(lastChunkWith(["A", "b"]), "0\r\nA: b\r\n\r\n")
  })

  it("refuses what would be another line, another part, or no HTTP", () => {
    for (const bad of ["a\rb", "a\nb", "a\r\nX: y", "a\0b", "a\x0bb", "a\x7fb", "\u0100", "\u{1f600}"]) {
      assert.isNull(fieldLines(["A", "b", "X", bad]), JSON.stringify(bad))
      assert.isNull(statusLine(200, bad), JSON.stringify(bad))
      assert.isNull(lastChunkWith(["X", bad]), JSON.stringify(bad))
    }
    for (const bad of ["", "a b", "a:", "\xe4", "a\r", "(", "a\t"]) {
      assert.isNull(fieldLines([bad, "x"]), JSON.stringify(bad))
      assert.isNull(requestLine(bad, "/"), JSON.stringify(bad))
    }
    for (const bad of ["", "/a b", "/\r\n", "/\t", "/\xe4", "/\0"]) assert.isNull(requestLine("GET", bad), JSON.stringify(bad))
    for (const bad of [99, 1000, 200.5, Number.NaN, -200]) assert.isNull(statusLine(bad, ""), String(bad))
  })
})
