// One checked connection: Happy Eyeballs over addresses that passed the policy (RFC 8305), then TLS. There is no code path that takes a name.
// Plain callbacks: a dial is on the request path.
import { connect, isIPv6, type LookupFunction, type Socket, type TcpNetConnectOpts } from "node:net"
import { defaultTcpKeepalive } from "../../snapshot/behaviour.ts"
import { connectFailure, type Failure } from "./failure.ts"
import { type Handshake, handshake } from "./handshake.ts"
import type { Dial, DialAttempt, DialOutcome, DialPlan } from "./plan.ts"
import { admit, type DialTarget } from "./policy.ts"
import { openTunnel } from "./tunnel.ts"

/** What happens if a name ever reached a socket: nothing is looked up. */
const neverLookUp: LookupFunction = (hostname) => {
  throw new Error(`a socket was given the name ${JSON.stringify(hostname)}: only checked addresses are dialled`)
}

interface Attempt {
  readonly target: DialTarget
  readonly socket: Socket
  readonly began: number
  readonly timer: NodeJS.Timeout
}

const stage = (reason: DialAttempt["reason"]): number =>
  reason.startsWith("tls_") || reason === "proxy_refused" ? 2 : reason.startsWith("connect_") ? 1 : 0

const ignore = () => {}

const at = (ip: string, port: number): string => (ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`)

/**
 * Dials until one address answers; `done` is called once, never before `dial` has returned. On success the socket is the caller's: it has an error
 * listener, has read nothing and, with TLS, is verified. A TLS failure ends the dial: another endpoint is the caller's choice.
 */
export const dial = (plan: DialPlan, done: (outcome: DialOutcome) => void): Dial => {
  const running = new Racer(plan, done)
  process.nextTick(() => running.start())
  return { cancel: () => running.cancel() }
}

class Racer {
  readonly #plan: DialPlan
  readonly #done: (outcome: DialOutcome) => void
  readonly #began = performance.now()
  readonly #pending = new Set<Attempt>()
  readonly #failures: Array<DialAttempt> = []
  #next = 0
  #stagger: NodeJS.Timeout | undefined
  #securing: { readonly cancel: () => void } | null = null
  #over = false

  constructor(plan: DialPlan, done: (outcome: DialOutcome) => void) {
    this.#plan = plan
    this.#done = done
  }

  start(): void {
    if (this.#over) return
    const { to, tls, identity } = this.#plan
    // Known before a byte leaves: a verification that has no name to verify would refuse every peer.
    if (tls?.verify === true && tls.names.length === 0 && identity.certificateName === null)
      this.#fail("tls_name_mismatch", "nothing says which name the certificate must carry: set tls.hostname")
    else if (to._tag === "Unix") this.#open({ ip: to.path, port: 0, name: null, origin: "Written" }, true)
    else this.#advance()
  }

  cancel(): void {
    if (this.#over) return
    this.#over = true
    this.#closeAll()
    this.#securing?.cancel()
  }

  /** Starts the next address that the policy admits; the address judged is the very one the socket is opened with. */
  #advance(): void {
    clearTimeout(this.#stagger)
    const { to, policy, own, timeouts } = this.#plan
    if (to._tag === "Unix") return
    const late = this.#next > 0 && performance.now() - this.#began > timeouts.connect
    while (!late && this.#next < to.candidates.length) {
      const target = to.candidates[this.#next++]!
      const admission = admit(target, policy, own)
      if (!admission.allowed) {
        this.#failures.push({ ip: target.ip, port: target.port, reason: admission.reason, detail: admission.rule, ms: 0 })
        continue
      }
      const source = this.#sourceFor(target)
      if (source === null) {
        const detail = `${target.ip} is not dialled: egressPath.sourceAddresses has no address of its family`
        this.#failures.push({ ip: target.ip, port: target.port, reason: "connect_unreachable", detail, ms: 0 })
        continue
      }
      this.#open(target, false, source)
      if (this.#next < to.candidates.length) this.#stagger = setTimeout(() => this.#advance(), this.#delay())
      return
    }
    if (this.#pending.size === 0) this.#exhausted()
  }

  #delay(): number {
    const asked = this.#plan.attemptDelay ?? 250
    return Math.min(2_000, Math.max(100, asked))
  }

  /** undefined: the system chooses; null: none of its family is given. */
  #sourceFor(target: DialTarget): string | undefined | null {
    const { sources } = this.#plan
    return sources === undefined ? undefined : (sources.find((source) => isIPv6(source) === isIPv6(target.ip)) ?? null)
  }

  #open(target: DialTarget, unix: boolean, source?: string): void {
    const { timeouts, onDial, keepalive } = this.#plan
    onDial?.(target.ip, target.port)
    const options: TcpNetConnectOpts = {
      host: target.ip,
      port: target.port,
      lookup: neverLookUp,
      // One address is one attempt: Node's own racing aborts a slow attempt when the next begins.
      autoSelectFamily: false,
      noDelay: true,
      // A peer gone without a word is noticed.
      keepAlive: true,
      keepAliveInitialDelay: defaultTcpKeepalive.idle,
      ...(source === undefined ? {} : { localAddress: source })
    }
    const socket = unix ? connect({ path: target.ip }) : connect(options)
    if (keepalive !== undefined && !unix) socket.setKeepAlive(true, keepalive.idle, keepalive.interval, keepalive.probes)
    const where = unix ? target.ip : `${at(target.ip, target.port)}${source === undefined ? "" : ` from ${source}`}`
    const attempt: Attempt = {
      target,
      socket,
      began: performance.now(),
      timer: setTimeout(
        () => this.#lost(attempt, { reason: "connect_timeout", detail: `${where} did not answer within ${timeouts.connect} ms` }),
        timeouts.connect
      )
    }
    this.#pending.add(attempt)
    // There is always one: an error nobody listens to, of a loser or of a socket between owners, would end the process.
    socket.on("error", (error) => this.#lost(attempt, connectFailure(error, where)))
    socket.once("connect", () => this.#won(attempt, where))
  }

  #lost(attempt: Attempt, failure: Failure): void {
    if (!this.#pending.delete(attempt)) return
    clearTimeout(attempt.timer)
    attempt.socket.destroy()
    const { ip, port } = attempt.target
    this.#failures.push({ ip, port, ...failure, ms: performance.now() - attempt.began })
    if (this.#over) return
    if (this.#plan.to._tag === "Unix") this.#exhausted()
    else this.#advance()
  }

  #won(attempt: Attempt, where: string): void {
    if (this.#over || !this.#pending.delete(attempt)) {
      attempt.socket.destroy()
      return
    }
    clearTimeout(attempt.timer)
    this.#closeAll()
    // A connection lives long; its listener need not keep the dial alive with it.
    attempt.socket.removeAllListeners("error").on("error", ignore)
    const connectMs = performance.now() - attempt.began
    const { target } = attempt
    const { through, timeouts } = this.#plan
    if (target.beyond === undefined) {
      this.#secure(attempt.socket, target, where, connectMs)
      return
    }
    // Without what is to be said to it the proxy would be taken for the endpoint.
    if (through === undefined || through === null) throw new Error("a proxy is dialled, and nobody says what for")
    this.#securing = openTunnel(attempt.socket, through, target.beyond, where, timeouts, (outcome) => {
      if (outcome._tag === "Open") return this.#secure(outcome.socket, target, `${where} (a proxy)`, connectMs + outcome.ms)
      this.#failures.push({ ip: target.ip, port: target.port, ...outcome.failure, ms: connectMs + outcome.ms })
      this.#exhausted()
    })
  }

  /** The endpoint is at the other end: TLS, where it is wanted. */
  #secure(socket: Socket, { ip, port }: DialTarget, where: string, connectMs: number): void {
    const { tls, identity, timeouts, preface } = this.#plan
    if (preface !== undefined) socket.write(preface)
    if (tls === null) {
      this.#finish({ _tag: "Dialled", socket, address: ip, port, connectMs, tlsMs: 0, tls: null })
      return
    }
    this.#securing = handshake(socket, tls, identity, where, timeouts.tlsHandshake, (outcome: Handshake) => {
      if (outcome._tag === "Done")
        return this.#finish({ _tag: "Dialled", socket: outcome.socket, address: ip, port, connectMs, tlsMs: outcome.ms, tls: outcome.peer })
      this.#failures.push({ ip, port, ...outcome.failure, ms: connectMs + outcome.ms })
      this.#exhausted()
    })
  }

  #exhausted(): void {
    if (this.#failures.length === 0) {
      this.#fail("dns_empty", "there is no address to dial")
      return
    }
    const furthest = this.#failures.reduce((best, next) => (stage(next.reason) > stage(best.reason) ? next : best))
    const others = this.#failures.length - 1
    this.#fail(
      furthest.reason,
      others === 0 ? furthest.detail : `${furthest.detail} (and ${others} more ${others === 1 ? "address" : "addresses"} failed)`
    )
  }

  #fail(reason: DialAttempt["reason"], detail: string): void {
    this.#finish({ _tag: "Failed", reason, detail, attempts: this.#failures })
  }

  #finish(outcome: DialOutcome): void {
    if (this.#over) return
    this.#over = true
    this.#closeAll()
    this.#done(outcome)
  }

  /** Losers go: their sockets are destroyed and their timers cleared. */
  #closeAll(): void {
    clearTimeout(this.#stagger)
    for (const attempt of this.#pending) {
      clearTimeout(attempt.timer)
      attempt.socket.destroy()
    }
    this.#pending.clear()
  }
}
