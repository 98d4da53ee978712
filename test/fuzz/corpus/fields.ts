// Field lines: names, values, folding, Host, what Connection nominates, underscores, expectations, upgrades.
import { head, hex, hidden, host, odd, placeholder, type Sketch, second } from "./sketch.ts"

const first = `/${placeholder}/first`
const get = `GET ${first} HTTP/1.1`

const hosts: ReadonlyArray<string> = [
  "",
  " ",
  "h.test, other.test",
  "h.test,",
  "h.test other.test",
  "h.test/",
  "h.test/path",
  "h.test?x",
  "h.test#x",
  "user@h.test",
  "user:pass@h.test",
  "h.test:",
  "h.test:0",
  "h.test:80x",
  "h.test:-1",
  "h.test:+80",
  "h.test:65536",
  "h.test:080",
  "h.test:80:80",
  "h.test:80, h.test",
  "h.test\\",
  "h.test%00",
  "h.test%2e",
  "%68.test",
  "h\xe9.test",
  "h.test\0",
  "h.test\x0b",
  "h.test\xa0",
  "h.test\x7f",
  "h.test\r\n .other.test",
  "[::1]",
  "[::1]:80",
  "[::1",
  "::1",
  "[::1]x",
  "[v1.a]",
  "[]",
  "*",
  "*.test",
  ".",
  "..",
  ".test",
  "h..test",
  "h.test.",
  "http://h.test",
  "localhost",
  "127.0.0.1",
  "0x7f.1",
  '"h.test"',
  "<h.test>",
  "h.test;x",
  "h.test&x",
  `${"a".repeat(254)}.test`,
  "h.test\t",
  "H.TEST",
  "h_x.test",
  "xn--h.test"
]

const nominated: ReadonlyArray<string> = [
  "Host",
  "Content-Length",
  "Transfer-Encoding",
  "Cookie",
  "Authorization",
  "X-Forwarded-For",
  "X-Forwarded-Host",
  "Forwarded",
  "Via",
  "X-A",
  "x-a",
  "X-A, X-B",
  "X-A,,X-B",
  ",X-A,",
  "close, X-A",
  "keep-alive, X-A",
  "X-A X-B",
  '"X-A"',
  "X-A;q=1",
  "X-A\t,\tX-B",
  "upgrade",
  "TE",
  "__proto__",
  "constructor",
  "*",
  "Connection",
  "proxy-connection, keep-alive, te, trailer",
  "Date, Accept, User-Agent",
  "X-A\r\nConnection: X-B",
  "close\r\nConnection: keep-alive"
]

const underscored: ReadonlyArray<string> = [
  "Transfer_Encoding: chunked",
  "transfer_encoding: chunked",
  "Content_Length: 0",
  "X_Forwarded_For: 1.2.3.4",
  "X-Forwarded_For: 1.2.3.4",
  "HTTP_HOST: evil.test",
  "_Host: evil.test",
  "Host_: evil.test",
  "_: x",
  "__proto__: x",
  "Proxy_Authorization: x",
  "SSL_CLIENT_VERIFY: SUCCESS",
  "api_key: k"
]

