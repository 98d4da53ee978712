// Dials what could not be reached again, until it can: where requests have somewhere else to go, none of them has to find that out.
import type { Dial } from "./dial/plan.ts"
import type { Dialler } from "./dialler.ts"
import type { Member } from "./member.ts"

/** Milliseconds before the first dial, doubled with each up to the longest. */
const pause = { first: 500, longest: 8_000 }
/** How much of a pause is left to chance: the pods of a Gateway do not knock together. */
const spread = 0.2

export interface RevivalOptions {
  readonly dialler: Dialler
  readonly now: () => number
  readonly random: () => number
  /** A dial of its own ended. */
  readonly ended: (member: Member, reached: boolean) => void
}

interface Trial {
  timer: NodeJS.Timeout | null
  dial: Dial | null
}

export class Revival {
  readonly #options: RevivalOptions
  readonly #trials = new Map<Member, Trial>()

  constructor(options: RevivalOptions) {
    this.#options = options
  }

  /** Those that are to be dialled now; nobody else is any more. */
  keep(members: ReadonlyArray<Member>): void {
    for (const [member, trial] of this.#trials) if (!members.includes(member)) this.#stop(member, trial)
    for (const member of members) {
      if (this.#trials.has(member)) continue
      const trial: Trial = { timer: null, dial: null }
      this.#trials.set(member, trial)
      this.#wait(member, trial, pause.first)
    }
  }

  #wait(member: Member, trial: Trial, milliseconds: number): void {
    const { random } = this.#options
    trial.timer = setTimeout(() => this.#try(member, trial, milliseconds), milliseconds * (1 - spread * random()))
  }

  #try(member: Member, trial: Trial, waited: number): void {
    const { dialler, now, ended } = this.#options
    trial.timer = null
    const next = Math.min(2 * waited, pause.longest)
    const target = member.next(now)
    if (target === null) {
      this.#wait(member, trial, next)
      return
    }
    trial.dial = dialler.dial(target, (outcome) => {
      trial.dial = null
      const reached = outcome._tag === "Dialled"
      // It was made to be seen; what comes of it may also be an error.
      if (reached) outcome.socket.on("error", ignore).destroy()
      ended(member, reached)
      if (!reached && this.#trials.get(member) === trial) this.#wait(member, trial, next)
    })
  }

  #stop(member: Member, { timer, dial }: Trial): void {
    this.#trials.delete(member)
    if (timer !== null) clearTimeout(timer)
    dial?.cancel()
  }
}

const ignore = (): void => {}
