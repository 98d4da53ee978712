// One message after the other off a byte stream: what is told, in which order, and what is refused (RFC 9112).
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "vitest"
import { Reader, type RequestHead } from "#src/http1/reader.ts"
import { bytes, errorOf, plainVerdict, read, recorder, type Told } from "./record.ts"

const get = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
const ok = "HTTP/1.1 200 OK\r\n"
const chunked = `${ok}Transfer-Encoding: chunked\r\n\r\n`

const heads = (told: ReadonlyArray<Told>) => told.flatMap((event) => ("head" in event ? [event.head] : []))

describe("a request head", () => {
  it("is told with its order, case and duplicates, values without the white space around them", () => {
    const [head] = heads(
      read("Request", "PURGE /a?b=c%20d HTTP/1.1\r\nHost: a\r\nX-A:1\r\nx-a: \t 2 3\t \r\nEmpty:\r\nBlank:  \t\r\nL: caf\xe9\t!\r\n\r\n")
    )
    assert.deepEqual(head, {
      method: "PURGE",
      target: "/a?b=c%20d",
      version: "1.1",
      fields: ["Host", "a", "X-A", "1", "x-a", "2 3", "Empty", "", "Blank", "", "L", "caf\xe9\t!"],
      bytes: 89
    })
  })

  it("may have any token as its method, any visible characters as its target, and two digits as its version", () => {
    const lines = ["M-SEARCH * HTTP/1.1", "!#$%&'*+-.^_`|~09Az x HTTP/1.0", 'a http://b/?"<>\\^`{|}# HTTP/2.0', "A / HTTP/0.9"]
    assert.deepEqual(
      heads(read("Request", lines.map((line) => `${line}\r\n\r\n`).join(""))).map((head) =>
        "method" in head ? `${head.method} ${head.target} HTTP/${head.version}` : ""
      ),
      lines
    )
  })

  it("may follow a few empty lines, not more (RFC 9112 2.2), and a response none", () => {
    assert.lengthOf(heads(read("Request", `${"\r\n".repeat(4)}${get}${"\r\n".repeat(4)}${get}`)), 2)
    assert.strictEqual(errorOf(read("Request", `${"\r\n".repeat(5)}${get}`)), "bad_start_line")
    assert.strictEqual(errorOf(read("Request", `\n${get}`)), "bad_start_line")
    assert.strictEqual(errorOf(read("Request", `\r${get}`)), "bad_line_end")
    assert.strictEqual(errorOf(read("Response", `\r\n${ok}\r\n`)), "bad_start_line")
  })

  const malformed: Readonly<Record<string, readonly [string, string]>> = {
    "no method": [" / HTTP/1.1\r\n\r\n", "bad_start_line"],
    "no token": ["G(T / HTTP/1.1\r\n\r\n", "bad_start_line"],
    "a method above ASCII": ["G\xc9T / HTTP/1.1\r\n\r\n", "bad_start_line"],
    "no target": ["GET HTTP/1.1\r\n\r\n", "bad_start_line"],
    "an empty target": ["GET  HTTP/1.1\r\n\r\n", "bad_start_line"],
    "two spaces before the target": ["GET  / HTTP/1.1\r\n\r\n", "bad_start_line"],
    "two spaces after the target": ["GET /  HTTP/1.1\r\n\r\n", "bad_start_line"],
    "a tab between the parts": ["GET\t/ HTTP/1.1\r\n\r\n", "bad_start_line"],
    "a control character in the target": ["GET /\x01 HTTP/1.1\r\n\r\n", "bad_start_line"],
    "NUL in the target": ["GET /\0 HTTP/1.1\r\n\r\n", "bad_start_line"],
    "a target above ASCII": ["GET /\xe9 HTTP/1.1\r\n\r\n", "bad_start_line"],
    "no version": ["GET /\r\n\r\n", "bad_start_line"],
    "a version in lower case": ["GET / http/1.1\r\n\r\n", "bad_start_line"],
    "another protocol": ["GET / RTSP/1.1\r\n\r\n", "bad_start_line"],
    "a version of one digit": ["GET / HTTP/1\r\n\r\n", "bad_start_line"],
    "a version of three digits": ["GET / HTTP/1.10\r\n\r\n", "bad_start_line"],
    "a space after the version": ["GET / HTTP/1.1 \r\n\r\n", "bad_start_line"],
    "a bare LF after the start line": ["GET / HTTP/1.1\nHost: a\r\n\r\n", "bad_line_end"],
    "a bare CR after the start line": ["GET / HTTP/1.1\rHost: a\r\n\r\n", "bad_line_end"],
    "white space before the first field": ["GET / HTTP/1.1\r\n Host: a\r\n\r\n", "folded_field"],
    "a folded value": ["GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n", "folded_field"],
    "a bare LF after a value": ["GET / HTTP/1.1\r\nA: b\nB: c\r\n\r\n", "bad_line_end"],
    "a bare CR in a value": ["GET / HTTP/1.1\r\nA: b\rB: c\r\n\r\n", "bad_line_end"],
    "a bare LF at the end": ["GET / HTTP/1.1\r\nA: b\r\n\n", "bad_line_end"],
    "a bare CR at the end": ["GET / HTTP/1.1\r\nA: b\r\n\rX", "bad_line_end"],
    "NUL in a value": ["GET / HTTP/1.1\r\nA: b\0c\r\n\r\n", "bad_field_value"],
    "a control character in a value": ["GET / HTTP/1.1\r\nA: \x0b\r\n\r\n", "bad_field_value"],
    "DEL in a value": ["GET / HTTP/1.1\r\nA: \x7f\r\n\r\n", "bad_field_value"],
    "no name": ["GET / HTTP/1.1\r\n: b\r\n\r\n", "bad_field_name"],
    "a space before the colon": ["GET / HTTP/1.1\r\nA : b\r\n\r\n", "bad_field_name"],
    "a name that is no token": ["GET / HTTP/1.1\r\nA@: b\r\n\r\n", "bad_field_name"],
    "a name above ASCII": ["GET / HTTP/1.1\r\n\xc4: b\r\n\r\n", "bad_field_name"],
    "NUL in a name": ["GET / HTTP/1.1\r\nA\0: b\r\n\r\n", "bad_field_name"],
    "a line without a colon": ["GET / HTTP/1.1\r\nA\r\n\r\n", "bad_field_name"]
  }
  for (const [name, [text, code]] of Object.entries(malformed)) {
    it(`is refused with ${name}, as soon as it shows`, () => {
      const told = read("Request", text, { open: true })
      assert.strictEqual(errorOf(told), code)
      assert.lengthOf(told, 1)
    })
  }
})

