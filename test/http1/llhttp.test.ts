// The reader is never more lenient than the parser most servers on Node run: what it takes, with an owner as strict as ours, llhttp takes too and reads as
// the same messages. Two parsers that read one stream in two ways are what request smuggling is made of.

import { createServer, type IncomingMessage, METHODS, type ServerResponse, request as send } from "node:http"
import { Duplex } from "node:stream"
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { RequestHead, ResponseHead, Verdict } from "#src/http1/reader.ts"
import { corpus } from "../fuzz/corpus.ts"
import { damaged, request, response } from "./messages.ts"
import { bytes, read, type Told } from "./record.ts"

interface Message {
  readonly start: string
  readonly fields: ReadonlyArray<string>
  readonly body: string
  readonly trailers: ReadonlyArray<string>
}

const lines = (head: RequestHead | ResponseHead, name: string) =>
  head.fields.filter((_, at) => at % 2 === 1 && head.fields[at - 1]!.toLowerCase() === name)

/** As strict as ours, and only what can be compared: no upgrades, no methods that llhttp does not know. */
const verdict = (head: RequestHead | ResponseHead): Verdict => {
  if (head.version !== "1.1" && head.version !== "1.0") return "Stop"
  if (lines(head, "upgrade").length > 0) return "Stop"
  if ("method" in head && (!METHODS.includes(head.method) || head.method === "CONNECT" || !/^\/[^#]*$/.test(head.target))) return "Stop"
  const codings = lines(head, "transfer-encoding")
  const lengths = lines(head, "content-length")
  if (codings.length + lengths.length > 1) return "Stop"
  if (codings.length === 1 && (head.version === "1.0" || codings[0]!.toLowerCase() !== "chunked")) return "Stop"
  if (lengths.length === 1 && !/^\d{1,15}$/.test(lengths[0]!)) return "Stop"
  if ("status" in head) {
    if (head.status < 200 || head.status > 599) return "Stop"
    if (head.status === 204 || head.status === 304) return "None"
  }
  if (codings.length === 1) return "Chunked"
  return lengths.length === 1 ? Number(lengths[0]) : "status" in head ? "UntilClose" : "None"
}

const messages = (told: ReadonlyArray<Told>): ReadonlyArray<Message> => {
  const whole: Array<Message> = []
  let start = ""
  let fields: ReadonlyArray<string> = []
  let body = ""
  for (const event of told) {
    if ("head" in event) {
      const { head } = event
      start = "method" in head ? `${head.method} ${head.target} HTTP/${head.version}` : `HTTP/${head.version} ${head.status} ${head.reason}`
      fields = head.fields
      body = ""
    } else if ("data" in event) body += event.data
    else if ("end" in event) whole.push({ start, fields, body, trailers: event.end })
  }
  return whole
}

class Wire extends Duplex {
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done()
  }
}

const turns = async (count: number) => {
  for (let n = 0; n < count; n++) await new Promise(setImmediate)
}

/** Fills in a message as node:http tells it; it is in the list once it is whole. */
const collect = (incoming: IncomingMessage, start: string, to: Array<Message>) => {
  const place: Message[] = []
  let body = ""
  incoming.on("data", (chunk: Buffer) => {
    body += chunk.toString("latin1")
  })
  incoming.on("error", () => {})
  incoming.on("end", () => {
    if (incoming.complete) place.push({ start, fields: incoming.rawHeaders, body, trailers: incoming.rawTrailers })
    to.push(...place)
  })
}

const server = createServer({ requireHostHeader: false, maxHeaderSize: 65_536, keepAliveTimeout: 0 })
server.maxHeadersCount = 0
const sinks = new WeakMap<Duplex, Array<Message>>()
for (const event of ["request", "checkContinue", "checkExpectation"]) {
  server.on(event, (incoming: IncomingMessage, outgoing: ServerResponse) => {
    collect(incoming, `${incoming.method} ${incoming.url} HTTP/${incoming.httpVersion}`, sinks.get(incoming.socket as Duplex)!)
    outgoing.end()
  })
}
server.on("clientError", () => {})

/** The requests that node:http reads whole. */
const llhttpRequests = async (text: string): Promise<ReadonlyArray<Message>> => {
  const wire = new Wire()
  const found: Array<Message> = []
  sinks.set(wire, found)
  server.emit("connection", wire)
  wire.push(bytes(text))
  await turns(4)
  wire.destroy()
  return found
}

/** The response that node:http reads whole. */
const llhttpResponse = async (text: string): Promise<ReadonlyArray<Message>> => {
  const wire = new Wire()
  const found: Array<Message> = []
  const asking = send({ createConnection: () => wire, maxHeaderSize: 65_536 })
  asking.maxHeadersCount = 0
  asking.on("error", () => {})
  asking.on("response", (incoming) =>
    collect(incoming, `HTTP/${incoming.httpVersion} ${incoming.statusCode} ${incoming.statusMessage}`, found)
  )
  asking.on("socket", () => {
    wire.push(bytes(text))
    wire.push(null)
  })
  asking.end()
  await turns(4)
  wire.destroy()
  return found
}

// RFC 9110 5.6.3 has the tab as white space around a value; llhttp does not know it behind `chunked`. It goes to no upstream: heads are written anew.
const tabbedCoding = /transfer-encoding:[^\r\n]*\t/i

const requestsAgree = async (text: string): Promise<number> => {
  const ours = messages(read("Request", text, { verdict, open: true }))
  if (ours.length === 0 || tabbedCoding.test(text)) return 0
  const theirs = await llhttpRequests(text)
  let compared = 0
  for (const [n, message] of ours.entries()) {
    assert.deepEqual(theirs[n], message, JSON.stringify(text))
    compared++
    // After this node:http reads no more, whatever comes, even when a trailer says it.
    const closing = [...message.fields, ...message.trailers].some((name, at) => at % 2 === 0 && name.toLowerCase() === "connection")
    if (closing || message.start.endsWith("HTTP/1.0")) break
  }
  return compared
}

describe("what the reader takes, llhttp takes and reads alike", () => {
  it("of the smuggling corpus", async () => {
    let compared = 0
    for (const payload of corpus()) compared += await requestsAgree(payload.bytes)
    assert.isAbove(compared, 500)
  })

  it("of damaged requests", { timeout: 60_000 }, async () => {
    let compared = 0
    const known = request.map((one) => ({ ...one, text: one.text.replace(/^\S+ /, "POST ").replace(/ (\S+) HTTP/, " /$1 HTTP") }))
    await fc.assert(
      fc.asyncProperty(fc.array(damaged(known), { minLength: 1, maxLength: 3 }), async (texts) => {
        compared += await requestsAgree(texts.join(""))
      }),
      { numRuns: 1500 }
    )
    assert.isAbove(compared, 300)
  })

  it("of damaged responses", { timeout: 60_000 }, async () => {
    let compared = 0
    await fc.assert(
      fc.asyncProperty(damaged(response), async (text) => {
        const [ours] = messages(read("Response", text, { verdict }))
        if (ours === undefined) return
        const [theirs] = await llhttpResponse(text)
        assert.deepEqual(theirs, ours, JSON.stringify(text))
        compared++
      }),
      { numRuns: 1500 }
    )
    assert.isAbove(compared, 200)
  })
})
