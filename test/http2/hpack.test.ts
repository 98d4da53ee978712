// Header compression: the examples of RFC 7541 appendix C, whatever is written is read as the same, and what is no block is refused.
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { Decoder } from "../../src/http2/decoder.ts"
import { Encoder } from "../../src/http2/encoder.ts"
import { fieldName, pseudoName } from "../../src/http2/fieldname.ts"
import { huffmanDecode, huffmanEncode, huffmanLength } from "../../src/http2/huffman.ts"

const named = (name: string) => (name.startsWith(":") ? pseudoName(name) : fieldName(name)!)

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ""), "hex")

const reader = () => {
  const decoder = new Decoder()
  return (bytes: Buffer): ReadonlyArray<string> => {
    const pairs: Array<string> = []
    const problem = decoder.decode(bytes, 0, bytes.length, {
      field: (name, value, wrong) => pairs.push(name, wrong ? `! ${value}` : value)
    })
    return problem === null ? pairs : [problem]
  }
}

const first = [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com"]
const second = [...first, "cache-control", "no-cache"]
const third = [":method", "GET", ":scheme", "https", ":path", "/index.html", ":authority", "www.example.com", "custom-key", "custom-value"]

const status = (code: string, date: string, ...more: ReadonlyArray<string>) => [
  ":status",
  code,
  "cache-control",
  "private",
  "date",
  `Mon, 21 Oct 2013 20:13:${date} GMT`,
  "location",
  "https://www.example.com",
  ...more
]
const cookie = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"
const answers = [status("302", "21"), status("307", "21"), status("200", "22", "content-encoding", "gzip", "set-cookie", cookie)]

describe("the examples of RFC 7541", () => {
  it("C.2: each kind of field", () => {
    assert.deepEqual(reader()(hex("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572")), ["custom-key", "custom-header"])
    assert.deepEqual(reader()(hex("040c 2f73 616d 706c 652f 7061 7468")), [":path", "/sample/path"])
    assert.deepEqual(reader()(hex("1008 7061 7373 776f 7264 0673 6563 7265 74")), ["password", "secret"])
    assert.deepEqual(reader()(hex("82")), [":method", "GET"])
  })

  it("C.3: requests without Huffman", () => {
    const read = reader()
    assert.deepEqual(read(hex("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d")), first)
    assert.deepEqual(read(hex("8286 84be 5808 6e6f 2d63 6163 6865")), second)
    assert.deepEqual(read(hex("8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65")), third)
  })

  it("C.4: requests with Huffman", () => {
    const read = reader()
    assert.deepEqual(read(hex("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff")), first)
    assert.deepEqual(read(hex("8286 84be 5886 a8eb 1064 9cbf")), second)
    assert.deepEqual(read(hex("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf")), third)
  })

  // The table of these has 256 bytes: a size update says so, as the encoder would have.
  const small = "3fe101"

  it("C.5: responses, with a table too small for all", () => {
    const read = reader()
    const date = "611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 54"
    const location = "6e17 6874 7470 733a 2f2f 7777 772e 6578 616d 706c 652e 636f 6d"
    assert.deepEqual(read(hex(`${small} 4803 3330 3258 0770 7269 7661 7465 ${date} ${location}`)), answers[0])
    assert.deepEqual(read(hex("4803 3330 37c1 c0bf")), answers[1])
    assert.deepEqual(
      read(
        hex(`88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48
          514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31`)
      ),
      answers[2]
    )
  })

  it("C.6: the same with Huffman", () => {
    const read = reader()
    assert.deepEqual(
      read(
        hex(`${small} 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae
          43d3`)
      ),
      answers[0]
    )
    assert.deepEqual(read(hex("4883 640e ffc1 c0bf")), answers[1])
    assert.deepEqual(
      read(
        hex(`88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708
          7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`)
      ),
      answers[2]
    )
  })
})

describe("the Huffman code", () => {
  it("reads what it wrote, in as many bytes as it said", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = Buffer.from(bytes).toString("latin1")
        const coded = new Uint8Array(1000)
        const end = huffmanEncode(text, coded, 0)
        assert.strictEqual(end, huffmanLength(text))
        const into = new Uint8Array(1000)
        const length = huffmanDecode(coded, 0, end, into)
        assert.strictEqual(Buffer.from(into.subarray(0, length)).toString("latin1"), text)
      })
    )
  })

  it("refuses EOS, padding that is not its beginning, and padding of a whole byte (section 5.2)", () => {
    const decode = (text: string) => huffmanDecode(hex(text), 0, text.length / 2, new Uint8Array(64))
    // "0" is 00000, so 00000111 is it with three ones.
    assert.strictEqual(decode("07"), 1)
    assert.strictEqual(decode("00"), -1)
    assert.strictEqual(decode("07ff"), -1)
    assert.strictEqual(decode("ffffffff"), -1)
  })
})

