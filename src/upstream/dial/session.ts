// TLS sessions to resume, of one context. A resumed handshake shows no certificate, so the one that was verified is kept beside the session.
import type { X509Certificate } from "node:crypto"

/** The most names one context remembers a session for. */
const capacity = 64
/** Milliseconds. Servers often offer days; a revoked or replaced certificate should be noticed within the hour. */
const longest = 3_600_000

export interface Session {
  readonly bytes: Buffer
  /** What the full handshake showed and the context verified. */
  readonly certificate: X509Certificate
}

export class SessionCache {
  readonly #sessions = new Map<string, Session & { readonly until: number }>()

  /** key: server name and expected certificate name. now: milliseconds. */
  get(key: string, now: number): Session | undefined {
    const found = this.#sessions.get(key)
    if (found === undefined) return undefined
    if (found.until > now) return found
    this.#sessions.delete(key)
    return undefined
  }

  /** A session does not outlive the certificate that was verified for it; a ticket won by resuming does not prolong it either. */
  put(key: string, session: Session, now: number): void {
    const before = this.#sessions.get(key)
    const until =
      before?.certificate === session.certificate ? before.until : Math.min(now + longest, new Date(session.certificate.validTo).getTime())
    this.#sessions.delete(key)
    this.#sessions.set(key, { ...session, until })
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
