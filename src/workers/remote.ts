// What a worker's upstreams of one Gateway learn from the rest of the pod (upstream/elsewhere.ts): looks of the primary, ejections of the other workers, tokens.
import type { Id } from "../snapshot/id.ts"
import type { Token } from "../upstream/credential/token.ts"
import { type Elsewhere, type ElsewhereOf, type Looks, targetKey, type Verdict } from "../upstream/elsewhere.ts"
import type { Offence } from "../upstream/health/conduct.ts"
import type { Target } from "../upstream/target.ts"
import type { Down, Ejection, Look, Say, Serving } from "./messages.ts"

class RemoteVerdict implements Verdict {
  readonly target: Target
  readonly changed: () => void
  failing: string | null

  constructor(target: Target, failing: string | null, changed: () => void) {
    this.target = target
    this.failing = failing
    this.changed = changed
  }

  heed(failing: string | null, forgiven: boolean): void {
    const news = failing !== this.failing
    this.failing = failing
    // Both, whatever the first says.
    const forgave = forgiven && this.target.forgive()
    if (news || forgave) this.changed()
  }
}

/** Several may know an address: an upstream that left, and comes again, is there twice for a while. */
class Known<A> {
  readonly #sets = new Map<string, Set<A>>()

  add(key: string, one: A): () => void {
    const set = this.#sets.get(key) ?? new Set()
    this.#sets.set(key, set.add(one))
    return () => {
      set.delete(one)
      if (set.size === 0 && this.#sets.get(key) === set) this.#sets.delete(key)
    }
  }

  of(key: string): ReadonlyArray<A> {
    return [...(this.#sets.get(key) ?? [])]
  }
}

const keyOf = (upstream: Id, target: string): string => `${upstream}\n${target}`

export class Remote {
  readonly #serving: Serving
  readonly #processes: number
  readonly #say: Say
  readonly #now: () => number
  readonly #verdicts = new Known<RemoteVerdict>()
  readonly #courts = new Known<(offence: Offence, long: number) => void>()
  readonly #takers = new Known<(token: Token) => void>()
  readonly #asked = new Map<number, (outcome: Token | string) => void>()
  /** What was told of addresses that nobody here may know yet: those that fail, and those that are out. */
  readonly #failing = new Map<string, string>()
  readonly #out = new Map<string, { readonly offence: Offence; readonly until: number }>()
  #questions = 0

  constructor(serving: Serving, processes: number, say: Say, now: () => number = () => performance.now()) {
    this.#serving = serving
    this.#processes = processes
    this.#say = say
    this.#now = now
  }

  readonly of: ElsewhereOf = (upstream): Elsewhere => ({
    looks: (changed) => this.#looks(upstream, changed),
    ejected: (target, offence, long) => {
      const ejection: Ejection = { upstream, target: targetKey(target), offence, long }
      this.#say({ type: "Ejected", serving: this.#serving, ejection })
    },
    ejections: (target, impose) => {
      const key = keyOf(upstream, targetKey(target))
      const out = this.#out.get(key)
      const left = out === undefined ? 0 : out.until - this.#now()
      // Not before whoever asks knows what he gets.
      if (out !== undefined && left > 0) queueMicrotask(() => impose(out.offence, left))
      return this.#courts.add(key, impose)
    },
    ask: (refused, done) => {
      const asked = this.#questions++
      this.#asked.set(asked, done)
      this.#say({ type: "Wanted", serving: this.#serving, upstream, asked, refused })
      return { cancel: () => this.#asked.delete(asked) }
    },
    tokens: (taken) => this.#takers.add(upstream, taken),
    processes: this.#processes
  })

  #looks(upstream: Id, changed: () => void): Looks {
    const ends = new Map<Verdict, () => void>()
    return {
      watch: (target) => {
        const key = keyOf(upstream, targetKey(target))
        const verdict = new RemoteVerdict(target, this.#failing.get(key) ?? null, changed)
        ends.set(verdict, this.#verdicts.add(key, verdict))
        return verdict
      },
      leave: (verdict) => {
        ends.get(verdict)?.()
        ends.delete(verdict)
      },
      stop: () => {
        for (const end of ends.values()) end()
        ends.clear()
      },
      // They are counted where they are made.
      counts: {}
    }
  }

  looked(looks: ReadonlyArray<Look>): void {
    for (const { upstream, target, failing, forgiven } of looks) {
      const key = keyOf(upstream, target)
      if (failing === null) this.#failing.delete(key)
      else this.#failing.set(key, failing)
      for (const verdict of this.#verdicts.of(key)) verdict.heed(failing, forgiven)
    }
  }

  ejected({ upstream, target, offence, long }: Ejection): void {
    const key = keyOf(upstream, target)
    const now = this.#now()
    for (const [other, { until }] of this.#out) if (until <= now) this.#out.delete(other)
    this.#out.set(key, { offence, until: now + long })
    for (const impose of this.#courts.of(key)) impose(offence, long)
  }

  token({ upstream, asked, outcome }: Extract<Down, { readonly type: "Token" }>): void {
    if (asked === null) {
      if (typeof outcome !== "string") for (const taken of this.#takers.of(upstream)) taken(outcome)
      return
    }
    const done = this.#asked.get(asked)
    this.#asked.delete(asked)
    done?.(outcome)
  }
}
