// Asking of a connection that rests whether its other end is still there: the names of Envoy Gateway's BackendTrafficPolicy. Part of several kinds.
import { Schema } from "effect"
import { rules } from "./crd.ts"
import { Duration } from "./duration.ts"
import { integer } from "./name.ts"

/** What Linux takes for TCP_KEEPIDLE and TCP_KEEPINTVL, in whole seconds. */
const longest = 32_767_000

const isSpan = (milliseconds: number): boolean => milliseconds >= 1_000 && milliseconds <= longest && milliseconds % 1_000 === 0

const spanned = (at: "idleTime" | "interval") => ({
  at,
  message: "Expected whole seconds from 1s to 32767s",
  cel: `!has(self.${at}) || (duration(self.${at}) >= duration('1s') && duration(self.${at}) <= duration('32767s') && duration(self.${at}).getMilliseconds() % 1000 == 0)`,
  broken: (spec: { readonly idleTime?: number; readonly interval?: number }) => spec[at] !== undefined && !isSpan(spec[at])
})

/** Milliseconds. */
export const TcpKeepalive = Schema.Struct({
  idleTime: Schema.optionalKey(Duration).annotateKey({ description: "Without a byte before it is asked. Absent: 30s." }),
  interval: Schema.optionalKey(Duration).annotateKey({ description: "Between two questions that are not answered. Absent: 1s." }),
  probes: Schema.optionalKey(integer(1, 127)).annotateKey({
    description: "Questions without an answer after which the connection is given up. Absent: 10."
  })
}).check(rules(spanned("idleTime"), spanned("interval")))
export type TcpKeepalive = typeof TcpKeepalive.Type
