// What routes bring to one Gateway, gathered into the tables of its snapshot. Kept current by the routes that changed, so that the others cost nothing.
import type { ObjectKey } from "#schemas/meta.ts"
import type { Id } from "../snapshot/id.ts"
import type { StreamRoute } from "../snapshot/listener.ts"
import type { VirtualHost } from "../snapshot/route.ts"
import { type Counted, type CountedEdit, edit, noneCounted } from "./counted.ts"
import { patching } from "./patching.ts"
import type { ResolvedUpstream } from "./resolved.ts"
import { shared } from "./sharing.ts"
import { type Contribution, type TranslatedRoute, upstreamsAt } from "./translatedroute.ts"
import { type HostedRoute, streamOf, virtualHostOf } from "./virtualhost.ts"

/** Everything of a Gateway that comes from routes. Immutable. */
export interface Gathered {
  /** By id of the virtual host: the routes on it, by `Contribution.from`. */
  readonly routes: ReadonlyMap<Id, ReadonlyMap<ObjectKey, HostedRoute>>
  readonly virtualHosts: ReadonlyMap<Id, VirtualHost>
  /** Likewise, on listeners of bytes. */
  readonly streams: ReadonlyMap<Id, StreamRoute>
  /** By listener: ids of its virtual hosts or streams, sorted. */
  readonly hosts: ReadonlyMap<Id, ReadonlyArray<Id>>
  /** By listener: how many routes are accepted there. */
  readonly attached: ReadonlyMap<Id, number>
  readonly upstreams: Counted<ResolvedUpstream>
}

export const nothingGathered: Gathered = {
  routes: new Map(),
  virtualHosts: new Map(),
  streams: new Map(),
  hosts: new Map(),
  attached: new Map(),
  upstreams: noneCounted
}

export interface Gathering {
  readonly add: (route: TranslatedRoute) => void
  readonly remove: (route: TranslatedRoute) => void
  readonly done: () => Gathered
}

const hostId = (contribution: Contribution): Id => `${contribution.listener}/${contribution.hostname}`

/** Opens what was gathered for a Gateway, to take routes out and put routes in. A changed route is removed as it was and added as it is. */
export const gather = (gateway: ObjectKey, before: Gathered): Gathering => {
  const open = new Map<Id, { readonly listener: Id; readonly hostname: string; readonly routes: Map<ObjectKey, HostedRoute> }>()
  const attached = new Map<Id, number>()
  const upstreams: CountedEdit<ResolvedUpstream> = edit<ResolvedUpstream>(before.upstreams, shared)

  const bucket = (contribution: Contribution): Map<ObjectKey, HostedRoute> => {
    const id = hostId(contribution)
    const known = open.get(id)
    if (known !== undefined) return known.routes
    const routes = new Map(before.routes.get(id))
    open.set(id, { listener: contribution.listener, hostname: contribution.hostname, routes })
    return routes
  }

  const count = (route: TranslatedRoute, by: number): void => {
    for (const one of route.attached)
      if (one.gateway === gateway) attached.set(one.listener, (attached.get(one.listener) ?? before.attached.get(one.listener) ?? 0) + by)
  }

  const done = (): Gathered => {
    let routes: Map<Id, ReadonlyMap<ObjectKey, HostedRoute>> | null = null
    const virtualHosts = patching<Id, VirtualHost>(before.virtualHosts, (_, made) => made)
    const streams = patching<Id, StreamRoute>(before.streams)
    const appeared = new Map<Id, Set<Id>>()
    const vanished = new Map<Id, Set<Id>>()
    const note = (into: Map<Id, Set<Id>>, listener: Id, id: Id): void => {
      into.set(listener, (into.get(listener) ?? new Set<Id>()).add(id))
    }
    for (const [id, { listener, hostname, routes: hosted }] of open) {
      routes ??= new Map(before.routes)
      const known = before.routes.has(id)
      if (hosted.size === 0) {
        routes.delete(id)
        virtualHosts.drop(id)
        streams.drop(id)
        if (known) note(vanished, listener, id)
        continue
      }
      routes.set(id, hosted)
      if (!known) note(appeared, listener, id)
      const stream = streamOf(hostname, hosted)
      if (stream !== null) {
        streams.set(id, stream)
        virtualHosts.drop(id)
        continue
      }
      streams.drop(id)
      const old = before.virtualHosts.get(id)
      const made = virtualHostOf(hostname, hosted)
      // Rules of routes that did not change are the same objects, so this comparison is one of identities.
      if (old === undefined || old.rules.length !== made.rules.length || old.rules.some((rule, i) => rule !== made.rules[i]))
        virtualHosts.set(id, made)
    }
    let hosts: Map<Id, ReadonlyArray<Id>> | null = null
    for (const listener of new Set([...appeared.keys(), ...vanished.keys()])) {
      hosts ??= new Map(before.hosts)
      const gone = vanished.get(listener)
      const ids = (before.hosts.get(listener) ?? []).filter((id) => gone === undefined || !gone.has(id))
      const now = [...ids, ...(appeared.get(listener) ?? [])].sort()
      if (now.length === 0) hosts.delete(listener)
      else hosts.set(listener, now)
    }
    const counted = upstreams.done()
    if (open.size === 0 && attached.size === 0 && counted === before.upstreams) return before
    const counts = new Map(before.attached)
    for (const [listener, n] of attached) {
      if (n === 0) counts.delete(listener)
      else counts.set(listener, n)
    }
    return {
      routes: routes ?? before.routes,
      virtualHosts: virtualHosts.now(),
      streams: streams.now(),
      hosts: hosts ?? before.hosts,
      attached: attached.size === 0 ? before.attached : counts,
      upstreams: counted
    }
  }

  return {
    add: (route) => {
      for (const one of route.contributions)
        if (one.gateway === gateway)
          bucket(one).set(one.from, { meta: route.meta, rules: one.rules, stream: one.stream, written: one.written })
      count(route, 1)
      for (const upstream of upstreamsAt(route, gateway)) upstreams.add(upstream.id, upstream)
    },
    remove: (route) => {
      for (const one of route.contributions) if (one.gateway === gateway) bucket(one).delete(one.from)
      count(route, -1)
      for (const upstream of upstreamsAt(route, gateway)) upstreams.remove(upstream.id)
    },
    done
  }
}
