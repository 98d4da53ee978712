// What a failure of ours is answered with, as explain tells it. Apart, because whole requests and single shares of a rule are refused alike.
import { callStatus } from "../proxy/grpc.ts"
import { failures } from "../proxy/response.ts"
import { isCall } from "../routing/call.ts"
import type { Reason } from "../snapshot/reason.ts"
import type { Question } from "./question.ts"

export interface Refusal {
  readonly reason: Reason
  readonly status: number | "close"
  /** Of a call of gRPC: the name of the status that it is told, in trailers under 200. */
  readonly grpc?: string
}

export const asksCall = (question: Question): boolean => isCall(question.view.header("content-type"))

export const refusalOf = (reason: Reason, question: Question): Refusal =>
  asksCall(question) ? { reason, status: 200, grpc: callStatus(reason).name } : { reason, status: failures[reason].status }

/** `503 (no_endpoints)`, `UNAVAILABLE (no_endpoints)`. */
export const describeRefusal = ({ reason, status, grpc }: Refusal): string => `${grpc ?? status} (${reason})`

/** answer: what ends a request here; null: nothing does. */
export const fails = (answer: Pick<Refusal, "status" | "grpc"> | null): boolean =>
  answer !== null && (answer.grpc !== undefined || answer.status === "close" || answer.status >= 400)
