// What a reader told, as data: two readings are the same when their records are.
import type { Framing } from "#src/http1/framing.ts"
import { defaultReaderLimits, type ReaderLimits } from "#src/http1/limits.ts"
import { Reader, type RequestHead, type ResponseHead, type Verdict } from "#src/http1/reader.ts"

export type Told =
  | { readonly head: RequestHead | ResponseHead }
  | { readonly data: string }
  | { readonly end: ReadonlyArray<string> }
  | { readonly error: string; readonly detail: string }

export interface Recorded {
  /** Runs of data joined. */
  readonly told: ReadonlyArray<Told>
  readonly reader: Reader<RequestHead | ResponseHead>
}

const field = (head: RequestHead | ResponseHead, name: string): string | null => {
  for (let at = 0; at < head.fields.length; at += 2) if (head.fields[at]!.toLowerCase() === name) return head.fields[at + 1]!
  return null
}

/** The plainest owner: chunked, then Content-Length, then what is left. */
export const plainFraming = (head: RequestHead | ResponseHead): Framing => {
  if (field(head, "transfer-encoding") !== null) return "Chunked"
  const length = field(head, "content-length")
  return length !== null ? Number(length) : "status" in head && head.status !== 204 ? "UntilClose" : "None"
}

/** 1xx are interim; 101 stops. */
export const plainVerdict = (head: RequestHead | ResponseHead): Verdict =>
  "status" in head && head.status < 200 ? (head.status === 101 ? "Stop" : "Interim") : plainFraming(head)

export interface RecordOptions {
  readonly limits?: Partial<ReaderLimits>
  readonly verdict?: (head: RequestHead | ResponseHead) => Verdict
  /** Called after each event, with the reader. */
  readonly after?: (reader: Reader<RequestHead | ResponseHead>, event: Told) => void
}

/** latin1. */
export const bytes = (text: string): Buffer => Buffer.from(text, "latin1")

/** A reader that writes down what it tells. */
export const recorder = (kind: "Request" | "Response", options: RecordOptions = {}): Recorded => {
  const told: Array<Told> = []
  const note = (event: Told) => {
    const last = told.at(-1)
    if ("data" in event && last !== undefined && "data" in last) told[told.length - 1] = { data: last.data + event.data }
    else told.push(event)
    options.after?.(reader, event)
  }
  const reader: Reader<RequestHead | ResponseHead> = new Reader(
    kind,
    {
      onHead: (head) => {
        note({ head })
        return (options.verdict ?? plainVerdict)(head)
      },
      onData: (chunk) => note({ data: chunk.toString("latin1") }),
      onEnd: (end) => note({ end }),
      onError: ({ code, detail }) => note({ error: code, detail })
    },
    { ...defaultReaderLimits, ...options.limits }
  )
  return { told, reader }
}

/** Reads the whole text, in pieces that end at the given places, and then its end. */
export const read = (
  kind: "Request" | "Response",
  text: string,
  options: RecordOptions & { readonly cuts?: ReadonlyArray<number>; readonly open?: boolean } = {}
): ReadonlyArray<Told> => {
  const { told, reader } = recorder(kind, options)
  const all = bytes(text)
  let from = 0
  for (const cut of [...(options.cuts ?? []), all.length]) {
    // A copy each: what a reader keeps must not depend on the memory of the next piece.
    reader.execute(Buffer.from(all.subarray(from, cut)))
    from = cut
  }
  if (options.open !== true) reader.finish()
  return told
}

export const errorOf = (told: ReadonlyArray<Told>): string | null => {
  const last = told.at(-1)
  return last !== undefined && "error" in last ? last.error : null
}