describe("what is no header block", () => {
  const cases: ReadonlyArray<readonly [name: string, bytes: string]> = [
    ["index 0 (section 6.1)", "80"],
    ["an index beyond both tables (section 2.3.3)", "be"],
    ["the name of an index beyond both tables", "7f0000"],
    ["a number that does not end (section 5.1)", "ff8080808080"],
    ["a number too large", "ffffffffff7f"],
    ["a text longer than the block (section 5.2)", "400561"],
    ["a block that ends in a name", "40"],
    ["a block that ends before its value", "400161"],
    ["a table size above the one offered (section 6.3)", "3fe21f"],
    ["a table size behind a field (section 4.2)", "8220"],
    ["a text that is not in the Huffman code", "408400000000"]
  ]
  for (const [name, bytes] of cases) {
    it(name, () => {
      const read = reader()(hex(bytes))
      assert.strictEqual(read.length % 2, 1, read.join(" "))
    })
  }

  it("takes the table size that was offered, and 0", () => {
    assert.deepEqual(reader()(hex("203fe11f82")), [":method", "GET"])
  })
})

describe("characters that no field may have (RFC 9113 section 8.2.1)", () => {
  const literal = (name: string, value: string) =>
    reader()(
      Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name, "latin1"), Buffer.from([value.length]), Buffer.from(value, "latin1")])
    )
  for (const name of ["", "A", "a b", "a\0", "a:b", ":", "é", "a\n"]) {
    it(`name ${JSON.stringify(name)}`, () => assert.strictEqual(literal(name, "v")[1], "! v"))
  }
  for (const value of ["a\r", "a\n", "\0", " a", "a ", "\ta", "a\t", "\x7f"]) {
    it(`value ${JSON.stringify(value)}`, () => assert.strictEqual(literal("n", value)[1], `! ${value}`))
  }
  it("takes the others", () => assert.deepEqual(literal("a-b_c", "a\tb é"), ["a-b_c", "a\tb é"]))
})

describe("what is written", () => {
  it("has names that are tokens, in lower case, and no pseudo field among the others", () => {
    for (const name of ["", "a b", "a:", "é", ":path", ":status", ":protocol", "a\n", `${"x".repeat(70)}\0`])
      assert.isNull(fieldName(name), name)
    for (const name of ["Content-Type", "CONTENT-TYPE", "content-type", "X-Other", "X-".repeat(50)])
      assert.strictEqual(fieldName(name)?.lower, name.toLowerCase())
    // However many others go by.
    for (let n = 0; n < 5000; n++) assert.strictEqual(fieldName(`X-${n}`)?.lower, `x-${n}`)
    assert.strictEqual(fieldName("Content-Type"), fieldName("content-type"))
  })

  it("remembers names that peers choose, not more than so many of them and no long ones", () => {
    // What is remembered is the same object.
    const first = fieldName("X-First")
    assert.strictEqual(fieldName("X-First"), first)
    for (let n = 0; n < 2000; n++) fieldName(`X-Other-${n}`)
    assert.notStrictEqual(fieldName("X-First"), first)
    assert.strictEqual(fieldName("x".repeat(64)), fieldName("x".repeat(64)))
    assert.notStrictEqual(fieldName("x".repeat(65)), fieldName("x".repeat(65)))
    // Those of the tables stay, whoever else has been forgotten.
    assert.strictEqual(fieldName("Content-Type"), fieldName("CONTENT-TYPE"))
  })

  const names = fc.constantFrom(
    ":authority",
    "date",
    "cookie",
    "x-a",
    "x-b",
    "content-type",
    "user-agent",
    "authorization",
    "via",
    "accept"
  )
  const values = fc.oneof(
    fc.constantFrom("", "gzip, deflate", "text/html", "a"),
    fc.string({ maxLength: 40 }).map((text) => Buffer.from(text).toString("latin1")),
    fc.integer({ min: 500, max: 1500 }).map((length) => "x".repeat(length))
  )
  const blocks = fc.array(
    fc.record({ fields: fc.array(fc.tuple(names, values), { maxLength: 20 }), size: fc.option(fc.integer({ min: 0, max: 5000 })) }),
    {
      maxLength: 12
    }
  )

  it("is read as the same, block after block, whatever table sizes the peer asks for in between", () => {
    fc.assert(
      fc.property(blocks, (all) => {
        const encoder = new Encoder()
        const decoder = new Decoder()
        for (const { fields, size } of all) {
          if (size !== null) encoder.resize(size)
          encoder.begin()
          for (const [name, value] of fields) encoder.field(named(name), value)
          const pairs: Array<readonly [string, string]> = []
          const bytes = Buffer.from(encoder.finish())
          assert.isNull(decoder.decode(bytes, 0, bytes.length, { field: (name, value) => pairs.push([name, value]) }))
          assert.deepEqual(pairs, fields)
        }
      })
    )
  })

  it("takes a byte for what was said before, and never remembers what may be a secret", () => {
    const encoder = new Encoder()
    const length = (name: string, value: string): number => {
      encoder.begin()
      encoder.field(named(name), value)
      return encoder.finish().length
    }
    assert.isAbove(length("user-agent", "sluice-test/1"), 1)
    assert.strictEqual(length("user-agent", "sluice-test/1"), 1)
    for (const name of ["authorization", "cookie", "set-cookie", "proxy-authorization", "x-api-key"]) {
      assert.strictEqual(length(name, "a secret"), length(name, "a secret"))
      assert.isAbove(length(name, "a secret"), 2)
    }
    encoder.begin()
    encoder.field(named("authorization"), "a")
    // Never indexed by anybody on the way either (section 6.2.3).
    assert.strictEqual(encoder.finish()[0]! >> 4, 1)
  })
})
