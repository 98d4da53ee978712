// The access log: one JSON line a request that no client can forge, bounded, and documented by the table it is written from.
import { Writable } from "node:stream"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type AccessLogEntry, line, logFieldsTable, makeAccessLog, noAccessLog } from "#src/proxy/accesslog.ts"

const entry: AccessLogEntry = {
  time: Date.UTC(2026, 10, 21, 12, 0, 1, 7),
  gateway: "shop/edge",
  listener: "web",
  route: "HTTPRoute/shop/cart",
  rule: "rule 0",
  upstream: "Service shop/cart:80",
  endpoint: "10.0.0.1:80",
  address: "10.0.0.1:80",
  reused: true,
  tries: 0,
  withheld: "",
  client: "203.0.113.9",
  method: "GET",
  host: "shop.example",
  path: "/cart",
  protocol: "HTTP/1.1",
  tls: "",
  userAgent: "curl/8",
  status: 200,
  reason: "",
  flag: "",
  detail: "",
  bytesIn: 0,
  bytesOut: 12,
  duration: 1.2345,
  upstreamHead: 1.1
}

const collect = () => {
  const texts: Array<string> = []
  const held: Array<() => void> = []
  let open = true
  const stream = new Writable({
    decodeStrings: false,
    highWaterMark: 1,
    write: (text: string, _encoding, done) => {
      texts.push(text)
      if (open) done()
      else held.push(done)
    }
  })
  return {
    stream,
    texts,
    hold: () => {
      open = false
    },
    release: () => {
      open = true
      for (const done of held.splice(0)) done()
    }
  }
}

describe("a line", () => {
  it("is JSON with its fields in the order of the table, empty ones left out", () => {
    const text = line(entry)
    expect(text.endsWith("}\n")).toBe(true)
    const parsed = JSON.parse(text)
    expect(parsed).toMatchObject({ time: "2026-11-21T12:00:01.007Z", status: 200, reused: true, duration_ms: 1.23, bytes_in: 0 })
    for (const absent of ["reason", "flag", "detail", "tls", "attempts", "retry_withheld"]) expect(parsed).not.toHaveProperty(absent)
    const documented = [...logFieldsTable().matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name)
    const full = line({ ...entry, tls: "TLSv1.3", reason: "no_route", flag: "NR", detail: "x", tries: 2, withheld: "budget" })
    expect(Object.keys(JSON.parse(full))).toEqual(documented)
  })

  it("stays one line and says what was sent, whatever a client sends", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        const printed = line({ ...entry, path: text, host: text, userAgent: text })
        expect(printed.indexOf("\n")).toBe(printed.length - 1)
        expect(JSON.parse(printed).path ?? "").toBe(text)
      })
    )
    expect(line({ ...entry, path: '/"},"status":200}\n{"x":"\r\u2028' }).split("\n")).toHaveLength(2)
  })

  it("cuts what is long", () => {
    expect(line({ ...entry, path: `/${"x".repeat(9000)}` }).length).toBeLessThan(2000)
  })
})

describe("the log", () => {
  it("writes in batches", async () => {
    const { stream, texts } = collect()
    const log = makeAccessLog(stream)
    for (let n = 0; n < 50; n++) log.write(entry)
    expect(texts).toEqual([])
    await log.flush()
    expect(texts).toHaveLength(1)
    expect(texts[0]!.split("\n")).toHaveLength(51)
  })

  it("drops and counts what the stream does not take in time, and goes on when it does", async () => {
    const { stream, texts, hold, release } = collect()
    const log = makeAccessLog(stream, { bound: 100_000 })
    hold()
    for (let n = 0; n < 1000; n++) log.write(entry)
    const dropped = log.dropped()
    expect(dropped).toBeGreaterThan(500)
    release()
    await log.flush()
    log.write(entry)
    await log.flush()
    expect(log.dropped()).toBe(dropped)
    expect(texts.join("").split("\n").length - 1).toBe(1001 - dropped)
  })

  it("does not wait for ever for a stream that takes nothing", async () => {
    const { stream, texts, hold, release } = collect()
    const log = makeAccessLog(stream, { patience: 20 })
    hold()
    log.write(entry)
    await log.flush()
    expect(texts.length).toBeLessThan(2)
    release()
  })

  it("outlives its stream", async () => {
    const { stream } = collect()
    const log = makeAccessLog(stream)
    log.write(entry)
    stream.destroy(new Error("EPIPE"))
    await new Promise((resolve) => setImmediate(resolve))
    log.write(entry)
    await log.flush()
    expect(log.dropped()).toBe(1)
  })

  it("counts the lines of another process that its stream does not take, and says each time that it is done with them", async () => {
    const { stream, texts } = collect()
    const log = makeAccessLog(stream)
    const pass = (lines: string) => new Promise<void>((resolve) => log.pass(lines, resolve))
    await pass(`${line(entry)}${line(entry)}`)
    expect([texts.join("").split("\n").length - 1, log.dropped()]).toEqual([2, 0])
    stream.destroy(new Error("EPIPE"))
    await pass(`${line(entry)}${line(entry)}${line(entry)}`)
    expect(log.dropped()).toBe(3)
  })

  it("can be switched off", async () => {
    noAccessLog.write(entry)
    await noAccessLog.flush()
    expect(noAccessLog.dropped()).toBe(0)
  })
})
