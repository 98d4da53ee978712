// Questions over TLS (RFC 7858): a nameserver has one connection, shared by all who ask it, as a handshake a question would cost more than the answer.
// The certificate is verified with the process's roots, for the name after `#` or else the address; what does not verify is never asked.
import { connect, type Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { Result } from "effect"
import { handshake } from "../dial/handshake.ts"
import type { TrustRoots } from "../dial/roots.ts"
import { type TlsContext, tlsContext } from "../dial/tls.ts"
import { freshId } from "./message.ts"
import { describeNameserver, type Nameserver } from "./nameserver.ts"
import { messages, prefixed } from "./stream.ts"

export interface SecureQuestion {
  /** The question's bytes under this id. */
  readonly encode: (id: number) => Buffer
  /** What came back under that id. */
  readonly received: (bytes: Buffer, id: number) => void
  /** Once, never from inside `ask`: it cannot be asked, and why. */
  readonly failed: (why: string) => void
}

/** The connections of a process to nameservers that are asked over TLS. */
export interface SecureNameservers {
  /** Returns how to stop listening. */
  readonly ask: (server: Nameserver, question: SecureQuestion) => () => void
  /** Closes all of them. */
  readonly close: () => void
}

/** Milliseconds. An unused connection is kept this long: the A and AAAA of a name, and names that are due together, share one. */
const idle = 10_000
const connecting = 3_000
/** A question unanswered for this long while nothing else came either: the connection is taken for dead, and the next question goes over another. */
const silence = 900

export const makeSecureNameservers = (roots: TrustRoots): SecureNameservers => {
  const lines = new Map<string, Line>()
  let context: Result.Result<TlsContext, string> | null = null
  // At the first use: reading the roots takes a tenth of a second.
  const trust = (): Result.Result<TlsContext, string> => {
    context ??= Result.mapError(
      tlsContext(
        { ca: "System", names: [], client: null, verify: true, minVersion: "TLSv1.2", maxVersion: "TLSv1.3" },
        () => {
          throw new Error("nameservers have no Secret")
        },
        roots
      ),
      ({ detail }) => detail
    )
    return context
  }
  let closed = false
  const lineTo = (server: Nameserver): Line => {
    const key = describeNameserver(server)
    const known = lines.get(key)
    if (known?.alive) return known
    const made: Line = new Line(server, trust(), () => {
      if (lines.get(key) === made) lines.delete(key)
    })
    lines.set(key, made)
    return made
  }
  return {
    ask: (server, question) => {
      const line = lineTo(server)
      let stop = line.ask({
        ...question,
        failed: (why) => {
          // A kept connection that the server closed meanwhile says nothing of the server: asked again, once, over a fresh one.
          if (line.answered && !closed) stop = lineTo(server).ask(question)
          else question.failed(why)
        }
      })
      return () => stop()
    },
    close: () => {
      closed = true
      for (const line of [...lines.values()]) line.end("the process ends")
    }
  }
}

/** One connection, from its dial to its end. */
class Line {
  /** Something came over it. */
  answered = false
  readonly #gone: () => void
  readonly #open = new Map<number, SecureQuestion>()
  /** The connected socket, or the one being connected. */
  #socket: Socket | null = null
  #secured: TLSSocket | null = null
  #stop: () => void = () => {}
  #timer: NodeJS.Timeout | undefined
  #over = false
  /** Since when a question waits with nothing received; null: none does. */
  #silentSince: number | null = null

  constructor(server: Nameserver, context: Result.Result<TlsContext, string>, gone: () => void) {
    this.#gone = gone
    if (Result.isFailure(context)) {
      queueMicrotask(() => this.end(context.failure))
      return
    }
    const at = describeNameserver(server)
    const socket = connect({ host: server.ip, port: server.port, autoSelectFamily: false, noDelay: true })
    this.#socket = socket
    this.#timer = setTimeout(() => this.end(`no connection within ${connecting} ms`), connecting)
    socket.on("error", (error) => this.end((error as NodeJS.ErrnoException).code ?? error.message))
    socket.once("connect", () => {
      if (this.#over) return
      const name = server.name
      const identity = { host: at, sni: name, certificateName: name ?? server.ip, alpn: [], probeHost: at }
      const shaking = handshake(socket, context.success, identity, at, connecting, (outcome) => {
        if (outcome._tag === "Failed") this.end(outcome.failure.detail)
        else this.#ready(outcome.socket)
      })
      this.#stop = shaking.cancel
    })
  }

  /** Another question may go over it. */
  get alive(): boolean {
    return !this.#over && (this.#silentSince === null || performance.now() - this.#silentSince < silence)
  }

  ask(question: SecureQuestion): () => void {
    let id = freshId()
    while (this.#open.has(id)) id = (id + 1) & 0xffff
    this.#open.set(id, question)
    if (this.#secured !== null) this.#send(this.#secured, id, question)
    return () => {
      if (this.#open.delete(id) && this.#open.size === 0) this.#rest()
    }
  }

  /** Every open question is told why. */
  end(why: string): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#timer)
    this.#stop()
    this.#secured?.destroy()
    this.#socket?.destroy()
    this.#gone()
    const open = [...this.#open.values()]
    this.#open.clear()
    for (const question of open) question.failed(why)
  }

  #ready(secured: TLSSocket): void {
    if (this.#over) {
      secured.destroy()
      return
    }
    clearTimeout(this.#timer)
    this.#secured = secured
    secured.on("error", (error) => this.end((error as NodeJS.ErrnoException).code ?? error.message))
    secured.on("close", () => this.end("closed the connection"))
    secured.on(
      "data",
      messages((bytes) => this.#received(bytes))
    )
    for (const [id, question] of this.#open) this.#send(secured, id, question)
    if (this.#open.size === 0) this.#rest()
  }

  #send(secured: TLSSocket, id: number, question: SecureQuestion): void {
    clearTimeout(this.#timer)
    this.#silentSince ??= performance.now()
    secured.write(prefixed(question.encode(id)))
  }

  #received(bytes: Buffer): void {
    if (this.#over || bytes.length < 2) return
    const id = bytes.readUInt16BE(0)
    this.answered = true
    this.#silentSince = this.#open.size > 0 ? performance.now() : null
    // Who asked says with the id whether this is his answer: forgeries and late ones leave the question open.
    this.#open.get(id)?.received(bytes, id)
  }

  /** Nobody asks any more: it closes unless somebody does soon. One that fell silent closes at once. */
  #rest(): void {
    if (this.#over) return
    if (!this.alive) this.end("no answer")
    if (this.#over || this.#secured === null) return
    this.#silentSince = null
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.end("unused"), idle)
    this.#timer.unref()
  }
}
