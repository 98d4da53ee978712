// A tunnel through an HTTP proxy: CONNECT (RFC 9110 section 9.3.6) on a connection that was checked, over TLS to the proxy where that is wanted.
// What goes through it, TLS to the endpoint first, is as it would be without a proxy.
import type { Socket } from "node:net"
import { Result } from "effect"
import type { MaterialLookup, Sealed } from "../../snapshot/secret.ts"
import { addressName, type EndpointAddress, type Hop } from "../../snapshot/upstream.ts"
import type { Failure } from "./failure.ts"
import { type Handshake, handshake } from "./handshake.ts"
import { type Identity, identityOf } from "./identity.ts"
import type { TrustRoots } from "./roots.ts"
import { type TlsContext, tlsContext } from "./tls.ts"

/** What is said to a proxy, whatever the endpoint is. */
export interface Through {
  readonly tls: TlsContext | null
  readonly identity: Identity
  /** The value of Proxy-Authorization; null: none is sent. */
  readonly authorization: Sealed | null
}

/** Reads what the hop names; a failure is a sentence without secrets. */
export const throughOf = (hop: Hop, material: MaterialLookup, roots: TrustRoots): Result.Result<Through, string> => {
  const context = hop.tls === null ? null : tlsContext(hop.tls, material, roots)
  if (context !== null && Result.isFailure(context)) return Result.fail(`TLS to the proxy: ${context.failure.detail}`)
  let authorization: Sealed | null = null
  if (hop.authorization !== null) {
    try {
      authorization = material(hop.authorization).key
    } catch {
      // The words are the same whether the Secret is gone or cannot be used.
    }
    if (authorization === null) return Result.fail("the proxy's credentials are not here (egressPath.proxy.credentialsRef)")
  }
  const settings = { host: "Endpoint", sni: hop.certificateName, certificateName: hop.certificateName } as const
  const identity = identityOf(settings, { at: hop.at, tls: true, tier: 0, weight: 1, zone: null, draining: false, origin: "Written" })
  return Result.succeed({ tls: context?.success ?? null, identity, authorization })
}

export type Tunnel =
  | { readonly _tag: "Open"; readonly socket: Socket; readonly ms: number }
  | { readonly _tag: "Failed"; readonly failure: Failure; readonly ms: number }

/** A head longer than this, or more than this before it, is not read to its end. */
const longest = 16_384

/** The status of a final response whose head is there, and where its head ends; null: more has to come; "Malformed": it is no HTTP. */
const answerIn = (bytes: Buffer): { readonly status: number; readonly end: number } | null | "Malformed" => {
  for (let from = 0; ; ) {
    const end = bytes.indexOf("\r\n\r\n", from, "latin1")
    if (end === -1) return bytes.length - from > longest ? "Malformed" : null
    const status = Number(
      /^HTTP\/1\.[01] ([1-9][0-9]{2})(?: |\r\n)/.exec(bytes.toString("latin1", from, Math.min(end + 2, from + 64)))?.[1]
    )
    if (Number.isNaN(status) || end - from > longest) return "Malformed"
    // Interim responses are passed over; of a proxy there is none that would matter here.
    if (status >= 200) return { status, end: end + 4 }
    from = end + 4
    if (from > longest) return "Malformed"
  }
}

/** beyond: where the tunnel leads. at: the proxy, for the words. timeouts: of the TLS handshake with the proxy, then of its answer. Once; on failure the socket is destroyed. */
export const openTunnel = (
  socket: Socket,
  through: Through,
  beyond: EndpointAddress,
  at: string,
  timeouts: { readonly connect: number; readonly tlsHandshake: number },
  done: (outcome: Tunnel) => void
): { readonly cancel: () => void } => {
  const began = performance.now()
  const elapsed = () => performance.now() - began
  if (beyond._tag === "Unix") {
    socket.destroy()
    done({ _tag: "Failed", failure: { reason: "proxy_refused", detail: "no proxy leads to a socket of this machine" }, ms: 0 })
    return { cancel: () => {} }
  }
  const authority = addressName(beyond)
  if (through.tls === null) return ask(socket, through, authority, at, timeouts.connect, elapsed, done)
  let running: { readonly cancel: () => void }
  running = handshake(socket, through.tls, through.identity, at, timeouts.tlsHandshake, (outcome: Handshake) => {
    if (outcome._tag === "Failed") {
      const { reason, detail } = outcome.failure
      return done({ _tag: "Failed", failure: { reason, detail: `to the proxy: ${detail}` }, ms: elapsed() })
    }
    running = ask(outcome.socket, through, authority, at, timeouts.connect, elapsed, done)
  })
  return { cancel: () => running.cancel() }
}

const ask = (
  socket: Socket,
  { authorization }: Through,
  authority: string,
  at: string,
  timeout: number,
  elapsed: () => number,
  done: (outcome: Tunnel) => void
): { readonly cancel: () => void } => {
  let over = false
  let read: Buffer = Buffer.alloc(0)
  const close = () => {
    over = true
    clearTimeout(timer)
    socket.off("readable", look).off("close", closed)
  }
  const fail = (reason: Failure["reason"], detail: string) => {
    if (over) return
    close()
    socket.destroy()
    done({ _tag: "Failed", failure: { reason, detail }, ms: elapsed() })
  }
  const closed = () => fail("proxy_refused", `the proxy ${at} closed the connection when it was asked for ${authority}`)
  // By `readable`, not `data`: whoever takes the socket over finds it as one that nobody has read.
  const look = () => {
    for (let chunk = socket.read() as Buffer | null; chunk !== null && !over; chunk = socket.read() as Buffer | null) {
      read = read.length === 0 ? chunk : Buffer.concat([read, chunk])
      const answer = answerIn(read)
      if (answer === null) continue
      if (answer === "Malformed") return fail("proxy_refused", `${at} does not answer as an HTTP proxy`)
      const { status, end } = answer
      if (status > 299)
        return fail("proxy_refused", `the proxy ${at} answered ${status} when it was asked for ${authority}${hint(status, authorization)}`)
      close()
      if (end < read.length) socket.unshift(read.subarray(end))
      return done({ _tag: "Open", socket, ms: elapsed() })
    }
  }
  const timer = setTimeout(() => fail("connect_timeout", `the proxy ${at} made no way to ${authority} within ${timeout} ms`), timeout)
  socket.on("error", () => {})
  socket.on("readable", look).on("close", closed)
  const login = authorization?.use((bytes) => `Proxy-Authorization: ${Buffer.from(bytes).toString("latin1")}\r\n`) ?? ""
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${login}\r\n`, "latin1")
  return {
    cancel: () => {
      if (over) return
      close()
      socket.destroy()
    }
  }
}

const hint = (status: number, authorization: Sealed | null): string =>
  status !== 407
    ? ""
    : authorization === null
      ? ": it wants credentials (egressPath.proxy.credentialsRef)"
      : ": it does not take these credentials (egressPath.proxy.credentialsRef)"
