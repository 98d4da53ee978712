// The one DNS cache of a process: a watch per (name, contract), shared by all who ask, dropped when nobody does.
import { Clock, Context, Deferred, Effect, FiberMap, Layer, Random, type Scope } from "effect"
import type { DnsContract } from "../../snapshot/behaviour.ts"
import { canonical } from "../../snapshot/digest.ts"
import type { AddressPolicy } from "../../snapshot/upstream.ts"
import { noOwnAddresses } from "../dial/own.ts"
import { admit } from "../dial/policy.ts"
import { type TrustRoots, trustRoots } from "../dial/roots.ts"
import { canonicalName } from "../dial/rules.ts"
import { answered, type Lifetime, passed, resumed, unborn, viewed, wakeAt } from "./lifetime.ts"
import { type Lookup, lookup, lookupService } from "./lookup.ts"
import { isDnsName } from "./name.ts"
import { describeNameserver, type Nameserver, parseNameserver } from "./nameserver.ts"
import { ipv6Usable } from "./order.ts"
import { defaultTimings, type QueryTimings } from "./query.ts"
import { makeQuota } from "./quota.ts"
import { openRemembered } from "./remembered.ts"
import { type DnsObserver, type NameWatch, pending, type Resolution, silentObserver } from "./resolution.ts"
import { readResolvConf } from "./resolvconf.ts"
import { makeSecureNameservers } from "./secure.ts"
import { makeShares, type Share } from "./shares.ts"

/** A name being watched, for admin and explain. */
export interface WatchedName {
  readonly name: string
  /** How many watch it. */
  readonly watchers: number
  /** Of its contract; empty: the process's own. */
  readonly nameservers: ReadonlyArray<string>
  readonly resolution: Resolution
}

export interface NamesOptions {
  /** Given by `--nameserver`, trusted; empty or absent: resolv.conf, read again at most every five seconds. */
  readonly nameservers?: ReadonlyArray<Nameserver>
  readonly resolvConf?: string
  /** Whom a nameserver's certificate must be of (`tls@`). Absent: this machine's roots. */
  readonly roots?: TrustRoots
  readonly observer?: DnsObserver
  readonly timings?: QueryTimings
  /** Absent: whether an interface of this machine has a routable IPv6 address, asked at every answer. */
  readonly ipv6Usable?: () => boolean
  /** Names that the backends of one namespace may have looked up at once. */
  readonly namesPerNamespace?: number
  /** What becomes of names is told elsewhere, by the statuses of the objects that name them: here it is only for debugging. */
  readonly toldElsewhere?: boolean
  /** Where the last good answers are kept over a restart. Absent: nowhere. */
  readonly folder?: string
}

const defaultNamesPerNamespace = 4096

/** A changed answer is on disk this long after, with all that changed meanwhile. */
const saveAfter = "1 second"

/** What is asked of a name: its addresses, or the records of the service that it names (RFC 2782), which stand in their place (record.ts). */
export type NameKind = "Host" | "Service"

interface Entry {
  readonly id: number
  readonly key: string
  readonly name: string
  readonly kind: NameKind
  readonly contract: DnsContract
  readonly servers: ReadonlyArray<Nameserver>
  readonly share: Share
  readonly settled: Deferred.Deferred<void>
  readonly listeners: Set<(resolution: Resolution) => void>
  /** Whose backends watch it, and how many of each. */
  readonly namespaces: Map<string, number>
  life: Lifetime
  current: Resolution
  /** What listeners threw: the loop logs it, the other listeners are told all the same. */
  readonly faults: Array<unknown>
}

export class Names extends Context.Service<
  Names,
  {
    /**
     * Watches a name until the scope closes. Never fails: what goes wrong is in the resolution. addresses: judges the contract's own
     * nameservers, which tenants write, as address literals (docs/dns.md); the process's own are trusted. namespace: of the backend, on whose
     * account the name is looked up.
     */
    readonly watch: (
      name: string,
      contract: DnsContract,
      addresses: AddressPolicy,
      namespace: string,
      /** Absent: Host. */
      kind?: NameKind
    ) => Effect.Effect<NameWatch, never, Scope.Scope>
    readonly watched: () => ReadonlyArray<WatchedName>
    /** Names within the quotas of their namespaces, a name that two namespaces watch twice, and names that wait. */
    readonly counts: () => { readonly within: number; readonly waiting: number }
  }
