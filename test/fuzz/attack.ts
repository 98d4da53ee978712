// One payload on a connection of its own: sent as bytes, answered within a bound, its answers read without a library.
import { connect } from "node:net"
import { readRequests } from "./grammar.ts"

export interface ReadAnswer {
  readonly status: number
  readonly fields: ReadonlyArray<readonly [string, string]>
  readonly body: string
}

export interface Answers {
  /** Final ones. */
  readonly answers: ReadonlyArray<ReadAnswer>
  readonly interim: ReadonlyArray<ReadAnswer>
  /** What came and is no response; "" for none. */
  readonly garbage: string
}

/** methods: of the requests, in order; a missing one counts as GET. */
export const readAnswers = (text: string, methods: ReadonlyArray<string>): Answers => {
  const answers: Array<ReadAnswer> = []
  const interim: Array<ReadAnswer> = []
  let at = 0
  for (;;) {
    const end = text.indexOf("\r\n\r\n", at)
    const [line = "", ...lines] = text.slice(at, end < 0 ? text.length : end).split("\r\n")
    const status = Number(/^HTTP\/1\.1 ([1-5][0-9][0-9]) /.exec(line)?.[1] ?? "0")
    if (end < 0 || status === 0) return { answers, interim, garbage: text.slice(at) }
    const fields = lines.map((field): readonly [string, string] => [
      field.slice(0, field.indexOf(":")).toLowerCase(),
      field.slice(field.indexOf(":") + 1).trim()
    ])
    const field = (name: string) => fields.find(([key]) => key === name)?.[1]
    const begin = end + 4
    if (status < 200) {
      interim.push({ status, fields, body: "" })
      at = begin
      continue
    }
    let body = ""
    at = begin
    if (methods[answers.length] !== "HEAD" && status !== 204 && status !== 304) {
      if (field("transfer-encoding") === "chunked") {
        for (;;) {
          const eol = text.indexOf("\r\n", at)
          const size = Number.parseInt(text.slice(at, eol), 16)
          if (eol < 0 || Number.isNaN(size) || text.length < eol + 4 + size) return { answers, interim, garbage: text.slice(begin) }
          body += text.slice(eol + 2, eol + 2 + size)
          at = eol + 4 + size
          if (size === 0) break
        }
      } else {
        const length = field("content-length")
        at = length === undefined ? text.length : begin + Number(length)
        if (at > text.length) return { answers, interim, garbage: text.slice(end) }
        body = text.slice(begin, at)
      }
    }
    answers.push({ status, fields, body })
    if (at === text.length) return { answers, interim, garbage: "" }
  }
}

export interface Assault extends Answers {
  /** Neither an answer to all that is complete nor an end, within the bound. */
  readonly hung: boolean
}

/**
 * Sends the bytes, waits for an answer to each request that the reference reads as complete or for the end of the connection, then says that nothing
 * more comes and waits for the end. split: in two writes, so that a parser has to go on where it stopped.
 */
export const attack = (port: number, bytes: string, bound: number, split: boolean): Promise<Assault> =>
  new Promise((resolve) => {
    const { requests, rest, consumed } = readRequests(bytes, false)
    const methods = requests.map(({ method }) => method)
    // Whoever refuses a request may know its method, and answers HEAD without a body.
    const refused = typeof rest === "object" ? [...methods, /^\S*/.exec(bytes.slice(consumed))![0]] : methods
    const due = requests.filter(({ complete }) => complete).length
    let text = ""
    let hung = false
    const socket = connect({ host: "127.0.0.1", port, noDelay: true })
    const timer = setTimeout(() => {
      hung = true
      socket.destroy()
    }, bound)
    const finish = () => {
      if (socket.writable && typeof rest === "string" && readAnswers(text, methods).answers.length >= due) socket.end()
    }
    socket.on("connect", () => {
      if (!split) {
        socket.write(bytes, "latin1", finish)
        return
      }
      const middle = Math.floor(bytes.length / 2)
      socket.write(bytes.slice(0, middle), "latin1", () => setImmediate(() => socket.write(bytes.slice(middle), "latin1", finish)))
    })
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1")
      finish()
    })
    socket.on("error", () => {})
    socket.on("close", () => {
      clearTimeout(timer)
      const read = readAnswers(text, methods)
      resolve({ ...(read.garbage === "" ? read : readAnswers(text, refused)), hung })
    })
  })