describe("a response head", () => {
  it("is told with its reason, or without one", () => {
    const text = ["HTTP/1.1 200 Not so \xfcber\t!", "HTTP/1.0 404 ", "HTTP/1.1 599", "HTTP/3.0 999 X"]
    assert.deepEqual(
      heads(read("Response", text.map((line) => `${line}\r\nContent-Length: 0\r\n\r\n`).join(""))).map((head) =>
        "status" in head ? [head.version, head.status, head.reason] : []
      ),
      [
        ["1.1", 200, "Not so \xfcber\t!"],
        ["1.0", 404, ""],
        ["1.1", 599, ""],
        ["3.0", 999, "X"]
      ]
    )
  })

  it("is refused when its line is not plainly one", () => {
    for (const line of [
      "ICY 200 OK",
      "HTTP/1.1  200 OK",
      "HTTP/1.1 20 OK",
      "HTTP/1.1 2000 OK",
      "HTTP/1.1 +20 OK",
      "HTTP/1.1 200\tOK",
      "HTTP/1.1 200 O\0K",
      "HTTP/1.1 200 O\x7fK",
      "HTTP/1.1",
      "HTTP/1.1 ",
      "http/1.1 200 OK",
      "220 mail.example ESMTP"
    ])
      assert.strictEqual(errorOf(read("Response", `${line}\r\n\r\n`, { open: true })), "bad_start_line", line)
    assert.strictEqual(errorOf(read("Response", "HTTP/1.1 200 OK\n\r\n")), "bad_line_end")
    assert.strictEqual(errorOf(read("Response", "HTTP/1.1 200 OK\rX\n\r\n")), "bad_line_end")
  })

  it("that is interim is followed by another head", () => {
    const told = read("Response", `HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Hints\r\nLink: a\r\n\r\n${ok}Content-Length: 1\r\n\r\nx`)
    assert.deepEqual(
      told.map((event) => Object.keys(event)[0]),
      ["head", "head", "head", "data", "end"]
    )
  })
})

