// Thousands of doubtful requests through the whole proxy on real sockets: none may bring the origin a byte that is illegal, ambiguous, or somebody's body
// (RFC 9112 11.2, "Request Smuggling"). What counts as a request is decided by a parser of the tests' own.
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { type Assault, attack } from "../fuzz/attack.ts"
import { corpus, type Payload } from "../fuzz/corpus.ts"
import { readRequests } from "../fuzz/grammar.ts"
import { judge } from "../fuzz/judge.ts"
import { type Recorded, type Recorder, startRecorder } from "../fuzz/recorder.ts"
import { startProxy, type TestProxy } from "../proxy/harness.ts"
import { at } from "../support/live.ts"

const bound = 8_000
const atOnce = 48

describe("the smuggling corpus", () => {
  const payloads = corpus()
  const assaults = new Map<Payload, Assault>()
  const recorded = new Map<string, Array<Recorded>>()
  let recorder: Recorder
  let proxy: TestProxy

  beforeAll(async () => {
    recorder = await startRecorder()
    proxy = await startProxy({
      listeners: { web: { hosts: { "*": [{ to: "origin" }] } } },
      upstreams: {
        // The client's own Host goes on, so that a false one would be seen.
        origin: {
          endpoints: [at(recorder.port)],
          spec: { external: false, identity: { host: "Request", sni: null, certificateName: null } }
        }
      }
    })
    let next = 0
    const one = async () => {
      for (let n = next++; n < payloads.length; n = next++) {
        const payload = payloads[n]!
        assaults.set(payload, await attack(proxy.port(), payload.bytes, bound, n % 2 === 1))
      }
    }
    await Promise.all(Array.from({ length: atOnce }, one))
    for (const item of recorder.requests) {
      const id = /[0-9]{5}/.exec(item.request.target)?.[0] ?? item.request.target
      recorded.set(id, [...(recorded.get(id) ?? []), item])
    }
  }, 60_000)
  afterAll(async () => {
    await proxy.close()
    await recorder[Symbol.asyncDispose]()
  })

  it("is large, and each family is there", () => {
    assert.isAbove(payloads.length, 5_000)
    assert.deepEqual([...new Set(payloads.map(({ family }) => family))], ["framing", "chunks", "lines", "fields", "mutations"])
  })

  it("brings the origin nothing that a strict parser does not read (RFC 9112 2, 3, 5, 6, 7)", () => {
    assert.deepEqual(recorder.offences, [])
  })

  it("brings the origin no request but the payloads' own", () => {
    const ids = new Set(payloads.map(({ id }) => id))
    assert.deepEqual(
      [...recorded.keys()].filter((id) => !ids.has(id)),
      []
    )
  })

  for (const family of ["framing", "chunks", "lines", "fields", "mutations"]) {
    it(`${family}: what arrives is what was plainly sent, what is answered is what was asked, and nothing hangs`, () => {
      const wrong = payloads
        .filter((payload) => payload.family === family)
        .map((payload) => [payload.note, judge(payload, assaults.get(payload)!, recorded.get(payload.id) ?? [])] as const)
        .filter(([, problems]) => problems.length > 0)
      assert.deepEqual(wrong.slice(0, 20), [], `${wrong.length} payloads`)
    })
  }

  it("answers every payload that is a request or is plainly wrong", () => {
    const silent = payloads.filter((payload) => {
      const { rest, requests } = readRequests(payload.bytes, false)
      return assaults.get(payload)!.answers.length === 0 && (requests.some(({ complete }) => complete) || typeof rest === "object")
    })
    assert.deepEqual(
      silent.map(({ note }) => note),
      []
    )
  })

  it("leaves the proxy serving, with no failure of its own", async () => {
    const last = await attack(proxy.port(), "GET /last HTTP/1.1\r\nHost: h.test\r\n\r\n", bound, false)
    assert.deepEqual(
      last.answers.map(({ status, body }) => [status, body]),
      [[200, "/last"]]
    )
    assert.strictEqual(await proxy.metric("sluice_failures_total", { reason: "internal" }), 0)
    assert.deepEqual(
      proxy.lines.filter(({ status }) => status >= 500 && status !== 501 && status !== 505),
      []
    )
  })
})