>()("sluice/upstream/discovery/Names") {
  static readonly layer = (options: NamesOptions = {}): Layer.Layer<Names> => Layer.effect(Names, make(options))
}

const words: Record<Resolution["state"], string> = {
  Pending: "is being resolved",
  Fresh: "resolves",
  Stale: "is stale, its last good answer stays in use",
  Failed: "cannot be resolved"
}

const same = (a: Resolution, b: Resolution): boolean =>
  a.state === b.state &&
  a.reason === b.reason &&
  a.detail === b.detail &&
  sameList(a.addresses, b.addresses) &&
  sameList(a.draining, b.draining)

const sameList = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean =>
  a === b || (a.length === b.length && a.every((item, index) => item === b[index]))

const refusedWatch = (name: string, resolution: Pick<Resolution, "reason" | "detail">): NameWatch => {
  const current: Resolution = { ...pending, ...resolution, state: "Failed", failures: 1 }
  return { name, current: () => current, subscribe: () => () => {}, settled: Effect.void }
}

/** The contract's nameservers that may be asked; null: it names none that may, and why. */
const admitted = (
  contract: DnsContract,
  addresses: AddressPolicy
): { readonly servers: ReadonlyArray<Nameserver>; readonly refused: string } => {
  const servers: Array<Nameserver> = []
  let refused = ""
  for (const text of contract.nameservers) {
    const server = parseNameserver(text)
    const admission =
      server === null ? null : admit({ ip: server.ip, port: server.port, name: null, origin: "Written" }, addresses, noOwnAddresses)
    if (server !== null && admission?.allowed) servers.push(server)
    else
      refused = `nameserver ${text}: ${admission === null || admission.allowed ? "not ip, ip:port, tcp@ip:port or tls@ip:port#name" : admission.rule}`
  }
  return { servers, refused }
}