describe("a body", () => {
  it("of a length ends there, and the next message begins", () => {
    const told = read("Request", `POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcPOST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n${get}`)
    assert.deepEqual(
      told.map((event) => ("data" in event ? event.data : Object.keys(event)[0])),
      ["head", "abc", "end", "head", "end", "head", "end"]
    )
  })

  it("until the close ends with the stream, and any other that does is an error", () => {
    assert.deepEqual(read("Response", `${ok}\r\nabc`).slice(1), [{ data: "abc" }, { end: [] }])
    for (const text of ["HTTP", `${ok}A`, `${ok}Content-Length: 3\r\n\r\nab`, `${chunked}3\r\nab`, `${chunked}3\r\nabc\r\n0\r\n`])
      assert.strictEqual(errorOf(read("Response", text)), "truncated", text)
    assert.deepEqual(read("Response", ""), [])
    assert.strictEqual(errorOf(read("Request", `${get}\r\n`)), null)
  })

  it("in chunks is told without them, extensions dropped, with its trailers", () => {
    const extensions = ';a;b=c;d="e;\\"f\r\t'.replace("\r", " ")
    const told = read("Response", `${chunked}3;x\r\nabc\r\n00A${extensions}"\r\n0123456789\r\n000;l=1\r\nX-A: b\r\nX-B: \r\n\r\n`)
    assert.deepEqual(told.slice(1), [{ data: "abc0123456789" }, { end: ["X-A", "b", "X-B", ""] }])
  })

  const malformed: Readonly<Record<string, readonly [string, string]>> = {
    "no size": ["\r\n", "bad_chunk"],
    "only an extension": [";a\r\n", "bad_chunk"],
    "a sign": ["+1\r\na\r\n", "bad_chunk"],
    "a prefix": ["0x1\r\na\r\n", "bad_chunk"],
    "white space before": [" 1\r\na\r\n", "bad_chunk"],
    "white space after": ["1 \r\na\r\n", "bad_chunk"],
    "white space before an extension": ["1 ;a\r\na\r\n", "bad_chunk"],
    "an underscore": ["1_0\r\n", "bad_chunk"],
    "a size above what counts": ["fffffffffffffff\r\n", "chunk_too_large"],
    "a size of 2^64 + 1": ["10000000000000001\r\na\r\n", "chunk_too_large"],
    "zeros without end": [`${"0".repeat(40)}1\r\na\r\n`, "chunk_too_large"],
    "a bare LF after the size": ["1\na\r\n", "bad_line_end"],
    "a bare CR after the size": ["1\ra\r\n", "bad_line_end"],
    "an empty extension": ["1;\r\na\r\n", "bad_chunk"],
    "an extension without a name": ["1;=b\r\na\r\n", "bad_chunk"],
    "an extension without a value": ["1;a=\r\na\r\n", "bad_chunk"],
    "an open quote": ['1;a="b\r\na\r\n', "bad_chunk"],
    "something after a quote": ['1;a="b"c\r\na\r\n', "bad_chunk"],
    "a bare LF in an extension": ["1;a\nb\r\na\r\n", "bad_line_end"],
    "a bare CR in an extension": ["1;a\rb\r\na\r\n", "bad_line_end"],
    "NUL in a quote": ['1;a="\0"\r\na\r\n', "bad_chunk"],
    "more data than it says": ["1\r\nab\r\n", "bad_chunk"],
    "a bare LF after the data": ["1\r\na\n", "bad_chunk"],
    "a bare CR after the data": ["1\r\na\rb", "bad_chunk"],
    "a trailer that is no field": ["0\r\nA\r\n\r\n", "bad_field_name"],
    "a folded trailer": ["0\r\nA: b\r\n c\r\n\r\n", "folded_field"],
    "NUL in a trailer": ["0\r\nA: \0\r\n\r\n", "bad_field_value"],
    "a bare LF at the end": ["0\r\n\n", "bad_line_end"],
    "a trailer that frames": ["0\r\nA: b\r\nContent-length: 5\r\n\r\n", "bad_trailer"],
    "a trailer that codes": ["0\r\nTRANSFER-ENCODING: chunked\r\n\r\n", "bad_trailer"]
  }
  for (const [name, [text, code]] of Object.entries(malformed)) {
    it(`in chunks is refused with ${name}`, () => assert.strictEqual(errorOf(read("Response", chunked + text, { open: true })), code))
  }
})

