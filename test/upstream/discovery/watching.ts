// Watches of names against a DNS server of the test's, on a virtual clock: what the tests of names and of services have in common.
import { Context, Effect, Layer, Random } from "effect"
import { Names, type NamesOptions } from "#src/upstream/discovery/names.ts"
import { parseNameserver } from "#src/upstream/discovery/nameserver.ts"
import type { NameWatch, Resolution } from "#src/upstream/discovery/resolution.ts"
import { type DnsServer, startDnsServer } from "../../support/dns.ts"

export const dnsServer = Effect.acquireRelease(
  Effect.promise(() => startDnsServer()),
  (server) => Effect.promise(server.close)
)

/** No jitter: refreshes come exactly when the TTL says. */
export const steady = Layer.succeed(Random.Random, { nextIntUnsafe: () => 0, nextDoubleUnsafe: () => 0.5 })

export const namesOf = (server: DnsServer, options: NamesOptions = {}) =>
  Effect.map(
    Layer.build(
      Names.layer({
        nameservers: [parseNameserver(server.address)!],
        timings: { perTry: 5_000, tries: 1 },
        ipv6Usable: () => true,
        ...options
      })
    ),
    (context) => Context.get(context, Names)
  )

/** Resolves when the resolution is as asked for: real packets travel while the virtual clock stands. */
export const until = (watch: NameWatch, good: (resolution: Resolution) => boolean): Effect.Effect<Resolution> =>
  Effect.callback<Resolution>((resume) => {
    if (good(watch.current())) return resume(Effect.succeed(watch.current()))
    const stop = watch.subscribe((resolution) => {
      if (!good(resolution)) return
      stop()
      resume(Effect.succeed(resolution))
    })
    return Effect.sync(stop)
  })
