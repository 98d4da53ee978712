import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { type FieldPolicy, hasToken, requestFields, trailerFields } from "#src/upstream/fields.ts"
import { judgeHead } from "#src/upstream/head.ts"

const policy: FieldPolicy = { underscores: "Drop", forwarded: "Drop" }
const forwarded = (raw: ReadonlyArray<string>, more: Partial<FieldPolicy> = {}): ReadonlyArray<string> =>
  requestFields(raw, { ...policy, ...more }).headers

/** Of a response. What is no framing that there is would be refused, which is another law. */
const relayed = (raw: ReadonlyArray<string>): ReadonlyArray<string> => {
  const fields = raw.map((part, at) => (at % 2 === 1 && raw[at - 1]!.toLowerCase() === "transfer-encoding" ? "chunked" : part))
  const judged = judgeHead({ version: "1.1", status: 200, reason: "", fields, bytes: 0 }, "GET")
  if (typeof judged === "string") throw new Error(judged)
  return judged.fields
}

const hopByHop = [
  "Connection",
  "Keep-Alive",
  "Proxy-Connection",
  "TE",
  "Trailer",
  "Transfer-Encoding",
  "Upgrade",
  "HTTP2-Settings",
  "Proxy-Authorization",
  "Proxy-Authenticate",
  "Proxy-Authentication-Info"
]

describe("hop-by-hop fields (RFC 9110 7.6.1, 11.7)", () => {
  it.each(hopByHop.flatMap((name) => [name, name.toLowerCase(), name.toUpperCase()]))("%s crosses in neither direction", (name) => {
    assert.deepEqual(forwarded(["A", "1", name, "x", "B", "2"]), ["A", "1", "B", "2"])
    assert.deepEqual(relayed(["A", "1", name, "x", "B", "2"]), ["A", "1", "B", "2"])
  })

  it("what Connection names goes with it, before or after it, in any case, over several lines", () => {
    const raw = ["X-One", "1", "Connection", "close, x-ONE ,,x-two", "x-two", "2", "X-Three", "3", "connection", "x-three", "keep", "4"]
    assert.deepEqual(forwarded(raw), ["keep", "4"])
    assert.deepEqual(relayed(raw), ["keep", "4"])
  })

  it("Connection cannot name away who the client is or how the message is framed", () => {
    const names = ["Cookie", "Authorization", "Via"]
    const raw = names.flatMap((name) => [name, "x"])
    const nominating = ["Connection", [...names, "Host", "Content-Length", "X-Forwarded-For", "Forwarded"].join(", ")]
    assert.deepEqual(forwarded([...nominating, ...raw]), raw)
    const fields = requestFields(
      [...nominating, "Host", "a", "Content-Length", "3", "X-Forwarded-For", "192.0.2.1", "Forwarded", "for=x"],
      {
        ...policy,
        forwarded: "Keep"
      }
    )
    assert.strictEqual(fields.host, "a")
    assert.strictEqual(fields.contentLength, "3")
    assert.deepEqual(fields.headers, ["X-Forwarded-For", "192.0.2.1", "Forwarded", "for=x"])
    assert.deepEqual(relayed(["Connection", "content-length", "Content-Length", "5"]), ["Content-Length", "5"])
  })
})

describe("the list as it came", () => {
  it("order, case and repeated lines survive; nothing is merged, nothing is special", () => {
    const raw = [
      "Accept",
      "a",
      "Set-Cookie",
      "a=1",
      "ACCEPT",
      "b",
      "set-cookie",
      "b=2",
      "__proto__",
      "x",
      "constructor",
      "y",
      "X-Empty",
      ""
    ]
    assert.deepEqual(forwarded(raw, { underscores: "Allow" }), raw)
    assert.deepEqual(relayed(raw), raw)
  })

  it("the list given is not changed, and the list made is the caller's", () => {
    const raw = Object.freeze(["A", "1", "Connection", "a", "B", "2"])
    const { headers } = requestFields(raw, policy)
    headers.push("C", "3")
    assert.deepEqual(headers, ["B", "2", "C", "3"])
    assert.deepEqual(raw, ["A", "1", "Connection", "a", "B", "2"])
  })
})

describe("forwarding fields of a client (docs/request.md)", () => {
  const raw = [
    "X-Forwarded-For",
    "192.0.2.1",
    "x-forwarded-anything-at-all",
    "x",
    "Forwarded",
    "for=x",
    "X-Forwarder",
    "stays",
    "Via",
    "1.1 a"
  ]
  it("are dropped unless the client is a trusted proxy; Via stays for loop detection", () => {
    assert.deepEqual(forwarded(raw), ["X-Forwarder", "stays", "Via", "1.1 a"])
    assert.deepEqual(forwarded(raw, { forwarded: "Keep" }), raw)
  })

  it("a name longer than any known one is still seen, however long", () => {
    for (let length = 0; length <= 100; length++) assert.deepEqual(forwarded([`X-Forwarded-${"a".repeat(length)}`, "1"]), [])
  })
})

