// From a published snapshot to live tables: everything keyed, unchanged by `===`, so an update costs what changed. Nothing is visible before all of it
// is made; then the tables are swapped in one synchronous step, and only then does anything leave (law 3).
import { Effect, Exit, FiberSet, Scope } from "effect"
import type { Metrics } from "../report/metrics.ts"
import type { Refusal } from "../report/report.ts"
import { compileHost } from "../routing/compile.ts"
import { compileHosts } from "../routing/hosts.ts"
import type { Id } from "../snapshot/id.ts"
import type { Listener } from "../snapshot/listener.ts"
import type { Published } from "../snapshot/published.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import { type Certificate, compileChooser } from "./certificates.ts"
import { openDatagramPort } from "./datagramport.ts"
import { makePairs } from "./pairs.ts"
import { openPort, type Port, type PortOptions } from "./port.ts"
import { liveStreams } from "./streams.ts"
import { type LiveHost, type LiveListener, type LiveRule, liveRules, portTable, releaseRules } from "./table.ts"
import { Tallies } from "./tally.ts"
import type { Upstreams } from "./upstreams.ts"

export interface ServingOptions {
  readonly gateway: string
  readonly metrics: Metrics
  readonly upstreams: Upstreams
  readonly times: PortOptions["times"]
  readonly exchange: PortOptions["exchange"]
  /** Milliseconds that the connections of a port which left may take to end. */
  readonly drainDeadline: number
  /** The open ports changed. */
  readonly onPorts: (ports: ReadonlyArray<Port>) => void
}

export interface BoundListener {
  readonly id: Id
  readonly hostname: string | null
  readonly bind: string
  readonly bound: boolean
}

export interface Serving {
  /** Takes a snapshot up; the same one again only tries once more to bind what could not be bound. Never fails: what could not be taken up is told. */
  readonly apply: (published: Published) => Effect.Effect<ReadonlyArray<Refusal>>
  readonly snapshot: () => Snapshot | null
  readonly listeners: () => ReadonlyArray<BoundListener>
  readonly ports: () => ReadonlyArray<Port>
  readonly certificates: () => ReadonlyMap<Id, Certificate>
  /** Some listener could not be bound. */
  readonly unbound: () => boolean
  /** Accepts nothing more; connections that are open stay and follow the snapshots, and nothing opens any more. */
  readonly shut: () => void
  /** Law 20: stops accepting everywhere; completes when no connection is left, or the deadline (milliseconds) cut the rest. */
  readonly drain: (deadline: number) => Effect.Effect<void>
  /** Never ends of itself; a defect of a port that is leaving ends it. */
  readonly run: Effect.Effect<never>
}

interface OpenPort {
  readonly port: Port
  readonly scope: Scope.Closeable
}

// The loop serves requests while tables are built: no slice of work is longer than this (milliseconds).
const slice = 4
const breathe = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Milliseconds before the deadline of a drain at which streams that do not end are told to; a tenth of the whole time, if that is less. */
const lastWords = 1_000

/** What connections to it begin with: listeners of one kind share a port. */
const kindOf = ({ bind, mode }: Listener): "HTTP" | "TLS" | "TCP" | "UDP" =>
  mode._tag === "Stream" ? (bind.transport === "udp" ? "UDP" : "TCP") : mode._tag === "Tls" || mode.tls !== null ? "TLS" : "HTTP"

const portKey = (listener: Listener): string => `${listener.bind.address} ${listener.bind.port} ${kindOf(listener)}`

/** What this data plane does not do yet is refused, never served half (law 15). */
const unserved = ({ mode, bind }: Listener): string | null => {
  if (mode._tag === "Unknown" || mode._tag === "Refused") return mode.problem
  if (bind.transport !== "tcp" && mode._tag !== "Stream") return "over UDP only datagrams are served"
  if (mode._tag === "Tls" && mode.tls !== null && mode.tls.clientAuth !== "None") return "client certificates are served for HTTPS alone"
  return null
}

