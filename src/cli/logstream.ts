// Where the access log goes: a file, or standard output without `process.stdout`, which would block the process while a pipe's reader is slow. What cannot be written is lost, told once
// and counted, and what comes later is tried again: a disk that was full is not the end of the log, as it is of Node's own streams.
import { write } from "node:fs"
import { Writable } from "node:stream"
import type { Journal } from "./journal.ts"

/** Milliseconds before a pipe that is full, and does not wait, is tried again. */
const full = 20
const newline = 10

const linesOf = (bytes: Buffer): number => {
  let lines = 0
  for (let at = bytes.indexOf(newline); at !== -1; at = bytes.indexOf(newline, at + 1)) lines++
  return lines
}

export interface LogStream {
  readonly stream: Writable
  /** Lines that could not be written, so far. */
  readonly lost: () => number
}

export const makeLogStream = (descriptor: number, tell: Journal["write"]): LogStream => {
  let lost = 0
  /** What failed last; empty: nothing. Lines that were lost by it are those since `before`. */
  let trouble = ""
  let before = 0
  /** The last byte that was written ended no line: what comes next begins another. */
  let torn = false

  /** Done with what could not be written, null: all was. */
  const put = (bytes: Buffer, done: (error: Error | null, rest: Buffer) => void): void => {
    write(descriptor, bytes, 0, bytes.length, null, (error, written) => {
      if (error?.code === "EAGAIN") setTimeout(() => put(bytes, done), full)
      else if (error !== null) done(error, bytes)
      else {
        if (written > 0) torn = bytes[written - 1] !== newline
        if (written < bytes.length) put(bytes.subarray(written), done)
        else done(null, bytes)
      }
    })
  }

  const told = (error: Error | null, rest: Buffer): void => {
    if (error === null) {
      if (trouble !== "") tell("info", `access log: written again, ${lost - before} lines were lost`)
      trouble = ""
      return
    }
    if (trouble === "") before = lost
    if (error.message !== trouble)
      tell(
        "warning",
        `access log: ${error.message}. Lines are lost until it can be written, and counted in sluice_access_log_dropped_total`
      )
    trouble = error.message
    lost += linesOf(rest)
  }

  return {
    lost: () => lost,
    stream: new Writable({
      write: (lines: Buffer, _encoding, callback) =>
        put(torn ? Buffer.concat([Buffer.of(newline), lines]) : lines, (error, rest) => {
          told(error, rest)
          callback()
        })
    })
  }
}
