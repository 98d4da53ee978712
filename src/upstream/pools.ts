// The pool of an upstream and what is in it, by the protocol that it speaks: the one place that knows both sorts of connection.
import { defaultFirstByte, defaultIdle } from "../snapshot/behaviour.ts"
import { settle } from "../snapshot/setting.ts"
import { isMultiplexed, type Upstream } from "../snapshot/upstream.ts"
import type { Carrier, CarrierSettings } from "./carrier.ts"
import type { Dial, DialFailed, Dialled } from "./dial/plan.ts"
import type { ClientPath } from "./dial/proxyheader.ts"
import type { DialledTo } from "./dialler.ts"
import { Multiplex } from "./multiplex.ts"
import { Pool } from "./pool.ts"
import type { ExchangePool, PoolOptions } from "./pooled.ts"
import { RawConnection } from "./raw.ts"
import { StreamPool } from "./streampool.ts"
import type { Target } from "./target.ts"
import { Connection } from "./transport.ts"

export interface PoolTools extends Pick<PoolOptions, "now" | "random"> {
  readonly dial: (target: Target, client: ClientPath | null, done: (outcome: DialledTo | DialFailed) => void) => Dial
}

/** For exchanges one after another, or one alone, whatever is spoken. */
export const openCarrier = (
  protocol: Upstream["protocol"],
  { socket }: Dialled,
  settings: CarrierSettings,
  onClose: (carrier: Carrier) => void
): Carrier =>
  isMultiplexed(protocol)
    ? new Multiplex(socket, settings, { onClose })
    : protocol === "tcp"
      ? new RawConnection(socket, onClose)
      : new Connection(socket, settings, onClose)

export const makePool = (spec: Upstream, { now, random, dial }: PoolTools): ExchangePool => {
  const { limits, timeouts, protocol } = spec
  const options = { limits, maxAge: settle(timeouts.maxConnectionAge, null), now, random }
  const settings: CarrierSettings = {
    keepAliveIdle: timeouts.keepAliveIdle,
    firstByte: settle(timeouts.firstByte, defaultFirstByte),
    idle: settle(timeouts.idle, defaultIdle)
  }
  const dialled =
    <C extends Carrier>(carrier: (outcome: DialledTo) => C): PoolOptions<C>["dial"] =>
    (target, client, done) =>
      dial(target, client, (outcome) =>
        done(outcome._tag === "Failed" ? outcome : { connection: carrier(outcome), target: outcome.target })
      )
  // One that speaks of its client does so before its first request, and serves nobody else; nor does one of bytes.
  const single = spec.proxyProtocol !== undefined || protocol === "tcp"
  if (isMultiplexed(protocol) && !single) {
    const events = {
      onClose: (connection: Multiplex) => shared.onClosed(connection),
      onCapacity: (connection: Multiplex) => shared.onCapacity(connection)
    }
    const shared = new StreamPool({
      ...options,
      dial: dialled(({ socket, target }) => new Multiplex(socket, settings, events, target.streams))
    })
    return shared
  }
  const pool: Pool = new Pool({
    ...options,
    single,
    dial: dialled((outcome) => openCarrier(protocol, outcome, settings, (closed) => pool.onClosed(closed)))
  })
  return pool
}
