// `sluice operator` put together: the API server as a source → pipeline → the link; statuses, Events and pods by the leader. Lives in one scope.
import { hostname } from "node:os"
import { Context, Effect, HashMap, Layer, Option, Result, type Scope, Stream, SubscriptionRef } from "effect"
import type { Gateway } from "#schemas/gateway.ts"
import { kinds } from "#schemas/kinds.ts"
import { type ObjectKey, objectKey, parseKey } from "#schemas/meta.ts"
import { type BindError, serveAdmin, serveHealth } from "../admin/server.ts"
import { formatHostPort } from "../config/hostport.ts"
import type { Settings } from "../config/settings.ts"
import type { AccessError } from "../kube/access.ts"
import { Kube } from "../kube/client.ts"
import { makeEvents } from "../kube/event.ts"
import { makeLeadership } from "../kube/lease.ts"
import { type LinkBindError, makeLinkServer } from "../link/server.ts"
import { makeAuthority } from "../operator/authority.ts"
import { besideOf } from "../operator/beside.ts"
import { makeReview } from "../operator/caller.ts"
import { followDefinitions } from "../operator/definitions.ts"
import { makeReadyEndpoints } from "../operator/endpoints.ts"
import { makeHearing } from "../operator/hearing.ts"
import { makeIngressTransitions } from "../operator/ingress.ts"
import { makeObserved } from "../operator/observed.ts"
import { makeOwned } from "../operator/owned.ts"
import { makeProvisioner, type Provisioner } from "../operator/provisioner.ts"
import { makeRanges } from "../operator/ranges.ts"
import { labelValue, resourceName } from "../operator/render/name.ts"
import { makeServiceTransitions, serviceStates } from "../operator/resolution.ts"
import { makeStatusWriter } from "../operator/statuses.ts"
import { makeTeller } from "../operator/teller.ts"
import { makeTransitions } from "../operator/transitions.ts"
import { makePipeline, type Pipeline } from "../pipeline.ts"
import { makeMetrics } from "../report/metrics.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import { makeCluster } from "../sources/cluster.ts"
import { objectsOf } from "../state/state.ts"
import { controllerName } from "../translate/settings.ts"
import { makeTranslate } from "../translate/translate.ts"
import { locator } from "./evaluation.ts"
import { collectAfterStart } from "./garbage.ts"
import { explainer } from "./inquiry.ts"
import type { Journal } from "./journal.ts"
import type { Serving } from "./lifetime.ts"
import { makeNarrator } from "./narrator.ts"
import { openPort } from "./port.ts"
import { sluiceVersion } from "./runtime.ts"
import { clusterTranslateSettings } from "./translation.ts"

const gatewayKind = "Gateway.gateway.networking.k8s.io"
const backendPrefix = "Backend.gateway.sluice.dev/"
/** Whose statuses go by what stands for their Gateway. */
const besideGateway = /^(Ingress\.networking\.k8s\.io|ListenerSet\.gateway\.networking\.k8s\.io)\//

const leaseName = "sluice-operator"

/** Milliseconds that reports are gathered for before statuses are looked at: a start brings thousands. */
const gathering = 100

const keyOf = ({ namespace, name }: Snapshot["gateway"]): ObjectKey => objectKey(gatewayKind, namespace, name)

/** `NAME.NAMESPACE.svc:PORT`; a service that is written with dots is a host already. */
const linkHost = ({ linkService }: Settings, namespace: string): string =>
  linkService.includes(".") || linkService.includes(":") ? linkService : `${linkService}.${namespace}.svc`

const linkNames = (settings: Settings, namespace: string): ReadonlyArray<string> => {
  const host = linkHost(settings, namespace)
  return host === settings.linkService ? [host] : [host, `${host}.${settings.clusterDomain}`, `${settings.linkService}.${namespace}`]
}

