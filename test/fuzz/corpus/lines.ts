// Request lines: methods, targets, versions, the space between them, and what comes before them.
import { head, hex, hidden, host, odd, placeholder, type Sketch, second } from "./sketch.ts"

const id = placeholder
const first = `/${id}/first`

const methods: ReadonlyArray<string> = [
  "get",
  "GETT",
  "G ET",
  "GET\t",
  "\tGET",
  " GET",
  "GET\0",
  "G\xc9T",
  "GET:",
  "GET,",
  "G(ET",
  '"GET"',
  "",
  "BREW",
  "X".repeat(200),
  "PRI",
  "CONNECT",
  "TRACE",
  "TRACK",
  "HEAD",
  "PATCH",
  "PROPFIND",
  "PURGE",
  "QUERY",
  "SOURCE",
  "SETUP",
  "M-SEARCH"
]

const targets: ReadonlyArray<string> = [
  `//${id}/first`,
  `/${id}//first`,
  `/${id}/./first`,
  `/x/../${id}/first`,
  `/${id}/x/../first`,
  `/../${id}`,
  `/${id}/../../etc`,
  `/${id}/x/..`,
  `/${id}/%2e%2e/x`,
  `/${id}/%2E./x`,
  `/${id}/.%2e/x`,
  `/${id}/..%2fx`,
  `/${id}/..;/x`,
  `/${id}/..\\x`,
  `/${id}\\x`,
  `\\${id}`,
  `/${id}/%00`,
  `/${id}/%0d%0aX:%20y`,
  `/${id}/%0a`,
  `/${id}/%`,
  `/${id}/%zz`,
  `/${id}/%u0041`,
  `/${id}#fragment`,
  `/${id}?a#b`,
  `/${id}?`,
  `/${id}?a=b%0d%0a`,
  `/${id}?%00`,
  `/${id};a=b`,
  `/${id}/a|b`,
  `/${id}/"x"`,
  `/${id}/<x>`,
  `/${id}/\xe9`,
  `/${id}/\x7f`,
  `/${id}/${"a".repeat(8_100)}`,
  `/${id}/${"a".repeat(9_000)}`,
  `/${id}/${"a".repeat(90_000)}`,
  "*",
  `*/${id}`,
  id,
  `@h.test/${id}`,
  `?${id}`,
  `h.test:80/${id}`,
  `h.test/${id}`,
  `.${first}`,
  `http://h.test${first}`,
  `HTTP://H.TEST${first}`,
  `https://h.test${first}`,
  `http://other.test${first}`,
  `http://h.test:80${first}`,
  `http://h.test:0${first}`,
  `http://h.test:99999${first}`,
  `http://h.test:${first}`,
  `http://user@h.test${first}`,
  `http://user:pass@h.test${first}`,
  `http://h.test@evil.test${first}`,
  `http://h.test\\@evil.test${first}`,
  `http://h.test%00.evil.test${first}`,
  `http://h.test%2f${first}`,
  `http://${first}`,
  `http:/h.test${first}`,
  `http:h.test${first}`,
  `http:${first}`,
  `http://h.test?${id}`,
  `http://h.test#${id}`,
  `http://[::1]${first}`,
  `http://[::1${first}`,
  `http://h.test,other.test${first}`,
  `ftp://h.test${first}`,
  `ws://h.test${first}`,
  `file://${first}`,
  `javascript:${id}`,
  `http://h_x.test${first}`,
  `http://h.test.${first}`,
  `http://h..test${first}`,
  `http://-${first}`
]

const versions: ReadonlyArray<string> = [
  "HTTP/0.9",
  "HTTP/1.0",
  "HTTP/1.2",
  "HTTP/1.9",
  "HTTP/2.0",
  "HTTP/2",
  "HTTP/3",
  "HTTP/9.9",
  "HTTP/1",
  "HTTP/1.",
  "HTTP/.1",
  "HTTP/01.1",
  "HTTP/1.01",
  "HTTP/1.1.1",
  "HTTP/1.10",
  "HTTP/11.1",
  "HTTP/-1.1",
  "HTTP/+1.1",
  "HTTP/1,1",
  "HTTP/1.1x",
  "HTTP/1.1 x",
  "HTTP/1.1\t",
  "HTTP/1.1 ",
  "HTTP/1.1\0",
  "http/1.1",
  "Http/1.1",
  "HTTPS/1.1",
  "ICE/1.0",
  "RTSP/1.0",
  "HTTP /1.1",
  "HTTP/ 1.1",
  "HTTP/1 .1",
  "HTTP1.1",
  "SIP/2.0",
  ""
]

