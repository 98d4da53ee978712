// Names whose first answer is still to come, and the requests that wait for one: a request that comes with the upstream must not fail for coming first (law 16).
import { Effect, Latch } from "effect"
import type { NoChoice } from "./exchange.ts"
import type { Member } from "./member.ts"

/** Law 16's bound. */
const readyWithin = "5 seconds"

export interface WaitOptions {
  /** Milliseconds. */
  readonly within: number
  /** Requests that may wait at once. */
  readonly most: number
  /** Nobody can be asked yet, and somebody may be soon. */
  readonly pending: () => boolean
}

export class FirstAnswers {
  readonly #untried = new Set<Member>()
  readonly #tried = Latch.makeUnsafe(true)
  readonly #waiting = new Set<() => void>()

  /** Its first answer or failure is still to come. */
  expect(member: Member): void {
    this.#untried.add(member)
    this.#tried.closeUnsafe()
  }

  /** It came, or nobody waits for it any more. */
  settle(member: Member): void {
    if (this.#untried.delete(member) && this.#untried.size === 0) this.#tried.openUnsafe()
  }

  /** When all have come, or 5 s have passed. */
  get ready(): Effect.Effect<void> {
    return Effect.asVoid(Effect.timeoutOption(this.#tried.await, readyWithin))
  }

  /** What may be picked may have changed: those that wait look again. */
  look(): void {
    for (const look of [...this.#waiting]) look()
  }

  /** Calls back, with null, when there is nothing more to wait for, or with why no more is waited; null: so many wait that this one may not. Returns the cancellation. */
  wait({ within, most, pending }: WaitOptions, ready: (give: NoChoice | null) => void): (() => void) | null {
    if (this.#waiting.size >= most) return null
    const end = () => {
      clearTimeout(timer)
      this.#waiting.delete(look)
    }
    const look = () => {
      if (pending()) return
      end()
      ready(null)
    }
    const timer = setTimeout(() => {
      end()
      const names = [...this.#untried].map(({ name }) => name).join(", ")
      ready({ reason: "dns_timeout", detail: `no answer for ${names} within ${within} ms` })
    }, within)
    this.#waiting.add(look)
    return end
  }
}
