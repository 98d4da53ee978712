// What the workers of a pod acknowledge, as of one proxy.
import { expect, it } from "vitest"
import type { Ack, Refusal } from "#src/report/report.ts"
import { podAck } from "#src/workers/acks.ts"

const ack = (version: string, refused: ReadonlyArray<Refusal> = []): Ack => ({ proxy: "a", version, sequence: 1, ready: true, refused })
const refusal = (id: string): Refusal => ({ table: "listeners", id, reason: "in use" })

it("is what all have applied, and nothing as long as one has not", () => {
  expect(podAck([ack("2"), ack("2")])?.version).toBe("2")
  expect(podAck([ack("2"), ack("1")])).toBeNull()
  expect(podAck([ack("2"), null])).toBeNull()
  expect(podAck([])).toBeNull()
})

it("has what any of them refuses, once", () => {
  const told = podAck([ack("2", [refusal("web")]), ack("2", [refusal("web"), refusal("dns")]), ack("2")])
  expect(told?.refused).toEqual([refusal("web"), refusal("dns")])
})
