// The processes of a pod that serve: forked, watched, replaced one by one, ended. Knows nothing of what they serve; a listening socket is opened once, by the primary, and shared by
// them (node:cluster, SCHED_NONE), so that one that comes or goes takes no connection with it that another could have accepted.
import cluster, { type Worker as Forked } from "node:cluster"
import { Effect, type Scope } from "effect"
import type { Departure, Down, Tell, Up } from "./messages.ts"
import type { Place } from "./share.ts"

export interface Worker {
  /** Never given twice. */
  readonly id: number
  readonly place: Place
  readonly pid: number
  readonly tell: Tell
  /** Done when the channel has taken it: the way to say much without keeping it here. */
  readonly told: (message: Down) => Effect.Effect<void>
  readonly state: () => "Starting" | "Serving" | "Leaving"
}

export interface FleetOptions {
  readonly count: number
  /** What runs here: a worker of another is not spoken with. */
  readonly version: string
  /** Program and its arguments, and those of Node. */
  readonly program: { readonly exec: string; readonly args: ReadonlyArray<string>; readonly execArgv: ReadonlyArray<string> }
  readonly departure: Departure
  /** Milliseconds between two questions whether they live. */
  readonly beat?: number
  /** It said hello: it is told what to serve. */
  readonly onStart: (worker: Worker) => void
  readonly onMessage: (worker: Worker, message: Exclude<Up, { readonly type: "Hello" | "Pong" | "Leaving" }>) => void
  /** It has gone, or takes nothing more: it is asked nothing any more. */
  readonly onChange: () => void
  readonly onGone: (worker: Worker) => void
  readonly write: (level: "info" | "warning" | "error", message: string) => void
}

export interface Fleet {
  readonly start: () => void
  /** Those that were told what to serve and have not gone, whatever their state. */
  readonly all: () => ReadonlyArray<Worker>
  /** Those whose word counts: at first everybody, later each that was ready once; null: somebody is still to come for the first time. */
  readonly tellers: () => ReadonlyArray<Worker> | null
  /** It can take requests: whoever it replaces leaves. */
  readonly ready: (worker: Worker) => void
  readonly ends: () => { readonly died: number; readonly replaced: number }
  /** All leave; done when the last has gone, which is bounded. */
  readonly leave: (departure: Departure) => Effect.Effect<void>
}

/** Milliseconds before one that died is started again, doubled as long as it dies young. */
const pause = { first: 100, longest: 30_000 } as const
/** Old enough to begin anew. */
const grown = 60_000
/** A replacement has so long to be ready. */
const patience = 60_000
/** Beyond its time one that does not leave is killed. */
const margin = 3_000
const usualBeat = 10_000
/** Questions in a row that it did not answer: it is stuck for good. Counted, not timed: when we stood still ourselves it owes us no more than one. */
const unanswered = 6
/** Beats without a word of one that has not begun: it starts on a machine that may be busy. */
const unborn = 18

interface Slot {
  readonly index: number
  current: Process | null
  /** Getting ready to take its place. */
  next: Process | null
  served: boolean
  failures: number
  timer: NodeJS.Timeout | null
}

class Process implements Worker {
  readonly id: number
  readonly place: Place
  readonly slot: Slot
  readonly forked: Forked
  readonly since = performance.now()
  /** Beats since its last word. */
  asked = 0
  stage: "Starting" | "Serving" | "Leaving" = "Starting"
  hello = false
  timer: NodeJS.Timeout | null = null

  constructor(id: number, slot: Slot, place: Place, forked: Forked) {
    this.id = id
    this.slot = slot
    this.place = place
    this.forked = forked
  }

  get pid(): number {
    return this.forked.process.pid ?? 0
  }

  state(): "Starting" | "Serving" | "Leaving" {
    return this.stage
  }

  readonly tell: Tell = (message) => {
    // With a callback a channel that has closed is no error: its end is told by the process.
    this.forked.process.send?.(message, undefined, undefined, ignore)
  }

