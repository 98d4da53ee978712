// A token that is asked for: once for all requests that need it, again before it is over, and never used after that (fail closed). No timers of its own but
// the bound of an asking: an upstream that nobody uses asks for nothing.
import { Readable } from "node:stream"
import type { MaterialLookup } from "../../snapshot/secret.ts"
import type { OAuth2Credential } from "../../snapshot/upstream.ts"
import type { Attempt, ResponseSink, UpstreamRequest } from "../attempt.ts"
import type { Elsewhere } from "../elsewhere.ts"
import { withoutFields } from "../fields.ts"
import type { Authentication, AuthenticationDescription } from "./authentication.ts"
import { openSecret } from "./opened.ts"
import { largestAnswer, type Token, tokenOf, tokenRequest } from "./token.ts"

export interface OAuth2Options {
  /** The token endpoint, under the upstream's own policy; null: another process asks it. */
  readonly tokens: {
    readonly send: (request: UpstreamRequest, sink: ResponseSink) => Attempt
    readonly setMaterial: (material: MaterialLookup) => void
  } | null
  readonly elsewhere?: Pick<Elsewhere, "ask" | "tokens"> | undefined
  /** One came. */
  readonly taken?: (token: Token) => void
  /** Milliseconds; must not run backwards. */
  readonly now: () => number
  /** 0 ≤ x < 1. */
  readonly random: () => number
  /** Whether tokens are to be had has changed. */
  readonly changed: () => void
}

/** An asking may take so long (milliseconds); requests wait for it. */
const patience = 10_000
/** Requests that wait for one token. */
const mostWaiting = 1_024
/** Before the first further asking after a failure, doubled up to the last. */
const firstPause = 1_000
const longestPause = 60_000
/** Between two that only a refused token asks for: who refuses everything must not make us ask all the time. */
const betweenRefusals = 10_000

const names: ReadonlySet<string> = new Set(["authorization"])

interface Held {
  readonly value: string
  readonly expires: number
  readonly asked: number
  /** From then on a new one is asked for, while this one serves. */
  refresh: number
}

export class OAuth2Authentication implements Authentication {
  readonly #credential: OAuth2Credential
  readonly #options: OAuth2Options
  #secret: string | null
  #token: Held | null = null
  #asking: { readonly cancel: () => void } | null = null
  readonly #waiting = new Set<(problem: string | null) => void>()
  /** Why the last asking came to nothing. */
  #failure: string | null = null
  #failures = 0
  #notBefore = 0
  #asked = 0
  /** What others were told: requests cannot be sent. */
  #told = false
  /** The upstream did not take the last one. */
  #doubted = false
  readonly #unfollow: (() => void) | undefined

  constructor(credential: OAuth2Credential, material: MaterialLookup, options: OAuth2Options) {
    this.#credential = credential
    this.#options = options
    this.#secret = openSecret(material, credential.secret)
    this.#unfollow = options.elsewhere?.tokens((token) => this.#take(token, options.now()))
  }

