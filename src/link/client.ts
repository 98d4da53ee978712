// The proxy's end of the link: a connection to every operator pod, updates from one of them, acknowledgements and reports to all. With none there, what was
// last good goes on (law 17); at start it is read from the disk.
import { lookup } from "node:dns/promises"
import { readFile } from "node:fs/promises"
import { createSecureContext, type SecureContext } from "node:tls"
import { Clock, Effect, FiberMap, Queue, Random, type Scope, type Stream } from "effect"
import type { Ack, Report } from "../report/report.ts"
import { makePublisher, type Published } from "../snapshot/published.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import { type Connection, openConnection } from "./connection.ts"
import { applied, type Copy, lookupOf } from "./copy.ts"
import { loadLastGood, saveLastGood } from "./lastgood.ts"
import { defaultTimes, type LinkTimes } from "./stream.ts"

/** Milliseconds. */
export interface ClientTimes extends LinkTimes {
  /** The first wait before a connection is tried again, and the longest; jittered by half. */
  readonly retry: readonly [first: number, longest: number]
  /** How often the name of the operators is looked up. */
  readonly resolve: number
  /** How often the token file is read; a newer one is shown to all. */
  readonly token: number
  /** Least time between two writes of the last good state. */
  readonly save: number
}

const defaultClientTimes: ClientTimes = { ...defaultTimes, retry: [200, 10_000], resolve: 5_000, token: 60_000, save: 1_000 }

export interface LinkClientOptions {
  /** Each name may stand for many operators (a headless Service). */
  readonly operators: ReadonlyArray<{ readonly host: string; readonly port: number }>
  readonly gateway: Snapshot["gateway"]
  /** Read again for each connection: both change. */
  readonly tokenFile: string
  readonly authorityFile: string
  /** Memory-backed; null: nothing is kept. */
  readonly stateFolder: string | null
  readonly times?: Partial<ClientTimes>
}

export interface ConnectedOperator {
  readonly address: string
  readonly following: boolean
  readonly offer: string | null
}

export interface LinkClient {
  /** For `makeProxy`. */
  readonly follow: Stream.Stream<Published>
  readonly current: () => Published | null
  /** To every operator, now and when it comes back. What could not be read of the snapshot is added to it. */
  readonly ack: (ack: Ack) => void
  readonly report: (report: Report) => void
  readonly connected: () => ReadonlyArray<ConnectedOperator>
  /** When the last update came from an operator, milliseconds since the epoch; null: none has. */
  readonly updated: () => number | null
  /** Never ends of itself. */
  readonly run: Effect.Effect<never>
}

/** Connected to at once (law 19): a name that stands for more is a mistake of somebody's, and must not have every proxy call everybody. */
export const mostOperators = 16

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Throws when there is no certificate: trusting nothing that is said, Node would trust all the authorities of the machine. */
const trusting = (file: string, pem: string): SecureContext => {
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) throw new Error(`${file} holds no PEM certificate yet`)
  try {
    return createSecureContext({ ca: pem, minVersion: "TLSv1.3" })
  } catch {
    throw new Error(`${file} holds a PEM block that is no certificate`)
  }
}

