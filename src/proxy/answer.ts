// What we say ourselves: the heads and bodies of local answers, made once from the failure table.
import { fieldLines } from "../http1/writer.ts"
import type { FailoverResponse } from "../snapshot/behaviour.ts"
import type { Reason } from "../snapshot/reason.ts"
import { dateLine, statusLine } from "./heading.ts"
import { failures } from "./response.ts"

export interface LocalAnswer {
  readonly status: number
  /** Raw pairs with Content-Length. */
  readonly headers: ReadonlyArray<string>
  /** Its bytes, a character each. */
  readonly body: string
  readonly close: boolean
}

/** Short plain text. nosniff: a browser must not make anything else of it. */
const make = (status: number, text: string, more: ReadonlyArray<string>, close: boolean): LocalAnswer => {
  const body = `${text}\n`
  return {
    status,
    headers: [
      "Content-Type",
      "text/plain; charset=utf-8",
      "X-Content-Type-Options",
      "nosniff",
      ...more,
      "Content-Length",
      String(Buffer.byteLength(body))
    ],
    body,
    close
  }
}

// Where the table says "close" and a request can still be answered, there is nobody to read it; 500 keeps the type honest.
const answers = new Map(
  (Object.keys(failures) as Array<Reason>).map((reason) => {
    const { status, text, headers, close } = failures[reason]
    return [reason, make(status === "close" ? 500 : status, text, headers, close)]
  })
)

export const answerTo = (reason: Reason): LocalAnswer => answers.get(reason)!

/** The same as text, for a connection that never had a request. Always closes. */
export const rawAnswer = (reason: Reason): string => {
  const { status, headers, body } = answerTo(reason)
  return `${statusLine(status)}${fieldLines(headers)}${dateLine()}Connection: close\r\n\r\n${body}`
}

/** What a Backend says when nobody is left who can serve. */
export const standbyAnswer = ({ status, contentType, body }: FailoverResponse): LocalAnswer => {
  const bytes = Buffer.from(body)
  const counted = status === 204 || status === 304 ? [] : ["Content-Length", String(bytes.length)]
  return {
    status,
    headers: body === "" ? counted : ["Content-Type", contentType, ...counted],
    body: bytes.toString("latin1"),
    close: false
  }
}
