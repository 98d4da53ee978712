// The name of an endpoint under watch, for as long as the fiber lives.
import { Effect } from "effect"
import type { Upstream } from "../snapshot/upstream.ts"
import type { NameKind } from "./discovery/names.ts"
import type { Member } from "./member.ts"
import type { UpstreamOptions } from "./upstream.ts"

/** After a defect of ours in a watch. */
const again = "1 second"

/** Never ends by itself. settled: called when the first answer or failure is there. */
export const watched = (
  names: UpstreamOptions["names"],
  spec: Upstream,
  member: Member,
  { name, kind }: { readonly name: string; readonly kind: NameKind },
  settled: () => void
): Effect.Effect<never> =>
  Effect.scoped(
    Effect.gen(function* () {
      const watch = yield* names.watch(name, spec.dns, spec.addresses, spec.of.namespace, kind)
      member.watch(watch)
      yield* watch.settled
      settled()
      return yield* Effect.never
    })
  ).pipe(
    // Nobody joins this fiber: a defect that ended it would leave the name unwatched for ever, unsaid. It is told, and begun anew.
    Effect.catchDefect((defect) =>
      Effect.andThen(Effect.logError(`watching ${name} for ${spec.of.target} failed`, defect), Effect.sleep(again))
    ),
    Effect.forever
  )
