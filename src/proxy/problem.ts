// What the reader reports when bytes are no request, as rows of the failure table.
import type { Problem } from "../http1/problem.ts"
import type { DownstreamReason } from "../snapshot/reason.ts"

export const problemReason = ({ code }: Problem): DownstreamReason => {
  switch (code) {
    case "line_too_long":
      return "uri_too_long"
    case "head_too_large":
    case "too_many_fields":
      return "head_too_large"
    default:
      return "bad_request"
  }
}