export const makeOperator = Effect.fnUntraced(function* (
  settings: Settings,
  journal: Journal
): Effect.fn.Return<Serving, AccessError | BindError | LinkBindError, Scope.Scope> {
  const metrics = makeMetrics({ version: sluiceVersion() })
  let ready = false
  // Before the API server has answered: a probe is told "not ready", not refused.
  yield* openPort(journal, "health", settings.health, (at) => serveHealth(at, { ready: () => ready, metrics }))

  const kube = Context.get(yield* Layer.build(Kube.layer({ userAgent: `sluice-operator/${sluiceVersion()}` })), Kube)
  const namespace = settings.namespace === "" ? kube.namespace : settings.namespace
  const instance = settings.podName === "" ? hostname() : settings.podName
  const namespaces = settings.watchNamespaces.length === 0 ? null : new Set(settings.watchNamespaces)
  journal.write(
    "info",
    `API server ${kube.server}, own namespace ${namespace}, watching ${namespaces === null ? "all namespaces" : [...namespaces].join(", ")}`
  )

  const leadership = yield* makeLeadership({
    namespace,
    name: leaseName,
    identity: instance,
    onFailure: (error) => journal.write("warning", `lease ${namespace}/${leaseName}: ${error.message}`)
  }).pipe(Effect.provideService(Kube, kube))
  // Waits for the API server, for ever if it must.
  const authority = yield* makeAuthority({ kube, namespace, names: linkNames(settings, namespace) })

  const ranges = yield* makeRanges({ kube, namespace, onProblem: (message) => journal.write("warning", message) })
  const listed = (cidrs: ReadonlyArray<string>) => (cidrs.length === 0 ? "none is known" : cidrs.join(", "))
  let used = ranges.current()
  journal.write("info", `ranges of this cluster, refused to external names: ${listed(used)}`)
  let translate = makeTranslate(clusterTranslateSettings(settings, used))
  /** The translation before was made with other ranges. */
  let outdated = false

  const observed = makeObserved(new Set(kinds.filter((kind) => kind.status).map((kind) => kind.groupKind)))
  const cluster = yield* makeCluster({ key: authority.digestKey, namespaces, standing: observed }).pipe(Effect.provideService(Kube, kube))

  const hearing = yield* makeHearing((gateway, proxy) => {
    pipeline.onGone(gateway, proxy)
    reported(gateway)
  })

  /** By namespace and label value: what a calling pod's label leads to. */
  let callers = new Map<string, { readonly name: string; readonly serviceAccount: string }>()
  /** Gateways by the key of their Service. */
  let services = new Map<ObjectKey, ObjectKey>()
  const endpoints = makeReadyEndpoints()
  const link = yield* makeLinkServer({
    at: { address: "::", port: settings.linkPort },
    identity: authority.identity(),
    review: makeReview({
      kube,
      find: (namespace, label) => callers.get(`${namespace}/${label}`) ?? null,
      madeFor: (gateway, account) => provisioner.madeFor(keyOf(gateway), account),
      onJudged: (result) => {
        metrics.linkCallers.acquire(result).value++
      }
    }),
    onAck: (gateway, ack) => hearing.heard(keyOf(gateway), ack.proxy, ack.ready, () => pipeline.onAck(keyOf(gateway), ack)),
    onReport: (gateway, report) =>
      hearing.heard(keyOf(gateway), report.proxy, null, () => {
        pipeline.onReport(keyOf(gateway), report)
        reported(keyOf(gateway))
      }),
    onGone: (gateway, proxy) => hearing.gone(keyOf(gateway), proxy)
  })
  journal.write("info", `link on ${formatHostPort({ host: link.at.address, port: link.at.port })}`)

  const pipeline: Pipeline = yield* makePipeline({
    source: cluster.source,
    translate: (state, previous) => {
      const before = outdated ? undefined : previous
      outdated = false
      return translate(state, before)
    },
    kinds,
    serve: Effect.fnUntraced(function* (gateway, publisher) {
      const { namespace, name } = parseKey(gateway)
      yield* link.serve({ namespace, name }, publisher)
      return { run: Effect.never, drain: Effect.sync(() => resolution.forget(gateway)) }
    }),
    onPublished: ({ gateways }) => {
      callers = new Map(
        [...gateways].map(([key, { infrastructure }]) => {
          const { namespace, name } = parseKey(key)
          return [`${namespace}/${labelValue(name)}`, { name, serviceAccount: resourceName(name, infrastructure.gatewayClass) }] as const
        })
      )
      services = new Map(
        [...gateways].map(([key, { infrastructure }]) => {
          const { namespace, name } = parseKey(key)
          return [objectKey("Service", namespace, resourceName(name, infrastructure.gatewayClass)), key] as const
        })
      )
      for (const service of endpoints.follow(pipeline.state())) {
        const gateway = services.get(service)
        if (gateway !== undefined) touchFrom(gateway)
      }
      provisioner.want(new Map([...gateways].map(([key, { infrastructure }]) => [key, infrastructure] as const)))
    }
  })

  const events = yield* makeTeller(makeEvents(kube, { controller: controllerName, instance }), (result) => {
    metrics.events.acquire(result).value++
  })

  const owned = makeOwned({
    namespaces: namespaces === null ? [""] : [...namespaces],
    onChange: (one) => provisioner.onOwned(one),
    onFailure: (kind, why, error) => journal.write("warning", `watch of our own ${kind} objects, ${why}: ${error.message}`)
  })
  const classOf = (gateway: ObjectKey): string | null => {
    const object = Option.getOrUndefined(HashMap.get(objectsOf(pipeline.state(), gatewayKind).byKey, gateway))
    return object === undefined || Result.isFailure(object.value) ? null : (object.value.success as Gateway).spec.gatewayClassName
  }
  const provisioner: Provisioner = yield* makeProvisioner({
    kube,
    leading: leadership,
    owned,
    site: {
      image: settings.proxyImage,
      operator: formatHostPort({ host: linkHost(settings, namespace), port: settings.linkPort === 0 ? link.at.port : settings.linkPort })
    },
    authority: authority.bundle,
    uidOf: (gateway) => observed.get(gateway)?.uid ?? null,
    classOf,
    onChange: (gateway) => touchFrom(gateway),
    onApply: (kind, result) => {
      metrics.provisioned.acquire(kind, result).value++
    },
    onProblem: (message) => journal.write("warning", message)
  })

  const definitions = followDefinitions(kube, () => {
    for (const key of observed.keys()) if (/^(GatewayClass|XBackend)\./.test(key)) writer.touch(key)
  })
  const transitions = makeTransitions(controllerName)
  const writer = yield* makeStatusWriter({
    kube,
    leading: leadership,
    observed,
    controller: controllerName,
    xbackend: () => definitions.current().xbackend,
    beside: (key, verdict, now) =>
      besideOf(
        {
          infrastructure: (gateway) => pipeline.translation()?.gateways.get(gateway)?.infrastructure ?? null,
          standing: provisioner.standing,
          endpoints: endpoints.of,
          reports: pipeline.reportsOf,
          definitions: definitions.current
        },
        key,
        verdict,
        now
      ),
    onWrite: (kind, result) => {
      metrics.statusWrites.acquire(kind.slice(0, kind.indexOf(".")), result).value++
    },
    onProblem: (message) => journal.write("warning", message),
    onWritten: (written) => {
      for (const said of transitions(written)) events.tell(said)
    }
  })
  /** Ingresses say where the Gateway is reached, its ListenerSets whether it is. */
  const touchFrom = (gateway: ObjectKey): void => {
    writer.touch(gateway)
    for (const [key, verdict] of SubscriptionRef.getUnsafe(pipeline.statuses))
      if (besideGateway.test(key) && verdict.gateways.includes(gateway)) writer.touch(key)
  }
  observed.onChange((key) => {
    if (parseKey(key).kind === gatewayKind) provisioner.touch(key)
  })

  /** null: it is not in the state. */
  const uidOf = (key: ObjectKey): string | null =>
    Option.getOrUndefined(HashMap.get(objectsOf(pipeline.state(), parseKey(key).kind).byKey, key))?.meta.uid ?? null
  const ingresses = makeIngressTransitions()
  const resolution = makeServiceTransitions()
  /** Gateways whose proxies have told something since statuses were looked at. */
  const told = new Set<ObjectKey>()
  let telling = false
  const reported = (gateway: ObjectKey): void => {
    told.add(gateway)
    if (telling) return
    telling = true
    setTimeout(() => {
      telling = false
      for (const [key, verdict] of SubscriptionRef.getUnsafe(pipeline.statuses))
        if (key.startsWith(backendPrefix) && verdict.gateways.some((one) => told.has(one))) writer.touch(key)
      for (const one of told) tellServices(one)
      told.clear()
    }, gathering).unref()
  }
  const tellServices = (gateway: ObjectKey): void => {
    const published = pipeline.published().get(gateway)
    if (published === undefined) return
    for (const [key, said] of resolution.note(gateway, serviceStates(published.snapshot, pipeline.reportsOf(gateway)))) {
      const uid = uidOf(key)
      if (uid === null || !leadership.isLeader()) continue
      const { namespace, name } = parseKey(key)
      events.tell({ regarding: { apiVersion: "v1", kind: "Service", namespace, name, uid }, action: "Resolve", ...said })
    }
  }

  yield* openPort(journal, "admin", settings.admin, (at) =>
    serveAdmin(at, {
      // What is given to each; what is bound and dialled is at the admin ports of its proxies.
      gateways: () =>
        [...pipeline.published()].map(([key, { snapshot, sequence }]) => {
          const { namespace, name } = parseKey(key)
          return {
            gateway: `${namespace}/${name}`,
            version: snapshot.version,
            sequence,
            ready: link.connected().some((one) => keyOf(one.gateway) === key && one.version === snapshot.version),
            draining: false,
            listeners: [],
            refused: [],
            snapshot,
            upstreams: []
          }
        }),
      statuses: () =>
        Object.fromEntries(
          [...SubscriptionRef.getUnsafe(pipeline.statuses)].map(([object, { generation, entries }]) => [object, { generation, entries }])
        ),
      explain: explainer(
        () => [...pipeline.published().values()],
        () => locator(pipeline.state()).ofSource,
        null
      )
    })
  )
  yield* Effect.sync(() => {
    metrics.sampled("leader", () => [[[], leadership.isLeader() ? 1 : 0]])
    metrics.sampled("statusWaiting", () => [[[], writer.waiting()]])
    metrics.sampled("statusOverdue", () => [[[], writer.overdue()]])
    metrics.sampled("linkProxies", () => {
      const counts = new Map<string, number>()
      for (const { gateway, following } of link.connected()) {
        const series = `${gateway.namespace}/${gateway.name}\u0000${following}`
        counts.set(series, (counts.get(series) ?? 0) + 1)
      }
      return [...counts].map(([series, count]) => [series.split("\u0000"), count] as const)
    })
    metrics.sampled("linkBehind", () => {
      const newest = pipeline.published()
      const behind = new Map<string, number>()
      for (const { gateway, version } of link.connected()) {
        const name = `${gateway.namespace}/${gateway.name}`
        const late = version === newest.get(keyOf(gateway))?.snapshot.version ? 0 : 1
        behind.set(name, (behind.get(name) ?? 0) + late)
      }
      return [...behind].map(([name, count]) => [[name], count] as const)
    })
    for (const name of ["watchState", "watchSilence", "watchLists", "watchFailures"] as const)
      metrics.sampled(name, cluster.sight.samples[name])
  })

  const narrator = makeNarrator(journal)
  const latest = { capacity: 1, strategy: "sliding" } as const
  const loops = [
    pipeline.run,
    link.run,
    authority.run,
    writer.run,
    provisioner.run,
    events.run,
    definitions.run,
    ranges.run,
    ranges.changes.pipe(
      Stream.filter((cidrs) => cidrs !== used),
      Stream.runForEach((cidrs) =>
        Effect.suspend(() => {
          journal.write("info", `ranges of this cluster are now: ${listed(cidrs)}`)
          used = cidrs
          translate = makeTranslate(clusterTranslateSettings(settings, cidrs))
          outdated = true
          return pipeline.again
        })
      )
    ),
    owned.run.pipe(Effect.provideService(Kube, kube)),
    Stream.runForEach(authority.identities, (identity) => Effect.sync(() => link.renew(identity))),
    Stream.runForEach(authority.bundles, () => Effect.sync(() => provisioner.renewed())),
    SubscriptionRef.changes(pipeline.statuses).pipe(
      Stream.buffer(latest),
      Stream.runForEach((now) =>
        Effect.sync(() => {
          // The first ones are of nothing: until the translation is settled they would take back all that stands.
          if (pipeline.translation()?.verdicts.size !== now.size) return
          writer.desire(now)
          // One replica's word is enough.
          if (!leadership.isLeader()) return
          narrator.statuses(now)
          for (const said of ingresses.note(now, uidOf)) events.tell(said)
        })
      )
    ),
    SubscriptionRef.changes(cluster.sight.collections).pipe(
      Stream.buffer(latest),
      Stream.runForEach((collections) => Effect.sync(() => narrator.collections(collections)))
    ),
    Stream.runForEach(leadership.changes, (leads) =>
      Effect.sync(() =>
        journal.write("info", leads ? "leading: this replica writes" : `not leading; ${leadership.holder() || "nobody"} does`)
      )
    ),
    pipeline.started.pipe(
      Effect.andThen(
        Effect.sync(() => {
          ready = true
          journal.write("info", `ready: ${pipeline.published().size} Gateways`)
        })
      ),
      // Measured with 10,000 routes: 257 → 217 MB. In a proxy it gives nothing back.
      Effect.andThen(Effect.sleep("250 millis")),
      Effect.andThen(Effect.sync(collectAfterStart))
    )
  ]
  return {
    run: Effect.all(loops, { concurrency: "unbounded", discard: true }).pipe(Effect.andThen(Effect.never)),
    // Nothing of a user's passes through here: the lease is given back and the streams end with the scope.
    drain: Effect.sync(() => {
      ready = false
    })
  }
})