const hop: ReadonlyArray<string> = [
  "Keep-Alive: timeout=1",
  "Proxy-Connection: keep-alive",
  "Proxy-Authorization: Basic eA==",
  "Proxy-Authenticate: Basic",
  "TE: trailers",
  "TE: gzip, trailers",
  "Trailer: X-A",
  "Trailer: Content-Length",
  "HTTP2-Settings: AAMAAABkAAQAAP__",
  "Upgrade: h2c",
  "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
  "Upgrade: websocket",
  "Upgrade: websocket\r\nConnection: Upgrade",
  "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 777\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Upgrade: TLS/1.0\r\nConnection: Upgrade",
  "Upgrade: h2c, websocket\r\nConnection: Upgrade",
  "Upgrade: websocket, h2c\r\nConnection: Upgrade",
  "Upgrade: a b\r\nConnection: Upgrade",
  'Upgrade: "x"\r\nConnection: Upgrade',
  "Upgrade:\r\nConnection: Upgrade",
  "Expect: 100-continue",
  "Expect: 100-Continue",
  "Expect: 200-ok",
  "Expect: 100-continue, x",
  "Expect: 100-continue\r\nExpect: 100-continue",
  "Expect:",
  "Expect: x 100-continue",
  "Expect : 100-continue",
  "Max-Forwards: 0",
  "Max-Forwards: x",
  "X-Forwarded-For: 1.2.3.4",
  "Forwarded: for=1.2.3.4",
  "Via: 1.1 other",
  "X-HTTP-Method-Override: CONNECT",
  "Content-Type: multipart/form-data; boundary=x",
  "Range: bytes=0-"
]

