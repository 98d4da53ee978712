// The processes of a pod, whatever they serve: a place is not left to one that does nothing.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Exit, Scope } from "effect"
import { expect, it } from "vitest"
import { type Fleet, type FleetOptions, makeFleet } from "#src/workers/fleet.ts"
import { folder } from "../cli/program.ts"

/** A fleet of one, of the program at this path, for as long as `test` takes. write: what is said of it. */
const withOne = async (
  program: string,
  write: (message: string) => void,
  more: Partial<FleetOptions>,
  test: (fleet: Fleet) => Promise<void>
) => {
  const scope = await Effect.runPromise(Scope.make())
  try {
    const fleet = await Effect.runPromise(
      makeFleet({
        count: 1,
        version: "1",
        program: { exec: program, args: [], execArgv: [] },
        departure: { propagation: 0, linger: 0, deadline: 0 },
        onStart: () => {},
        onMessage: () => {},
        onChange: () => {},
        onGone: () => {},
        write: (_level, message) => write(message),
        ...more
      }).pipe(Scope.provide(scope))
    )
    fleet.start()
    await test(fleet)
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

it("a process that never says a word is ended, and another is started in its place", async () => {
  using place = folder({ "mute.mjs": "setInterval(() => {}, 1 << 30)\n" })
  const said: Array<string> = []
  const again = Promise.withResolvers<void>()
  const write = (message: string) => {
    said.push(message)
    const ended = said.flatMap((one) => /\(process (\d+)\) has said nothing for 360 ms: it is ended$/.exec(one)?.[1] ?? [])
    if (new Set(ended).size === 2) again.resolve()
  }
  await withOne(join(place.path, "mute.mjs"), write, { beat: 20 }, async (fleet) => {
    await again.promise
    expect(said).toContainEqual(
      expect.stringMatching(/^worker 1 \(process \d+\) ended \(SIGKILL\), and its connections with it; another is started in 100 ms$/)
    )
    expect(fleet.ends()).toEqual({ died: 1, replaced: 0 })
  })
}, 60_000)

it("one that dies young is started again after a pause that doubles each time", async () => {
  // Of the clock that all processes of a machine have: when each began, and when it was about to end.
  const dying = `import { appendFileSync } from "node:fs"
appendFileSync(new URL("lives", import.meta.url), (process.hrtime.bigint() / 1000n) + "\\n")
process.exit(7)
`
  using place = folder({ "dying.mjs": dying })
  const said: Array<string> = []
  const enough = Promise.withResolvers<void>()
  const write = (message: string) => {
    if (said.push(message.replace(/process \d+/, "process")) === 5) enough.resolve()
  }
  await withOne(join(place.path, "dying.mjs"), write, {}, async (fleet) => {
    await enough.promise
    const pauses = [100, 200, 400, 800, 1600]
    expect(said).toEqual(
      pauses.map(
        (wait, n) =>
          `worker 1 (process) ended (code 7)${n === 0 ? "" : `, ${n + 1} times in a row`}, and its connections with it; another is started in ${wait} ms`
      )
    )
    const lives = readFileSync(join(place.path, "lives"), "utf8").trim().split("\n").map(Number)
    const waited = lives.slice(1).map((at, n) => (at - lives[n]!) / 1000)
    expect(waited).toHaveLength(4)
    for (const [n, milliseconds] of waited.entries()) expect(milliseconds).toBeGreaterThanOrEqual(pauses[n]!)
    expect(fleet.ends()).toEqual({ died: 5, replaced: 0 })
  })
}, 60_000)
