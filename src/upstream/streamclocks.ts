// Timers of many exchanges on one connection, each used again and again: refreshed (47 ns), never cleared, as those of a connection of HTTP/1.1 are.

/** Whom a clock tells. */
export interface Timed {
  /** It was not refreshed in its time. */
  readonly onTime: () => void
}

export class StreamClock {
  owner: Timed | null = null
  readonly timer: NodeJS.Timeout

  constructor(after: number) {
    this.timer = setTimeout(tell, after, this)
    this.timer.unref()
  }

  refresh(): void {
    this.timer.refresh()
  }
}

const tell = (clock: StreamClock): void => clock.owner?.onTime()

/** All of one time. As many are made as were ever needed at once. */
export class StreamClocks {
  readonly #after: number
  readonly #free: Array<StreamClock> = []
  readonly #all: Array<StreamClock> = []

  /** after: milliseconds. */
  constructor(after: number) {
    this.#after = after
  }

  start(owner: Timed): StreamClock {
    let clock = this.#free.pop()
    if (clock === undefined) {
      clock = new StreamClock(this.#after)
      this.#all.push(clock)
    } else clock.timer.refresh()
    clock.owner = owner
    return clock
  }

  /** It tells nobody any more, and is another's from here. */
  stop(clock: StreamClock): void {
    clock.owner = null
    this.#free.push(clock)
  }

  /** Nobody will be told anything. */
  close(): void {
    for (const clock of this.#all) clearTimeout(clock.timer)
  }
}
