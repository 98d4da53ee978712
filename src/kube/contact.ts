// What requests tell of the way to the API server: whoever stays away because nobody answered hears when somebody does, and streams that said nothing while
// a request went unanswered are not waited for any longer. Pure but for its callers: times are given.

/** Milliseconds in which an API server that starts gets its rights, its storage and its kinds together. */
const settlingTime = 30_000

/** A stream that stands open. */
interface Standing {
  heard: number
  readonly giveUp: () => void
}

export class Contact {
  readonly #waiting = new Set<() => void>()
  readonly #streams = new Set<Standing>()
  #lost = false
  #cameBack = Number.NEGATIVE_INFINITY
  /** Since when a stream that said nothing is doubted, because a request was not answered in time; null: there was none since somebody answered. */
  #silentSince: number | null = null

  /** The connection could not be made, or ended before a word of an answer. */
  refused(): void {
    this.#lost = true
  }

  /** Nothing came in the time that a request has. sent, now: monotonic milliseconds. */
  unanswered(sent: number, now: number): void {
    this.#lost = true
    // The way may have gone silent after it was sent, and streams been heard until then: half of its time is for that.
    const since = (sent + now) / 2
    this.#silentSince = Math.max(this.#silentSince ?? since, since)
  }

  /** An answer of any status has begun: the way is open. now: monotonic milliseconds. */
  answered(now: number): void {
    if (!this.#lost) return
    this.#lost = false
    this.#cameBack = now
    const since = this.#silentSince
    this.#silentSince = null
    // A half-open connection stays silent for as long as one listens: what is begun anew costs little.
    if (since !== null) for (const stream of [...this.#streams]) if (stream.heard <= since) stream.giveUp()
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const back of waiting) back()
  }

  /** Whether the server came back so lately that what it refuses now it may grant in a moment. */
  settling(now: number): boolean {
    return now - this.#cameBack < settlingTime
  }

  /** Whether nobody answers and somebody waits for it. */
  awaited(): boolean {
    return this.#lost && this.#waiting.size > 0
  }

  /** Calls once, the next time that somebody answers after nobody did. Returns how to stop waiting. */
  whenBack(back: () => void): () => void {
    this.#waiting.add(back)
    return () => {
      this.#waiting.delete(back)
    }
  }

  /** giveUp: called at most once, while the stream stands. now: monotonic milliseconds. */
  stand(giveUp: () => void, now: number): { readonly heard: (now: number) => void; readonly over: () => void } {
    const standing: Standing = {
      heard: now,
      giveUp: () => {
        this.#streams.delete(standing)
        giveUp()
      }
    }
    this.#streams.add(standing)
    return {
      heard: (at) => {
        standing.heard = at
      },
      over: () => {
        this.#streams.delete(standing)
      }
    }
  }
}