const lines: ReadonlyArray<string> = [
  `SOURCE ${first} ICE/1.0`,
  `OPTIONS ${first} RTSP/1.0`,
  `SETUP ${first} RTSP/1.0`,
  `GET ${first} RTSP/1.1`,
  `GET  ${first} HTTP/1.1`,
  `GET ${first}  HTTP/1.1`,
  `GET\t${first} HTTP/1.1`,
  `GET ${first}\tHTTP/1.1`,
  `GET\x0b${first}\x0bHTTP/1.1`,
  `GET ${first}\x0cHTTP/1.1`,
  `GET ${first}\xa0HTTP/1.1`,
  `GET ${first}HTTP/1.1`,
  `GET${first} HTTP/1.1`,
  `GET ${first}`,
  `GET ${first} `,
  "GET",
  `GET ${first} HTTP/1.1 HTTP/1.1`,
  `GET ${first} x HTTP/1.1`,
  `GET ${first} HTTP/1.1\r`,
  `GET ${first}\r HTTP/1.1`,
  `GET ${first}\n HTTP/1.1`,
  `GET ${first} HTTP/1.1\nX: y`,
  `GET ${first} HTTP/1.1\rX: y`,
  `GET ${first} HTTP/1.1\r\r`
]

export const requestLines = function* (): Generator<Sketch> {
  const request = (line: string, more = "") => `${line}\r\n${host}\r\n\r\n${more}`
  for (const method of methods) {
    yield { note: `method ${method.slice(0, 20)}`, bytes: request(`${method} ${first} HTTP/1.1`, second) }
    yield {
      note: `method ${method.slice(0, 20)} with a body`,
      bytes: `${head([host, `Content-Length: ${hidden.length}`], `${method} ${first} HTTP/1.1`)}${hidden}`
    }
  }
  for (const target of targets) {
    for (const method of ["GET", "OPTIONS"]) {
      for (const version of ["HTTP/1.1", "HTTP/1.0"]) {
        yield {
          note: `${method} ${target.slice(0, 60)} ${version}`,
          bytes: request(`${method} ${target} ${version}`, hidden.replace("hidden", "second"))
        }
      }
    }
    yield { note: `${target.slice(0, 60)} without Host`, bytes: `GET ${target} HTTP/1.1\r\n\r\n` }
  }
  for (const version of versions) {
    yield { note: `version ${version}`, bytes: request(`GET ${first} ${version}`, second) }
    yield {
      note: `version ${version} with chunks`,
      bytes: `${head([host, "Transfer-Encoding: chunked"], `POST ${first} ${version}`)}0\r\n\r\n${hidden}`
    }
  }
  for (const target of ["h.test:443", "h.test", "h.test:", `h.test:443/${id}`, "[::1]:443", "user@h.test:443", "*"]) {
    yield { note: `CONNECT ${target}`, bytes: request(`CONNECT ${target} HTTP/1.1`, hidden) }
    yield { note: `CONNECT ${target} after another`, bytes: second + request(`CONNECT ${target} HTTP/1.1`, hidden) }
    yield {
      note: `CONNECT ${target} after two`,
      bytes: second + second.replace("second", "third") + request(`CONNECT ${target} HTTP/1.0`, hidden)
    }
  }
  for (const line of lines) yield { note: `line ${line}`, bytes: request(line, second) }
  for (const byte of odd) {
    const places: ReadonlyArray<readonly [string, string]> = [
      ["before the method", `${byte}GET ${first} HTTP/1.1`],
      ["in the method", `GE${byte}T ${first} HTTP/1.1`],
      ["after the method", `GET${byte} ${first} HTTP/1.1`],
      ["before the target", `GET ${byte}${first} HTTP/1.1`],
      ["in the target", `GET ${first}${byte}x HTTP/1.1`],
      ["in the query", `GET ${first}?a${byte}b HTTP/1.1`],
      ["before the version", `GET ${first} ${byte}HTTP/1.1`],
      ["in the version", `GET ${first} HTTP/1${byte}.1`],
      ["after the version", `GET ${first} HTTP/1.1${byte}`]
    ]
    for (const [place, line] of places) yield { note: `byte ${hex(byte)} ${place}`, bytes: request(line, second) }
  }
  for (const before of [
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    " ",
    " \r\n",
    "\0",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"
  ]) {
    yield { note: `${hex(before)} before all`, bytes: before + second }
    yield { note: `${hex(before)} between two`, bytes: `${second.replace("second", "first")}${before}${second}` }
    yield { note: `${hex(before)} after a body`, bytes: `${head([host, "Content-Length: 4"])}abcd${before}${second}` }
  }
}