describe("a bound", () => {
  const line = (length: number) => `GET /${"a".repeat(length - 16)} HTTP/1.1\r\n`
  it("of the start line, of the head, of its fields holds to the byte", () => {
    assert.isNull(errorOf(read("Request", `${line(100)}\r\n`, { limits: { lineBytes: 100 } })))
    assert.strictEqual(errorOf(read("Request", `${line(101)}\r\n`, { limits: { lineBytes: 100 } })), "line_too_long")
    assert.strictEqual(errorOf(read("Request", `GET /${"a".repeat(200)}`, { limits: { lineBytes: 100 }, open: true })), "line_too_long")
    assert.isNull(errorOf(read("Request", `${line(100)}A: b\r\n\r\n`, { limits: { headBytes: 108 } })))
    assert.strictEqual(errorOf(read("Request", `${line(100)}A: b\r\n\r\n`, { limits: { headBytes: 107 } })), "head_too_large")
    assert.strictEqual(errorOf(read("Request", line(100), { limits: { headBytes: 50 }, open: true })), "head_too_large")
    assert.isNull(errorOf(read("Request", `${line(20)}${"A: b\r\n".repeat(5)}\r\n`, { limits: { fields: 5 } })))
    assert.strictEqual(errorOf(read("Request", `${line(20)}${"A: b\r\n".repeat(6)}\r\n`, { limits: { fields: 5 } })), "too_many_fields")
  })

  it("of the trailers and of all chunk extensions together", () => {
    const limits = { trailerBytes: 8, fields: 2, extensionBytes: 6 }
    assert.isNull(errorOf(read("Response", `${chunked}0\r\nA: b\r\n\r\n`, { limits })))
    assert.strictEqual(errorOf(read("Response", `${chunked}0\r\nA: bc\r\n\r\n`, { limits })), "trailers_too_large")
    const many = { ...limits, trailerBytes: 1000 }
    assert.strictEqual(errorOf(read("Response", `${chunked}0\r\n${"A: b\r\n".repeat(3)}\r\n`, { limits: many })), "trailers_too_large")
    // The CR that ends an extension counts as its last byte.
    assert.isNull(errorOf(read("Response", `${chunked}1;a\r\nx\r\n1;bcd\r\nx\r\n0\r\n\r\n`, { limits })))
    assert.strictEqual(errorOf(read("Response", `${chunked}1;a\r\nx\r\n1;bcde\r\nx\r\n0\r\n\r\n`, { limits })), "extensions_too_large")
  })

  it("of a head in pieces costs time in proportion to its bytes, whatever the pieces", () => {
    const text = `GET / HTTP/1.1\r\n${`X-${"a".repeat(300)}: ${"b".repeat(300)}\r\n`.repeat(100)}\r\n`
    const told = read("Request", text, { cuts: Array.from({ length: text.length }, (_, at) => at) })
    assert.strictEqual(heads(told)[0]!.fields.length, 200)
  })
})

describe("a pause", () => {
  const two = `POST /1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc${get}`
  it("in any callback stops after it, keeps what follows, and goes on where it stopped", () => {
    const whole = read("Request", two)
    const { told, reader } = recorder("Request", { after: (paused) => paused.pause() })
    reader.execute(bytes(two))
    for (let n = 0; n < 10; n++) reader.resume()
    assert.deepEqual(told, whole)
    assert.strictEqual(reader.waiting, 0)
  })

  it("keeps what is fed meanwhile, and by reference", () => {
    const { told, reader } = recorder("Request", { after: (paused, event) => "head" in event && paused.pause() })
    reader.execute(bytes("POST /1 HTTP/1.1\r\nContent-Length: 6\r\n\r\nabc"))
    const more = bytes("def")
    reader.execute(more)
    more[0] = 0x44
    assert.strictEqual(reader.waiting, 6)
    reader.finish()
    reader.resume()
    assert.deepEqual(told.slice(1), [{ data: "abcDef" }, { end: [] }])
    assert.strictEqual(reader.place, "Over")
  })

  it("holds no more pieces than a few, however finely a peer cuts what it sends", () => {
    let pieces = 0
    const { told, reader } = recorder("Request", {
      after: (paused, event) => {
        if ("head" in event) paused.pause()
        if ("data" in event) pieces++
      }
    })
    const body = Array.from({ length: 10_000 }, (_, at) => String(at % 10)).join("")
    reader.execute(bytes(`POST /1 HTTP/1.1\r\nContent-Length: ${body.length}\r\n\r\n012`))
    for (let at = 3; at < body.length; at++) reader.execute(bytes(body[at]!))
    assert.strictEqual(reader.waiting, body.length)
    reader.resume()
    assert.deepEqual(told.slice(1), [{ data: body }, { end: [] }])
    assert.isBelow(pieces, 100)
  })

  it("that is over within the callback is none, and a thousand pipelined requests need no deeper stack", () => {
    let depth = 0
    let deepest = 0
    const { told, reader } = recorder("Request", {
      after: (paused) => {
        deepest = Math.max(deepest, ++depth)
        paused.pause()
        paused.resume()
        depth--
      }
    })
    reader.execute(bytes(get.repeat(1000)))
    assert.lengthOf(told, 2000)
    assert.strictEqual(deepest, 1)
  })

  it("does not hold back the end of a body whose last byte was told", () => {
    const { told, reader } = recorder("Request", { after: (paused, event) => "data" in event && paused.pause() })
    reader.execute(bytes(two))
    assert.deepEqual(told.slice(1), [{ data: "abc" }, { end: [] }])
    assert.strictEqual(reader.waiting, get.length)
  })
})

