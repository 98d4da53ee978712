// The three forms of an answer. Text is the caller's; JSON and YAML are the same value.
import type { Output } from "./grammar.ts"

/** Maps as objects, so that both forms show them. */
const plain = (_key: string, value: unknown): unknown => (value instanceof Map ? Object.fromEntries(value) : value)

export const render = async (output: Output, value: unknown, text: () => string): Promise<string> => {
  if (output === "text") return text()
  const json = JSON.stringify(value, plain, 2)
  if (output === "json") return json
  const { stringify } = await import("yaml")
  return stringify(JSON.parse(json), { aliasDuplicateObjects: false, lineWidth: 0 }).trimEnd()
}

/** Writes a whole answer and waits until the stream took it: `process.exit` would cut a pipe short. A reader that left (`| head`) is no error. */
export const print = (text: string): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.write(`${text}\n`, (error) => {
      if (error === null || error === undefined || (error as NodeJS.ErrnoException).code === "EPIPE") resolve()
      else reject(error)
    })
  })
