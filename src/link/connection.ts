// The proxy's end of one connection to one operator: proves itself, takes updates if this is the one it follows, tells acknowledgements and reports.
import { isIP } from "node:net"
import { connect as connectTls, type SecureContext } from "node:tls"
import { isDeepStrictEqual } from "node:util"
import { Effect } from "effect"
import type { Ack, Report, UpstreamFacts } from "../report/report.ts"
import { type Decoded, type Decoder, makeDecoder, type UpdateHead } from "../snapshot/codec.ts"
import type { Id } from "../snapshot/id.ts"
import { Unreadable } from "../snapshot/reading.ts"
import { protocol, type Snapshot } from "../snapshot/snapshot.ts"
import { alpn, type Down, readDown, reportTexts, spoken, upLimits, upText } from "./protocol.ts"
import { type LinkTimes, openStream } from "./stream.ts"

export interface ConnectionOptions {
  readonly address: string
  readonly port: number
  /** The name that the operator's certificate must carry: of the Service, as it was written. */
  readonly name: string
  /** Whom the operator's certificate is to be of. */
  readonly authority: SecureContext
  readonly token: string
  readonly gateway: Snapshot["gateway"]
  readonly times: LinkTimes
  /** What the proxy has now: updates are read against it. */
  readonly have: () => Snapshot | null
  /** Whether updates are taken from this one. */
  readonly isSource: (connection: Connection) => boolean
  /** The operator has something for this Gateway, or no longer has. */
  readonly onOffer: (connection: Connection) => void
  readonly onUpdate: (decoded: Decoded, sequence: number) => void
  /** Everything that is to be told to a new operator is told now. */
  readonly onKnown: (connection: Connection) => void
}

export interface Connection {
  readonly address: string
  /** The version that this operator would send; null: none. */
  readonly offer: () => string | null
  /** Updates are wanted from here from now on. version: what the proxy has. */
  readonly follow: (version: string | null) => void
  readonly ack: (ack: Ack) => void
  readonly report: (report: Report) => void
  /** A newer one, if it is. */
  readonly token: (token: string) => void
}

/** Bytes: of one frame, and of one update in all its parts. */
const limits = { frame: 64 * 1024 * 1024, update: 512 * 1024 * 1024 } as const

/** An operator that is slow to read is told the newest later, instead of everything at once. */
const mostBacklog = 512 * 1024

interface Incoming {
  readonly sequence: number
  readonly decoder: Decoder
  bytes: number
}

/** Completes with the reason when the connection ends; interrupting it closes it. */
export const openConnection = (options: ConnectionOptions): Effect.Effect<string> =>
  Effect.callback<string>((resume) => {
    const { times, gateway } = options
    let known = false
    let offer: string | null = null
    let shown = options.token
    let farewell: string | null = null
    let incoming: Incoming | null = null
    let sequence = -1
    let newestAck: Ack | null = null
    let newestReport: Report | null = null
    let told: ReadonlyMap<Id, UpstreamFacts> | null = null

    const socket = connectTls({
      host: options.address,
      port: options.port,
      secureContext: options.authority,
      ALPNProtocols: [alpn],
      ...(isIP(options.name) === 0 ? { servername: options.name } : {})
    })
    const stream = openStream(socket, {
      limit: limits.frame,
      times,
      onFrame: (value, size) => {
        const message = readDown(value)
        if (message !== null) take(message, size)
      },
      onClose: (reason) => {
        clearTimeout(greeting)
        resume(Effect.succeed(farewell ?? reason))
      }
    })
    const greeting = setTimeout(() => stream.close("no greeting was answered"), times.greeting)
    socket.once("secureConnect", () => {
      if (socket.alpnProtocol !== alpn) return stream.close("what answers there is not an operator")
      stream.send(upText({ type: "Hello", protocols: spoken, token: options.token }))
    })

    const flush = () => {
      if (!known || stream.backlog() > mostBacklog) return
      if (newestAck !== null) {
        const { version, sequence, ready, refused } = newestAck
        stream.send(upText({ type: "Ack", version, sequence, ready, refused: refused.slice(0, upLimits.refused) }))
        newestAck = null
      }
      if (newestReport !== null) {
        const { upstreams, invalidated } = newestReport
        const before = told
        const changed = [...upstreams].filter(([id, facts]) => before?.get(id) !== facts)
        const gone = [...(before?.keys() ?? [])].filter((id) => !upstreams.has(id))
        for (const text of reportTexts(before === null, changed, gone, invalidated)) stream.send(text)
        told = upstreams
        newestReport = null
      }
    }

    const begin = (head: UpdateHead, next: number): Incoming => {
      // Law 14 holds at both ends: what is of another Gateway is not taken, whoever says it.
      if (head.gateway.namespace !== gateway.namespace || head.gateway.name !== gateway.name)
        throw new Unreadable(`of this Gateway: an update of ${head.gateway.namespace}/${head.gateway.name}`)
      if (head.protocol > protocol || head.protocol < spoken.least) throw new Unreadable(`of a protocol that was agreed: ${head.protocol}`)
      if (next <= sequence) throw new Unreadable(`in order: update ${next} after ${sequence}`)
      const have = options.have()
      if (head.base !== null && head.base !== have?.version) throw new Unreadable("against what is here: the base of an update")
      return { sequence: next, decoder: makeDecoder(head, have, isDeepStrictEqual), bytes: 0 }
    }

    const update = (message: Extract<Down, { readonly type: "Update" }>, size: number) => {
      // Under way when another operator was chosen.
      if (!options.isSource(connection)) {
        incoming = null
        return
      }
      if (incoming !== null && incoming.sequence !== message.sequence) throw new Unreadable("in order: the parts of an update")
      incoming ??= begin(message.head, message.sequence)
      incoming.bytes += size
      if (incoming.bytes > limits.update) throw new Unreadable(`an update of at most ${limits.update} bytes`)
      incoming.decoder.add(message.part)
      if (!message.last) return
      const decoded = incoming.decoder.finish()
      sequence = incoming.sequence
      incoming = null
      options.onUpdate(decoded, sequence)
    }

    const take = (message: Down, size: number) => {
      switch (message.type) {
        case "Hello":
          if (!known) {
            known = true
            clearTimeout(greeting)
            options.onKnown(connection)
          }
          offer = message.version
          return options.onOffer(connection)
        case "Update":
          return update(message, size)
        case "Ping":
          stream.send(upText({ type: "Pong" }))
          return flush()
        case "Refused":
          farewell = `refused: ${message.reason}`
      }
    }

    const connection: Connection = {
      address: options.address,
      offer: () => offer,
      follow: (version) => {
        incoming = null
        sequence = -1
        stream.send(upText({ type: "Follow", version }))
      },
      ack: (ack) => {
        newestAck = ack
        flush()
      },
      report: (report) => {
        newestReport = report
        flush()
      },
      token: (token) => {
        if (token === shown) return
        shown = token
        stream.send(upText({ type: "Token", token }))
      }
    }
    return Effect.sync(() => stream.close("closed here"))
  })
