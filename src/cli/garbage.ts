// What a start leaves behind: texts, their decoding and a young heap grown for them, several times what is kept. The engine would hold on to it for ever.
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** Below it the process is as small as Node is, and a collection would only cost time. */
const worthwhile = 96 * 1024 * 1024

/** Gives memory back to the system, once: a whole collection stops everything, for some milliseconds per megabyte that is kept. */
export const collectAfterStart = (): void => {
  if (process.memoryUsage().heapTotal < worthwhile) return
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc") as unknown
  setFlagsFromString("--no-expose-gc")
  if (typeof collect === "function") collect({ type: "major", flavor: "last-resort" })
}