const make = (options: NamesOptions) =>
  Effect.gen(function* () {
    const observer = options.observer ?? silentObserver
    const timings = options.timings ?? defaultTimings
    const usable = options.ipv6Usable ?? ipv6Usable
    const clock = yield* Clock.Clock
    const entries = new Map<string, Entry>()
    // By a number of our own, not by the entry's key: a name dropped and asked for again at once has two loops for a moment.
    const loops = yield* FiberMap.make<number, void>()
    const run = yield* FiberMap.runtime(loops)<never>()
    let born = 0
    const join = makeShares()
    const secure = makeSecureNameservers(options.roots ?? trustRoots())
    yield* Effect.addFinalizer(() => Effect.sync(secure.close))
    const { folder } = options
    const remembered = folder === undefined ? null : yield* Effect.promise(() => openRemembered(folder))
    const most = options.namesPerNamespace ?? defaultNamesPerNamespace
    const quota = makeQuota(most)

    let system: { readonly servers: ReadonlyArray<Nameserver>; readonly until: number } = { servers: [], until: 0 }
    const systemServers = Effect.fnUntraced(function* () {
      if (options.nameservers !== undefined && options.nameservers.length > 0) return options.nameservers
      const now = yield* Clock.currentTimeMillis
      if (system.servers.length === 0 || now >= system.until)
        system = { servers: yield* Effect.promise(() => readResolvConf(options.resolvConf)), until: now + 5_000 }
      return system.servers
    })

    const publish = (entry: Entry, now: number) => {
      entry.life = passed(entry.life, entry.contract, now)
      const before = entry.current
      const next = viewed(entry.life, entry.contract, now)
      entry.current = next
      if (same(before, next)) return
      if (before.state !== next.state) observer.onState(entry.name, before.state, next.state)
      for (const listener of [...entry.listeners]) {
        try {
          listener(next)
        } catch (error) {
          entry.faults.push(error)
        }
      }
    }

    const ask = Effect.fnUntraced(function* (entry: Entry) {
      const servers = entry.servers.length > 0 ? entry.servers : yield* systemServers()
      const chance = yield* Random.next
      const take = (found: Lookup) => {
        const now = clock.currentTimeMillisUnsafe()
        const moment = { name: entry.name, contract: entry.contract, now, chance, ipv6Usable: usable() }
        entry.life = answered(entry.life, found, moment)
        if (entry.life.failing === null) remembered?.note(entry.key, entry.life)
        publish(entry, now)
        Deferred.doneUnsafe(entry.settled, Effect.void)
      }
      const found = yield* Effect.callback<Lookup>((resume) => {
        const early = (A: Lookup["A"]) => {
          // Only who has nothing yet is in a hurry.
          if (entry.life.addresses.length === 0) take({ A, AAAA: null })
        }
        const done = (all: Lookup) => resume(Effect.succeed(all))
        const asking =
          entry.kind === "Service"
            ? lookupService(servers, entry.name, timings, secure, observer, done)
            : lookup(servers, entry.name, entry.contract.family, timings, secure, observer, early, done)
        return Effect.sync(asking.cancel)
      })
      take(found)
    })

    const tell = Effect.fnUntraced(function* (entry: Entry, before: Resolution["state"]) {
      for (const fault of entry.faults.splice(0)) yield* Effect.logError(`a listener of the name ${entry.name} failed`, fault)
      const { state, detail, failures } = entry.current
      if (state === before) return
      const log =
        options.toldElsewhere === true
          ? Effect.logDebug
          : state !== "Fresh"
            ? Effect.logWarning
            : before === "Pending"
              ? Effect.logDebug
              : Effect.logInfo
      yield* log(`${entry.name} ${words[state]}${detail === "" ? "" : `: ${detail}`}`, { name: entry.name, state, failures })
    })

    // One thing at a time: an edge (a hold, a grace) that falls into a lookup is seen when that ends, seconds later at most.
    const turn = Effect.fnUntraced(function* (entry: Entry) {
      const before = entry.current.state
      const now = yield* Clock.currentTimeMillis
      if (now >= entry.life.nextQuery) yield* entry.share.within(ask(entry))
      else {
        yield* Effect.sleep(Math.max(1, wakeAt(entry.life, entry.contract, now) - now))
        publish(entry, yield* Clock.currentTimeMillis)
      }
      yield* tell(entry, before)
    })

    // A defect must not end a watch for ever: it is told, and the next turn comes after a pause.
    const loop = (entry: Entry): Effect.Effect<void> =>
      turn(entry).pipe(
        Effect.catchDefect((defect) => Effect.andThen(Effect.logError(`watching ${entry.name} failed`, defect), Effect.sleep("1 second"))),
        Effect.forever
      )

    const begun = (key: string, contract: DnsContract): Pick<Entry, "life" | "current"> => {
      const answer = remembered?.recall(key) ?? null
      if (answer === null) return { life: unborn, current: pending }
      const now = clock.currentTimeMillisUnsafe()
      const life = resumed(answer, { contract, now, ipv6Usable: usable() })
      return { life, current: viewed(life, contract, now) }
    }

    const enter = (
      key: string,
      { name, kind, contract, servers }: Pick<Entry, "name" | "kind" | "contract" | "servers">,
      namespace: string
    ): Entry => {
      const known = entries.get(key)
      const entry: Entry = known ?? {
        id: born++,
        key,
        name,
        kind,
        contract,
        servers,
        share: join(servers),
        settled: Deferred.makeUnsafe<void>(),
        listeners: new Set(),
        namespaces: new Map(),
        ...begun(key, contract),
        faults: []
      }
      entry.namespaces.set(namespace, (entry.namespaces.get(namespace) ?? 0) + 1)
      entry.share.add(namespace)
      if (known === undefined) {
        entries.set(key, entry)
        run(entry.id, loop(entry))
      }
      return entry
    }

    const leave = (key: string, entry: Entry, namespace: string): Effect.Effect<void> => {
      const left = (entry.namespaces.get(namespace) ?? 1) - 1
      if (left > 0) entry.namespaces.set(namespace, left)
      else {
        entry.namespaces.delete(namespace)
        entry.share.remove(namespace)
      }
      if (entry.namespaces.size > 0) return Effect.void
      entries.delete(key)
      entry.share.leave()
      return FiberMap.remove(loops, entry.id)
    }

    const watch = Effect.fnUntraced(function* (
      text: string,
      written: DnsContract,
      addresses: AddressPolicy,
      namespace: string,
      kind: NameKind = "Host"
    ) {
      // Records of a service have no family: they are kept as they come.
      const contract: DnsContract = kind === "Host" ? written : { ...written, family: "IPv4Preferred" }
      const name = canonicalName(text)
      if (!isDnsName(name)) return refusedWatch(name, { reason: "dns_nxdomain", detail: `${JSON.stringify(text)} is not a DNS name` })
      const { servers, refused } = admitted(contract, addresses)
      if (refused !== "") {
        yield* Effect.logWarning(`${name}: ${refused}`)
        if (servers.length === 0) return refusedWatch(name, { reason: "address_denied", detail: refused })
      }
      const key = `${kind === "Host" ? "" : `${kind} `}${name} ${canonical([contract, servers])}`
      const excess: Resolution = {
        ...pending,
        state: "Failed",
        reason: "dns_refused",
        detail: `namespace ${namespace} has ${most} names looked up already, the most one may: ${name} waits until one of them leaves`,
        failures: 1
      }
      // null while the namespace is over its quota: nothing is looked up on its account.
      let entry: Entry | null = null
      const waiting = new Set<(resolution: Resolution) => void>()
      const enterNow = () => {
        const entered = enter(key, { name, kind, contract, servers }, namespace)
        entry = entered
        for (const listener of waiting) {
          entered.listeners.add(listener)
          try {
            listener(entered.current)
          } catch (error) {
            entered.faults.push(error)
          }
        }
        waiting.clear()
      }
      yield* Effect.acquireRelease(
        Effect.sync(() => quota.enter(namespace, key, enterNow)),
        (leaveQuota) =>
          Effect.suspend(() => {
            const left = entry === null ? Effect.void : leave(key, entry, namespace)
            leaveQuota()
            return left
          })
      )
      if (entry === null) yield* Effect.logWarning(`${name} is not looked up: ${excess.detail}`, { name, namespace })
      const result: NameWatch = {
        name,
        current: () => (entry === null ? excess : entry.current),
        subscribe: (listener) => {
          // Wrapped, so that the same function subscribed twice is told twice and unsubscribed once.
          const own = (resolution: Resolution) => listener(resolution)
          const subscribed = entry === null ? waiting : entry.listeners
          subscribed.add(own)
          return () => {
            waiting.delete(own)
            entry?.listeners.delete(own)
          }
        },
        settled: Effect.suspend(() => (entry === null ? Effect.void : Deferred.await(entry.settled)))
      }
      return result
    })

    if (remembered !== null) {
      let said = ""
      const save = Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const problem = (yield* Effect.promise(() => remembered.save(now))) ?? ""
        if (problem !== "" && problem !== said)
          yield* Effect.logWarning(`the last good DNS answers cannot be written to ${folder}: ${problem}`)
        said = problem
      })
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(saveAfter), save)))
      yield* Effect.addFinalizer(() => save)
    }

    return Names.of({
      watch,
      watched: () =>
        [...entries.values()].map(({ name, namespaces, servers, current }) => ({
          name,
          watchers: [...namespaces.values()].reduce((sum, count) => sum + count, 0),
          nameservers: servers.map(describeNameserver),
          resolution: current
        })),
      counts: quota.counts
    })
  })
