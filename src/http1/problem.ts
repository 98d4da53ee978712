// Why bytes are no message. Data made once: a peer can cause them at will, so none costs a stack, and none holds a byte of the peer's.

export type ProblemCode =
  | "bad_start_line"
  | "line_too_long"
  | "head_too_large"
  | "too_many_fields"
  | "bad_line_end"
  | "bad_field_name"
  | "bad_field_value"
  | "folded_field"
  | "bad_chunk"
  | "chunk_too_large"
  | "extensions_too_large"
  | "trailers_too_large"
  | "bad_trailer"
  | "truncated"

export interface Problem {
  /** Stable: owners choose their answer by it. */
  readonly code: ProblemCode
  /** Words for a log. */
  readonly detail: string
}

const problem = (code: ProblemCode, detail: string): Problem => Object.freeze({ code, detail })

export const problems = {
  method: problem("bad_start_line", "the method is not a token followed by one space"),
  target: problem("bad_start_line", "the request target is empty, has a character that no target has, or is not followed by one space"),
  version: problem("bad_start_line", "the protocol version is not HTTP/ with two digits"),
  status: problem("bad_start_line", "the status is not three digits"),
  reason: problem("bad_start_line", "the reason phrase has a control character"),
  emptyLines: problem("bad_start_line", "too many empty lines before the start line"),
  lineTooLong: problem("line_too_long", "the start line is too long"),
  headTooLarge: problem("head_too_large", "the head is too large"),
  tooManyFields: problem("too_many_fields", "the head has too many fields"),
  bareCarriageReturn: problem("bad_line_end", "a CR is not followed by LF"),
  bareLineFeed: problem("bad_line_end", "an LF is not preceded by CR"),
  emptyName: problem("bad_field_name", "a field has no name"),
  fieldName: problem("bad_field_name", "a field name is not a token followed by a colon"),
  fieldValue: problem("bad_field_value", "a field value has a control character"),
  folded: problem("folded_field", "a line begins with white space"),
  chunkSize: problem("bad_chunk", "the size of a chunk is not a hexadecimal number"),
  chunkTooLarge: problem("chunk_too_large", "the size of a chunk has too many digits"),
  chunkExtension: problem("bad_chunk", "a chunk extension is malformed"),
  chunkEnd: problem("bad_chunk", "a chunk does not end with CRLF"),
  extensionsTooLarge: problem("extensions_too_large", "the chunk extensions are too large"),
  trailersTooLarge: problem("trailers_too_large", "the trailers are too large or too many"),
  framingTrailer: problem("bad_trailer", "a trailer would frame the message that has just ended"),
  truncated: problem("truncated", "the connection ended in the middle of a message")
} as const
