// What still comes of streams that we have reset (RFC 9113 section 5.1): a server that has not heard of it yet has done nothing wrong.
import { assert, it } from "vitest"
import { openClient } from "../../src/http2/client.ts"
import { codes } from "../../src/http2/code.ts"
import type { SessionProblem } from "../../src/http2/session.ts"
import type { Stream, StreamHandler } from "../../src/http2/stream.ts"
import { goaway } from "./judged.ts"
import { flag, headers, raw, Sink, type } from "./wire.ts"

const deaf: StreamHandler = { onHead: () => {}, onData: () => {}, onEnd: () => {}, onDrain: () => {}, onReset: () => {} }

const head = { method: "GET", scheme: "http", authority: "a.test", path: "/", protocol: null, fields: [] }

/** Our client, which has cancelled so many requests one after another. */
const cancelled = (count: number) => {
  const sink = new Sink()
  let problem: SessionProblem | null = null
  const session = openClient(sink.socket, {
    onGoaway: () => {},
    onFinished: () => {},
    onProblem: (why) => {
      problem = why
    }
  })
  session.execute(raw(type.settings, 0, 0))
  for (let n = 0; n < count; n++) (session.request(head, true, deaf) as Stream).reset(codes.CANCEL)
  return { session, sink, problem: () => problem }
}

it("what a server says of a request that was cancelled 1,000 requests ago costs nothing", () => {
  const { session, sink, problem } = cancelled(1_000)
  session.execute(Buffer.concat([headers(1, false, ":status", "200"), raw(type.data, 0, 1, "late"), raw(type.data, flag.end, 1)]))
  assert.isNull(problem())
  assert.isUndefined(goaway(sink.frames))
  // The connection goes on, and its compression is in step.
  const statuses: Array<number> = []
  session.request(head, true, { ...deaf, onHead: ({ status }) => void statuses.push(status) })
  session.execute(headers(2_001, true, ":status", "204"))
  assert.deepEqual(statuses, [204])
})

it("there is a bound to what is remembered: beyond it such frames are a fault of the connection", () => {
  const { session, problem } = cancelled(5_000)
  session.execute(raw(type.data, 0, 1, "late"))
  assert.strictEqual((problem() as SessionProblem | null)?.code, codes.STREAM_CLOSED)
})
