// What a pod has once, when several processes serve in it (docs/decisions/0023-workers.md): how one upstream of this process learns what is looked at, judged and asked for
// elsewhere. Absent everywhere in a process that serves alone.
import type { Id } from "../snapshot/id.ts"
import type { Token } from "./credential/token.ts"
import type { Offence } from "./health/conduct.ts"
import type { Target } from "./target.ts"

/** Why an address fails; null: it does not, or nobody has looked. */
export interface Verdict {
  readonly failing: string | null
}

/** Who looks at the addresses of an upstream. */
export interface Looks {
  readonly watch: (target: Target) => Verdict
  readonly leave: (verdict: Verdict) => void
  /** No more looks; what is known stays. */
  readonly stop: () => void
  readonly counts: Readonly<Record<string, number>>
}

/** Of one upstream. */
export interface Elsewhere {
  /** Health checks are made elsewhere. changed: somebody fails, or is well again. */
  readonly looks: (changed: () => void) => Looks
  /** An address was ejected here, for so many milliseconds: others will do as much. */
  readonly ejected: (target: Target, offence: Offence, long: number) => void
  /** Ejections of others, of this address: those that last, and those that come. Returns how to end it. */
  readonly ejections: (target: Target, impose: (offence: Offence, long: number) => void) => () => void
  /** A token is needed. refused: the upstream did not take the last one. Calls back once, with a token or with why there is none, unless cancelled. */
  readonly ask: (refused: boolean, done: (outcome: Token | string) => void) => { readonly cancel: () => void }
  /** Tokens that come unasked. Returns how to end it. */
  readonly tokens: (taken: (token: Token) => void) => () => void
  /** How many share what the pod may do: retries that are free. */
  readonly processes: number
}

export type ElsewhereOf = (upstream: Id) => Elsewhere

/** An address as every process of a pod knows it. */
export const targetKey = ({ member, address }: Target): string => `${member.key}\n${address}`
