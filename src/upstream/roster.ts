// Who is in the table of an upstream's endpoints: those that were declared, each with the watch of its name, and those that the records of a service stand for.
import type { Effect, Fiber } from "effect"
import type { Endpoint, Upstream } from "../snapshot/upstream.ts"
import { awayFrom } from "./balance/locality.ts"
import type { FirstAnswers } from "./firstanswers.ts"
import { endpointKey, Member, type MemberEvents } from "./member.ts"
import { isService, servedBy } from "./service.ts"
import type { UpstreamOptions } from "./upstream.ts"
import { watched } from "./watched.ts"

export interface RosterOptions extends Pick<UpstreamOptions, "names" | "own"> {
  readonly spec: Upstream
  readonly firstAnswers: FirstAnswers
  /** Runs the watch of a name. */
  readonly run: (key: string, watch: Effect.Effect<never>) => Fiber.Fiber<never>
  readonly events: Omit<MemberEvents, "changed">
  /** Where the process stands; null: that is not known. */
  readonly zone: string | null
  /** Somebody came or went, or an answer did. */
  readonly changed: () => void
}

interface Entry {
  readonly member: Member
  readonly stop: () => void
}

export class Roster {
  readonly #options: RosterOptions
  #declared: ReadonlyArray<Endpoint> = []
  /** By key; two equal endpoints are two members. */
  #entries = new Map<string, Entry>()
  #calling = false
  /** An answer came while the roll was called. */
  #again = false

  constructor(options: RosterOptions) {
    this.#options = options
  }

  get members(): ReadonlyArray<Member> {
    return [...this.#entries.values()].map(({ member }) => member)
  }

  /** Those that stay keep what they have. */
  set(endpoints: ReadonlyArray<Endpoint>): void {
    this.#declared = endpoints
    this.#call()
  }

  close(): void {
    for (const { member, stop } of this.#entries.values()) {
      stop()
      member.leave()
    }
  }

  #call(): void {
    this.#again = true
    if (this.#calling) return
    this.#calling = true
    try {
      while (this.#again) {
        this.#again = false
        this.#callOnce()
      }
    } finally {
      this.#calling = false
    }
    // After those that they stand for have come, whose own answers are awaited then.
    for (const { member } of this.#entries.values())
      if (isService(member.endpoint) && !member.pending) this.#options.firstAnswers.settle(member)
    this.#options.changed()
  }

  #callOnce(): void {
    const before = this.#entries
    const next: typeof before = new Map()
    const admit = (endpoint: Endpoint): Member => {
      let key = endpointKey(endpoint)
      while (next.has(key)) key += " again"
      const known = before.get(key) ?? this.#join(key, endpoint)
      known.member.endpoint = endpoint
      next.set(key, known)
      return known.member
    }
    for (const endpoint of this.#declared) {
      const member = admit(endpoint)
      const { resolution } = member
      const served = !isService(endpoint) || resolution === null ? [] : servedBy(endpoint, resolution)
      member.served = served.length
      served.forEach(admit)
    }
    const { spec, zone, firstAnswers } = this.#options
    const away = awayFrom(spec.balance, zone, this.#declared)
    for (const { member } of next.values()) member.away = away(member.endpoint)
    this.#entries = next
    for (const [key, { member, stop }] of before) {
      if (next.has(key)) continue
      stop()
      member.leave()
      firstAnswers.settle(member)
    }
  }

  #join(key: string, endpoint: Endpoint): Entry {
    const { spec, own, names, firstAnswers, events, run, changed } = this.#options
    const member: Member = new Member(key, endpoint, spec, own, {
      ...events,
      changed: () => {
        if (isService(endpoint)) this.#call()
        else {
          if (!member.pending) firstAnswers.settle(member)
          // While the roll is called the table is half a one: it is told at the end.
          if (!this.#calling) changed()
        }
      }
    })
    const { at } = member
    if (at._tag !== "Name") return { member, stop: () => {} }
    firstAnswers.expect(member)
    const settled = () => firstAnswers.settle(member)
    const fiber = run(key, watched(names, spec, member, { name: at.name, kind: at.srv ? "Service" : "Host" }, settled))
    return { member, stop: () => fiber.interruptUnsafe() }
  }
}
