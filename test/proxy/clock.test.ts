// A process that stood still blames nobody for it: what came meanwhile is read before anyone is judged.
import { expect, it } from "vitest"
import { Clock } from "#src/proxy/clock.ts"

/** The whole process, as under a stop or a long pause of the machine. */
const standStill = (milliseconds: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)

/** Past the timers that are due, and past what has come. */
const turn = async () => {
  for (let n = 0; n < 2; n++) await new Promise((resolve) => setImmediate(resolve))
}

it("a look that comes late judges nobody, the next one does, however late", async () => {
  const clock = new Clock(24_000)
  let looks = 0
  const watched = { look: () => void looks++ }
  clock.add(watched)
  try {
    standStill(1_200)
    await turn()
    expect(looks).toBe(0)
    standStill(1_200)
    await turn()
    expect(looks).toBe(1)
    standStill(1_200)
    await turn()
    expect(looks).toBe(1)
  } finally {
    clock.delete(watched)
  }
})