export const fields = function* (): Generator<Sketch> {
  for (const name of hosts) {
    yield { note: `Host ${name.slice(0, 40)}`, bytes: head([`Host: ${name}`], get) + second }
    yield { note: `Host ${name.slice(0, 40)} in 1.0`, bytes: head([`Host: ${name}`], `GET ${first} HTTP/1.0`) }
    yield { note: `Host ${name.slice(0, 40)} under an absolute form`, bytes: head([`Host: ${name}`], `GET http://h.test${first} HTTP/1.1`) }
    yield { note: `${host} and Host ${name.slice(0, 40)}`, bytes: head([host, `Host: ${name}`], get) + second }
    yield { note: `Host ${name.slice(0, 40)} before ${host}`, bytes: head([`Host: ${name}`, "X-A: b", host], get) }
  }
  const oddHosts = [
    "Host : h.test",
    "Host\t: h.test",
    " Host: h.test",
    "Host\0: h.test",
    "Host h.test",
    "X: y\nHost: h.test",
    "X: y\rHost: h.test",
    "Host:\r\n h.test",
    "ho\xadst: h.test",
    "Host_: h.test",
    "X-Host: h.test"
  ]
  for (const line of oddHosts) {
    yield { note: `${hex(line)} alone`, bytes: head([line], get) + second }
    yield { note: `${hex(line)} before ${host}`, bytes: head([line, host], get) + second }
    yield { note: `${hex(line)} after ${host}`, bytes: head([host, line.replace("h.test", "evil.test")], get) + second }
  }
  for (const names of nominated) {
    const rest = ["X-A: a", "X-B: b", "Cookie: c=1", "Authorization: Bearer t", "X-Forwarded-For: 1.2.3.4", "Accept: */*"]
    yield { note: `Connection: ${names}`, bytes: head([host, `Connection: ${names}`, ...rest], get) + second }
    yield {
      note: `Connection: ${names} with a body`,
      bytes: `${head([host, `Connection: ${names}`, `Content-Length: ${hidden.length}`, ...rest])}${hidden}`
    }
    yield {
      note: `Connection: ${names} with chunks`,
      bytes: `${head([`Connection: ${names}`, "Transfer-Encoding: chunked", host])}0\r\n\r\n${hidden}`
    }
    yield {
      note: `Connection: ${names} in 1.0`,
      bytes: `${head([host, `Connection: ${names}`, "Content-Length: 4"], `POST ${first} HTTP/1.0`)}abcd${hidden}`
    }
  }
  for (const line of underscored) {
    yield { note: line, bytes: head([host, line], get) + second }
    yield { note: `${line} with a body`, bytes: `${head([host, line, `Content-Length: ${hidden.length}`])}${hidden}` }
    yield { note: `${line} with chunks`, bytes: `${head([host, "Transfer-Encoding: chunked", line])}0\r\n\r\n${hidden}` }
  }
  for (const line of hop) {
    yield { note: `${line} and nothing else`, bytes: head([host, line], get) }
    yield { note: line, bytes: head([host, line], get) + hidden.replace("hidden", "second") }
    yield { note: `${line} with a body`, bytes: `${head([host, line, `Content-Length: ${hidden.length}`])}${hidden}` }
    yield { note: `${line} with chunks`, bytes: `${head([host, line, "Transfer-Encoding: chunked"])}0\r\n\r\n${second}` }
    yield { note: `${line} after another`, bytes: second + head([host, line], get) + hidden.replace("hidden", "third") }
    yield { note: `${line} with OPTIONS`, bytes: head([host, line], `OPTIONS ${first} HTTP/1.1`) + second }
    yield { note: `${line} in 1.0`, bytes: head([host, line], `GET ${first} HTTP/1.0`) }
  }
  for (let code = 0; code < 256; code++) {
    const byte = String.fromCharCode(code)
    yield { note: `byte ${hex(byte)} in a name`, bytes: head([host, `X-A${byte}B: c`], get) + second }
    yield { note: `byte ${hex(byte)} in a value`, bytes: head([host, `X-A: b${byte}c`], get) + second }
  }
  for (const byte of odd) {
    const lines: ReadonlyArray<readonly [string, string]> = [
      ["before a name", `${byte}X-A: b`],
      ["before the colon", `X-A${byte}: b`],
      ["after the colon", `X-A:${byte}b`],
      ["at the end of a value", `X-A: b${byte}`],
      ["as a line", byte],
      ["as a value", `X-A:${byte}`],
      ["before a line end", `X-A: b${byte}\r\nX-B: c`],
      ["before a hidden line", `X-A: b${byte}Content-Length: ${hidden.length}`],
      ["before a hidden coding", `X-A: b${byte}Transfer-Encoding: chunked`]
    ]
    for (const [place, line] of lines)
      yield { note: `byte ${hex(byte)} ${place}`, bytes: head([host, line], get) + hidden.replace("hidden", "second") }
    yield {
      note: `byte ${hex(byte)} before the empty line`,
      bytes: `${get}\r\n${host}\r\n${byte}\r\n${hidden.replace("hidden", "second")}`
    }
    yield { note: `byte ${hex(byte)} first of the fields`, bytes: `${get}\r\n${byte}${host}\r\n\r\n${second}` }
  }
  for (const line of [
    "nonsense",
    ": b",
    ":",
    "X-A",
    "X-A b",
    "X-A\r\n: b",
    "X-A: b\r\n c",
    "X-A: b\r\n\tc",
    "X-A: b\r\n ",
    "X-A:\r\n b",
    "X A: b",
    "X\u0000A: b",
    "(X): b",
    "X/A: b",
    '"X": b',
    "X=A: b",
    "{X}: b"
  ]) {
    yield { note: `line ${hex(line)}`, bytes: head([host, line], get) + second }
    yield { note: `line ${hex(line)} first`, bytes: head([line, host], get) + second }
  }
  yield { note: "many fields", bytes: head([host, ...Array.from({ length: 150 }, (_, at) => `X-${at}: y`)], get) + second, served: true }
  yield { note: "too many fields", bytes: head([host, ...Array.from({ length: 201 }, (_, at) => `X-${at}: y`)], get) + second }
  yield { note: "far too many fields", bytes: head([host, ...Array.from({ length: 3_000 }, (_, at) => `X-${at}: y`)], get) + second }
  yield { note: "a large value", bytes: head([host, `X-A: ${"b".repeat(30_000)}`], get) + second, served: true }
  yield { note: "a value too large", bytes: head([host, `X-A: ${"b".repeat(40_000)}`], get) + second }
  yield { note: "a value far too large", bytes: head([host, `X-A: ${"b".repeat(200_000)}`], get) + second }
  yield { note: "a name too large", bytes: head([host, `${"X".repeat(40_000)}: b`], get) + second }
  yield { note: "repeated fields", bytes: head([host, "X-A: 1", "x-a: 2", "Cookie: a=1", "Cookie: b=2"], get), served: true }
}