  setMaterial(material: MaterialLookup): void {
    this.#options.tokens?.setMaterial(material)
    const secret = openSecret(material, this.#credential.secret)
    if (secret === this.#secret) return
    this.#secret = secret
    // What the old secret brought is not trusted further: it may have been changed because others know it.
    this.#token = null
    this.#failures = 0
    this.#notBefore = 0
    this.#asking?.cancel()
    this.#asking = null
    this.#failure = null
    this.#tell()
    if (secret === null) this.#settle(this.#missing)
    else if (this.#waiting.size > 0) this.#ask(secret)
  }

  close(): void {
    this.#unfollow?.()
    this.#asking?.cancel()
    this.#asking = null
    this.#settle("the upstream is closed")
  }

  /** The upstream does not take the token (401): it may have been revoked. */
  refused(): void {
    const token = this.#token
    if (token !== null && this.#options.now() - token.asked >= betweenRefusals) {
      token.refresh = 0
      this.#doubted = true
    }
  }

  held(): Token | null {
    const token = this.#valid
    return token === null ? null : { value: token.value, lifetime: token.expires - this.#options.now() }
  }

  get #missing(): string {
    return `no credential: ${this.#credential.secret} cannot be used`
  }

  get #valid(): Held | null {
    return this.#token !== null && this.#options.now() < this.#token.expires ? this.#token : null
  }

  prepare(_request: UpstreamRequest, done: (problem: string | null) => void): (() => void) | null {
    const secret = this.#secret
    if (secret === null) {
      done(this.#missing)
      return null
    }
    const now = this.#options.now()
    const token = this.#valid
    if (token !== null) {
      if (now >= token.refresh && this.#asking === null && now >= this.#notBefore) this.#ask(secret)
      done(null)
      return null
    }
    if (this.#asking === null && now < this.#notBefore) {
      this.#tell()
      done(this.#failure)
      return null
    }
    if (this.#waiting.size >= mostWaiting) {
      done(`more than ${mostWaiting} requests wait for a token`)
      return null
    }
    this.#waiting.add(done)
    if (this.#asking === null) this.#ask(secret)
    return () => this.#waiting.delete(done)
  }

  applied(request: UpstreamRequest): UpstreamRequest | string {
    const token = this.#valid
    if (token === null) return this.#failure ?? "the token was over before the request could be sent"
    const headers = withoutFields(request.headers, names)
    headers.push("Authorization", `Bearer ${token.value}`)
    return { ...request, headers }
  }

  #ask(secret: string): void {
    const { tokens, elsewhere } = this.#options
    if (elsewhere !== undefined) this.#askElsewhere(elsewhere)
    if (tokens === null) return
    this.#asked++
    const { target } = this.#credential.endpoint
    const { headers, body } = tokenRequest(this.#credential, secret)
    const chunks: Array<Uint8Array> = []
    let size = 0
    let status = 0
    let attempt: Attempt | null = null
    const answered = this.#begin(patience, this.#refusal(`took more than ${patience} ms`), () => attempt?.abort())
    const end = (outcome: Token | string) => answered(typeof outcome === "string" ? this.#refusal(outcome) : outcome)
    const sink: ResponseSink = {
      onInterim: () => {},
      onHead: (code) => {
        status = code
        return true
      },
      onData: (chunk) => {
        size += chunk.length
        // The transport takes its memory back.
        if (size <= largestAnswer) chunks.push(Uint8Array.from(chunk))
        else end(`was answered with more than ${largestAnswer} bytes`)
        return true
      },
      onEnd: () => end(tokenOf(status, Buffer.concat(chunks))),
      onUpgrade: (_status, _headers, socket) => {
        socket.destroy()
        end("was answered with another protocol")
      },
      onFailure: ({ reason, detail }) => end(`failed (${reason}: ${detail})`)
    }
    attempt = tokens.send(
      {
        method: "POST",
        path: target,
        headers,
        clientHost: this.#credential.endpoint.name,
        hostOverride: null,
        body: Readable.from([body]),
        contentLength: body.length,
        upgrade: null,
        idempotent: false,
        affinity: null
      },
      sink
    )
  }

  /** Whoever asks for the pod has patience of its own, and says first what became of it. */
  #askElsewhere({ ask }: Pick<Elsewhere, "ask">): void {
    let asked: { readonly cancel: () => void } | null = null
    const over = `no token: nobody answered within ${2 * patience} ms`
    asked = ask(
      this.#doubted,
      this.#begin(2 * patience, over, () => asked?.cancel())
    )
    this.#doubted = false
  }

  /** A question is under way until it is answered, or not within so many milliseconds; cancel: takes it back. What it gives takes the answer, or why there is none. */
  #begin(longest: number, over: string, cancel: () => void): (outcome: Token | string) => void {
    const began = this.#options.now()
    const end = (outcome: Token | string) => {
      if (this.#asking !== asking) return
      asking.cancel()
      this.#asking = null
      if (typeof outcome === "string") this.#fail(outcome)
      else this.#take(outcome, began)
    }
    const timer = setTimeout(() => end(over), longest)
    const asking = {
      cancel: () => {
        clearTimeout(timer)
        cancel()
      }
    }
    this.#asking = asking
    return end
  }

  #take({ value, lifetime }: Token, asked: number): void {
    const { random } = this.#options
    // The way there takes its time, and clocks differ.
    const expires = asked + lifetime - Math.min(5_000, lifetime / 10)
    // Jittered: the pods of a Gateway must not all ask at once.
    this.#token = { value, expires, asked, refresh: asked + lifetime * (0.7 + 0.1 * random()) }
    this.#failures = 0
    this.#notBefore = 0
    this.#failure = null
    this.#tell()
    this.#settle(null)
    this.#options.taken?.({ value, lifetime })
  }

  #refusal(why: string): string {
    const { name, target } = this.#credential.endpoint
    return `no token: asking https://${name}${target.split("?")[0]} ${why}`
  }

  #fail(why: string): void {
    const pause = Math.min(firstPause * 2 ** Math.min(this.#failures++, 10), longestPause)
    this.#notBefore = this.#options.now() + pause * (1 + 0.5 * this.#options.random())
    this.#failure = why
    this.#tell()
    this.#settle(why)
  }

  /** Why requests cannot be sent now; null: they can, or nobody has tried. */
  get problem(): string | null {
    if (this.#secret === null) return this.#missing
    return this.#valid === null ? this.#failure : null
  }

  #tell(): void {
    const without = this.problem !== null
    if (without === this.#told) return
    this.#told = without
    this.#options.changed()
  }

  #settle(problem: string | null): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const done of waiting) done(problem)
  }

  describe(): AuthenticationDescription {
    const token = this.#valid
    return {
      credential: this.#credential,
      problem: this.problem,
      token: {
        asked: this.#asked,
        expires: token === null ? null : new Date(token.expires).toISOString(),
        lastFailure: this.#failure
      }
    }
  }
}
