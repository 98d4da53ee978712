// What is counted for one listener, route and upstream. Resolved when tables are built and shared by everything with the same labels, so that a
// replaced route goes on counting where the old one stopped; series appear with their first event and go with their last holder.
import type { Metrics } from "../report/metrics.ts"
import type { Cell, Distribution } from "../report/series.ts"
import type { Reason } from "../snapshot/reason.ts"
import type { MirrorResult } from "./mirror.ts"

// Registered codes keep their number; what a peer invents counts under its class, or it could make 500 series.
const registered: ReadonlySet<number> = new Set([
  0, 100, 101, 102, 103, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 307, 308, 400, 401, 402, 403, 404,
  405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 499, 500, 501,
  502, 503, 504, 505, 506, 507, 508, 510, 511
])

const codeLabel = (status: number): string => (registered.has(status) ? String(status) : `${Math.floor(status / 100)}xx`)

/** The labels, as the access log says them too. */
export interface TallyLabels {
  readonly gateway: string
  readonly listener: string
  /** `HTTPRoute/shop/cart`; "" before a route was chosen. */
  readonly route: string
  /** `Service shop/cart:8080`, as the upstream says whose it is; "" when none was chosen. */
  readonly upstream: string
}

export class Tally {
  readonly labels: TallyLabels
  holders = 1
  readonly #metrics: Metrics
  // Made with the first event, like the series: most routes of a large table see none.
  #codes: Map<number, Cell> | null = null
  #reasons: Map<Reason, Cell> | null = null
  #duration: Distribution | null = null
  #upstreamDuration: Distribution | null = null
  #mirrored: Map<MirrorResult, Cell> | null = null
  #bytesIn: Cell | null = null
  #bytesOut: Cell | null = null
  /** Connections or sessions of a route of bytes, and theirs. */
  #streams: readonly [count: Cell, bytesIn: Cell, bytesOut: Cell] | null = null
  #released = false

  constructor(metrics: Metrics, labels: TallyLabels) {
    this.#metrics = metrics
    this.labels = labels
  }

  /** One request to its end. duration in milliseconds. */
  request(status: number, duration: number, bytesIn: number, bytesOut: number): void {
    if (this.#released) return
    this.#codes ??= new Map()
    let cell = this.#codes.get(status)
    if (cell === undefined) {
      cell = this.#metrics.requests.acquire(...this.#values(), codeLabel(status))
      this.#codes.set(status, cell)
    }
    cell.value++
    this.#duration ??= this.#metrics.duration.acquire(...this.#values())
    this.#duration.observe(duration / 1000)
    if (bytesIn > 0) {
      this.#bytesIn ??= this.#metrics.requestBytes.acquire(...this.#values())
      this.#bytesIn.value += bytesIn
    }
    if (bytesOut > 0) {
      this.#bytesOut ??= this.#metrics.responseBytes.acquire(...this.#values())
      this.#bytesOut.value += bytesOut
    }
  }

  /** One connection or session of a route of bytes, to its end. */
  stream(bytesIn: number, bytesOut: number): void {
    if (this.#released) return
    const { streams, streamBytesIn, streamBytesOut } = this.#metrics
    const values = this.#values()
    this.#streams ??= [streams.acquire(...values), streamBytesIn.acquire(...values), streamBytesOut.acquire(...values)]
    this.#streams[0].value++
    this.#streams[1].value += bytesIn
    this.#streams[2].value += bytesOut
  }

  /** The head of an upstream's response came after so many milliseconds. */
  upstreamHead(duration: number): void {
    if (this.#released) return
    this.#upstreamDuration ??= this.#metrics.upstreamDuration.acquire(...this.#values())
    this.#upstreamDuration.observe(duration / 1000)
  }

  failure(reason: Reason): void {
    if (this.#released) return
    this.#reasons ??= new Map()
    let cell = this.#reasons.get(reason)
    if (cell === undefined) {
      cell = this.#metrics.failures.acquire(...this.#values(), reason)
      this.#reasons.set(reason, cell)
    }
    cell.value++
  }

  /** One copy of a request to its end. */
  mirrored(result: MirrorResult): void {
    if (this.#released) return
    this.#mirrored ??= new Map()
    let cell = this.#mirrored.get(result)
    if (cell === undefined) {
      cell = this.#metrics.mirrored.acquire(...this.#values(), result)
      this.#mirrored.set(result, cell)
    }
    cell.value++
  }

  /** Its series leave the exposition; a request still under way counts no more. */
  close(): void {
    this.#released = true
    for (const cell of this.#codes?.values() ?? []) this.#metrics.requests.release(cell)
    for (const cell of this.#reasons?.values() ?? []) this.#metrics.failures.release(cell)
    for (const cell of this.#mirrored?.values() ?? []) this.#metrics.mirrored.release(cell)
    if (this.#duration !== null) this.#metrics.duration.release(this.#duration)
    if (this.#upstreamDuration !== null) this.#metrics.upstreamDuration.release(this.#upstreamDuration)
    if (this.#bytesIn !== null) this.#metrics.requestBytes.release(this.#bytesIn)
    if (this.#bytesOut !== null) this.#metrics.responseBytes.release(this.#bytesOut)
    if (this.#streams === null) return
    const [count, bytesIn, bytesOut] = this.#streams
    this.#metrics.streams.release(count)
    this.#metrics.streamBytesIn.release(bytesIn)
    this.#metrics.streamBytesOut.release(bytesOut)
  }

  #values(): readonly [string, string, string, string] {
    const { gateway, listener, route, upstream } = this.labels
    return [gateway, listener, route, upstream]
  }
}

/** Tallies by label, held by the tables that use them. Every acquire is paired with one release. */
export class Tallies {
  readonly #metrics: Metrics
  readonly #byKey = new Map<string, Tally>()

  constructor(metrics: Metrics) {
    this.#metrics = metrics
  }

  acquire(labels: TallyLabels): Tally {
    const key = keyOf(labels)
    const known = this.#byKey.get(key)
    if (known !== undefined) {
      known.holders++
      return known
    }
    const made = new Tally(this.#metrics, labels)
    this.#byKey.set(key, made)
    return made
  }

  release(tally: Tally): void {
    tally.holders--
    if (tally.holders > 0) return
    this.#byKey.delete(keyOf(tally.labels))
    tally.close()
  }
}

const keyOf = ({ gateway, listener, route, upstream }: TallyLabels): string => `${gateway}\u0000${listener}\u0000${route}\u0000${upstream}`
