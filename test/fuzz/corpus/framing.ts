// Transfer-Encoding against Content-Length: every way to write either, alone, together, in both orders, with a request in what one of them calls the body.
import { chunk, head, hidden, host, lastChunk, placeholder, type Sketch, second } from "./sketch.ts"

const codings: ReadonlyArray<string> = [
  "Transfer-Encoding: chunked",
  "transfer-encoding:chunked",
  "Transfer-Encoding: Chunked",
  "Transfer-Encoding:\tchunked\t",
  " Transfer-Encoding: chunked",
  "\tTransfer-Encoding: chunked",
  "Transfer-Encoding : chunked",
  "Transfer-Encoding\t: chunked",
  "Transfer-Encoding\x0b: chunked",
  "Transfer-Encoding\0: chunked",
  "Transfer-Encoding\xa0: chunked",
  "Transfer-Encoding\r: chunked",
  "Transfer-\nEncoding: chunked",
  "Transfer_Encoding: chunked",
  "Transfer.Encoding: chunked",
  "TransferEncoding: chunked",
  "X-Transfer-Encoding: chunked",
  "Content-Encoding: chunked",
  "TE: chunked",
  "Transfer-Encoding: xchunked",
  "Transfer-Encoding: chunkedx",
  "Transfer-Encoding: chunk",
  "Transfer-Encoding: identity",
  "Transfer-Encoding: gzip",
  "Transfer-Encoding: cow",
  "Transfer-Encoding:",
  "Transfer-Encoding: ,",
  "Transfer-Encoding: chunked,",
  "Transfer-Encoding: ,chunked",
  "Transfer-Encoding: chunked, chunked",
  "Transfer-Encoding: gzip, chunked",
  "Transfer-Encoding: chunked, gzip",
  "Transfer-Encoding: chunked, identity",
  "Transfer-Encoding: identity, chunked",
  "Transfer-Encoding: chunked;q=1",
  "Transfer-Encoding: chunked; a",
  "Transfer-Encoding: chunked chunked",
  'Transfer-Encoding: "chunked"',
  "Transfer-Encoding: 'chunked'",
  "Transfer-Encoding: (chunked)",
  "Transfer-Encoding: \x0bchunked",
  "Transfer-Encoding: chunked\x0b",
  "Transfer-Encoding: \x0cchunked",
  "Transfer-Encoding: chunked\0",
  "Transfer-Encoding: chun\0ked",
  "Transfer-Encoding: chunked\x7f",
  "Transfer-Encoding: chunked\xa0",
  "Transfer-Encoding: \xe7hunked",
  "Transfer-Encoding:\r\n chunked",
  "Transfer-Encoding:\r\n\tchunked",
  "Transfer-Encoding:\n chunked",
  "Transfer-Encoding: identity\r\n chunked",
  "Transfer-Encoding: x\r\n , chunked",
  "X: y\nTransfer-Encoding: chunked",
  "X: y\rTransfer-Encoding: chunked",
  "X: y\r\r\nTransfer-Encoding: chunked",
  "X: y\r\n\rTransfer-Encoding: chunked",
  "\rTransfer-Encoding: chunked",
  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
  "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding:\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding: chunked\r\nTransfer_Encoding: identity",
  "Transfer-Encoding chunked",
  "Transfer-Encoding; chunked",
  "Transfer-Encoding: chunked\r\nConnection: Transfer-Encoding",
  "__proto__: chunked"
]

