// TLS sessions to resume, of one context. A resumed handshake verifies nothing anew, so what may be resumed is kept narrow.

/** The most names one context remembers a session for. */
const capacity = 64
/** Milliseconds. Servers often offer days; a revoked or replaced certificate should be noticed within the hour. */
const longest = 3_600_000

export class SessionCache {
  readonly #sessions = new Map<string, { readonly session: Buffer; readonly until: number }>()

  /** key: server name and expected certificate name. now: milliseconds. */
  get(key: string, now: number): Buffer | undefined {
    const found = this.#sessions.get(key)
    if (found === undefined) return undefined
    if (found.until > now) return found.session
    this.#sessions.delete(key)
    return undefined
  }

  /** certificateExpires: a session does not outlive the certificate that was verified for it. */
  put(key: string, session: Buffer, now: number, certificateExpires: number): void {
    this.#sessions.delete(key)
    this.#sessions.set(key, { session, until: Math.min(now + longest, certificateExpires) })
    if (this.#sessions.size > capacity) for (const oldest of this.#sessions.keys()) return void this.#sessions.delete(oldest)
  }

  /** After a failed handshake: whatever was wrong, the next one is whole. */
  drop(key: string): void {
    this.#sessions.delete(key)
  }

  get size(): number {
    return this.#sessions.size
  }
}
