// Sessions of a rule: which backend and which address a client was served by, from the value that it brings, and what it is given for the next time. A value names
// no address: it is compared with those of the addresses that there are, so that none leads anywhere that balancing would not.
import { createHmac } from "node:crypto"
import { cookieValue } from "../routing/cookie.ts"
import type { Session } from "../snapshot/session.ts"
import type { Wanted } from "../upstream/attempt.ts"
import type { RequestHead } from "./head.ts"
import type { LiveShare } from "./table.ts"

/** Of the digest, in base64url: 48 bits tell backends of a rule apart, 132 an address from a guess. */
const backendLength = 8
const addressLength = 22

/** Addresses come and go; what was made for those that went is forgotten with all others. */
const mostMarks = 10_000

const form = /^([A-Za-z0-9_-]{8})([A-Za-z0-9_-]{22})(?:\.([0-9a-z]{1,9}))?$/

export class LiveSession {
  readonly spec: Session
  readonly #marks = new Map<string, string>()

  constructor(spec: Session) {
    this.spec = spec
  }

  /** Read from the head as the client sent it. now: milliseconds since the epoch. */
  read(head: Pick<RequestHead, "header">, now: number): Pin {
    const { by, lifetime } = this.spec
    const value = by._tag === "Header" ? head.header(by.name.toLowerCase()) : cookieValue(head.header("cookie") ?? "", by.name)
    const [, backend, address, since] = (value === null ? null : form.exec(value)) ?? []
    if (backend === undefined || address === undefined) return new Pin(this, "", "", now)
    if (lifetime === null) return new Pin(this, backend, address, now)
    const begun = since === undefined ? Number.NaN : Number.parseInt(since, 36) * 1000
    // Over, or from a time when it said nothing of one: another begins.
    return begun <= now && now < begun + lifetime ? new Pin(this, backend, address, now) : new Pin(this, "", "", now)
  }

  mark(length: number, ...of: ReadonlyArray<string>): string {
    const text = of.join("\n")
    const known = this.#marks.get(text)
    if (known !== undefined) return known
    if (this.#marks.size >= mostMarks) this.#marks.clear()
    const made = createHmac("sha256", this.spec.key).update(text).digest("base64url").slice(0, length)
    this.#marks.set(text, made)
    return made
  }

  backend(target: string): string {
    return this.mark(backendLength, target)
  }

  address(target: string, address: string): string {
    return this.mark(addressLength, target, address)
  }
}

/** The session of one request. */
export class Pin {
  readonly #session: LiveSession
  readonly #backend: string
  readonly #address: string
  readonly #now: number

  constructor(session: LiveSession, backend: string, address: string, now: number) {
    this.#session = session
    this.#backend = backend
    this.#address = address
    this.#now = now
  }

  /** The backend that it is with, if that still gets requests (Gateway API v1.6: weights are for new sessions). null: weights choose. */
  share(shares: ReadonlyArray<LiveShare>): LiveShare | null {
    if (this.#backend === "") return null
    const of = ({ target }: LiveShare) => target !== null && this.#session.backend(target) === this.#backend
    return shares.find((share) => share.compiled.share.weight > 0 && (of(share) || share.standbys.some(of))) ?? null
  }

  /** Its address among those of an upstream, as one that a request would rather go to. null: it has none there. target: the upstream's. */
  wanted(target: string): Wanted | null {
    if (this.#backend === "" || this.#session.backend(target) !== this.#backend) return null
    const is = (address: string): boolean => this.#session.address(target, address) === this.#address
    return { length: 1, indexOf: (address) => (is(address) ? 0 : -1), includes: is }
  }

  /** What the response brings the client, a raw pair; none where it has that already. target, address: who served it. */
  given(target: string, address: string, secure: boolean): ReadonlyArray<string> {
    const [backend, place] = [this.#session.backend(target), this.#session.address(target, address)]
    if (backend === this.#backend && place === this.#address) return []
    const { by, lifetime } = this.#session.spec
    const value = `${backend}${place}${lifetime === null ? "" : `.${Math.floor(this.#now / 1000).toString(36)}`}`
    if (by._tag === "Header") return [by.name, value]
    const age = by.permanent && lifetime !== null ? `; Max-Age=${Math.ceil(lifetime / 1000)}` : ""
    return ["Set-Cookie", `${by.name}=${value}; Path=${by.path}${age}; HttpOnly${secure ? "; Secure" : ""}`]
  }
}
