// What gRPC asks of a gateway beyond HTTP/2: failures of ours said in its own words, and the time that a client gives a call.
import { isCall } from "../routing/call.ts"
import { joinedValue } from "../routing/headers.ts"
import type { Reason } from "../snapshot/reason.ts"
import type { LocalAnswer } from "./answer.ts"
import { failures } from "./response.ts"

/** fields: raw pairs of a request. */
export const isGrpc = (fields: ReadonlyArray<string>): boolean => isCall(joinedValue(fields, "content-type"))

/** A status of gRPC, as its specification has it. */
export interface CallStatus {
  readonly code: number
  readonly name: string
}

const deadlineExceeded: CallStatus = { code: 4, name: "DEADLINE_EXCEEDED" }
const resourceExhausted: CallStatus = { code: 8, name: "RESOURCE_EXHAUSTED" }
const unimplemented: CallStatus = { code: 12, name: "UNIMPLEMENTED" }
const internal: CallStatus = { code: 13, name: "INTERNAL" }
const unavailable: CallStatus = { code: 14, name: "UNAVAILABLE" }

// Clients that find only a status of HTTP make others of it: they would take 429 for UNAVAILABLE and 404 for UNIMPLEMENTED of the backend.
const byStatus: ReadonlyMap<number | "close", CallStatus> = new Map<number | "close", CallStatus>([
  [400, internal],
  [404, unimplemented],
  [405, unimplemented],
  [408, deadlineExceeded],
  [413, resourceExhausted],
  [429, resourceExhausted],
  [431, resourceExhausted],
  [501, unimplemented],
  [502, unavailable],
  [503, unavailable],
  [504, deadlineExceeded],
  // While a call waits for its answer that is a drain: another gateway may take it.
  ["close", unavailable]
])

/** What a call is told of a failure. docs/request.md: a backend that a route cannot use is UNAVAILABLE, as Gateway API has it. */
export const callStatus = (reason: Reason): CallStatus =>
  failures[reason].phase === "route" && failures[reason].status === 500 ? unavailable : (byStatus.get(failures[reason].status) ?? internal)

/** What ends a call, in its trailers. */
export const grpcStatus = (reason: Reason): ReadonlyArray<string> => [
  ...["Grpc-Status", String(callStatus(reason).code)],
  ...["Grpc-Message", failures[reason].text.replaceAll("%", "%25")]
]

/** Trailers-only: one head that ends the stream. */
export const grpcAnswer = (reason: Reason): LocalAnswer => ({
  status: 200,
  headers: ["Content-Type", "application/grpc", ...grpcStatus(reason), "Content-Length", "0"],
  body: "",
  close: failures[reason].close
})

const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 }

/** What a timer of Node can wait. */
const longest = 2_147_483_647

/** The shorter of a rule's time and the one that a client of gRPC gives its call. Milliseconds; null: no limit. */
export const callDeadline = (fields: ReadonlyArray<string>, deadline: number | null): number | null => {
  const given = joinedValue(fields, "grpc-timeout")
  const parts = given === null || !isGrpc(fields) ? null : /^(\d{1,8})([HMSmun])$/.exec(given)
  if (parts === null) return deadline
  const called = Math.min(longest, Math.max(1, Math.ceil(Number(parts[1]) * units[parts[2]!]!)))
  return deadline === null ? called : Math.min(deadline, called)
}
