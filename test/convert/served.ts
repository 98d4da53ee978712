// What a translation serves, without the names of who declared it: equal for manifests that mean the same.

import type { ConvertedManifest } from "#src/convert/convert.ts"
import { defaultFailover } from "#src/snapshot/behaviour.ts"
import { canonical } from "#src/snapshot/digest.ts"
import { describeSource } from "#src/snapshot/id.ts"
import type { Redirect, Rule, Share } from "#src/snapshot/route.ts"
import type { Snapshot } from "#src/snapshot/snapshot.ts"
import type { Translation } from "#src/translate/translate.ts"
import { identityOf } from "#src/upstream/dial/identity.ts"

const upstreamOf = (snapshot: Snapshot, id: string): unknown => {
  const upstream = snapshot.upstreams.get(id)
  if (upstream === undefined) return `missing ${id}`
  const { of: _of, sources: _sources, provenance: _provenance, identity, tls, dns, failover, ...rest } = upstream
  const endpoints = snapshot.endpoints.get(id) ?? []
  return {
    ...rest,
    identities: endpoints.map((endpoint) => identityOf(identity, endpoint, upstream.protocol)),
    // What nobody asks is not compared.
    tls: endpoints.some((endpoint) => endpoint.tls) ? tls : null,
    dns: endpoints.some(({ at }) => at._tag === "Name") ? dns : null,
    failover: failover ?? defaultFailover,
    endpoints
  }
}

const shareOf = (snapshot: Snapshot, { weight, upstream, filters, standbys = [] }: Share): unknown => ({
  weight,
  upstream: upstream === null ? null : upstreamOf(snapshot, upstream),
  filters,
  standbys: standbys.map((one) => shareOf(snapshot, one))
})

/** The two forms of Voyager that Gateway API has no word for, as what they become: each has a note. */
const pathOf = ({ path }: Redirect): unknown =>
  path?._tag === "OriginAlone"
    ? { _tag: "ReplaceFullPath", value: "/" }
    : path?._tag === "PathAlone"
      ? { _tag: "ReplaceFullPath", value: path.value }
      : path

const actionOf = (snapshot: Snapshot, { action }: Rule): unknown => {
  if (action._tag === "Redirect") return { ...action, to: { ...action.to, path: pathOf(action.to) } }
  const to = action._tag === "Forward" ? action.to.filter(({ weight }) => weight > 0) : []
  // Whatever the reason: it is answered 500.
  if (to.every(({ upstream }) => upstream === null)) return "500"
  return { ...action, to: to.map((share) => shareOf(snapshot, share)) }
}

const hostOf = (snapshot: Snapshot, id: string): unknown => {
  const host = snapshot.virtualHosts.get(id)!
  const seen = new Set<string>()
  // A rule that another one takes everything from serves nobody.
  const rules = host.rules.filter(({ match }) => !seen.has(canonical(match)) && seen.add(canonical(match)))
  return {
    hostname: host.hostname,
    rules: rules.map((rule) => ({
      match: rule.match,
      filters: rule.filters,
      deadlines: rule.deadlines,
      policies: (rule.policies ?? []).map(describeSource),
      action: actionOf(snapshot, rule)
    }))
  }
}

/** By Gateway, its listeners. */
export const served = (translation: Translation): Readonly<Record<string, ReadonlyArray<unknown>>> =>
  Object.fromEntries(
    [...translation.gateways]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, { snapshot }]) => {
        const listeners = [...snapshot.listeners.values()].map(({ source: _source, mode, ...listener }) => ({
          ...listener,
          mode: mode._tag === "Http" ? { ...mode, hosts: mode.hosts.map((id) => hostOf(snapshot, id)) } : mode
        }))
        const sorted = listeners.map((one) => ({ order: `${one.port} ${one.hostname}`, one })).sort((a, b) => (a.order < b.order ? -1 : 1))
        return [key, sorted.map(({ one }) => JSON.parse(canonical(one)) as unknown)]
      })
  )

/** Of objects of these keys what is said of them, without reasons: of several, the first left may be another. */
export const said = (translation: Translation, keys: Iterable<string>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    [...keys].map((key) => [
      key,
      translation.verdicts
        .get(key as never)
        ?.entries.map(({ parent, section, conditions }) => [
          parent,
          section,
          ...conditions.map(({ type, status }) => `${type}=${status}`).sort()
        ])
    ])
  )

/** Objects of other dialects that were printed without a word about what was lost. */
export const dialectsLeft = (manifests: ReadonlyArray<ConvertedManifest>): ReadonlyArray<unknown> =>
  manifests
    .filter(({ notes }) => notes.every(({ severity }) => severity !== "Lost"))
    .flatMap(({ values }) => values)
    .filter(
      ({ apiVersion, metadata }) =>
        /^(gateway\.envoyproxy\.io|networking\.k8s\.io\/v1$|voyager\.appscode\.com)/.test(String(apiVersion)) ||
        JSON.stringify((metadata as { readonly annotations?: unknown }).annotations ?? {}).includes("ingress.appscode.com/")
    )