/** Completes when what is on the disk, if anything, is published. Never fails: without operator and disk there is nothing to serve yet, and `run` waits for it. */
export const makeLinkClient = Effect.fnUntraced(function* (options: LinkClientOptions): Effect.fn.Return<LinkClient, never, Scope.Scope> {
  const times = { ...defaultClientTimes, ...options.times }
  const publisher = yield* makePublisher
  const arrived = yield* Queue.sliding<Copy>(1)
  const unsaved = yield* Queue.sliding<Copy>(1)
  const notes = yield* Queue.sliding<string>(16)
  const loops = yield* FiberMap.make<string, void, never>()
  /** Of operators that answered, by key: address, port and name. */
  const connections = new Map<string, Connection>()
  let copy: Copy | null = null
  /** What an operator may be told that we have. */
  let version: string | null = null
  let sequence = 0
  let source: Connection | null = null
  let updated: number | null = null
  let wanted: ReadonlySet<string> = new Set()
  let newestAck: Ack | null = null
  let newestReport: Report | null = null

  if (options.stateFolder !== null) {
    const folder = options.stateFolder
    const found = yield* Effect.promise(() => loadLastGood(folder, options.gateway))
    if (typeof found === "string") yield* Effect.logWarning(`the last good state is not used: ${found}`)
    else if (found !== null) {
      copy = found.copy
      version = found.complete ? copy.snapshot.version : null
      yield* publisher.publish(copy.snapshot, lookupOf(copy))
      yield* Effect.logInfo(`serving the last good snapshot ${copy.snapshot.version}${found.complete ? "" : ", of which some is missing"}`)
    }
  }

  /** Sticky: another one is chosen when the one there is has nothing for us, or is gone. */
  const choose = () => {
    if (source !== null && source.offer() !== null) return
    source = null
    const offering = [...connections.values()].filter((one) => one.offer() !== null)
    const next = offering[Math.floor(Math.random() * offering.length)]
    if (next === undefined) return
    source = next
    next.follow(version)
    Queue.offerUnsafe(notes, `updates are taken from the operator at ${next.address}`)
  }

  const told = (ack: Ack): Ack => ({
    ...ack,
    sequence: ack.version === copy?.snapshot.version ? sequence : 0,
    refused: ack.version === copy?.snapshot.version ? [...ack.refused, ...copy.unread.values()] : ack.refused
  })

  const connectOnce = Effect.fnUntraced(function* (key: string, address: string, host: string, port: number) {
    const files = yield* Effect.tryPromise({
      try: async () => {
        const token = (await readFile(options.tokenFile, "utf8")).trim()
        return { token, authority: trusting(options.authorityFile, await readFile(options.authorityFile, "utf8")) }
      },
      catch: messageOf
    }).pipe(Effect.result)
    if (files._tag === "Failure") return { reason: files.failure, known: false }
    const { authority, token } = files.success
    let mine: Connection | null = null
    const reason = yield* openConnection({
      address,
      port,
      name: host,
      authority,
      token,
      gateway: options.gateway,
      times,
      // What is not complete is replaced as a whole: equal references would hide that their bytes had not been there.
      have: () => (version === null ? null : (copy?.snapshot ?? null)),
      onKnown: (connection) => {
        mine = connection
        connections.set(key, connection)
        if (newestAck !== null) connection.ack(told(newestAck))
        if (newestReport !== null) connection.report(newestReport)
      },
      onOffer: choose,
      isSource: (connection) => connection === source,
      onUpdate: (decoded, at) => {
        copy = applied(copy, decoded)
        version = copy.snapshot.version
        sequence = at
        updated = Date.now()
        Queue.offerUnsafe(arrived, copy)
      }
    }).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          if (mine === null) return
          connections.delete(key)
          if (source === mine) {
            source = null
            choose()
          }
        })
      )
    )
    return { reason, known: mine !== null }
  })

  /** For as long as the name stands for the address. */
  const keep = Effect.fnUntraced(function* (key: string, address: string, host: string, port: number) {
    let wait = times.retry[0]
    let said = ""
    while (wanted.has(key)) {
      const before = yield* Clock.currentTimeMillis
      const { reason, known } = yield* connectOnce(key, address, host, port)
      if ((yield* Clock.currentTimeMillis) - before > times.silence) wait = times.retry[0]
      if (known || reason !== said) yield* Effect.logWarning(`link to ${address}:${port}: ${reason}`)
      said = reason
      // Operators that come back are not met by all proxies in one moment.
      yield* Effect.sleep(wait * (0.5 + (yield* Random.next)))
      wait = Math.min(wait * 2, times.retry[1])
    }
  })

  /** Those that are connected first: of too many, who answers is kept, and of the others some are tried each time. */
  const connectedFirst = (keys: ReadonlyArray<string>): ReadonlyArray<string> => [
    ...keys.filter((key) => connections.has(key)),
    ...keys.filter((key) => !connections.has(key))
  ]

  const resolving = Effect.gen(function* () {
    let said = ""
    while (true) {
      const found = yield* Effect.forEach(
        options.operators,
        ({ host, port }) =>
          Effect.tryPromise({ try: () => lookup(host, { all: true }), catch: messageOf }).pipe(
            Effect.map((all) => all.map(({ address }) => ({ key: `${address} ${port} ${host}`, address, host, port }))),
            Effect.result
          ),
        { concurrency: "unbounded" }
      )
      const failures = found.flatMap((one) => (one._tag === "Failure" ? [one.failure] : []))
      const places = new Map(found.flatMap((one) => (one._tag === "Success" ? one.success : [])).map((place) => [place.key, place]))
      // A name that cannot be looked up for a moment takes nobody away.
      const all = [...new Set([...places.keys(), ...(failures.length > 0 ? wanted : [])])]
      const problem = [
        ...failures.map((failure) => `the operators cannot be found: ${failure}`),
        ...(all.length > mostOperators ? [`of ${all.length} addresses of operators ${mostOperators} are used`] : [])
      ].join("; ")
      if (problem !== said && problem !== "") yield* Effect.logWarning(problem)
      said = problem
      wanted = new Set(all.length > mostOperators ? connectedFirst(yield* Random.shuffle(all)).slice(0, mostOperators) : all)
      // Whoever is spoken to is not cut off for having left the name; his last word ends it.
      for (const [key] of [...loops]) if (!wanted.has(key) && !connections.has(key)) yield* FiberMap.remove(loops, key)
      for (const { key, address, host, port } of places.values())
        if (wanted.has(key)) yield* FiberMap.run(loops, key, keep(key, address, host, port), { onlyIfMissing: true })
      yield* Effect.sleep(times.resolve * (0.75 + (yield* Random.next) / 2))
    }
  })

  const telling = Queue.take(notes).pipe(
    Effect.flatMap((note) => Effect.logInfo(note)),
    Effect.forever
  )

  const publishing = Effect.gen(function* () {
    while (true) {
      const next = yield* Queue.take(arrived)
      yield* publisher.publish(next.snapshot, lookupOf(next))
      yield* Queue.offer(unsaved, next)
    }
  })

  const saving = Effect.gen(function* () {
    const folder = options.stateFolder
    if (folder === null) return
    let said = ""
    while (true) {
      const next = yield* Queue.take(unsaved)
      const before = yield* Clock.currentTimeMillis
      const problem = yield* Effect.tryPromise({ try: () => saveLastGood(folder, next), catch: messageOf }).pipe(
        Effect.match({ onSuccess: () => "", onFailure: (message) => message })
      )
      if (problem !== "" && problem !== said) yield* Effect.logWarning(`the last good state cannot be written to ${folder}: ${problem}`)
      said = problem
      // A large state that changes all the time takes a twentieth of the process, not all of it.
      yield* Effect.sleep(Math.max(times.save, 20 * ((yield* Clock.currentTimeMillis) - before)))
    }
  })

  const renewing = Effect.gen(function* () {
    while (true) {
      yield* Effect.sleep(times.token)
      const token = yield* Effect.promise(() => readFile(options.tokenFile, "utf8").catch(() => null))
      if (token !== null) for (const connection of connections.values()) connection.token(token.trim())
    }
  })

  return {
    follow: publisher.follow,
    current: publisher.current,
    ack: (ack) => {
      newestAck = ack
      for (const connection of connections.values()) connection.ack(told(ack))
    },
    report: (report) => {
      newestReport = report
      for (const connection of connections.values()) connection.report(report)
    },
    connected: () =>
      [...connections.values()].map((connection) => ({
        address: connection.address,
        following: connection === source,
        offer: connection.offer()
      })),
    updated: () => updated,
    run: Effect.all([resolving, publishing, telling, saving, renewing, FiberMap.join(loops)], {
      concurrency: "unbounded",
      discard: true
    }).pipe(Effect.andThen(Effect.never))
  }
})
