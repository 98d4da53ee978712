// Makes the connections of one upstream: its TLS material as it is now, the plan of each dial, and what is remembered of how dials end.
import { Result } from "effect"
import type { Id } from "../snapshot/id.ts"
import type { MaterialLookup } from "../snapshot/secret.ts"
import type { Upstream } from "../snapshot/upstream.ts"
import type { FailureDescription } from "./description.ts"
import { dial } from "./dial/connect.ts"
import type { OwnAddresses } from "./dial/own.ts"
import type { Dial, DialFailed, Dialled, DialOutcome, DialPlan } from "./dial/plan.ts"
import type { TrustRoots } from "./dial/roots.ts"
import { type TlsContext, tlsContext } from "./dial/tls.ts"
import type { Target } from "./member.ts"

export interface DiallerOptions {
  readonly roots: TrustRoots
  readonly own: () => OwnAddresses
  readonly now: () => number
  readonly onDial: (outcome: DialOutcome) => void
}

/** The material in force. problem: why there is no context although TLS is wanted. */
interface Tls {
  readonly context: TlsContext | null
  readonly problem: string | null
  readonly digests: string
}

const noTls: Tls = { context: null, problem: null, digests: "" }

export class Dialler {
  readonly #spec: Upstream
  readonly #options: DiallerOptions
  #tls: Tls
  /** The last dial's failure; null since the last success. */
  lastFailure: FailureDescription | null = null

  constructor(spec: Upstream, material: MaterialLookup, options: DiallerOptions) {
    this.#spec = spec
    this.#options = options
    this.#tls = this.#read(material)
  }

  /** True: connections made from now on are made with something else than those before. */
  setMaterial(material: MaterialLookup): boolean {
    if (this.#spec.tls === null) return false
    if (this.#tls.problem === null && this.#digests(material) === this.#tls.digests) return false
    this.#tls = this.#read(material)
    return true
  }

  #digests(material: MaterialLookup): string {
    const { tls } = this.#spec
    if (tls === null) return ""
    const ids = [...(tls.ca === "System" ? [] : tls.ca), ...(tls.client === null ? [] : [tls.client])]
    return ids.map((id) => digestOf(material, id)).join(",")
  }

  #read(material: MaterialLookup): Tls {
    const { tls } = this.#spec
    if (tls === null) return noTls
    const digests = this.#digests(material)
    const made = tlsContext(tls, material, this.#options.roots)
    if (Result.isSuccess(made)) return { context: made.success, problem: null, digests }
    const { id, detail } = made.failure
    return { context: null, problem: id === null ? detail : `${detail} (${id})`, digests }
  }

  /** Begins one connection to the target's endpoint, its address first. `done` is called once, never from inside this call. */
  dial(target: Target, done: (outcome: (Dialled & { readonly target: Target }) | DialFailed) => void): Dial {
    const { member } = target
    const { now, own } = this.#options
    const finish = (outcome: DialOutcome) => {
      this.#options.onDial(outcome)
      if (outcome._tag === "Failed") {
        for (const attempt of outcome.attempts) member.failed(attempt.ip, attempt.reason, now())
        this.lastFailure = { reason: outcome.reason, detail: outcome.detail, at: now() }
        done(outcome)
        return
      }
      if (outcome.address !== target.address) member.lost(target.address, now())
      this.lastFailure = null
      done({ ...outcome, target: member.succeeded(outcome.address, outcome.tls) })
    }
    const tls = member.endpoint.tls ? this.#tls : noTls
    if (member.endpoint.tls && tls.context === null) return refuse(tls.problem ?? "the upstream has no TLS settings", finish)
    const plan: DialPlan = {
      to:
        member.endpoint.at._tag === "Unix"
          ? { _tag: "Unix", path: target.address }
          : { _tag: "Addresses", candidates: member.candidates(target, now) },
      policy: this.#spec.addresses,
      own: own(),
      identity: member.identity,
      tls: tls.context,
      timeouts: this.#spec.timeouts
    }
    return dial(plan, finish)
  }
}

const refuse = (detail: string, done: (outcome: DialFailed) => void): Dial => {
  let wanted = true
  queueMicrotask(() => {
    if (wanted) done({ _tag: "Failed", reason: "tls_handshake", detail, attempts: [] })
  })
  return {
    cancel: () => {
      wanted = false
    }
  }
}

const digestOf = (material: MaterialLookup, id: Id): string => {
  try {
    return material(id).ref.digest
  } catch {
    // The context's own words say what is missing.
    return "missing"
  }
}
