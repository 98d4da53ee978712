// Valid requests with bytes put in, taken out, doubled or changed at places drawn by a seeded generator: what no list thinks of.
import { chunk, head, hidden, host, lastChunk, placeholder, type Sketch, second } from "./sketch.ts"

const grains = [
  "\r\n",
  "\n",
  "\r",
  " ",
  "\t",
  "\0",
  ":",
  ",",
  ";",
  "0",
  "1",
  "\x0b",
  "\xff",
  "\r\n ",
  "\r\n\r\n",
  "chunked",
  "Content-Length: 0\r\n",
  "Transfer-Encoding: chunked\r\n"
]

const seeds: ReadonlyArray<string> = [
  `${head([host, "Content-Length: 47", "X-A: b"])}${hidden.padEnd(47, "\n").slice(0, 47)}${second}`,
  `${head(["Transfer-Encoding: chunked", host, "X-A: b"])}${chunk(hidden)}${lastChunk}${second}`,
  `${head([host, "Connection: close, X-A", "X-A: b"], `GET http://h.test/${placeholder}/first?q HTTP/1.1`)}`,
  `${head([host, "Expect: 100-continue", "Transfer-Encoding: chunked"])}5;a=b\r\nhello\r\n0\r\nX-T: u\r\n\r\n${second}`
]

/** mulberry32. */
const generator = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

/** The same for the same seed. */
export const mutations = function* (count: number, seed: number): Generator<Sketch> {
  const draw = generator(seed)
  for (let n = 0; n < count; n++) {
    let bytes = seeds[n % seeds.length]!
    for (let times = 1 + draw(2); times > 0; times--) {
      const at = draw(bytes.length)
      const grain = grains[draw(grains.length)]!
      // The ids stay whole, or nobody could say whose request arrived.
      if (bytes.slice(Math.max(0, at - 6), at + 6).includes(placeholder.slice(0, 3))) continue
      const kind = draw(4)
      if (kind === 0) bytes = bytes.slice(0, at) + bytes.slice(at + 1 + draw(3))
      else if (kind === 1) bytes = bytes.slice(0, at) + bytes.slice(at - Math.min(at, draw(8)))
      else if (kind === 2) bytes = bytes.slice(0, at) + grain + bytes.slice(at + grain.length)
      else bytes = bytes.slice(0, at) + grain + bytes.slice(at)
    }
    yield { note: `mutation ${n}`, bytes }
  }
}
