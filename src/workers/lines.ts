// The access log of a worker: its lines are written by the primary, which has the one stream, so that no line is torn by another process's.
import { Writable } from "node:stream"
import type { Say } from "./messages.ts"

export interface Lines {
  /** For `makeAccessLog`, whose bounds are those of the worker: one batch is under way at a time. */
  readonly stream: Writable
  /** The primary has taken what was sent. */
  readonly passed: () => void
}

export const makeLines = (say: Say): Lines => {
  let done: (() => void) | null = null
  return {
    stream: new Writable({
      decodeStrings: false,
      write: (lines: string | Buffer, _encoding, callback) => {
        done = () => callback()
        say({ type: "Lines", lines: lines.toString() })
      }
    }),
    passed: () => {
      const taken = done
      done = null
      taken?.()
    }
  }
}