describe("what follows a message", () => {
  it("is another's after a stop, and given whole", () => {
    const upgrade = "HTTP/1.1 101 Go\r\nUpgrade: x\r\n\r\n"
    const { told, reader } = recorder("Response")
    reader.execute(bytes(`${upgrade}raw`))
    reader.execute(bytes(" bytes"))
    assert.lengthOf(told, 1)
    assert.strictEqual(reader.takeRest().toString(), "raw bytes")
    assert.strictEqual(reader.takeRest().length, 0)
    assert.strictEqual(reader.place, "Over")
  })

  it("may be taken or read on after the end of a request that asked for an upgrade", () => {
    const pausing = { after: (reader: Reader<never> | { pause: () => void }, event: Told) => "end" in event && reader.pause() }
    const taken = recorder("Request", pausing)
    taken.reader.execute(bytes(`${get}raw`))
    assert.strictEqual(taken.reader.takeRest().toString(), "raw")
    const kept = recorder("Request", pausing)
    kept.reader.execute(bytes(`${get}${get}`))
    kept.reader.resume()
    assert.lengthOf(heads(kept.told), 2)
  })

  it("is not read after an error, and nothing is told after one", () => {
    const { told, reader } = recorder("Request")
    reader.execute(bytes(`GET  / HTTP/1.1\r\n\r\n${get}`))
    reader.execute(bytes(get))
    reader.finish()
    assert.lengthOf(told, 1)
  })

  it("is not read after a stop from inside any callback", () => {
    for (const key of ["head", "data", "end"]) {
      const { told, reader } = recorder("Request", { after: (stopping, event) => key in event && stopping.stop() })
      reader.execute(bytes(`POST /1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc${get}`))
      reader.finish()
      assert.strictEqual(Object.keys(told.at(-1)!)[0], key)
    }
  })
})

it("keeps nothing of a head that it has told, however long its connection rests", async () => {
  let fields: WeakRef<ReadonlyArray<string>> | null = null
  const onHead = (head: RequestHead) => {
    fields = new WeakRef(head.fields)
    return "None" as const
  }
  const ignore = () => {}
  const reader = new Reader<RequestHead>("Request", { onHead, onData: ignore, onEnd: ignore, onError: ignore })
  reader.execute(bytes(get))
  await new Promise((resolve) => setImmediate(resolve))
  setFlagsFromString("--expose-gc")
  ;(runInNewContext("gc") as () => void)()
  assert.isUndefined((fields as WeakRef<ReadonlyArray<string>> | null)?.deref())
  assert.strictEqual(reader.place, "Between")
})

it("says where it is, and whether the next message has begun", () => {
  const { reader } = recorder("Request", { verdict: plainVerdict })
  const seen = () => [reader.place, reader.started]
  assert.deepEqual(seen(), ["Between", false])
  reader.execute(bytes("\r\n"))
  assert.deepEqual(seen(), ["Between", false])
  reader.execute(bytes("P"))
  assert.deepEqual(seen(), ["Head", true])
  reader.execute(bytes("OST / HTTP/1.1\r\nContent-Length: 2\r\n\r\na"))
  assert.deepEqual(seen(), ["Body", false])
  reader.execute(bytes("b"))
  assert.deepEqual(seen(), ["Between", false])
  reader.pause()
  reader.execute(bytes("G"))
  assert.deepEqual(seen(), ["Between", true])
  reader.finish()
  assert.deepEqual(seen(), ["Between", true])
  reader.resume()
  assert.deepEqual(seen(), ["Over", false])
})