// CL is the length of the whole body as it is sent, so that a server that goes by it sees one request.
const lengths: ReadonlyArray<(length: number) => string> = [
  (length) => `Content-Length: ${length}`,
  (length) => `content-length:${length}`,
  (length) => `Content-Length: \t${length}\t`,
  (length) => `Content-Length: 000${length}`,
  (length) => `Content-Length: +${length}`,
  (length) => `Content-Length: -${length}`,
  (length) => `Content-Length: 0x${length.toString(16)}`,
  (length) => `Content-Length: 0${length.toString(8)}o`,
  (length) => `Content-Length: ${length}, ${length}`,
  (length) => `Content-Length: ${length},${length + 1}`,
  (length) => `Content-Length: ${length},`,
  (length) => `Content-Length: ,${length}`,
  (length) => `Content-Length: ${length} ${length}`,
  (length) => `Content-Length: ${length};a=b`,
  (length) => `Content-Length: ${length}.0`,
  (length) => `Content-Length: ${length}e0`,
  (length) => `Content-Length: ${length}_0`,
  (length) => `Content-Length: "${length}"`,
  (length) => `Content-Length: ${length}\0`,
  (length) => `Content-Length: \x0b${length}`,
  (length) => `Content-Length: ${length}\x0c`,
  (length) => `Content-Length: ${length}\xa0`,
  () => "Content-Length: \xb2",
  () => "Content-Length:",
  () => "Content-Length: 0",
  () => "Content-Length: 00",
  () => "Content-Length: NaN",
  () => "Content-Length: 9007199254740992",
  () => "Content-Length: 18446744073709551616",
  () => "Content-Length: 4294967296",
  (length) => `Content-Length : ${length}`,
  (length) => `Content-Length\t: ${length}`,
  (length) => `Content-Length\0: ${length}`,
  (length) => ` Content-Length: ${length}`,
  (length) => `Content_Length: ${length}`,
  (length) => `ContentLength: ${length}`,
  (length) => `Content-Length:\r\n ${length}`,
  (length) => `Content-Length: 1\r\n ${length}`,
  (length) => `Content-Length: ${length}\r\nContent-Length: ${length}`,
  (length) => `Content-Length: ${length}\r\nContent-Length: 0`,
  (length) => `Content-Length: 0\r\nContent-Length: ${length}`,
  (length) => `Content-Length: ${length}\r\ncontent-length: ${length}`,
  (length) => `Content-Length: 0\r\nContent_Length: ${length}`,
  (length) => `X: y\nContent-Length: ${length}`,
  (length) => `X: y\rContent-Length: ${length}`,
  (length) => `Content-Length: ${length}\nX: y`,
  (length) => `Content-Length: ${length}\rX: y`,
  (length) => `Content-Length ${length}`,
  (length) => `Content-Length: ${length}\r\nConnection: Content-Length`
]

// The codings that some server somewhere takes for chunked: those meet every length.
const near = new Set(codings.filter((coding) => /chunked/i.test(coding)))

export const framing = function* (): Generator<Sketch> {
  const bodies: ReadonlyArray<readonly [string, string]> = [
    ["chunks end early", `${lastChunk}${hidden}`],
    ["chunks hold it", `${chunk(hidden)}${lastChunk}`]
  ]
  for (const [name, body] of bodies) {
    for (const coding of codings) yield { note: `${coding}, ${name}`, bytes: head([host, coding]) + body }
    for (const length of lengths) {
      const written = length(body.length)
      yield { note: `${written}, ${name}`, bytes: head([host, written]) + body }
      for (const line of ["GET", "HEAD", "DELETE", "OPTIONS", "PUT"]) {
        yield { note: `${line} ${written}, ${name}`, bytes: head([host, written], `${line} /${placeholder}/first HTTP/1.1`) + body }
      }
    }
  }
  const [, early] = bodies[0]!
  for (const [row, coding] of codings.entries()) {
    // A chequerboard: each coding meets half of the lengths, each length half of the codings.
    const met = lengths.filter((_, column) => column < 2 || column % 2 === row % 2)
    for (const length of near.has(coding) ? met : lengths.slice(0, 1)) {
      const written = length(early.length)
      yield { note: `${coding} with ${written}`, bytes: head([host, coding, written]) + early }
    }
    for (const written of [`Content-Length: ${early.length}`, "Content-Length: 0", "Content-Length: 5"]) {
      yield { note: `${written} before ${coding}`, bytes: head([written, coding, host]) + early }
      yield {
        note: `${written} before ${coding}, in 1.0`,
        bytes: head([host, written, coding], `POST /${placeholder}/first HTTP/1.0`) + early
      }
    }
    yield { note: `${coding} in 1.0`, bytes: head([host, coding, "Connection: keep-alive"], `POST /${placeholder}/first HTTP/1.0`) + early }
    yield { note: `${coding} with GET`, bytes: head([host, coding], `GET /${placeholder}/first HTTP/1.1`) + early }
  }
  const first = `/${placeholder}/first`
  yield { note: "one request", bytes: head([host], `GET ${first} HTTP/1.1`), served: true }
  yield { note: "a length", bytes: `${head([host, `Content-Length: ${hidden.length}`])}${hidden}`, served: true }
  yield { note: "chunks", bytes: `${head([host, "Transfer-Encoding: chunked"])}${chunk(hidden)}${lastChunk}`, served: true }
  yield {
    note: "chunks, then another",
    bytes: `${head([host, "Transfer-Encoding: chunked"])}${chunk(hidden)}${lastChunk}${second}`,
    served: true
  }
  yield { note: "a length, then another", bytes: `${head([host, "Content-Length: 4"])}abcd${second}`, served: true }
  yield { note: "two in a row", bytes: `${head([host], `GET ${first} HTTP/1.1`)}${second}`, served: true }
  yield { note: "GET with a length", bytes: `${head([host, "Content-Length: 4"], `GET ${first} HTTP/1.1`)}GET ${second}`, served: true }
  yield {
    note: "1.0 with a length",
    bytes: `${head([host, `Content-Length: ${hidden.length}`], `POST ${first} HTTP/1.0`)}${hidden}`,
    served: true
  }
}
