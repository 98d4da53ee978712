// Garbage collected when we say so: the engine does it when its own heap asks for it, and knows nothing of what the process holds beside it.
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** Below it the process is as small as Node is, and a collection would only cost time. */
const worthwhile = 96 * 1024 * 1024

/** Collects all there is and gives memory back to the system. Stops everything, for some milliseconds per megabyte that is kept. */
export const collect = (): void => {
  setFlagsFromString("--expose-gc")
  const act = runInNewContext("gc") as unknown
  setFlagsFromString("--no-expose-gc")
  if (typeof act === "function") act({ type: "major", flavor: "last-resort" })
}

/** What a start leaves behind: texts, their decoding and a young heap grown for them, several times what is kept. The engine would hold on to it for ever. */
export const collectAfterStart = (): void => {
  if (process.memoryUsage().heapTotal >= worthwhile) collect()
}
