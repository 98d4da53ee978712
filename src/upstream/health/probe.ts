// One look at an address: a connection of its own to exactly that address, under the same policy, TLS and names as requests, and perhaps one request on it.
import type { HealthCheck } from "../../snapshot/health.ts"
import type { DialOutcome } from "../dial/plan.ts"
import type { Dialler } from "../dialler.ts"
import type { Target } from "../target.ts"
import { Connection, type TransportSink } from "../transport.ts"

/** The probe's own clock is the only one. */
const settings = { keepAliveIdle: 60_000, firstByte: null, idle: null }

const headers: ReadonlyArray<string> = ["user-agent", "sluice-health-check", "accept", "*/*"]

const ignore = (): void => {}

/**
 * `done` is called once, never from inside this call: null when it is well, else why not, in words that do not rotate. Cancelled, it is not called. Nothing is
 * remembered of how the connection ended but by who asked.
 */
export const probe = (
  dialler: Dialler,
  target: Target,
  check: HealthCheck,
  done: (failing: string | null) => void
): { readonly cancel: () => void } => {
  const { endpoint, identity } = target.member
  let over = false
  let close: () => void = ignore
  const end = (failing: string | null, tell = true): void => {
    if (over) return
    over = true
    clearTimeout(timer)
    close()
    if (tell) done(failing)
  }
  const timer = setTimeout(() => end(`no answer within ${check.timeout} ms`), check.timeout)

  const ask = (connection: Connection, http: Extract<HealthCheck["probe"], { readonly _tag: "Http" }>): void => {
    const { method, path, host, expected } = http
    const name = host ?? identity.probeHost
    const sink: TransportSink = {
      onInterim: ignore,
      onHead: (status) => {
        end(expected.includes(status) ? null : `answered ${status}`)
        return true
      },
      onData: () => true,
      onEnd: ignore,
      onUpgrade: (status) => end(`answered ${status}`),
      onFailure: ({ reason }) => end(reason),
      onFree: ignore
    }
    const request = {
      ...{ method, path: `${endpoint.pathPrefix ?? ""}${path}`, headers, clientHost: name, hostOverride: null },
      ...{ body: null, contentLength: null, upgrade: null, idempotent: true, affinity: null }
    }
    connection.send(request, name, target.fresh, true, sink)
  }

  const { probe: kind } = check
  const tls = kind._tag === "Tls" || (kind._tag === "Http" && endpoint.tls)
  const dial = dialler.look(target, check.port, tls, (outcome: DialOutcome) => {
    if (outcome._tag === "Failed") {
      end(outcome.reason)
      return
    }
    const connection = new Connection(outcome.socket, settings, ignore)
    close = () => connection.destroy()
    if (kind._tag === "Http") ask(connection, kind)
    else end(null)
  })
  close = dial.cancel
  return { cancel: () => end(null, false) }
}
