// One look at an address: a connection of its own to exactly that address, under the same policy, TLS and names as requests, and perhaps one request on it.
import type { Socket } from "node:net"
import { Readable } from "node:stream"
import type { HealthCheck, Probe } from "../../snapshot/health.ts"
import type { Carrier, CarrierSink } from "../carrier.ts"
import type { DialOutcome } from "../dial/plan.ts"
import type { Dialler } from "../dialler.ts"
import { openCarrier } from "../pools.ts"
import type { Target } from "../target.ts"
import { checkMessage, checkPath, judgeAnswer, longestAnswer } from "./call.ts"
import { Sought, searched } from "./sought.ts"

/** The probe's own clock is the only one. */
const settings = { keepAliveIdle: 60_000, firstByte: null, idle: null }

const headers: ReadonlyArray<string> = ["user-agent", "sluice-health-check", "accept", "*/*"]

const callHeaders: ReadonlyArray<string> = ["content-type", "application/grpc", "user-agent", "sluice-health-check"]

/** Of raw pairs whose names are in lower case, as HTTP/2 has them. */
const fieldOf = (fields: ReadonlyArray<string>, name: string): string | null => {
  for (let at = 0; at < fields.length; at += 2) if (fields[at] === name) return fields[at + 1]!
  return null
}

const ignore = (): void => {}

/** Whether a look goes over TLS. */
export const secured = (probe: Probe, { member: { endpoint } }: Target): boolean =>
  probe._tag === "Tls" || (endpoint.tls && (probe._tag !== "Tcp" || probe.send !== undefined || probe.receive !== undefined))

const lacks = `not what is expected in the first ${searched} bytes of the answer`

/**
 * `done` is called once, never from inside this call: null when it is well, else why not, in words that do not rotate, and whether that is enough to take the address
 * out. Cancelled, it is not called. Nothing is remembered of how the connection ended but by who asked.
 */
export const probe = (
  dialler: Dialler,
  target: Target,
  check: HealthCheck,
  done: (failing: string | null, atOnce: boolean) => void
): { readonly cancel: () => void } => {
  const { endpoint, identity } = target.member
  let over = false
  let close: () => void = ignore
  const end = (failing: string | null, atOnce = false, tell = true): void => {
    if (over) return
    over = true
    clearTimeout(timer)
    close()
    if (tell) done(failing, atOnce)
  }
  const timer = setTimeout(() => end(`no answer within ${check.timeout} ms`), check.timeout)

  /** What to do with the pieces of an answer, and with its end. */
  const reading = (wanted: string) => {
    const sought = new Sought(Buffer.from(wanted, "base64"))
    return {
      piece: (piece: Uint8Array) => {
        const found = sought.in(piece)
        if (found !== null) end(found ? null : lacks)
      },
      ended: () => end(lacks)
    }
  }

  const ask = (connection: Carrier, http: Extract<Probe, { readonly _tag: "Http" }>): void => {
    const { method, path, host, expected, retriable, holds } = http
    const name = host ?? identity.probeHost
    const content = holds === undefined ? null : reading(holds)
    const answered = (status: number): void => {
      if (!expected.includes(status)) end(`answered ${status}`, retriable !== undefined && !retriable.includes(status))
      else if (content === null) end(null)
    }
    const sink: CarrierSink = {
      onInterim: ignore,
      onHead: (status) => {
        answered(status)
        return true
      },
      onData: (chunk) => {
        content?.piece(chunk)
        return true
      },
      onEnd: () => content?.ended(),
      onUpgrade: answered,
      onFailure: ({ reason }) => end(reason),
      onFree: ignore
    }
    const body = http.body === undefined ? null : Buffer.from(http.body, "base64")
    const request = {
      ...{ method, path: `${endpoint.pathPrefix ?? ""}${path}`, headers, clientHost: name, hostOverride: null },
      ...{ body: body === null ? null : Readable.from([body]), contentLength: body?.length ?? null },
      ...{ upgrade: null, idempotent: true, affinity: null }
    }
    connection.send(request, name, target.fresh, true, sink)
  }

  const call = (connection: Carrier, { service }: Extract<Probe, { readonly _tag: "Grpc" }>): void => {
    const body: Buffer[] = []
    let length = 0
    let status: string | null = null
    const sink: CarrierSink = {
      onInterim: ignore,
      onHead: (code, fields) => {
        status = fieldOf(fields, "grpc-status")
        if (code !== 200) end(`answered ${code}`)
        return true
      },
      onData: (chunk) => {
        length += chunk.length
        // Its memory is not ours to keep.
        if (length <= longestAnswer) body.push(Buffer.from(chunk))
        else end("an answer that is not one of grpc.health.v1")
        return true
      },
      onEnd: (trailers) => end(judgeAnswer(Buffer.concat(body), fieldOf(trailers, "grpc-status") ?? status)),
      onUpgrade: (code) => end(`answered ${code}`),
      onFailure: ({ reason }) => end(reason),
      onFree: ignore
    }
    const name = identity.probeHost
    const request = {
      ...{ method: "POST", path: `${endpoint.pathPrefix ?? ""}${checkPath}`, headers: callHeaders, clientHost: name, hostOverride: null },
      ...{ body: Readable.from([checkMessage(service)]), contentLength: null, takesTrailers: true },
      ...{ upgrade: null, idempotent: true, affinity: null }
    }
    connection.send(request, name, target.fresh, true, sink)
  }

  const talk = (socket: Socket, { send, receive }: Extract<Probe, { readonly _tag: "Tcp" }>): void => {
    close = () => socket.destroy()
    socket.on("error", () => end("upstream_reset"))
    if (receive !== undefined) {
      const { piece, ended } = reading(receive)
      socket.on("data", piece)
      socket.on("close", ended)
    }
    // Closed before it has gone out it would not go out.
    const sent = (error?: Error | null): void => {
      if (receive === undefined && error == null) end(null)
    }
    if (send === undefined) sent()
    else socket.write(Buffer.from(send, "base64"), sent)
  }

  const { probe: kind } = check
  const dial = dialler.look(target, check.port, secured(kind, target), (outcome: DialOutcome) => {
    if (outcome._tag === "Failed") {
      end(outcome.reason)
      return
    }
    if (kind._tag === "Tcp") {
      talk(outcome.socket, kind)
      return
    }
    close = () => outcome.socket.destroy()
    if (kind._tag === "Tls") {
      end(null)
      return
    }
    // Of an upstream of bytes what its requests are nobody knows, but those of a look.
    const protocol = dialler.protocol === "tcp" ? "http1" : dialler.protocol
    const connection = openCarrier(protocol, outcome, settings, ignore)
    close = () => connection.destroy()
    if (kind._tag === "Http") ask(connection, kind)
    else call(connection, kind)
  })
  close = dial.cancel
  return { cancel: () => end(null, false, false) }
}
