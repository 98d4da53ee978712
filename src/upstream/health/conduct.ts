// How an address behaves toward the requests that go to it: failures in a row are counted, and too many eject it for a while. Asked on the request path, so plain numbers.
import { judgedFrom, type Outlier } from "../../snapshot/health.ts"

/** What was counted when it was ejected. */
export type Offence = "errors" | "gateway" | "local" | "share"

/** What an address is judged by, and who hears of it. */
export interface Court {
  readonly outlier: Outlier
  /** Milliseconds. */
  readonly now: () => number
  /** Whether one more may be ejected. */
  readonly allows: () => boolean
  /** It is out, or in again. */
  readonly changed: () => void
  /** It is out for so many milliseconds, by what was counted here. */
  readonly ejected: (offence: Offence, long: number) => void
}

/** No ejection is longer, unless the base is. */
const longest = 300_000

export class Conduct {
  readonly #court: Court
  #errors = 0
  #gateway = 0
  #local = 0
  /** Of the interval that runs, where a share is judged: requests, and those of them that failed. */
  #asked = 0
  #bad = 0
  #interval: NodeJS.Timeout | null = null
  /** Ejections in short succession. */
  #strikes = 0
  #returned = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | null = null
  /** Why it is out; null: it is in. */
  offence: Offence | null = null
  /** When it comes in again. */
  until = Number.NEGATIVE_INFINITY

  constructor(court: Court) {
    this.#court = court
  }

  /** The head of a response came. */
  answered(status: number): void {
    this.#local = 0
    if (this.#court.outlier.failures !== undefined) this.#tally(status >= 500)
    if (status < 500) {
      this.#errors = 0
      this.#gateway = 0
      return
    }
    this.#errors++
    this.#gateway = status >= 502 && status <= 504 ? this.#gateway + 1 : 0
    this.#judge()
  }

  /** No answer came: no connection, or nothing on it that is one, in time. */
  failed(): void {
    if (this.#court.outlier.localFailures !== null) this.#local++
    else {
      this.#errors++
      this.#gateway++
      if (this.#court.outlier.failures !== undefined) this.#tally(true)
    }
    this.#judge()
  }

  /** An interval begins with its first request: without requests there is nothing to judge, and no timer. */
  #tally(bad: boolean): void {
    if (this.offence !== null) return
    this.#asked++
    if (bad) this.#bad++
    if (this.#interval !== null) return
    this.#interval = setTimeout(this.#weigh, this.#court.outlier.failures!.interval)
    this.#interval.unref()
  }

  readonly #weigh = (): void => {
    const [asked, bad] = [this.#asked, this.#bad]
    this.#endInterval()
    if (asked >= judgedFrom && bad * 100 >= asked * this.#court.outlier.failures!.percent) this.#eject("share")
  }

  #judge(): void {
    if (this.offence !== null) return
    const { serverErrors, gatewayErrors, localFailures } = this.#court.outlier
    if (serverErrors !== null && this.#errors >= serverErrors) this.#eject("errors")
    else if (gatewayErrors !== null && this.#gateway >= gatewayErrors) this.#eject("gateway")
    else if (localFailures !== null && this.#local >= localFailures) this.#eject("local")
  }

  #eject(offence: Offence): void {
    if (!this.#court.allows()) return
    const { outlier, now } = this.#court
    const at = now()
    // Each base time spent well takes one strike away.
    this.#strikes = Math.max(0, this.#strikes - Math.floor((at - this.#returned) / outlier.baseEjection)) + 1
    const long = Math.min(outlier.baseEjection * this.#strikes, Math.max(longest, outlier.baseEjection))
    this.#leave(offence, at + long, long)
    this.#court.ejected(offence, long)
    this.#court.changed()
  }

  /** Another process ejected it, for so many milliseconds: it is no stranger here when it comes in again. */
  impose(offence: Offence, long: number): void {
    if (this.offence !== null || !this.#court.allows()) return
    this.#strikes++
    this.#leave(offence, this.#court.now() + long, long)
    this.#court.changed()
  }

  #leave(offence: Offence, until: number, long: number): void {
    this.offence = offence
    this.until = until
    this.#timer = setTimeout(() => this.#return(), long)
    this.#timer.unref()
    this.#endInterval()
  }

  #endInterval(): void {
    if (this.#interval !== null) clearTimeout(this.#interval)
    this.#interval = null
    this.#asked = 0
    this.#bad = 0
  }

  /** On trial: one more failure of the sort, and it is out again. */
  #return(): void {
    const { serverErrors, gatewayErrors, localFailures } = this.#court.outlier
    this.#timer = null
    this.offence = null
    this.#returned = this.#court.now()
    this.#errors = (serverErrors ?? 1) - 1
    this.#gateway = (gatewayErrors ?? 1) - 1
    this.#local = (localFailures ?? 1) - 1
    this.#court.changed()
  }

  /** It left. Should it come back, it begins anew. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#endInterval()
  }
}
