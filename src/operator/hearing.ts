// Who of the proxies is still to be counted: a stream that breaks is no death, so what a proxy said stands a while; one that said it is not ready goes at once.
import { Effect, type Scope } from "effect"
import type { ObjectKey } from "#schemas/meta.ts"

export interface Hearing {
  /** ready: as it said with an acknowledgement; null: it said nothing of that. act runs at once. */
  readonly heard: (gateway: ObjectKey, proxy: string, ready: boolean | null, act: () => void) => void
  /** Its last stream is gone. */
  readonly gone: (gateway: ObjectKey, proxy: string) => void
}

/** Milliseconds for a proxy to come back: it tries again within seconds. */
const grace = 10_000

/** forget: it is counted no longer. */
export const makeHearing = (forget: (gateway: ObjectKey, proxy: string) => void): Effect.Effect<Hearing, never, Scope.Scope> =>
  Effect.gen(function* () {
    const missing = new Map<string, NodeJS.Timeout>()
    const unready = new Set<string>()
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const timer of missing.values()) clearTimeout(timer)
      })
    )
    const nameOf = (gateway: ObjectKey, proxy: string) => `${gateway} ${proxy}`
    return {
      heard: (gateway, proxy, ready, act) => {
        const name = nameOf(gateway, proxy)
        clearTimeout(missing.get(name))
        missing.delete(name)
        if (ready === true) unready.delete(name)
        if (ready === false) unready.add(name)
        act()
      },
      gone: (gateway, proxy) => {
        const name = nameOf(gateway, proxy)
        const end = () => {
          missing.delete(name)
          unready.delete(name)
          forget(gateway, proxy)
        }
        clearTimeout(missing.get(name))
        if (unready.has(name)) end()
        else missing.set(name, setTimeout(end, grace).unref())
      }
    }
  })