  told(message: Down): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      this.forked.process.send?.(message, undefined, undefined, () => resume(Effect.void))
    })
  }
}

const ignore = (): void => {}

/** One a process: the module of Node has but one. Its scope kills who is left. */
export const makeFleet = (options: FleetOptions): Effect.Effect<Fleet, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => new Workers(options)),
    (workers) => Effect.sync(() => workers.kill())
  )

class Workers implements Fleet {
  readonly #options: FleetOptions
  readonly #slots: ReadonlyArray<Slot>
  readonly #living = new Set<Process>()
  readonly #ends = { died: 0, replaced: 0 }
  readonly #between: number
  #born = 0
  #leaving = false
  #beat: NodeJS.Timeout | null = null
  #onEmpty: () => void = ignore

  constructor(options: FleetOptions) {
    this.#options = options
    this.#between = options.beat ?? usualBeat
    this.#slots = Array.from({ length: options.count }, (_, index) => ({
      ...{ index, current: null, next: null, served: false, failures: 0, timer: null }
    }))
  }

  start(): void {
    const { exec, args, execArgv } = this.#options.program
    cluster.schedulingPolicy = cluster.SCHED_NONE
    cluster.setupPrimary({
      ...{ exec, args: [...args], execArgv: [...execArgv] },
      serialization: "advanced",
      stdio: ["ignore", "inherit", "inherit", "ipc"]
    })
    this.#beat = setInterval(this.#look, this.#between).unref()
    for (const slot of this.#slots) this.#spawn(slot)
  }

  all(): ReadonlyArray<Worker> {
    return [...this.#living].filter(({ hello }) => hello)
  }

  tellers(): ReadonlyArray<Worker> | null {
    const tellers: Array<Worker> = []
    for (const { current, served } of this.#slots) {
      if (current !== null && (current.stage === "Serving" || !served)) tellers.push(current)
      else if (!served) return null
    }
    return tellers
  }

  ends(): { readonly died: number; readonly replaced: number } {
    return this.#ends
  }

  #spawn(slot: Slot): void {
    if (slot.timer !== null) clearTimeout(slot.timer)
    slot.timer = null
    const worker = new Process(this.#born++, slot, { index: slot.index, count: this.#slots.length }, cluster.fork())
    this.#living.add(worker)
    if (slot.current === null) slot.current = worker
    else slot.next = worker
    worker.forked.on("message", (message: Up) => this.#heard(worker, message))
    worker.forked.on("error", (error) => this.#options.write("warning", `${nameOf(worker)}: ${error.message}`))
    // Of the process, when all that it said has been heard.
    worker.forked.process.once("close", (code: number | null, signal: NodeJS.Signals | null) =>
      this.#gone(worker, signal ?? `code ${code}`)
    )
    if (slot.next === worker)
      worker.timer = setTimeout(() => {
        this.#options.write("warning", `${nameOf(worker)} was not ready within ${patience} ms: the one before goes on`)
        worker.forked.process.kill("SIGKILL")
      }, patience).unref()
  }

  #heard(worker: Process, message: Up): void {
    worker.asked = 0
    switch (message.type) {
      case "Pong":
        return
      case "Hello":
        worker.hello = true
        if (message.version !== this.#options.version)
          this.#options.write(
            "error",
            `${nameOf(worker)} runs Sluice ${message.version}, and this process ${this.#options.version}: what is on disk was replaced meanwhile. Restart the whole`
          )
        if (this.#leaving || message.version !== this.#options.version) worker.forked.process.kill("SIGKILL")
        else this.#options.onStart(worker)
        return
      case "Leaving":
        this.#replace(worker)
        return
      default:
        this.#options.onMessage(worker, message)
    }
  }

  ready(worker: Worker): void {
    const one = worker as Process
    const { slot } = one
    if (one.stage !== "Starting") return
    one.stage = "Serving"
    slot.served = true
    if (one.timer !== null) clearTimeout(one.timer)
    one.timer = null
    this.#options.write("info", `${nameOf(one)} serves`)
    if (slot.next === one) {
      const before = slot.current
      slot.current = one
      slot.next = null
      if (before !== null) this.#dismiss(before, this.#options.departure)
    }
    this.#options.onChange()
  }

  /** Not one that has not served yet, or has somebody coming in its place. */
  #replace(worker: Process): void {
    const { slot } = worker
    if (this.#leaving || worker.stage !== "Serving" || slot.next !== null) return
    this.#options.write("info", `${nameOf(worker)} is replaced`)
    this.#spawn(slot)
  }

  #dismiss(worker: Process, departure: Departure): void {
    if (worker.stage === "Leaving") return
    worker.stage = "Leaving"
    worker.tell({ type: "Leave", departure })
    const { propagation, linger, deadline } = departure
    if (worker.timer !== null) clearTimeout(worker.timer)
    worker.timer = setTimeout(() => worker.forked.process.kill("SIGKILL"), propagation + linger + deadline + margin).unref()
  }

  #gone(worker: Process, how: string): void {
    const { slot } = worker
    if (worker.timer !== null) clearTimeout(worker.timer)
    this.#living.delete(worker)
    this.#options.onGone(worker)
    if (worker.stage === "Leaving") {
      this.#ends.replaced++
      if (!this.#leaving) this.#options.write("info", `${nameOf(worker)} has left`)
    } else if (!this.#leaving) this.#died(worker, slot, how)
    this.#options.onChange()
    if (this.#living.size === 0) this.#onEmpty()
  }

  #died(worker: Process, slot: Slot, how: string): void {
    this.#ends.died++
    slot.failures = performance.now() - worker.since > grown ? 0 : slot.failures + 1
    if (slot.next === worker) {
      slot.next = null
      this.#options.write("warning", `${nameOf(worker)} ended (${how}) before it was ready; the one before goes on`)
      return
    }
    slot.current = slot.next
    slot.next = null
    // Nobody is kept in its place any more: it may take what time it needs.
    if (slot.current?.timer != null) clearTimeout(slot.current.timer)
    const wait = Math.min(pause.first * 2 ** Math.min(Math.max(0, slot.failures - 1), 10), pause.longest)
    const again = slot.failures > 1 ? `, ${slot.failures} times in a row` : ""
    const next = slot.current === null ? `; another is started in ${wait} ms` : ""
    this.#options.write("error", `${nameOf(worker)} ended (${how})${again}, and its connections with it${next}`)
    if (slot.current === null) slot.timer = setTimeout(() => this.#spawn(slot), wait)
  }

  readonly #look = (): void => {
    for (const worker of this.#living) {
      const most = worker.hello ? unanswered : unborn
      if (worker.asked++ < most) {
        if (worker.hello) worker.tell({ type: "Ping" })
      } else {
        this.#options.write("error", `${nameOf(worker)} has said nothing for ${most * this.#between} ms: it is ended`)
        worker.forked.process.kill("SIGKILL")
      }
    }
  }

  #stop(): void {
    this.#leaving = true
    for (const slot of this.#slots) if (slot.timer !== null) clearTimeout(slot.timer)
    if (this.#beat !== null) clearInterval(this.#beat)
  }

  leave(departure: Departure): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      this.#stop()
      this.#onEmpty = () => resume(Effect.void)
      for (const worker of this.#living)
        if (worker.hello) this.#dismiss(worker, departure)
        else worker.forked.process.kill("SIGKILL")
      if (this.#living.size === 0) this.#onEmpty()
    })
  }

  kill(): void {
    this.#stop()
    for (const worker of this.#living) worker.forked.process.kill("SIGKILL")
  }
}

const nameOf = (worker: Process): string => `worker ${worker.place.index + 1} (process ${worker.pid})`
