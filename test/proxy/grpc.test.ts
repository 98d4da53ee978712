// What a client of gRPC is told of a failure of the gateway (docs/request.md), and the time that it gives a call.
import { assert, describe, it } from "vitest"
import { callDeadline, callStatus, grpcAnswer } from "#src/proxy/grpc.ts"
import { failures } from "#src/proxy/response.ts"
import type { Reason } from "#src/snapshot/reason.ts"

const reasons = Object.keys(failures) as ReadonlyArray<Reason>
const told = (wanted: (reason: Reason) => boolean) => [...new Set(reasons.filter(wanted).map((reason) => callStatus(reason).name))].sort()

describe("a failure", () => {
  it("of each row of the table has one of five statuses", () => {
    const codes = new Map(reasons.map((reason) => [callStatus(reason).name, callStatus(reason).code] as const))
    assert.deepEqual(Object.fromEntries([...codes].sort(([, a], [, b]) => a - b)), {
      DEADLINE_EXCEEDED: 4,
      RESOURCE_EXHAUSTED: 8,
      UNIMPLEMENTED: 12,
      INTERNAL: 13,
      UNAVAILABLE: 14
    })
  })

  it("to find a rule is UNIMPLEMENTED; of a backend that cannot be had or is not declared rightly UNAVAILABLE", () => {
    assert.deepEqual(
      ["no_listener", "no_route"].map((reason) => callStatus(reason as Reason).name),
      ["UNIMPLEMENTED", "UNIMPLEMENTED"]
    )
    const { no_backend, backend_not_found, invalid_kind, ref_not_permitted, invalid_filter, invalid_backend } = failures
    const declared = new Set([no_backend, backend_not_found, invalid_kind, ref_not_permitted, invalid_filter, invalid_backend])
    assert.deepEqual(
      told((reason) => declared.has(failures[reason])),
      ["UNAVAILABLE"]
    )
    assert.deepEqual(
      told(
        (reason) =>
          ["pick", "resolve", "connect", "tls", "send", "wait", "head"].includes(failures[reason].phase) && failures[reason].status !== 504
      ),
      ["UNAVAILABLE"]
    )
  })

  it("of time is DEADLINE_EXCEEDED, wherever it is over; of size RESOURCE_EXHAUSTED; of what is none INTERNAL", () => {
    assert.deepEqual(
      told((reason) => failures[reason].status === 504 || failures[reason].status === 408),
      ["DEADLINE_EXCEEDED"]
    )
    assert.deepEqual(
      told((reason) => reason === "head_too_large" || reason === "body_too_large"),
      ["RESOURCE_EXHAUSTED"]
    )
    assert.deepEqual(
      told((reason) => reason === "bad_request" || reason === "internal" || reason === "invalid_listener"),
      ["INTERNAL"]
    )
  })

  it("is told in one head that ends the stream, under 200, with words that gRPC can carry", () => {
    for (const reason of reasons) {
      const { status, headers, body } = grpcAnswer(reason)
      assert.deepEqual([status, body], [200, ""])
      const fields = new Map(headers.flatMap((name, at) => (at % 2 === 0 ? [[name.toLowerCase(), headers[at + 1]!] as const] : [])))
      assert.strictEqual(fields.get("content-type"), "application/grpc")
      assert.strictEqual(fields.get("grpc-status"), String(callStatus(reason).code))
      assert.match(fields.get("grpc-message")!, /^(?:[\x20-\x24\x26-\x7e]|%[0-9A-F]{2})*$/)
    }
  })
})

describe("the time of a call", () => {
  const of = (timeout: string, deadline: number | null = null, type = "application/grpc") =>
    callDeadline(["content-type", type, "grpc-timeout", timeout], deadline)

  it("has a unit, and is no less than a millisecond and no more than a timer can wait", () => {
    const units = { "2H": 7_200_000, "3M": 180_000, "4S": 4_000, "5m": 5, "1500u": 2, "1n": 1, "0m": 1, "99999999H": 2_147_483_647 }
    for (const [timeout, milliseconds] of Object.entries(units)) assert.strictEqual(of(timeout), milliseconds, timeout)
  })

  it("is the shorter of the rule's and the client's", () => {
    assert.strictEqual(of("2S", 1_000), 1_000)
    assert.strictEqual(of("1S", 2_000), 1_000)
  })

  it("is the rule's where the client says none that can be read, and of what is no call", () => {
    for (const timeout of ["", "5", "5s", "-1S", "1.5S", "123456789m", "1S, 2S"]) assert.strictEqual(of(timeout, 700), 700, timeout)
    assert.strictEqual(of("1m", 700, "application/json"), 700)
    assert.isNull(callDeadline(["content-type", "application/grpc"], null))
  })
})
