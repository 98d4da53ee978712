// Cases of RFC 9113 as tables: bytes behind the greeting, and what they cost: nothing, a stream, or the connection.
import { assert, it } from "vitest"
import { codes } from "../../src/http2/code.ts"
import type { SessionLimits } from "../../src/http2/limits.ts"
import { greeting, type RawFrame, type Served, serve, type } from "./wire.ts"

type CodeName = keyof typeof codes

export interface Case {
  /** Begins with its section. */
  readonly name: string
  readonly bytes: ReadonlyArray<Uint8Array>
  /** The connection's error; absent: none. */
  readonly connection?: CodeName
  /** A stream's error: number and code. */
  readonly stream?: readonly [number, CodeName]
  readonly limits?: Partial<SessionLimits>
  readonly consume?: boolean
  readonly after?: (served: Served) => void
}

const nameOf = (code: number | undefined): string | undefined => Object.entries(codes).find(([, value]) => value === code)?.[0]

export const goaway = (frames: ReadonlyArray<RawFrame>): string | undefined => {
  const frame = frames.find((one) => one.type === type.goaway)
  return frame === undefined ? undefined : nameOf(frame.payload.readUInt32BE(4))
}

export const resets = (frames: ReadonlyArray<RawFrame>): ReadonlyArray<readonly [number, string | undefined]> =>
  frames.filter((one) => one.type === type.rst).map(({ stream, payload }) => [stream, nameOf(payload.readUInt32BE(0))])

export const judge = (cases: ReadonlyArray<Case>): void => {
  for (const one of cases) {
    it(one.name, () => {
      const served = serve({ ...(one.limits === undefined ? {} : { limits: one.limits }), consume: one.consume !== false })
      served.send(greeting, ...one.bytes)
      const { frames } = served.sink
      assert.strictEqual(goaway(frames), one.connection, "the connection")
      assert.strictEqual(nameOf(served.problem()?.code), one.connection, "what the owner is told")
      assert.deepEqual(resets(frames), one.stream === undefined ? [] : [one.stream], "the streams")
      one.after?.(served)
    })
  }
}