describe("names with an underscore (docs/request.md)", () => {
  const raw = ["api_key", "k", "transfer_encoding", "chunked", "Content_Length", "5", "x_forwarded_for", "a", "ok", "1"]
  it("are dropped, refused, or let pass, but never those that fold into a field of framing or forwarding", () => {
    assert.deepEqual(forwarded(raw), ["ok", "1"])
    assert.deepEqual(forwarded(raw, { underscores: "Allow" }), ["api_key", "k", "ok", "1"])
    assert.strictEqual(requestFields(raw, { ...policy, underscores: "Refuse" }).underscored, "api_key")
    assert.isNull(requestFields(["api-key", "k"], { ...policy, underscores: "Refuse" }).underscored)
  })
})

describe("facts of the same pass", () => {
  it("framing, Host and the rest, out of the list and into their places", () => {
    const fields = requestFields(
      [
        "hOST",
        "a:1",
        "Content-Length",
        "5",
        "TE",
        "trailers",
        "te",
        "deflate",
        "Expect",
        "100-continue",
        "Upgrade",
        "websocket",
        "Connection",
        "Upgrade"
      ],
      policy
    )
    assert.deepEqual(fields.headers, [])
    assert.strictEqual(fields.host, "a:1")
    assert.strictEqual(fields.contentLength, "5")
    assert.strictEqual(fields.te, "trailers, deflate")
    assert.strictEqual(fields.expect, "100-continue")
    assert.strictEqual(fields.upgrade, "websocket")
    assert.isTrue(fields.upgradeNominated)
    assert.isNull(fields.repeated)
  })

  it.each(["Host", "Content-Length", "Max-Forwards"])("%s twice is told, also when equal", (name) => {
    assert.strictEqual(requestFields([name, "1", name.toLowerCase(), "1"], policy).repeated, name)
  })

  it("Max-Forwards is found in the list that goes on, also after nominations took others away", () => {
    const fields = requestFields(["a", "1", "Max-Forwards", "7", "Connection", "a", "b", "2"], policy)
    assert.strictEqual(fields.headers[fields.maxForwards], "7")
    assert.strictEqual(requestFields(["Max-Forwards", "7", "Connection", "max-forwards"], policy).maxForwards, -1)
  })

  it.each([
    ["close", true, false],
    ["Close", true, false],
    ["keep-alive", false, true],
    ["keep-alive, close", true, true],
    ["x-close", false, false],
    ["closed", false, false],
    ["a ,\tclose\t, b", true, false]
  ])("Connection: %j", (value, close, keepAlive) => {
    const fields = requestFields(["Connection", value], policy)
    assert.strictEqual(fields.close, close)
    assert.strictEqual(fields.keepAlive, keepAlive)
  })
})

it("property: hasToken is membership in the split list", () => {
  const part = fc.constantFrom("close", "x", "closeclose", " close", "close\t", "", "x close", "close-x")
  fc.assert(
    fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
      const list = parts.join(",")
      assert.strictEqual(
        hasToken(list, "close"),
        list.split(",").some((each) => each.trim() === "close")
      )
    })
  )
})

it("property: both ways, what stays is exactly what is not hop-by-hop and not named", () => {
  const name = fc.constantFrom("a", "B", "x-c", "Cookie", ...hopByHop)
  const list = fc.array(fc.tuple(name, fc.constantFrom("1", "a", "b, x-c", "cookie")), { maxLength: 8 }).map((pairs) => pairs.flat())
  const gone = new Set(hopByHop.map((each) => each.toLowerCase()))
  fc.assert(
    fc.property(list, (raw) => {
      const named = new Set<string>()
      for (let at = 0; at < raw.length; at += 2) {
        if (raw[at] === "Connection") for (const each of raw[at + 1]!.split(",")) named.add(each.trim().toLowerCase())
      }
      named.delete("cookie")
      const expected = raw.flatMap((_, at) => {
        const key = raw[at]!.toLowerCase()
        return at % 2 === 0 && !gone.has(key) && !named.has(key) ? [raw[at]!, raw[at + 1]!] : []
      })
      assert.deepEqual(forwarded(raw), expected)
      const codings = raw.filter((part, at) => at % 2 === 0 && part === "Transfer-Encoding").length
      if (codings <= 1) assert.deepEqual(relayed(raw), expected)
    })
  )
})

it("trailers carry nothing of framing, routing or authentication (RFC 9110 6.5.1)", () => {
  assert.deepEqual(
    trailerFields([
      "grpc-status",
      "0",
      "Content-Length",
      "5",
      "Transfer-Encoding",
      "chunked",
      "Host",
      "a",
      "Authorization",
      "x",
      "Set-Cookie",
      "a=1",
      "Content-Type",
      "x",
      "Connection",
      "x",
      "content_length",
      "5",
      "Digest",
      "abc"
    ]),
    ["grpc-status", "0", "Digest", "abc"]
  )
})