export const makeServing = Effect.fnUntraced(function* (options: ServingOptions): Effect.fn.Return<Serving, never, Scope.Scope> {
  const { gateway, metrics, upstreams } = options
  const tallies = new Tallies(metrics)
  const unrouted = tallies.acquire({ gateway, listener: "", route: "", upstream: "" })
  const ports = new Map<string, OpenPort>()
  const hosts = new Map<Id, LiveHost>()
  const refusals = new Map<string, ReadonlyArray<Refusal>>()
  let listeners = new Map<Id, LiveListener>()
  /** Those of each port, whose table they are. */
  let served: ReadonlyMap<string, ReadonlyArray<LiveListener>> = new Map()
  let current: Snapshot | null = null
  let draining = false
  /** Nothing opens any more; what is open follows the snapshots. */
  let shut = false

  yield* Effect.addFinalizer((exit) =>
    Effect.forEach(ports.values(), ({ scope }) => Scope.close(scope, exit), { concurrency: "unbounded", discard: true }).pipe(
      Effect.andThen(Effect.sync(() => options.onPorts([])))
    )
  )
  const retiring = yield* FiberSet.make<unknown, never>()

  const refuse = (table: Refusal["table"], id: Id, reasons: ReadonlyArray<string>) => {
    if (reasons.length === 0) refusals.delete(`${table} ${id}`)
    else
      refusals.set(
        `${table} ${id}`,
        reasons.map((reason) => ({ table, id, reason }))
      )
  }

  /** What is no longer there is no longer refused. */
  const forget = (table: Refusal["table"], stays: (id: Id) => boolean) => {
    for (const [key, [first]] of [...refusals]) if (first?.table === table && !stays(first.id)) refusals.delete(key)
  }

  const pairs = makePairs((id, reasons) => refuse("secrets", id, reasons))

  /** Hosts that are new or changed, ready to be swapped in; and the cells of those whose place in the index changes. */
  const compileChanged = Effect.fnUntraced(function* (snapshot: Snapshot) {
    const prepared = new Map<Id, LiveHost>()
    if (current !== null && current.virtualHosts === snapshot.virtualHosts && current.upstreams === snapshot.upstreams) return prepared
    const listenerOf = new Map<Id, string>()
    for (const { mode, source } of snapshot.listeners.values()) {
      if (mode._tag === "Http") for (const id of mode.hosts) listenerOf.set(id, source.section ?? source.name)
    }
    let since = performance.now()
    for (const [id, spec] of snapshot.virtualHosts) {
      if (hosts.get(id)?.spec === spec) continue
      const compiled = compileHost(spec)
      const listener = listenerOf.get(id) ?? ""
      const { rules, problems } = liveRules(compiled, { gateway, listener, upstreams: snapshot.upstreams, tallies })
      refuse("virtualHosts", id, problems)
      prepared.set(id, { hostname: spec.hostname, spec, compiled, rules })
      if (performance.now() - since > slice) {
        yield* breathe
        since = performance.now()
      }
    }
    return prepared
  })

  const buildListeners = (snapshot: Snapshot, prepared: ReadonlyMap<Id, LiveHost>, changed: ReadonlySet<Id>): Map<Id, LiveListener> => {
    // A host that keeps its name keeps its cell, and with it the index of its listener.
    const moved = new Set<Id>()
    for (const [id, host] of prepared) if (hosts.get(id)?.hostname !== host.hostname) moved.add(id)
    const next = new Map<Id, LiveListener>()
    for (const [id, spec] of snapshot.listeners) {
      const known = listeners.get(id)
      const name = spec.source.section ?? spec.source.name
      const bytes =
        known?.spec === spec ? known.bytes : liveStreams(spec, { gateway, listener: name, upstreams: snapshot.upstreams, tallies })
      const problem = unserved(spec)
      // That the operator refused it is no news to it.
      refuse("listeners", id, [...(problem === null || spec.mode._tag === "Refused" ? [] : [problem]), ...bytes.problems])
      // What is not served keeps its hostname: no wider sibling answers for it. Without certificates it fails the handshakes there.
      const { tls } = spec.mode
      const ids = spec.mode._tag === "Http" ? spec.mode.hosts : []
      const secrets = tls === null ? [] : [...tls.certificates, ...(tls.clientCa === null ? [] : [tls.clientCa])]
      const sameCertificates = !secrets.some((secret) => changed.has(secret))
      const sameHosts = known?.spec === spec && !(moved.size > 0 && ids.some((host) => moved.has(host)))
      const same = known !== undefined && sameHosts && sameCertificates
      const usable = same ? (known.speechless ?? []) : tls === null ? [] : pairs.usable(tls)
      if (problem === null && typeof usable === "string") refuse("listeners", id, [usable])
      if (same) {
        next.set(id, known)
        continue
      }
      next.set(id, {
        id,
        spec,
        hostname: spec.hostname ?? "*",
        name,
        problem,
        hosts:
          known !== undefined && sameHosts
            ? known.hosts
            : compileHosts(
                ids.flatMap((host) => {
                  const cell = moved.has(host) ? prepared.get(host) : hosts.get(host)
                  return cell === undefined ? [] : [cell]
                })
              ),
        bytes,
        tally: known?.tally ?? tallies.acquire({ gateway, listener: name, route: "", upstream: "" }),
        chooser: tls === null ? null : compileChooser(typeof usable === "string" ? [] : usable),
        speechless: typeof usable === "string" ? usable : null,
        verifies: tls?.clientAuth === "Require"
      })
    }
    return next
  }

  /** By port; a bind that listeners of different kinds want goes to the first of them. What is not served opens no port, and joins what is open there. */
  const grouped = (next: ReadonlyMap<Id, LiveListener>): Map<string, Array<LiveListener>> => {
    const owner = new Map<string, string>()
    const groups = new Map<string, Array<LiveListener>>()
    for (const listener of next.values()) {
      if (listener.problem !== null) continue
      const { address, port } = listener.spec.bind
      const key = portKey(listener.spec)
      const socket = `${address} ${port} ${listener.spec.bind.transport}`
      const first = owner.get(socket) ?? key
      if (port !== 0 && first !== key) {
        const kinds = [first, key].map((one) => one.slice(one.lastIndexOf(" ") + 1))
        refuse("listeners", listener.id, [`${address}:${port} is ${kinds.join(" and ")} at once: the listener named first has it`])
        continue
      }
      owner.set(socket, key)
      const group = groups.get(key)
      if (group === undefined) groups.set(key, [listener])
      else group.push(listener)
    }
    for (const listener of next.values()) {
      if (listener.problem === null || listener.spec.bind.transport !== "tcp") continue
      const { address, port } = listener.spec.bind
      for (const group of groups.values()) {
        const { bind } = group[0]!.spec
        if (bind.address === address && bind.port === port) group.push(listener)
      }
    }
    return groups
  }

  const closePort = ({ port, scope }: OpenPort, deadline: number) => {
    const farewell = Effect.sync(port.farewell).pipe(
      Effect.delay(deadline - Math.min(lastWords, deadline / 10)),
      Effect.andThen(Effect.never)
    )
    return Effect.raceFirst(port.drain, farewell).pipe(Effect.timeoutOption(deadline), Effect.ensuring(Scope.close(scope, Exit.void)))
  }

  const bind = Effect.fnUntraced(function* (groups: ReadonlyMap<string, ReadonlyArray<LiveListener>>) {
    for (const [key, open] of [...ports]) {
      if (groups.has(key)) continue
      // Its socket is free again when the first step of this returns: a port that turns from plain to TLS is bound below.
      ports.delete(key)
      yield* FiberSet.run(retiring, closePort(open, options.drainDeadline), { startImmediately: true })
    }
    for (const [key, group] of groups) {
      // A drain that began meanwhile has closed what was open: nothing opens behind its back.
      if (draining || shut) return
      if (ports.has(key)) continue
      const { spec } = group[0]!
      const scope = yield* Scope.make()
      const kind = kindOf(spec)
      const opened = yield* (kind === "UDP" ? openDatagramPort : openPort)({
        address: spec.bind.address,
        port: spec.bind.port,
        secure: kind === "TLS",
        table: portTable(group, unrouted, options.exchange.headLimits),
        times: options.times,
        metrics,
        exchange: options.exchange
      }).pipe(Scope.provide(scope), Effect.result)
      if (opened._tag === "Success" && !draining && !shut) ports.set(key, { port: opened.success, scope })
      else yield* Scope.close(scope, Exit.void)
      if (opened._tag === "Failure") {
        for (const { id } of group) refuse("listeners", id, [opened.failure.message])
      }
    }
  })

  const apply = Effect.fnUntraced(function* (published: Published) {
    const { snapshot } = published
    if (draining) return [...refusals.values()].flat()
    const changed = pairs.load(published)
    forget("secrets", (id) => pairs.names(id))
    yield* upstreams.open(current, published)
    const prepared = yield* compileChanged(snapshot)
    const next = buildListeners(snapshot, prepared, changed)
    const groups = grouped(next)
    yield* bind(groups)

    // The swap: no step of it waits, so no request sees half of it.
    const left: Array<Iterable<LiveRule>> = []
    for (const [id, host] of prepared) {
      const cell = hosts.get(id)
      if (cell === undefined || cell.hostname !== host.hostname) {
        if (cell !== undefined) left.push(cell.rules.values())
        hosts.set(id, host)
        continue
      }
      left.push(cell.rules.values())
      cell.spec = host.spec
      cell.compiled = host.compiled
      cell.rules = host.rules
    }
    for (const [key, group] of groups) {
      if (!sameGroup(served.get(key), group)) ports.get(key)?.port.setTable(portTable(group, unrouted, options.exchange.headLimits))
    }
    const before = listeners
    listeners = next
    served = groups
    current = snapshot

    for (const [id, host] of [...hosts]) {
      if (snapshot.virtualHosts.has(id)) continue
      hosts.delete(id)
      left.push(host.rules.values())
    }
    for (const [id, { bytes, tally }] of before) {
      if (next.get(id)?.bytes !== bytes) left.push(bytes.rules)
      if (!next.has(id)) tallies.release(tally)
    }
    for (const rules of left) releaseRules(rules, tallies)
    forget("listeners", (id) => snapshot.listeners.has(id))
    forget("virtualHosts", (id) => snapshot.virtualHosts.has(id))
    yield* upstreams.retire(snapshot)
    options.onPorts([...ports.values()].map(({ port }) => port))
    return [...refusals.values()].flat()
  })

  const wanted = () => [...listeners.values()].filter(({ problem }) => problem === null)

  return {
    apply,
    snapshot: () => current,
    listeners: () =>
      wanted().map(({ id, spec }) => {
        const open = ports.get(portKey(spec))
        return { id, hostname: spec.hostname, bind: open?.port.bind ?? `${spec.bind.address}:${spec.bind.port}`, bound: open !== undefined }
      }),
    ports: () => [...ports.values()].map(({ port }) => port),
    certificates: () => pairs.certificates,
    unbound: () => wanted().some(({ spec }) => !ports.has(portKey(spec))),
    shut: () => {
      shut = true
      for (const { port } of ports.values()) port.shut()
    },
    drain: Effect.fnUntraced(function* (deadline: number) {
      draining = true
      yield* Effect.forEach([...ports.values()], (open) => closePort(open, deadline), { concurrency: "unbounded", discard: true })
      ports.clear()
      options.onPorts([])
    }),
    run: FiberSet.join(retiring).pipe(Effect.andThen(Effect.never))
  }
})

/** Whether the listeners that a port had before are exactly these. */
const sameGroup = (before: ReadonlyArray<LiveListener> | undefined, group: ReadonlyArray<LiveListener>): boolean =>
  before !== undefined && before.length === group.length && group.every((listener, at) => listener === before[at])
