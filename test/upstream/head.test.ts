// The judgement of a response's head: what passes, how its body ends (RFC 9112 6.3), and whether its connection goes on (9.3).
import { assert, describe, it } from "vitest"
import { type JudgedHead, judgeHead } from "#src/upstream/head.ts"

const judge = (fields: Array<string>, { status = 200, version = "1.1", method = "GET" } = {}): JudgedHead | string =>
  judgeHead({ version, status, reason: "", fields, bytes: 0 }, method)

const plain = (fields: Array<string>, more: Parameters<typeof judge>[1] = {}): JudgedHead => {
  const judged = judge(fields, more)
  if (typeof judged === "string") throw new Error(judged)
  return judged
}

describe("the judgement of a head", () => {
  it("passes on the very list when nothing in it is for this connection", () => {
    const fields = ["X-A", "caf\u00e9\tok", "Content-Length", "12"]
    assert.strictEqual(plain(fields).fields, fields)
  })

  it("says how the body ends", () => {
    const rows: ReadonlyArray<readonly [Array<string>, Parameters<typeof judge>[1], unknown]> = [
      [["Content-Length", "12"], {}, 12],
      [["Content-Length", "0"], {}, 0],
      [["Content-Length", "9007199254740991"], {}, Number.MAX_SAFE_INTEGER],
      [["Transfer-Encoding", "Chunked"], {}, "Chunked"],
      [[], {}, "UntilClose"],
      [["Content-Length", "12"], { method: "HEAD" }, "None"],
      [["Transfer-Encoding", "chunked"], { method: "HEAD" }, "None"],
      [["Content-Length", "12"], { status: 304 }, "None"],
      [[], { status: 204 }, "None"],
      [["Content-Length", "12"], { status: 103 }, "None"]
    ]
    for (const [fields, more, framing] of rows) assert.strictEqual(plain(fields, more).framing, framing, JSON.stringify([fields, more]))
  })

  it("does not go on with the connection of a 204 that claims a body, and does after what a HEAD or a 304 tells of one", () => {
    const coded = ["Transfer-Encoding", "chunked"]
    assert.isFalse(plain(coded, { status: 204 }).persistent)
    assert.isFalse(plain(["Content-Length", "5"], { status: 204 }).persistent)
    assert.isTrue(plain(["Content-Length", "0"], { status: 204 }).persistent)
    assert.isTrue(plain([], { status: 204 }).persistent)
    assert.isTrue(plain(coded, { method: "HEAD" }).persistent)
    assert.isTrue(plain(["Content-Length", "5"], { status: 304 }).persistent)
  })

  it("takes Content-Length out of a 204 and of what is interim, and leaves it in a 304", () => {
    assert.deepEqual(plain(["A", "1", "Content-Length", "3"], { status: 103 }).fields, ["A", "1"])
    assert.deepEqual(plain(["Content-Length", "3"], { status: 101 }).fields, [])
    assert.deepEqual(plain(["A", "1", "content-length", "3", "B", "2"], { status: 204 }).fields, ["A", "1", "B", "2"])
    assert.deepEqual(plain(["Content-Length", "3"], { status: 304 }).fields, ["Content-Length", "3"])
  })

  it("keeps the connection of a response that ends by itself, unless either version or field says otherwise", () => {
    const length = ["Content-Length", "1"]
    assert.isTrue(plain(length).persistent)
    assert.isTrue(plain([...length, "Connection", "Keep-Alive"], { version: "1.0" }).persistent)
    assert.isTrue(plain([...length, "Connection", "x-a , Keep-Alive"], { version: "1.0" }).persistent)
    assert.isFalse(plain(length, { version: "1.0" }).persistent)
    assert.isFalse(plain([...length, "Connection", "close"]).persistent)
    assert.isFalse(plain([...length, "Connection", "keep-alive, Close"]).persistent)
    assert.isFalse(plain([...length, "Connection", "keep-alive", "Connection", "close"]).persistent)
    assert.isFalse(plain(["Connection", "keep-alive"]).persistent)
  })

  it("reads how long the peer keeps it", () => {
    assert.strictEqual(plain(["Keep-Alive", "timeout=5, max=100"]).keptFor, 5_000)
    assert.strictEqual(plain(["Keep-Alive", "max=100,timeout=7"]).keptFor, 7_000)
    for (const value of ["max=100", "timeout", "timeout=", "timeout=x", "xtimeout=5", "timeout=99999999999"])
      assert.isNull(plain(["Keep-Alive", value]).keptFor, value)
  })

  it("refuses framing that is not plainly one", () => {
    for (const value of ["", "+1", "-1", "1,1", "1 ", "0x1", "1.0", "9007199254740992", "00000000000000001", "\u0661"])
      assert.isString(judge(["Content-Length", value]), value)
    assert.isString(judge(["Content-Length", "1", "content-length", "1"]))
    assert.isString(judge(["Content-Length", "1", "content-length", "1"], { status: 204 }))
    assert.isString(judge(["Content-Length", "1", "Transfer-Encoding", "chunked"]))
    assert.isString(judge(["Content-Length", "1", "Transfer-Encoding", "chunked"], { method: "HEAD" }))
    for (const value of ["gzip, chunked", "identity", "", "chunked, chunked", "chunked;a=b"])
      assert.isString(judge(["Transfer-Encoding", value]), value)
    assert.isString(judge(["Transfer-Encoding", "chunked", "Transfer-Encoding", "chunked"]))
    assert.isString(judge(["Transfer-Encoding", "chunked"], { version: "1.0" }))
  })

  it("refuses versions and statuses that there are none of", () => {
    for (const version of ["0.9", "1.2", "2.0", "3.1"]) assert.isString(judge([], { version }), version)
    for (const status of [0, 99, 600, 999]) assert.isString(judge([], { status }), String(status))
  })
})
