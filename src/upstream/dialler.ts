// Makes the connections of one upstream: its TLS material as it is now, the plan of each dial, and what is remembered of how dials end.
import type { Socket as DatagramSocket } from "node:dgram"
import { Result } from "effect"
import type { Id } from "../snapshot/id.ts"
import type { MaterialLookup } from "../snapshot/secret.ts"
import { connectionSecrets, type Upstream } from "../snapshot/upstream.ts"
import type { FailureDescription } from "./description.ts"
import { dial } from "./dial/connect.ts"
import { type DatagramPlan, openDatagrams } from "./dial/datagram.ts"
import type { OwnAddresses } from "./dial/own.ts"
import type { Dial, DialFailed, Dialled, DialOutcome, DialPlan } from "./dial/plan.ts"
import type { DialTarget } from "./dial/policy.ts"
import { type ClientPath, proxyHeader } from "./dial/proxyheader.ts"
import type { TrustRoots } from "./dial/roots.ts"
import { type TlsContext, type TlsContextError, tlsContext } from "./dial/tls.ts"
import { type Through, throughOf } from "./dial/tunnel.ts"
import type { Target } from "./target.ts"

export interface DiallerOptions {
  readonly roots: TrustRoots
  readonly own: () => OwnAddresses
  readonly now: () => number
  readonly onDial: (outcome: DialOutcome) => void
}

/** The material in force. A string: why there is none although it is wanted; null: none is. */
interface Means {
  readonly tls: TlsContext | string | null
  readonly through: Through | string | null
  readonly digests: string
}

export type DialledTo = Dialled & { readonly target: Target }

export class Dialler {
  readonly #spec: Upstream
  readonly #options: DiallerOptions
  #means: Means
  /** The last dial's failure; null since the last success. */
  lastFailure: FailureDescription | null = null

  constructor(spec: Upstream, material: MaterialLookup, options: DiallerOptions) {
    this.#spec = spec
    this.#options = options
    this.#means = this.#read(material)
  }

  get protocol(): Upstream["protocol"] {
    return this.#spec.protocol
  }

  /** True: connections made from now on are made with something else than those before. */
  setMaterial(material: MaterialLookup): boolean {
    const { tls, through, digests } = this.#means
    if (typeof tls !== "string" && typeof through !== "string" && this.#digests(material) === digests) return false
    this.#means = this.#read(material)
    return true
  }

  #digests(material: MaterialLookup): string {
    return connectionSecrets(this.#spec)
      .map((id) => digestOf(material, id))
      .join(",")
  }

  #read(material: MaterialLookup): Means {
    const { tls, via } = this.#spec
    const made = tls === null ? null : tlsContext(tls, material, this.#options.roots)
    const way = via[0] === undefined ? null : throughOf(via[0], material, this.#options.roots)
    return {
      tls: made === null ? null : Result.isSuccess(made) ? made.success : describeProblem(made.failure),
      through: way === null ? null : Result.isSuccess(way) ? way.success : way.failure,
      digests: this.#digests(material)
    }
  }

  /** Begins one connection to the target's endpoint, its address first. `done` is called once, never from inside this call. client: whose it is; null: our own. */
  dial(target: Target, done: (outcome: DialledTo | DialFailed) => void, client: ClientPath | null = null): Dial {
    const { member } = target
    const { now } = this.#options
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
    return this.#begin(target, member.candidates(target, now), member.endpoint.tls, client, finish)
  }

  /** The same to exactly this address, or to another port of it (not of a proxy's), for a look: nothing is remembered of how it ends. */
  look(target: Target, port: number | null, secured: boolean, done: (outcome: DialOutcome) => void): Dial {
    const itself = target.member.candidates(target, this.#options.now).slice(0, 1)
    return this.#begin(target, port === null ? itself : itself.map((one) => ({ ...one, port })), secured, null, done)
  }

  /** A socket that is tied to the target's address, and to no other of its endpoint: who waits for a connection there can go on to the next, a datagram cannot. */
  datagrams(target: Target, done: (outcome: DatagramSocket | DialFailed) => void): Dial {
    const { member } = target
    const { now } = this.#options
    const failed = (outcome: DialFailed): void => {
      this.#options.onDial(outcome)
      for (const { ip, reason } of outcome.attempts) member.failed(ip, reason, now())
      this.lastFailure = { reason: outcome.reason, detail: outcome.detail, at: now() }
      done(outcome)
    }
    const [to] = member.candidates(target, this.#options.now)
    if (member.endpoint.proxied === true) return refuse("proxy_refused", "no proxy is asked to pass datagrams on", failed)
    if (member.endpoint.tls) return refuse("tls_handshake", "datagrams are not secured (DTLS) here", failed)
    if (to === undefined || member.at._tag === "Unix") return refuse("connect_unreachable", "datagrams go to addresses alone", failed)
    const { sourceAddresses, addresses } = this.#spec
    const plan: DatagramPlan = {
      ...{ to, policy: addresses, own: this.#options.own() },
      ...(sourceAddresses === undefined ? {} : { sources: sourceAddresses })
    }
    return openDatagrams(plan, (outcome) => {
      if ("_tag" in outcome) return failed(outcome)
      this.lastFailure = null
      member.succeeded(target.address, null)
      return done(outcome)
    })
  }

  #begin(
    { member, address }: Target,
    candidates: ReadonlyArray<DialTarget>,
    secured: boolean,
    client: ClientPath | null,
    done: (outcome: DialOutcome) => void
  ): Dial {
    const tls = secured ? (this.#means.tls ?? "the upstream has no TLS settings") : null
    if (typeof tls === "string") return refuse("tls_handshake", tls, done)
    const through = member.endpoint.proxied === true ? (this.#means.through ?? "the upstream has no proxy") : null
    if (typeof through === "string") return refuse("proxy_refused", through, done)
    const { sourceAddresses, proxyProtocol, tcpKeepalive } = this.#spec
    const plan: DialPlan = {
      to: member.at._tag === "Unix" ? { _tag: "Unix", path: address } : { _tag: "Addresses", candidates },
      policy: this.#spec.addresses,
      own: this.#options.own(),
      identity: member.identity,
      tls,
      timeouts: this.#spec.timeouts,
      through,
      ...(sourceAddresses === undefined ? {} : { sources: sourceAddresses }),
      ...(tcpKeepalive === undefined ? {} : { keepalive: tcpKeepalive }),
      ...(proxyProtocol === undefined ? {} : { preface: proxyHeader(proxyProtocol, client) })
    }
    return dial(plan, done)
  }
}

const describeProblem = ({ id, detail }: TlsContextError): string => (id === null ? detail : `${detail} (${id})`)

const refuse = (reason: DialFailed["reason"], detail: string, done: (outcome: DialFailed) => void): Dial => {
  let wanted = true
  queueMicrotask(() => {
    if (wanted) done({ _tag: "Failed", reason, detail, attempts: [] })
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
