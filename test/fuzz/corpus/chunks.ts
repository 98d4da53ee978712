// The inside of a chunked body: sizes, extensions, line ends, trailers, and bodies that stop anywhere.
import { chunk, head, hex, hidden, host, lastChunk, odd, placeholder, type Sketch, second } from "./sketch.ts"

const start = head([host, "Transfer-Encoding: chunked"])

const sizes: ReadonlyArray<string> = [
  "5",
  "05",
  "0000000000005",
  "00000000000000000000000000000005",
  "+5",
  "-5",
  "0x5",
  "0X5",
  "5h",
  "5L",
  "5.",
  "5,5",
  "5_",
  "g",
  "",
  " 5",
  "5 ",
  "\t5",
  "5\t",
  "\n5",
  "\r5",
  "5\0",
  "\x0b5",
  "5\x0c",
  "5\xa0",
  "\xb5",
  "fffffffffffffffb",
  "ffffffff",
  "100000005",
  "10000000000000005",
  "7fffffffffffffff",
  "8000000000000005",
  "5;",
  "5;a",
  "5;a=b",
  '5;a="b"',
  '5;a="b;c"',
  '5;a="\\""',
  '5;a="',
  "5; a",
  "5 ;a",
  "5;a =b",
  "5;a= b",
  "5;a;b=c",
  "5;;a",
  "5;=b",
  "5;a=",
  "5;a\0",
  "5;a\n",
  "5;a\r",
  "5;a\x7f",
  "5;\x0b",
  "5;a=\xff",
  "5\r",
  "5;a\rb",
  "5;a\nb",
  "5;a\r\rb",
  `5;${"a".repeat(17_000)}`,
  `5;a="${"b".repeat(17_000)}"`
]

const ends: ReadonlyArray<string> = ["\r\n", "\n", "\r", "\n\r", "\r\r\n", "\r\n\r\n", "", " \r\n", "\0\r\n", "X\r\n", "XX"]

const trailers: ReadonlyArray<string> = [
  "X-A: b",
  "Content-Length: 5",
  "Transfer-Encoding: chunked",
  "Host: evil.test",
  "Connection: close",
  "X A: b",
  "X-A : b",
  " X-A: b",
  "X-A: b\0",
  "X-A: b\nX-B: c",
  "X-A: b\rX-B: c",
  "X-A: b\r\n c",
  ": b",
  "nonsense",
  "GET /x HTTP/1.1",
  "X_A: b",
  `X-A: ${"b".repeat(70_000)}`,
  "X-A: b\r\n".repeat(2_100).slice(0, -2)
]

export const chunks = function* (): Generator<Sketch> {
  for (const size of sizes) {
    for (const end of ["\r\n", "\n", "\r"]) {
      yield { note: `size ${hex(size.slice(0, 40))} and ${hex(end)}`, bytes: `${start}${size}${end}hello\r\n${lastChunk}${hidden}` }
    }
  }
  for (const end of ends) {
    yield { note: `data then ${hex(end)}`, bytes: `${start}5\r\nhello${end}${lastChunk}${hidden}` }
    yield { note: `last size then ${hex(end)}`, bytes: `${start}${chunk("hello")}0${end}\r\n${hidden}` }
    yield { note: `no trailers then ${hex(end)}`, bytes: `${start}${chunk("hello")}0\r\n${end}${hidden}` }
    yield { note: `last zeros then ${hex(end)}`, bytes: `${start}${chunk("hello")}000${end}${end}${hidden}` }
    yield { note: `line ends ${hex(end)} throughout`, bytes: `${start}5${end}hello${end}0${end}${end}${hidden}` }
  }
  for (const byte of odd) {
    yield { note: `byte ${hex(byte)} before a size`, bytes: `${start}${byte}5\r\nhello\r\n${lastChunk}${hidden}` }
    yield { note: `byte ${hex(byte)} after a size`, bytes: `${start}5${byte}\r\nhello\r\n${lastChunk}${hidden}` }
    yield { note: `byte ${hex(byte)} after the data`, bytes: `${start}5\r\nhello${byte}\r\n${lastChunk}${hidden}` }
    yield { note: `byte ${hex(byte)} in an extension`, bytes: `${start}5;a${byte}b\r\nhello\r\n${lastChunk}${hidden}` }
    yield { note: `byte ${hex(byte)} in an extension value`, bytes: `${start}5;a="${byte}"\r\nhello\r\n${lastChunk}${hidden}` }
    yield { note: `byte ${hex(byte)} before the last size`, bytes: `${start}5\r\nhello\r\n${byte}${lastChunk}${hidden}` }
    yield { note: `byte ${hex(byte)} after the end`, bytes: `${start}5\r\nhello\r\n${lastChunk}${byte}${hidden}` }
  }
  for (const trailer of trailers) {
    yield { note: `trailer ${trailer.slice(0, 40)}`, bytes: `${start}${chunk("hello")}0\r\n${trailer}\r\n\r\n${second}` }
  }
  yield { note: "16 KiB of extensions in all", bytes: `${start}${`1;${"e".repeat(60)}\r\nx\r\n`.repeat(400)}${lastChunk}${second}` }
  yield { note: "many small chunks", bytes: `${start}${chunk("x").repeat(400)}${lastChunk}${second}`, served: true }
  const whole = `${start}${chunk(hidden)}${chunk("x")}${lastChunk}`
  for (let at = whole.length - 1; at > 0; at--) yield { note: `cut after ${at} bytes`, bytes: whole.slice(0, at) }
  const length = `${head([host, `Content-Length: ${hidden.length}`])}${hidden}`
  for (let at = length.length - 1; at > 0; at -= 2) yield { note: `with a length, cut after ${at} bytes`, bytes: length.slice(0, at) }
  yield { note: "never any chunk", bytes: `${start}${`GET /${placeholder}/hidden`}` }
}
