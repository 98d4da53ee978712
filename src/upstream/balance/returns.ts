// Who is trusted again after a failure: hysteresis, so that an endpoint that comes and goes does not take the requests with it each time.

interface State {
  readonly able: boolean
  /** It failed, and did not merely wait for its first answer. */
  readonly fell: boolean
  /** By the clock: from when it is trusted, while it stays able. */
  readonly from: number
}

export class Returns<A extends { readonly pending: boolean }> {
  readonly #after: number
  #states = new Map<A, State>()

  /** after: milliseconds that who has failed must be able without a break. Who never failed, or whose first answer was awaited, is trusted at once. */
  constructor(after: number) {
    this.#after = after
  }

  /** → when the next of them will be trusted, by the clock; null: nobody waits. */
  judge(members: ReadonlyArray<A>, able: (member: A) => boolean, now: number): number | null {
    const states = new Map<A, State>()
    let due = Number.POSITIVE_INFINITY
    for (const member of members) {
      const before = this.#states.get(member)
      const state = !able(member)
        ? { able: false, fell: before?.fell === true || !member.pending, from: 0 }
        : before?.able === true
          ? before
          : { able: true, fell: false, from: before?.fell === true ? now + this.#after : now }
      if (state.able && state.from > now) due = Math.min(due, state.from)
      states.set(member, state)
    }
    this.#states = states
    return due === Number.POSITIVE_INFINITY ? null : due
  }

  trusted(member: A, now: number): boolean {
    const state = this.#states.get(member)
    return state?.able === true && state.from <= now
  }
}
